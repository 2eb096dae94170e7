#pragma once

#include "protocol/proxy/header.h"
#include "runtime/loop.h"

#include <memory>
#include <system_error>

namespace network_system::inline v0_1::core {

/// How a reception ended: a connection and its client, or an error.
struct proxy_outcome {
    runtime::unique_socket socket;
    /// The client as the proxy names it; the proxy itself when it speaks for itself.
    endpoint client;
    std::error_code error{};
    /// The peer has ended it without a byte, as health checks do.
    bool is_visit = false;
};

/// Waits for the header with which a proxy begins a connection.
///
///     reading --whole header--> released
///        +-- malformed, end, deadline, cancel --> failed (the connection is closed)
///
/// Thread-safety: none; used on the loop's executor. Answers exactly once, and from inside `start`
/// only when the system refuses to watch the socket.
///
/// Object lifetimes: its owner keeps it until it has answered.
class proxy_reception final : public std::enable_shared_from_this<proxy_reception>,
                              private runtime::io_watch,
                              private runtime::deadline_entry {
public:
    using handler = unique_function<void(proxy_outcome)>;

    proxy_reception(std::shared_ptr<runtime::loop> where, const endpoint& proxy)
        : loop_(std::move(where)), proxy_(proxy) {}

    void start(runtime::unique_socket socket, runtime::steady_time deadline, handler done);
    /// Ends with `cancelled`.
    void cancel();

private:
    void on_ready(runtime::interest ready) override;
    void on_loop_shutdown() override;
    void on_deadline(runtime::steady_time now) override;

    /// False when nothing more is there for now.
    [[nodiscard]] bool read_some();
    void release();
    void end(std::error_code error);
    void fail(std::error_code error);
    void finish(proxy_outcome outcome);

    std::shared_ptr<runtime::loop> loop_;
    endpoint proxy_;
    handler done_;
    protocol::proxy_header_parser parser_;
    bool has_received_ = false;
};

}  // namespace network_system::core

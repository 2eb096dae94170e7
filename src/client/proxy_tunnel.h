#pragma once

#include "protocol/proxy/tunnel.h"
#include "runtime/connector.h"
#include "runtime/loop.h"

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::core {

/// Asks a proxy, to which there is a connection, for a tunnel to the target: a step between
/// connecting and what is spoken over the connection, which is then a socket like any other.
///
///     asking --the proxy's consent--> released
///        +-- refusal, end, deadline, cancel --> failed (the connection is closed)
///
/// Reads no byte behind the proxy's answer: those are the target's.
///
/// Thread-safety: none; used on the loop's executor. Answers exactly once, and from inside `start`
/// only when the system refuses to watch the socket, or there is no memory.
///
/// Object lifetimes: its owner keeps it until it has answered.
class proxy_tunnel final : public std::enable_shared_from_this<proxy_tunnel>,
                           private runtime::io_watch,
                           private runtime::deadline_entry {
public:
    using handler = unique_function<void(runtime::connect_outcome)>;

    proxy_tunnel(std::shared_ptr<runtime::loop> where,
                 std::unique_ptr<protocol::tunnel_request> request)
        : loop_(std::move(where)), request_(std::move(request)) {}

    /// `proxy` is connected.
    void start(runtime::connect_outcome proxy, runtime::steady_time deadline, handler done);
    /// Ends with `connection_closed`.
    void cancel();

private:
    void on_ready(runtime::interest ready) override;
    void on_loop_shutdown() override;
    void on_deadline(runtime::steady_time now) override;

    /// Runs what the asking goes on by. If memory runs out in it, it has failed.
    template <typename Work>
    void or_fail(const Work& work);
    void begin(runtime::unique_socket socket, runtime::steady_time deadline);
    void write_some();
    /// False when nothing more is there for now.
    [[nodiscard]] bool read_some();
    void go_on();
    void on_end();
    void release();
    void fail(errc code, std::string text);
    void finish(runtime::connect_outcome outcome);

    std::shared_ptr<runtime::loop> loop_;
    std::unique_ptr<protocol::tunnel_request> request_;
    endpoint proxy_;
    handler done_;
    // What is still to be sent.
    std::vector<std::uint8_t> output_;
    bool has_received_ = false;
};

}  // namespace network_system::core

#pragma once

#include "runtime/loop.h"
#include "runtime/native_socket.h"
#include "runtime/resolver.h"

#include <network_system/utils/error_codes.h>

#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace network_system::runtime {

/// How a connect ended: a socket, or the last attempt's error.
struct connect_outcome {
    unique_socket socket;
    endpoint peer;
    errc code{};
    std::error_code cause{};
    /// What the resolver said; set with `resolve_failed`.
    std::string text;

    [[nodiscard]] bool is_connected() const noexcept { return static_cast<bool>(socket); }
};

/// Resolves a name and connects to its addresses one after the other until one answers.
///
///     resolving --> connecting(i) --> done
///         |            |    ^  | next address, on error or when its share of the time is over
///         +-- error    |    +--+
///             deadline or cancel --> done
///
/// Thread-safety: none; used on the loop's executor. Answers exactly once, never from inside
/// `start`.
///
/// Object lifetimes: its owner keeps it until it has answered.
class connector final : public std::enable_shared_from_this<connector>,
                        private io_watch,
                        private deadline_entry {
public:
    using handler = unique_function<void(connect_outcome)>;

    connector(std::shared_ptr<loop> where, const sockets::tcp_settings& settings);

    void start(const std::string& host, std::uint16_t port, steady_time deadline, handler done);
    /// Ends the attempt with `connection_closed`.
    void cancel();

private:
    enum class state : std::uint8_t { idle, resolving, connecting, done };

    void on_resolved(resolve_result result);
    void stop_waiting() noexcept;
    void try_next();
    void attempt_failed(errc code, std::error_code cause);
    void finish(connect_outcome outcome);

    void on_ready(interest ready) override;
    void on_loop_shutdown() override;
    void on_deadline(steady_time now) override;

    std::shared_ptr<loop> loop_;
    sockets::tcp_settings settings_;
    handler done_;
    std::vector<endpoint> addresses_;
    std::size_t next_address_ = 0;
    steady_time deadline_{};
    connect_outcome last_;
    state state_ = state::idle;
    bool is_waiting_ = false;
};

/// The registry number of a failed connect, read or write.
[[nodiscard]] errc classify(std::error_code system_error, errc otherwise) noexcept;

}  // namespace network_system::runtime

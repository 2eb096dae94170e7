#pragma once

#include "core/awaited.h"
#include "core/engine.h"
#include "core/session_slot.h"
#include "runtime/connector.h"

#include <network_system/core/messaging_client.h>

#include <optional>

namespace network_system::core {

/// The callbacks of a client as they were when it started.
struct client_callbacks {
    messaging_client::connected_callback connected;
    messaging_client::disconnected_callback disconnected;
    messaging_client::receive_callback received;
    messaging_client::request_callback requested;
    messaging_client::error_callback failed;
    messaging_client::writable_callback writable;
};

/// One connection of a client, from start to its end.
///
///     connecting --socket--> waiting for hello --open--> connected --> ended
///         |                        |                        |
///         +-- error, stop ---------+-- error, stop ---------+--------> ended
///
/// Thread-safety: the public members from any thread; the rest on the loop.
class client_engine final : public engine {
public:
    client_engine(std::string name, const client_options& options,
                  std::shared_ptr<runtime::io_pool> pool, std::shared_ptr<runtime::loop> where,
                  make_transport transports, std::shared_ptr<const client_callbacks> callbacks,
                  std::shared_ptr<session_slot> connected);

    /// Calls `done` exactly once, on the loop, unless the gate is closed first. Begins when
    /// `former`, the client's connection before (or null), is over: on a callback pool its last
    /// callbacks may still be running, and those of a client never overlap.
    void start(const std::string& host, std::uint16_t port, messaging_client::start_callback done,
               std::shared_ptr<client_engine> former);
    void begin_stop() override;
    /// Stops, with `cancelled` for an answer, unless the connection has been made.
    void cancel_start();
    /// The answer `done` gets, for a thread that waits for it; nothing when there is none in time.
    [[nodiscard]] std::optional<VoidResult> wait_for_start(
        std::chrono::steady_clock::time_point deadline) {
        return start_result_.wait_until(deadline);
    }

    /// The connection is gone, or never came to be: the next one may begin. True before the
    /// callbacks that tell so, for these may want to connect again.
    [[nodiscard]] bool is_finished() const noexcept {
        return is_finished_.load(std::memory_order_acquire);
    }
    /// The session once connected, also after its end; null before.
    [[nodiscard]] std::shared_ptr<session::stream_session> session() const;
    [[nodiscard]] const client_options& options() const noexcept { return options_; }
    /// The counters of this connection.
    [[nodiscard]] client_metrics metrics() const;

private:
    using session_ptr = session::session_ptr;

    void connect();
    void on_connected(runtime::connect_outcome outcome);
    void refuse_start(const error_info& failure);
    [[nodiscard]] error_info start_error(std::error_code reason) const;
    [[nodiscard]] error_info start_error(errc code, std::error_code cause,
                                         const std::string& text) const;
    [[nodiscard]] std::shared_ptr<client_engine> self() {
        return std::static_pointer_cast<client_engine>(shared_from_this());
    }

    void on_open(const session_ptr& who) override;
    void on_message(const session_ptr& who, session::message_kind kind,
                    std::span<const std::uint8_t> data) override;
    void on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                    detail::request_call& call) override;
    void on_writable(const session_ptr& who) override;
    void on_closed(const session_ptr& who, std::error_code reason, bool was_open) override;
    void on_gone(const session_ptr& who, std::error_code reason,
                 const session::session_metrics& totals) noexcept override;

    const client_options options_;
    const std::shared_ptr<const client_callbacks> callbacks_;
    const std::shared_ptr<session_slot> connected_;
    const std::shared_ptr<runtime::loop> loop_;
    std::string host_name_;
    std::uint16_t port_ = 0;
    runtime::steady_time deadline_{};
    messaging_client::start_callback done_;
    std::shared_ptr<client_engine> former_;
    std::shared_ptr<runtime::connector> connector_;
    std::atomic<bool> is_stop_requested_{false};
    std::atomic<bool> is_cancelled_{false};
    awaited<std::monostate> start_result_;
    std::atomic<bool> is_finished_{false};
    std::atomic<bool> was_connected_{false};
    std::atomic<bool> has_failed_to_start_{false};
    mutable std::mutex session_mutex_;
    std::shared_ptr<session::stream_session> session_;
};

}  // namespace network_system::core

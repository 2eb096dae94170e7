#pragma once

#include "client/proxy_tunnel.h"
#include "client/reconnect_policy.h"
#include "client/session_slot.h"
#include "lifecycle/awaited.h"
#include "lifecycle/engine.h"
#include "runtime/connector.h"
#include "runtime/pause.h"
#include "session/pending_operation.h"

#include <network_system/core/metrics.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace network_system::inline v0_1::core {

/// One run of a client, from a start to the end of its connection, or of the last one if it makes
/// new ones for those it loses. What connections speak is derived from it.
///
///     connecting --socket--> waiting for the peer's word --open--> connected --> ended
///         |  ^                       |                                |
///         |  |                       +-- error ---+    +-- error -----+
///         |  +------ time is up ---- pausing <----+----+
///         |                             |         (only with a reconnect_policy that wants it)
///         +-- error, stop (anywhere) ---+--------------------------------------> ended
///
/// Thread-safety: the public members from any thread; the rest on the loop.
class client_engine : public engine {
public:
    using start_callback = unique_function<void(VoidResult)>;

    client_engine(std::string name, const client_options& options,
                  std::shared_ptr<runtime::io_pool> pool, std::shared_ptr<runtime::loop> where,
                  transport::transport_factory transports, std::shared_ptr<session_slot> connected,
                  const std::optional<reconnect_settings>& reconnecting = std::nullopt);

    /// Before the start: the connection goes through this proxy (see proxy_for); null: straight to
    /// the target.
    void connect_through(std::shared_ptr<const proxy_options> proxy) { proxy_ = std::move(proxy); }
    /// Calls `done` exactly once, on the loop, unless the gate is closed first. Begins when
    /// `former`, the client's run before (or null), is over: on a callback pool its last callbacks
    /// may still be running, and those of a client never overlap. `already_exists`, with nothing
    /// begun, when the id names another operation; `done` is left intact then.
    [[nodiscard]] VoidResult start(const std::string& host, std::uint16_t port,
                                   start_callback& done, session::operation_id operation,
                                   std::shared_ptr<client_engine> former);
    /// The start, or what its connection has begun.
    bool cancel(session::operation_id operation) const;
    void on_cancelled(session::operation_id operation) noexcept;
    /// The answer `done` gets, for a thread that waits for it; nothing when there is none in time.
    [[nodiscard]] std::optional<VoidResult> wait_for_start(
        std::chrono::steady_clock::time_point deadline) {
        return start_result_.wait_until(deadline);
    }

    /// The last connection is gone, or never came to be: the next run may begin. True before the
    /// callbacks that tell so, for these may want to connect again.
    [[nodiscard]] bool is_finished() const noexcept {
        return is_finished_.load(std::memory_order_acquire);
    }
    /// The session once connected, also after its end; null before.
    [[nodiscard]] std::shared_ptr<session::message_connection> session() const;
    /// The client is not connected any more, whatever becomes of the session.
    void hide_session() const { connected_->clear(session().get()); }
    [[nodiscard]] const client_options& options() const noexcept { return options_; }
    /// The counters of this run.
    [[nodiscard]] client_metrics metrics() const;

protected:
    using session_ptr = session::session_ptr;

    // The callbacks of the application.
    virtual void notify_connected(const session_ptr& who) = 0;
    /// `who` is null when there was no connection.
    virtual void notify_error(const session_ptr& who, std::error_code reason) = 0;
    virtual void notify_disconnected(const session_ptr& who, std::error_code reason) = 0;

    /// What the end of a connection says about a new one, if lost connections are replaced. It was
    /// open or had not got as far (null: not even a socket). Where callbacks run.
    [[nodiscard]] virtual reconnect_advice reconnect_advice_after(const session_ptr& who,
                                                                  bool was_open) {
        (void)who;
        (void)was_open;
        return {};
    }

    void on_open(const session_ptr& who) override;
    [[nodiscard]] bool takes_callbacks() const noexcept override { return is_open_; }
    void on_closed(const session_ptr& who, std::error_code reason, bool was_open) override;
    void on_gone(const session_ptr& who, std::error_code reason,
                 const session::session_metrics& totals) noexcept override;

private:
    void begin();
    void connect();
    [[nodiscard]] std::shared_ptr<session::message_connection> make_session_of(
        runtime::connect_outcome outcome);
    void on_connected(runtime::connect_outcome outcome);
    /// Asks the proxy, to which there is a connection, for one to the target.
    void open_tunnel(runtime::connect_outcome proxy);
    void on_target_connected(runtime::connect_outcome outcome);
    void on_no_connection(const runtime::connect_outcome& outcome);
    /// Whether a new connection is made after this one.
    [[nodiscard]] bool reconnects_after(const session_ptr& who, bool was_open);
    void wait_and_reconnect();
    void end_run(const error_info& reason);
    void end_parts(runtime::steady_time deadline) override;
    void log_end() const noexcept override { detail::log(log_level::info, writer(), "ended"); }
    void settle_start() noexcept;
    void refuse_start(const error_info& failure);
    void record_failure();
    /// "host:80", and through what.
    [[nodiscard]] std::string describe_way() const;
    [[nodiscard]] error_info start_error(std::error_code reason) const noexcept;
    [[nodiscard]] error_info start_error(errc code, std::error_code cause,
                                         const std::string& text) const noexcept;
    [[nodiscard]] std::shared_ptr<client_engine> self() {
        return std::static_pointer_cast<client_engine>(shared_from_this());
    }

    const client_options options_;
    const std::shared_ptr<session_slot> connected_;
    const std::shared_ptr<runtime::loop> loop_;
    std::string host_name_;
    std::uint16_t port_ = 0;
    std::shared_ptr<const proxy_options> proxy_;
    runtime::steady_time deadline_{};
    start_callback done_;
    session::pending_operation start_;
    std::shared_ptr<client_engine> former_;
    std::shared_ptr<runtime::connector> connector_;
    std::shared_ptr<proxy_tunnel> tunnel_;
    std::shared_ptr<runtime::pause> pause_;
    std::atomic<bool> is_cancelled_{false};
    awaited<std::monostate> start_result_;
    std::atomic<bool> is_finished_{false};
    // Whether there has ever been a connection.
    std::atomic<bool> was_connected_{false};

    // Of the present attempt and its connection: on the loop, or where its callbacks run.
    bool is_open_ = false;
    bool is_failure_recorded_ = false;
    bool reconnects_ = false;
    // Nothing: a connection that is lost is not replaced.
    std::optional<reconnect_policy> reconnecting_;
    // Since the last connection that was open.
    unsigned attempts_ = 0;

    // A run's connections follow each other, but not all on one thread.
    detail::shared_counter connects_;
    detail::shared_counter failures_;
    detail::shared_counter session_errors_;
    mutable std::mutex session_mutex_;
    std::shared_ptr<session::message_connection> session_;
    bool is_collected_ = true;
};

/// What is wrong with the options, or ok.
[[nodiscard]] VoidResult validate(const client_options& options, bool is_secure,
                                  std::string_view source);
/// The loops that a client of these options runs on. Error: `connection_failed`.
[[nodiscard]] Result<std::shared_ptr<runtime::io_pool>> make_pool(const client_options& options,
                                                                  std::string_view source);

}  // namespace network_system::core

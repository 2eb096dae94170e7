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
#include <span>
#include <string>

namespace network_system::inline v0_1::core {

/// One run of a client, from a start to the end of its connection, or of the last one if it makes
/// new ones for those it loses. What connections speak is derived from it.
///
///     connecting --socket--> waiting for the peer's word --open--> connected --> ended
///         |  ^                       |                                |
///         |  +--- to another target -+ (whom the peer sends on)       |
///         |  ^                       |                                |
///         |  |                       +-- error ---+    +-- error -----+
///         |  +------ time is up ---- pausing <----+----+
///         |                             |         (only with a reconnect_policy that wants it)
///         +-- error, stop (anywhere) ---+--------------------------------------> ended
///
/// The start is told once it is connected, or with the failure after which there is no pause.
///
/// Thread-safety: the public members from any thread; the rest on the loop.
class client_engine : public engine {
public:
    using start_callback = unique_function<void(VoidResult)>;

    client_engine(std::string name, const client_options& options,
                  std::shared_ptr<runtime::io_pool> pool, std::shared_ptr<runtime::loop> where,
                  transport::transport_factory transports, std::shared_ptr<session_slot> connected);

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
    virtual void notify_reconnecting(const reconnect_attempt& next) = 0;
    /// Of a client that replaces connections: there will be none by itself.
    virtual void notify_ended(std::error_code reason) = 0;

    /// How a connection has ended, or an attempt to make one.
    struct ending {
        /// Null: not even a socket.
        const session_ptr& who;
        bool was_open;
        std::error_code reason;
    };
    /// What it says about a new one, if lost connections are replaced. Where callbacks run.
    [[nodiscard]] virtual reconnect_advice reconnect_advice_after(const ending& how);

    /// What an attempt connects to, where that is not what the start has named.
    struct attempt_target {
        std::string host;
        std::uint16_t port;
        transport::transport_factory transports;
        /// Null: straight there.
        std::shared_ptr<const proxy_options> proxy;
        /// For errors: how the client has come to it.
        std::string way;
    };
    /// Whether the peer of a connection that was never open has named another target, which is
    /// tried at once and within the same time. Where callbacks run.
    [[nodiscard]] virtual bool is_sent_on(const session_ptr& who) const {
        (void)who;
        return false;
    }
    /// Which one. On the loop.
    [[nodiscard]] virtual Result<attempt_target> next_target(const session_ptr& who);
    /// Of the target that the start has named.
    [[nodiscard]] const std::shared_ptr<const proxy_options>& own_proxy() const noexcept {
        return proxy_;
    }
    [[nodiscard]] const transport::transport_factory& own_transports() const noexcept {
        return engine::transports();
    }
    /// The next attempt is again for what the start has named. On the loop.
    virtual void forget_targets() {}

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
    [[nodiscard]] bool reconnects_after(const ending& how);
    [[nodiscard]] const transport::transport_factory& transports() const noexcept override {
        return target_ ? target_->transports : own_transports();
    }
    [[nodiscard]] const std::string& current_host() const noexcept {
        return target_ ? target_->host : host_name_;
    }
    [[nodiscard]] std::uint16_t current_port() const noexcept {
        return target_ ? target_->port : port_;
    }
    [[nodiscard]] const std::shared_ptr<const proxy_options>& current_proxy() const noexcept {
        return target_ ? target_->proxy : proxy_;
    }
    void follow(const session_ptr& who);
    [[nodiscard]] bool ends_by_itself() const noexcept;
    void wait_and_reconnect();
    /// Later on the loop; without memory for that the run ends.
    template <typename Work>
    void go_on(Work work) noexcept;
    [[nodiscard]] std::chrono::milliseconds next_pause();
    void begin_pause(std::chrono::milliseconds pause);
    /// There is neither a connection nor an attempt to make one.
    void give_up(const error_info& failure);
    void end_run(const error_info& reason);
    void end_parts(runtime::steady_time deadline) override;
    [[nodiscard]] std::span<const std::shared_ptr<runtime::loop>> loops() const noexcept override {
        return {&loop_, 1};
    }
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
    // Until then a start that fails is tried again.
    runtime::steady_time start_over_until_{};
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
    bool is_sent_on_ = false;
    // Nothing: what the start has named.
    std::optional<attempt_target> target_;
    // Nothing: a connection that is lost is not replaced.
    std::optional<reconnect_policy> reconnecting_;
    // Since the last connection that was open.
    unsigned attempts_ = 0;
    // Of the last connection, or attempt.
    std::error_code last_failure_;

    // A run's connections follow each other, but not all on one thread.
    detail::shared_counter connects_;
    detail::shared_counter failures_;
    detail::shared_counter reconnect_attempts_;
    detail::shared_counter session_errors_;
    mutable std::mutex session_mutex_;
    std::shared_ptr<session::message_connection> session_;
    bool is_collected_ = true;
};

/// What is wrong with the options, or ok.
[[nodiscard]] VoidResult validate(const client_options& options, bool is_secure,
                                  std::string_view source);

}  // namespace network_system::core

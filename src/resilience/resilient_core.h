#pragma once

#include "client/client_loop.h"
#include "client/engine.h"
#include "resilience/any_client.h"
#include "resilience/message_store.h"
#include "runtime/pause.h"
#include "session/pending_operation.h"
#include "utils/counter.h"
#include "utils/failure.h"

#include <network_system/core/callback_forms.h>
#include <network_system/resilience/resilient_client.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::resilience {

/// What a resilient_client is made of: a client for each endpoint, which reconnects by itself; the
/// messages that wait for one of them; and who gets the next.
///
/// Of an endpoint:
///
///     idle --start--> connecting --connected--> setting up --signal--> ready
///      ^                 ^    |                     |                    |
///      |                 +----|------ lost ---------+--------------------+
///      |                      +-- the client ends by itself --> given up
///      +-- let go (another one, preferred to it, is back)
///
/// Thread-safety: every member may be called from any thread. User code runs without the lock.
///
/// Object lifetimes: shared by the resilient_client and by what is in progress.
class resilient_core : public std::enable_shared_from_this<resilient_core> {
public:
    using session_ptr = resilience::session_ptr;

    struct callbacks {
        detail::data_callback<session_ptr> received;
        resilient_client::ready_callback setup;
        detail::reconnecting_callback reconnecting;
        detail::end_callback<session_ptr> disconnected;
        detail::failure_callback<session_ptr> failed;
        resilient_client::circuit_callback circuit;
    };

    resilient_core(std::string id, resilient_client_options options);
    resilient_core(const resilient_core&) = delete;
    resilient_core& operator=(const resilient_core&) = delete;
    ~resilient_core();

    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    template <typename Callback>
    discardable_result set_callback(Callback callbacks::*which, Callback& callback);
    discardable_result set_receive_callback(detail::data_callback<session_ptr>& callback);

    [[nodiscard]] VoidResult connect_and_wait();
    [[nodiscard]] VoidResult connect(resilient_client::connect_callback& handler,
                                     session::operation_id operation = session::operation_id::none);
    void on_cancelled(session::operation_id operation) noexcept;
    discardable_result disconnect();
    VoidResult disconnect(session::stop_handler& handler);
    /// Keeps this until the callbacks that run now have returned: one of them may be dropping the
    /// last reference.
    void release_later();

    [[nodiscard]] VoidResult send(std::vector<std::uint8_t>& data, session::send_callback& done);
    [[nodiscard]] VoidResult send(std::span<const std::uint8_t> data, session::send_callback& done);

    [[nodiscard]] VoidResult flush_and_wait(std::chrono::milliseconds timeout);

    [[nodiscard]] bool is_connected() const;
    [[nodiscard]] Result<session_ptr> session() const;
    [[nodiscard]] std::shared_ptr<core::messaging_client> framed() const;
    [[nodiscard]] std::shared_ptr<core::messaging_ws_client> websocket() const;
    [[nodiscard]] circuit_state circuit() const;
    [[nodiscard]] resilient_metrics metrics() const;

    /// The connection of the endpoint that this time named is set up, or cannot be.
    void on_setup(std::size_t endpoint, std::uint64_t time, const VoidResult& result);

private:
    using lock = std::unique_lock<std::mutex>;
    using message = message_store::message;
    enum class run_state : std::uint8_t { stopped, connecting, running };

    class link final : public any_client::listener {
    public:
        enum class state : std::uint8_t {
            idle,
            connecting,
            setting_up,
            ready,
            letting_go,
            given_up
        };

        link(resilient_core& owner, std::size_t endpoint) : owner_(owner), place(endpoint) {}
        [[nodiscard]] bool is_ready() const noexcept { return now == state::ready; }

        void on_connected(const session_ptr& who) override;
        void on_message(const session_ptr& who, std::span<const std::uint8_t> data) override;
        void on_writable(const session_ptr& who) override;
        void on_acknowledged(std::uint64_t id, std::error_code refusal) override;
        void on_failed(const session_ptr& who, std::error_code reason) override;
        void on_disconnected(const session_ptr& who, std::error_code reason) override;
        void on_reconnecting(const core::reconnect_attempt& next) override;
        void on_ended(std::error_code reason) override;

    private:
        resilient_core& owner_;

    public:
        const std::size_t place;
        std::unique_ptr<any_client> client;
        // Under the lock.
        state now = state::idle;
        /// From connected to disconnected.
        session_ptr session;
        /// Which connection of the resilient_client it is: an answer to another one is late.
        std::uint64_t time = 0;
        /// Null unless `health` is set.
        std::unique_ptr<health_monitor> monitor;
        /// Its connection does not answer in time: another one is preferred.
        bool is_quiet = false;
        /// Wanted again while it is let go.
        bool is_wanted = false;
        error_info failure;
        /// Where its connection lives and ends, if callbacks run there: what identifies that
        /// thread.
        std::atomic<const void*> thread{nullptr};
        /// Messages that its own thread has sent past the lock.
        detail::counter sent_directly;
    };

    // resilient_core.cpp: connect and disconnect. `held`: the lock is.
    [[nodiscard]] VoidResult validate() const;
    void make_links();
    [[nodiscard]] VoidResult choose_loop();
    /// Under the lock: whether no callback can run.
    [[nodiscard]] bool is_quiet() const noexcept;
    [[nodiscard]] error_info late_callback() const;
    void begin_deadline();
    void on_deadline(const runtime::pause* which);
    [[nodiscard]] VoidResult start_first();
    [[nodiscard]] VoidResult start(link& which);
    void give_up(link& which, const error_info& failure);
    /// What is left of a run: who has to be told that it is over.
    struct remains {
        resilient_client::connect_callback connected;
        session::pending_operation operation;
        /// Those up to it.
        std::uint64_t last_message = 0;
        std::shared_ptr<runtime::pause> deadline;
        std::shared_ptr<runtime::pause> letting_go;
    };
    /// Under the lock.
    [[nodiscard]] remains end_run() noexcept;
    /// Without it: drops what waits, and tells everybody.
    void tell_end(remains& over, const error_info& reason) noexcept;
    void stop_links();
    [[nodiscard]] error_info no_endpoint_left() const noexcept;
    [[nodiscard]] error_info not_connected() const noexcept;

    // resilient_core_events.cpp: what the endpoints tell.
    void set_up(link& which, const session_ptr& who);
    void on_ready(lock& held, link& which);
    void on_lost(link& which);
    void on_health(link& which, health state);
    void try_another();
    void choose_active();
    [[nodiscard]] link* first_ready() const noexcept;
    [[nodiscard]] link* latest_if_ready() const noexcept;
    void let_go_of_others_later(const link& which);
    void let_go_of_others(std::size_t place, std::uint64_t time);
    void let_go(link& which);
    [[nodiscard]] error_info describe_attempts(const link& which,
                                               const core::reconnect_attempt& next) const;
    void count_failure();
    void tell_circuit(circuit_state before) const;

    // resilient_core_sending.cpp
    template <typename Data>
    [[nodiscard]] VoidResult send_any(Data&& data, session::send_callback& done);
    template <typename Data>
    [[nodiscard]] VoidResult send_or_keep(Data&& data, session::send_callback& done);
    [[nodiscard]] VoidResult make_room(lock& held, std::size_t size);
    /// Until `holds`, or the end of the run.
    template <typename Condition>
    void wait_for_room(lock& held, detail::steady_time until, const Condition& holds) {
        ++waiting_;
        detail::wait_until(room_, held, until,
                           [&] { return run_ == run_state::stopped || holds(); });
        --waiting_;
    }
    [[nodiscard]] VoidResult refusal(errc code, const std::string& text);
    template <typename Data>
    [[nodiscard]] bool send_at_once(lock& held, const Data& data, std::uint64_t id);
    [[nodiscard]] bool calls_nothing_back(const link& which) const noexcept;
    void flush();
    void end_flush() noexcept;
    [[nodiscard]] bool send_next(lock& held, link& which);
    [[nodiscard]] bool send_next_with_id(lock& held, link& which);
    /// After a send that failed: whether there may be another connection.
    [[nodiscard]] bool goes_on_after(const VoidResult& failed, link& which,
                                     const session_ptr& session);
    void drop(lock& held, message&& refused, const error_info& why) noexcept;
    void on_acknowledged(std::uint64_t id, std::error_code refusal);
    [[nodiscard]] bool is_acknowledged() const noexcept {
        return options_.delivery == delivery_mode::at_least_once;
    }
    [[nodiscard]] link* pick() noexcept;
    [[nodiscard]] bool allows_direct() const noexcept;
    void update_direct() noexcept;

    /// The address of something of the calling thread's.
    [[nodiscard]] static const void* this_thread() noexcept {
        static thread_local const char mark = 0;
        return &mark;
    }
    /// Whether callbacks of messages need something that keeps this: see `release_later`.
    [[nodiscard]] bool needs_keeping() const noexcept {
        return loop_options_.callback_pool != nullptr;
    }

    const std::string id_;
    const resilient_client_options options_;
    // What the connections of either kind run on.
    const core::client_options loop_options_;

    mutable std::mutex mutex_;
    std::condition_variable room_;
    // Not changed while anything runs that may call them.
    callbacks callbacks_;
    run_state run_ = run_state::stopped;
    resilient_client::connect_callback connected_;
    session::pending_operation connecting_;
    // As many as there are endpoints, unless one cannot be made.
    std::vector<std::unique_ptr<link>> links_;
    VoidResult is_made_ = ok();
    core::client_loop loops_;
    std::shared_ptr<runtime::loop> loop_;
    std::shared_ptr<runtime::pause> deadline_;
    std::shared_ptr<runtime::pause> letting_go_;
    link* active_ = nullptr;
    // What `active_` was last, but for null.
    const link* last_active_ = nullptr;
    std::size_t next_in_turn_ = 0;
    std::uint64_t last_time_ = 0;
    // The `time` of the connection that carries what is on its way.
    std::uint64_t carrier_ = 0;
    message_store store_;
    bool is_flushing_ = false;
    // Threads that wait for `room_`.
    std::size_t waiting_ = 0;
    bool waits_for_room_ = false;
    circuit_breaker breaker_;
    resilient_metrics counted_;

    // The active one, through which its own thread sends without the lock. Null while messages
    // wait.
    std::atomic<link*> direct_{nullptr};
};

template <typename Callback>
discardable_result resilient_core::set_callback(Callback callbacks::*which, Callback& callback) {
    const std::lock_guard held(mutex_);
    if (!is_quiet()) {
        return late_callback();
    }
    std::swap(callbacks_.*which, callback);
    return ok();
}

}  // namespace network_system::resilience

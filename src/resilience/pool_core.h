#pragma once

#include "resilience/pool_node.h"
#include "resilience/pool_waiting.h"
#include "runtime/callback_gate.h"
#include "utils/deadline.h"
#include "utils/failure.h"
#include "utils/process.h"

#include <network_system/resilience/connection_pool.h>
#include <network_system/resilience/health_monitor.h>
#include <network_system/resilience/pool_options.h>
#include <network_system/session/operation.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::resilience {

using session_ptr = std::shared_ptr<session::messaging_session>;

/// What makes one connection, and makes it again when it breaks. It tells a pool_core of that.
///
/// Thread-safety: `start` and `stop` are called by one thread at a time, in that order and once.
class pool_connection {
public:
    pool_connection() = default;
    pool_connection(const pool_connection&) = delete;
    pool_connection& operator=(const pool_connection&) = delete;
    virtual ~pool_connection() = default;

    /// Error: it has not begun.
    [[nodiscard]] virtual VoidResult start() = 0;
    /// `pool_core::on_stopped` follows, or happens in it, and nothing after that.
    virtual void stop() = 0;

    [[nodiscard]] virtual core::messaging_client* framed() const noexcept { return nullptr; }
    [[nodiscard]] virtual core::messaging_ws_client* websocket() const noexcept { return nullptr; }
};

/// Where a pool_core runs.
///
/// Thread-safety: `make`, `call_for_answers` and `wake_at` are called by one thread at a time, the
/// others under the lock of the core. None of them calls the core.
class pool_world {
public:
    pool_world() = default;
    pool_world(const pool_world&) = delete;
    pool_world& operator=(const pool_world&) = delete;
    virtual ~pool_world() = default;

    /// Before all else. Error: there is no such world.
    [[nodiscard]] virtual VoidResult prepare() = 0;
    /// Error: there is no such connection.
    [[nodiscard]] virtual Result<std::unique_ptr<pool_connection>> make(
        const std::shared_ptr<pool_core>& core, pool_entry& entry) = 0;
    [[nodiscard]] virtual detail::steady_time now() noexcept = 0;
    [[nodiscard]] virtual std::uint64_t random() noexcept = 0;
    /// Runs `pool_core::run_answers` soon, never in this call. Throws std::bad_alloc.
    virtual void call_for_answers(const std::shared_ptr<pool_core>& core) = 0;
    /// Runs `pool_core::on_time` at `when`, in place of what was asked for before. The same.
    virtual void wake_at(const std::shared_ptr<pool_core>& core, detail::steady_time when) = 0;
    /// Whether the calling thread may wait for what happens here.
    [[nodiscard]] virtual bool may_block() = 0;
    /// When a thread that waits for everything to end gives up, because others drive the loops and
    /// may have ended that; `steady_time::max()` where they do not.
    [[nodiscard]] virtual detail::steady_time give_up_at() const noexcept = 0;
};

/// One connection of a pool. Under the lock of its core.
struct pool_entry {
    node_state state = node_state::connecting;
    /// Made by whoever runs the core's jobs; set before there can be a lease.
    std::unique_ptr<pool_connection> connection;
    session_ptr session;
    std::size_t place = 0;
    /// Its first connection, or the first attempt to make it, has not ended.
    bool is_new = true;
    /// Its peer does not answer in time. While it is leased, its holder keeps it nevertheless.
    bool is_quiet = false;
    detail::steady_time idle_since{};
    detail::steady_time expires = detail::steady_time::max();
    detail::steady_time check_until = detail::steady_time::max();
    session::operation_id check = session::operation_id::none;

    // Among those that are idle.
    pool_entry* fresher = nullptr;
    pool_entry* staler = nullptr;

    // Among those with something to be done for them.
    pool_entry* next_job = nullptr;
    bool has_job = false;
    bool is_to_start = false;
    bool is_to_stop = false;
    bool is_to_check = false;
};

/// Those that are idle: the one that was used last is the first to be used.
class idle_list {
public:
    [[nodiscard]] pool_entry* freshest() const noexcept { return freshest_; }
    [[nodiscard]] pool_entry* stalest() const noexcept { return stalest_; }
    void add(pool_entry& one) noexcept;
    void remove(pool_entry& one) noexcept;

private:
    pool_entry* freshest_ = nullptr;
    pool_entry* stalest_ = nullptr;
};

/// Who gets which connection of a pool, when one is made, asked, and ended. It knows neither
/// sockets nor threads: connections and time come from a pool_world.
///
/// Under the lock it decides; jobs that follow (starting, stopping, asking) are done afterwards,
/// in order, by one thread at a time.
///
/// Thread-safety: every member may be called from any thread.
class pool_core : public std::enable_shared_from_this<pool_core> {
public:
    /// Of its errors.
    static constexpr const char* source = "connection_pool";

    pool_core(const pool_options& options, VoidResult validity, std::unique_ptr<pool_world> world);
    pool_core(const pool_core&) = delete;
    pool_core& operator=(const pool_core&) = delete;
    ~pool_core();

    // For the application: see connection_pool.

    /// 0: without waiting.
    [[nodiscard]] Result<lease> acquire(std::chrono::milliseconds timeout);
    /// `handler` is moved from on success.
    [[nodiscard]] VoidResult acquire(connection_pool::acquire_handler& handler,
                                     session::operation_id operation);
    [[nodiscard]] VoidResult initialize(connection_pool::initialize_handler& handler,
                                        session::operation_id operation);
    /// When a thread that waits for its handler gives up.
    [[nodiscard]] detail::steady_time initialized_by() const noexcept;
    bool cancel(session::operation_id operation) const;
    void shut_down();
    void give_back(pool_entry& entry, bool is_reusable) noexcept;

    [[nodiscard]] pool_metrics metrics() const;
    /// Since when nobody has, waits for or has asked for a connection; nothing while somebody does.
    [[nodiscard]] std::optional<detail::steady_time> unused_since() const;
    [[nodiscard]] const pool_options& options() const noexcept { return options_; }
    /// Whether the calling thread may wait for the pool.
    [[nodiscard]] bool may_block() const {
        const std::lock_guard lock(mutex_);
        return world_->may_block();
    }
    [[nodiscard]] bool belongs_here() const noexcept { return made_in_.is_here(); }
    /// Callbacks of connections run inside it.
    [[nodiscard]] runtime::callback_gate& gate() noexcept { return gate_; }

    // For pool_connection: what has become of it.

    void on_opened(pool_entry& entry, const session_ptr& who);
    /// `goes_on`: it makes a new one.
    void on_lost(pool_entry& entry, const session_ptr& who, std::error_code reason, bool goes_on);
    /// An attempt, the `attempts`-th in a row, has failed; another one follows.
    void on_attempt_failed(pool_entry& entry, unsigned attempts, std::error_code reason);
    /// It makes no connection any more.
    void on_gave_up(pool_entry& entry, const error_info& reason);
    void on_stopped(pool_entry& entry);
    /// How the connection is that this session names, whenever that changes.
    void on_health(pool_entry& entry, std::string_view session_id, health state);

    // For pool_world, and session::cancel_operation.

    void on_time();
    void run_answers();
    void on_cancelled(session::operation_id operation) noexcept;

private:
    using guard = std::unique_lock<std::mutex>;
    using steady_time = detail::steady_time;

    /// Why the pool has a connection closed.
    enum class ending : std::uint8_t { idle, lifetime, shutdown };

    // Under the lock: connections.

    void apply(pool_entry& entry, node_event event) noexcept;
    void add_entry();
    void retire(pool_entry& entry, ending why) noexcept;
    void begin_check(pool_entry& entry) noexcept;
    /// One that nobody has leased is not lent until it answers again.
    void set_aside(pool_entry& entry) noexcept;
    /// The one that was used last of those that are idle; null when there is none.
    [[nodiscard]] pool_entry* usable_entry() noexcept;
    [[nodiscard]] bool needs_check(const pool_entry& entry) const noexcept;
    /// Whether somebody may still come for what is being made, though nobody waits for it.
    [[nodiscard]] bool is_wanted_again() const noexcept;
    [[nodiscard]] bool is_surplus(const pool_entry& entry) const noexcept;
    [[nodiscard]] steady_time end_of_life() const noexcept;
    [[nodiscard]] std::size_t count(node_state state) const noexcept {
        return counts_[static_cast<std::size_t>(state)];
    }
    [[nodiscard]] std::size_t live() const noexcept {
        return entries_.size() - count(node_state::closing);
    }
    [[nodiscard]] std::size_t leases_out() const noexcept;
    [[nodiscard]] std::size_t open() const noexcept;
    void settle_first(pool_entry& entry) noexcept;

    // Under the lock: who gets what.

    [[nodiscard]] Result<lease> wait_for_lease(guard& lock, std::chrono::milliseconds timeout);
    [[nodiscard]] lease lend(pool_entry& entry) noexcept;
    /// False: the waiter was cancelled.
    bool lend_to(pool_waiter& waiter, pool_entry& entry) noexcept;
    void settle(pool_waiter& waiter, Result<lease>&& outcome) noexcept;
    void refuse(pool_waiter& waiter, errc code) noexcept;
    void end_waits() noexcept;
    void answer_initializers() noexcept;
    void answer(std::size_t place, VoidResult outcome) noexcept;
    /// Gives what there is to those who wait, and has made what is missing.
    void serve() noexcept;
    /// `more` than those who wait need.
    void make_missing(std::size_t more) noexcept;
    /// For somebody who does not wait, and may come again.
    void prepare_one_more() noexcept;

    // Under the lock: why not.

    [[nodiscard]] std::optional<error_info> refusal_to_begin();
    [[nodiscard]] std::optional<error_info> refusal_of_server();
    [[nodiscard]] std::optional<error_info> refusal_to_wait();
    /// `text()` says what has failed.
    template <typename Text>
    void note_failure(errc code, std::error_code reason, const Text& text) noexcept {
        failure_ = detail::told_anyway(code, [&] {
            return reason ? detail::failure(code, text(), source, reason)
                          : detail::failure_in_words(code, text(), source);
        });
        note_for_initializers();
    }
    void note_for_initializers() noexcept;
    void refuse_for_a_while(const error_info& reason) noexcept;
    [[nodiscard]] error_info closed_error(const char* why) const noexcept;
    [[nodiscard]] error_info none_to_be_had(errc code, std::string beginning) const;
    [[nodiscard]] error_info timed_out(const pool_waiter& waiter) const noexcept;
    [[nodiscard]] error_info told(errc code) const noexcept;
    [[nodiscard]] std::string describe_use() const;

    // Under the lock: time.

    void want_wake(steady_time when) noexcept;
    void want_wake_for_idle(const pool_entry& entry) noexcept;
    void sweep_waiting(steady_time now) noexcept;
    void sweep_entries(steady_time now) noexcept;
    void schedule() noexcept;

    // What follows a decision.

    void add_job(pool_entry& entry) noexcept;
    /// Does what there is to do, and ends without the lock.
    void finish(guard& lock) noexcept {
        if (first_job_ != nullptr || is_wake_wanted_ || (!ready_.empty() && !are_answers_due_)) {
            work(lock);
        } else {
            lock.unlock();
        }
    }
    void work(guard& lock) noexcept;
    void do_job(guard& lock, pool_entry& entry) noexcept;
    void start(pool_entry& entry) noexcept;
    void check(const session_ptr& who, session::operation_id operation) noexcept;
    void on_checked(session::operation_id operation, bool has_answered);
    void wait_until_ended();

    const pool_options options_;
    const VoidResult validity_;
    const std::unique_ptr<pool_world> world_;
    /// "host:port"
    const std::string target_;
    const detail::origin made_in_;
    runtime::callback_gate gate_;

    mutable std::mutex mutex_;
    bool is_prepared_ = false;
    bool is_shut_down_ = false;
    idle_list idle_;
    waiting_list waiting_;
    std::vector<std::unique_ptr<pool_entry>> entries_;
    // How many are in each state.
    std::array<std::size_t, node_states> counts_{};
    std::size_t new_entries_ = 0;
    std::vector<std::unique_ptr<initializer>> initializers_;
    answer_list ready_;
    bool are_answers_due_ = false;

    // What making a connection, or keeping it, has failed with last; none once there is one.
    std::optional<error_info> failure_;
    // A failure that would be the same again, until then.
    std::optional<error_info> refusal_;
    steady_time refused_until_{};

    // When somebody last asked for a connection and found none.
    steady_time last_wish_{};
    steady_time wake_at_ = steady_time::max();
    bool is_wake_wanted_ = false;

    pool_entry* first_job_ = nullptr;
    pool_entry* last_job_ = nullptr;
    bool is_working_ = false;
    // After a shutdown: one connection less.
    std::condition_variable ended_;

    pool_metrics counted_;
};

}  // namespace network_system::resilience

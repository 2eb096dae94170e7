#pragma once

#include "lifecycle/engine.h"
#include "runtime/io_threads.h"
#include "utils/failure.h"
#include "utils/late_callback.h"
#include "utils/process.h"

#include <network_system/utils/result_types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::core {

/// What calls answer in a forked child.
[[nodiscard]] inline error_info made_before_fork(std::string_view source) {
    return detail::failure(errc::not_supported,
                           "it was made before fork(), and goes on in the parent only", source);
}

/// Whether an object that `mutex` guards is another process's: it was made there, and is
/// `left_behind()`, which is asked under the lock. What is not (it was not started, or is on an
/// io_context that was told of the fork) belongs to this process from then on.
template <typename LeftBehind>
[[nodiscard]] bool is_of_another_process(detail::origin& made_in, std::mutex& mutex,
                                         const LeftBehind& left_behind) {
    if (made_in.is_here()) [[likely]] {
        return false;
    }
    // A thread that does not exist here may hold it.
    const std::unique_lock lock(mutex, std::try_to_lock);
    if (!lock || left_behind()) {
        return true;
    }
    made_in.renew();
    return false;
}

/// What `call` answers, unless the object belongs to another process. Memory that runs out in it is
/// an error of the call.
template <typename Restartable, typename Call>
[[nodiscard]] auto answer_of(const Restartable& asked, const Call& call)
    -> std::invoke_result_t<const Call&> {
    if (asked.is_left_behind()) {
        return made_before_fork(asked.id());
    }
    return detail::within_memory(call);
}

/// Whose loops a restartable runs on, and what it says when it does not run.
struct restartable_kind {
    /// What calls fail with that need a running engine.
    errc not_started;
    /// Nobody else uses the pool of a run, which ends with it.
    bool owns_pool;
    /// Who drives the loops unless they are on an io_context of the application's.
    run::driven_by threads;
};

/// What outlives the engines of a restartable: nothing.
struct no_history {
    template <typename Engine>
    void add(const Engine& dropped) noexcept {
        (void)dropped;
    }
};

/// What servers and clients of every protocol are made of: runs that follow each other, and the
/// callbacks for the next. `Engine` is a `run` with `is_running`, `is_finished` and the `options`
/// it was started with.
///
/// An engine is finished when the next may be started, which may be before it is over: its last
/// callbacks may still run. It is then the former one, until it is over. `History` gets what is to
/// outlive an engine that is dropped.
///
/// Thread-safety: every member may be called from any thread.
template <typename Engine, typename Callbacks, typename History = no_history>
class restartable {
public:
    using engine_ptr = std::shared_ptr<Engine>;

    restartable(std::string id, Callbacks&& callbacks, const restartable_kind& kind)
        : id_(std::move(id)), kind_(kind),
          callbacks_(std::make_shared<Callbacks>(std::move(callbacks))) {
        runtime::io_threads::end_after_caller();
    }
    restartable(const restartable&) = delete;
    restartable& operator=(const restartable&) = delete;
    ~restartable() { shut_down(); }

    [[nodiscard]] const std::string& id() const noexcept { return id_; }

    /// The current engine, or the last.
    [[nodiscard]] engine_ptr engine() const {
        if (is_left_behind()) {
            return nullptr;
        }
        const std::lock_guard lock(mutex_);
        return engine_;
    }
    [[nodiscard]] engine_ptr running() const {
        auto current = engine();
        return current && current->is_running() ? current : nullptr;
    }
    /// In a forked child, of what its parent has started: see run::is_left_behind.
    [[nodiscard]] bool is_left_behind() const {
        return is_of_another_process(made_in_, mutex_, [this] {
            return (engine_ && engine_->is_left_behind()) || (former_ && former_->is_left_behind());
        });
    }
    [[nodiscard]] error_info not_started() const {
        if (is_left_behind()) {
            return made_before_fork(id_);
        }
        return detail::failure(kind_.not_started, "it is not running", id_);
    }
    /// What `use(engine)` answers, or that there is none running.
    template <typename Use>
    auto while_running(const Use& use) const -> std::invoke_result_t<Use, Engine&> {
        return answer_of(*this, [&]() -> std::invoke_result_t<Use, Engine&> {
            const auto current = running();
            if (!current) {
                return not_started();
            }
            return use(*current);
        });
    }

    /// Idempotent; on a thread that must not block it only begins.
    VoidResult stop() {
        return answer_of(*this, [&]() -> VoidResult {
            for (const engine_ptr& each : engines()) {
                if (each) {
                    stop(each);
                }
            }
            return ok();
        });
    }
    VoidResult stop(session::stop_handler& handler) {
        return answer_of(*this, [&]() -> VoidResult {
            const auto current = engine();
            if (!current || !current->stop_then(handler)) {
                return detail::failure(kind_.not_started, "it is not started", id_);
            }
            return ok();
        });
    }
    VoidResult wait_for_stop() {
        return answer_of(*this, [this]() -> VoidResult {
            const auto current = engine();
            if (current && !current->may_block()) {
                return detail::failure(errc::would_block, "wait_for_stop on an I/O thread", id_);
            }
            if (current) {
                current->end().wait();
            }
            return ok();
        });
    }

    /// Sets a callback unless they are in use. `callback` gets the one it replaces: the caller
    /// destroys that, without the lock.
    template <typename Callback>
    VoidResult set_callback(Callback Callbacks::*which, Callback& callback) {
        return answer_of(*this, [&]() -> VoidResult {
            if (exchange_callback(which, callback)) {
                return ok();
            }
            return detail::late_callback(Engine::component_name, id_,
                                         "callbacks are set before the start");
        });
    }

protected:
    /// Begins the next run with what `make(callbacks, former)` makes and starts, unless the last
    /// one is not finished: then `refusal(engine)`. `former` is null unless it is still to be
    /// waited for.
    template <typename Refusal, typename Make>
    Result<engine_ptr> begin(const Refusal& refusal, const Make& make) {
        return answer_of(*this, [&]() -> Result<engine_ptr> {
            // Destroyed after the lock: user data and captures have destructors, which are user
            // code.
            engine_pair retired;
            const std::lock_guard lock(mutex_);
            if (engine_ && !engine_->is_finished()) {
                return refusal(*engine_);
            }
            // If there are two, the first was over before the other began.
            const auto& last = engine_ ? engine_ : former_;
            const engine_ptr former = last && !last->end().is_over() ? last : nullptr;
            Result<engine_ptr> made = make(callbacks_, former);
            if (made) {
                retired = {std::exchange(former_, former), std::exchange(engine_, made.value())};
                for (engine_ptr& each : retired) {
                    if (each == former) {
                        each.reset();
                    } else if (each) {
                        history_.add(*each);
                    }
                }
            }
            return made;
        });
    }

    /// Drops an engine whose end may never come.
    void forget(const engine_ptr& one) {
        // Destroyed after the lock, as in begin; the caller's reference is not the last one here.
        engine_ptr forgotten;
        {
            const std::lock_guard lock(mutex_);
            for (auto* const each : {&former_, &engine_}) {
                if (*each == one) {
                    forgotten = std::exchange(*each, nullptr);
                    history_.add(*one);
                }
            }
        }
        if constexpr (requires { one->hide_session(); }) {
            one->hide_session();
        }
    }

    /// The history, with that of the engines there are.
    [[nodiscard]] History whole_history() const {
        const std::lock_guard lock(mutex_);
        History whole = history_;
        for (const engine_ptr& each : {former_, engine_}) {
            if (each) {
                whole.add(*each);
            }
        }
        return whole;
    }

    /// The end of the object: a stop if the thread may wait for it. First in the destructor of
    /// whoever has members that callbacks reach.
    void shut_down() {
        if (is_left_behind()) {
            detail::keep_for_ever(std::move(engine_));
            detail::keep_for_ever(std::move(former_));
            return;
        }
        for (const engine_ptr& each : engines()) {
            const auto stop_it = [&] {
                stop(each);
                return ok();
            };
            if (each && !(each->may_block() && stop_patiently(stop_it))) {
                each->abandon();
            }
        }
    }

private:
    // Null where there is none.
    using engine_pair = std::array<engine_ptr, 2>;

    /// Those whose callbacks may run, in the order of their starts.
    [[nodiscard]] engine_pair engines() const {
        const std::lock_guard lock(mutex_);
        return {former_, engine_};
    }

    void stop(const engine_ptr& one) {
        if (!one->may_block()) {
            one->begin_stop();
            return;
        }
        const auto& options = one->options();
        const bool is_on_own_loops = options.io_context == nullptr;
        const bool is_over =
            one->stop(options.drain_timeout,
                      is_on_own_loops ? kind_.threads : run::driven_by::others, is_on_own_loops);
        if (kind_.owns_pool) {
            one->pool().stop();
        }
        if (!is_over) {
            forget(one);  // nobody drives the loops: what is left goes with them
        }
    }

    /// Unless callbacks are in use.
    template <typename Callback>
    [[nodiscard]] bool exchange_callback(Callback Callbacks::*which, Callback& callback) {
        const std::lock_guard lock(mutex_);
        const auto is_in_use = [](const engine_ptr& one) { return one && !one->end().is_over(); };
        if (is_in_use(former_) || is_in_use(engine_)) {
            return false;
        }
        std::swap((*callbacks_).*which, callback);
        return true;
    }

    const std::string id_;
    const restartable_kind kind_;
    mutable detail::origin made_in_;
    mutable std::mutex mutex_;
    const std::shared_ptr<Callbacks> callbacks_;
    engine_ptr former_;
    engine_ptr engine_;
    History history_;
};

}  // namespace network_system::core

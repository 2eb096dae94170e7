#pragma once

#include "lifecycle/engine.h"
#include "runtime/io_threads.h"
#include "utils/failure.h"
#include "utils/late_callback.h"
#include "utils/process.h"

#include <network_system/utils/result_types.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::core {

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

/// What `call` answers, unless the facade belongs to another process. Memory that runs out in it is
/// an error of the call.
template <typename Facade, typename Call>
[[nodiscard]] auto answer_of(const Facade& asked, const Call& call)
    -> std::invoke_result_t<const Call&> {
    if (asked.is_left_behind()) {
        return made_before_fork(asked.id());
    }
    return detail::within_memory(call);
}

/// Waits until a life is over, if there is one.
[[nodiscard]] inline VoidResult wait_for_end_of(const life* one, std::string_view id) {
    if (one != nullptr && !one->may_block()) {
        return detail::failure(errc::would_block, "wait_for_stop on an I/O thread", id);
    }
    if (one != nullptr) {
        one->end().wait();
    }
    return ok();
}

/// What a facade has: its current (or last) life, and the callbacks for the next. `Engine` is a
/// `life` with `is_running`, `is_finished` and the `options` it was started with.
///
/// Thread-safety: every member may be called from any thread.
template <typename Engine, typename Callbacks>
class facade {
public:
    /// `not_started`: what calls fail with that need a running engine. `owns_pool`: nobody else
    /// uses the pool of a life, which ends with it.
    facade(std::string id, Callbacks&& callbacks, errc not_started, bool owns_pool)
        : id_(std::move(id)), not_started_(not_started), owns_pool_(owns_pool),
          callbacks_(std::make_shared<Callbacks>(std::move(callbacks))) {
        runtime::io_threads::end_after_caller();
    }
    facade(const facade&) = delete;
    facade& operator=(const facade&) = delete;
    ~facade() { shut_down(); }

    [[nodiscard]] const std::string& id() const noexcept { return id_; }

    [[nodiscard]] std::shared_ptr<Engine> engine() const {
        if (is_left_behind()) {
            return nullptr;
        }
        const std::lock_guard lock(mutex_);
        return engine_;
    }
    [[nodiscard]] std::shared_ptr<Engine> running() const {
        auto current = engine();
        return current && current->is_running() ? current : nullptr;
    }
    /// In a forked child, of what its parent has started: see life::is_left_behind.
    [[nodiscard]] bool is_left_behind() const {
        return is_of_another_process(made_in_, mutex_,
                                     [this] { return engine_ && engine_->is_left_behind(); });
    }
    [[nodiscard]] error_info not_started() const {
        if (is_left_behind()) {
            return made_before_fork(id_);
        }
        return detail::failure(not_started_, "it is not running", id_);
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
            const auto current = engine();
            if (!current) {
                return ok();
            }
            if (!current->may_block()) {
                current->begin_stop();
                return ok();
            }
            const auto& options = current->options();
            const bool is_over = current->stop(
                options.drain_timeout, options.io_context == nullptr ? life::driven_by::own_threads
                                                                     : life::driven_by::others);
            if (owns_pool_) {
                current->pool().stop();
            }
            if (!is_over) {
                forget(current);  // nobody runs the user's io_context: what is left goes with it
            }
            return ok();
        });
    }
    VoidResult stop(session::stop_handler& handler) {
        return answer_of(*this, [&]() -> VoidResult {
            const auto current = engine();
            if (!current || !current->stop_then(handler)) {
                return not_started();
            }
            return ok();
        });
    }
    VoidResult wait_for_stop() {
        return answer_of(*this, [this] { return wait_for_end_of(engine().get(), id_); });
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

    /// Begins the next life, which `make(callbacks)` makes and starts, unless the last one is not
    /// over: then `refusal(engine)`.
    template <typename Refusal, typename Make>
    Result<std::shared_ptr<Engine>> begin(const Refusal& refusal, const Make& make) {
        return answer_of(*this, [&]() -> Result<std::shared_ptr<Engine>> {
            // Let go after the lock: what is stored in it may have destructors of the
            // application's.
            std::shared_ptr<Engine> former;
            const std::lock_guard lock(mutex_);
            if (engine_ && !engine_->is_finished()) {
                return refusal(*engine_);
            }
            Result<std::shared_ptr<Engine>> made = make(callbacks_);
            if (made) {
                former = std::exchange(engine_, made.value());
            }
            return made;
        });
    }
    void forget(const std::shared_ptr<Engine>& one) {
        // The caller's reference is not the last one here.
        const std::lock_guard lock(mutex_);
        if (engine_ == one) {
            engine_.reset();
        }
    }

protected:
    /// The end of the object: a stop if the thread may wait for it. First in the destructor of
    /// whoever has members that callbacks reach.
    void shut_down() {
        if (is_left_behind()) {
            detail::keep_for_ever(std::move(engine_));
            return;
        }
        const auto current = engine();
        if (current && !(current->may_block() && stop_patiently([this] { return stop(); }))) {
            current->abandon();
        }
    }

private:
    /// Unless callbacks are in use.
    template <typename Callback>
    [[nodiscard]] bool exchange_callback(Callback Callbacks::*which, Callback& callback) {
        const std::lock_guard lock(mutex_);
        if (engine_ && !engine_->end().is_over()) {
            return false;
        }
        std::swap((*callbacks_).*which, callback);
        return true;
    }

    const std::string id_;
    const errc not_started_;
    const bool owns_pool_;
    mutable detail::origin made_in_;
    mutable std::mutex mutex_;
    const std::shared_ptr<Callbacks> callbacks_;
    std::shared_ptr<Engine> engine_;
};

}  // namespace network_system::core

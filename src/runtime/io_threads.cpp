#include "runtime/io_threads.h"

#include "os/cpus.h"
#include "utils/log.h"
#include "utils/process.h"
#include "utils/threads.h"
#include "utils/user_code.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace network_system::inline v0_1::runtime::io_threads {
namespace {

// A callback that never returns must not keep the process from exiting.
constexpr std::chrono::seconds exit_patience{1};

thread_local bool is_in_hook = false;

/// Code of the application's on an I/O thread that runs no loop at the moment.
class hook_scope {
public:
    hook_scope() noexcept { is_in_hook = true; }
    hook_scope(const hook_scope&) = delete;
    hook_scope& operator=(const hook_scope&) = delete;
    ~hook_scope() { is_in_hook = false; }

private:
    const loop::callback_scope nothing_blocks_;
};

void prepare_thread(const settings& how, std::size_t number) {
    if (!how.placement.empty()) {
        if (const auto failed = cpus::run_on(how.placement[number % how.placement.size()])) {
            throw std::system_error(failed, "placing the thread");
        }
    }
    if (how.on_start) {
        const hook_scope here;
        if (const auto thrown = detail::run_user_code([&] { how.on_start(number); })) {
            throw hook_failure(thrown->text);
        }
    }
}

void finish_thread(const settings& how, std::size_t number) {
    if (!how.on_stop) {
        return;
    }
    const hook_scope here;
    if (const auto thrown = detail::run_user_code([&] { how.on_stop(number); })) {
        detail::log(log_level::error, {"io_thread"}, "on_stop threw: {}", thrown->text);
    }
}

}  // namespace

/// Guarded by the registry's mutex.
struct io_thread {
    // Null before the thread has made its loop, and once it has left it.
    std::shared_ptr<loop_runner> runner;
    // It is not to begin with its loop any more.
    bool is_ending = false;
    // The loop is gone too, with all that was left in it: who joins the thread waits for no user
    // code, and may hold locks.
    bool is_done = false;
    detail::thread thread;
    detail::origin made_in;
};

namespace {

/// What became of the start of a thread, for the one who waits for it. (A std::promise that is
/// broken for want of memory ends the process.)
class start_outcome {
public:
    void give(std::shared_ptr<loop> made) {
        settle([&] { loop_ = std::move(made); });
    }
    void fail(std::exception_ptr why) {
        settle([&] { failure_ = std::move(why); });
    }

    /// Throws what has failed.
    [[nodiscard]] std::shared_ptr<loop> wait() {
        std::unique_lock lock(mutex_);
        settled_.wait(lock, [this] { return is_settled_; });
        if (failure_) {
            std::rethrow_exception(failure_);
        }
        return std::move(loop_);
    }

private:
    template <typename Settle>
    void settle(const Settle& how) {
        const std::lock_guard lock(mutex_);
        how();
        is_settled_ = true;
        settled_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable settled_;
    bool is_settled_ = false;
    std::shared_ptr<loop> loop_;
    std::exception_ptr failure_;
};

class registry {
public:
    static registry& instance() {
        // Never destroyed: objects that nobody destroys use it while the process exits.
        static auto* const all = [] {
            auto* const made = new registry;
            // Held while the process forks, so that the child finds the list whole.
            (void)detail::call_around_forks([] { instance().mutex_.lock(); },
                                            [] { instance().mutex_.unlock(); },
                                            [] { instance().begin_child(); });
            return made;
        }();
        return *all;
    }
    static void end_all_at_exit() noexcept {
        detail::call_at_exit([] { instance().end_all(); });
    }

    started start(const settings& how, std::size_t number) {
        end_all_at_exit();
        join_done();
        const auto made = std::make_shared<io_thread>();
        const auto outcome = std::make_shared<start_outcome>();
        {
            const std::lock_guard lock(mutex_);
            // First, so that nothing can fail once the thread runs.
            std::list<handle> added{made};
            made->thread = detail::make_thread(detail::numbered_name(how.name, number),
                                               [this, made, how, number, outcome] {
                                                   run(*made, how, number, *outcome);
                                                   record_done(*made);
                                               });
            threads_.splice(threads_.end(), added);
        }
        try {
            return {made, outcome->wait()};
        } catch (...) {
            end(made);
            throw;
        }
    }

    void end(const handle& which) {
        if (!which->made_in.is_here()) {
            return;
        }
        const bool may_wait = !loop::is_on_io_thread();
        detail::thread ending;
        {
            const std::lock_guard lock(mutex_);
            stop(*which);
            // Not found when it was ended before.
            if (may_wait && threads_.remove(which) > 0) {
                ending = std::move(which->thread);
            }
        }
        if (ending.joinable()) {
            ending.join();
        }
    }

private:
    /// The thread.
    void run(io_thread& self, const settings& how, std::size_t number, start_outcome& outcome) {
        try {
            prepare_thread(how, number);
        } catch (...) {
            outcome.fail(std::current_exception());
            return;
        }
        run_loop(self, how.method, outcome);
        finish_thread(how, number);
    }
    void run_loop(io_thread& self, readiness_method method, start_outcome& outcome) {
        std::shared_ptr<loop_runner> runner;
        try {
            runner = loop_runner::make(method);
        } catch (...) {
            outcome.fail(std::current_exception());
            return;
        }
        const bool may_run = keep_runner(self, runner);
        outcome.give(runner->loop_ptr());
        if (may_run) {
            runner->run();
        }
        forget_runner(self);
        // The last reference is this one: the loop shuts down as it goes.
    }

    static void stop(io_thread& which) {
        which.is_ending = true;
        if (which.runner) {
            which.runner->stop();
        }
    }
    [[nodiscard]] bool keep_runner(io_thread& of, const std::shared_ptr<loop_runner>& runner) {
        const std::lock_guard lock(mutex_);
        of.runner = runner;
        return !of.is_ending;
    }

    void begin_child() noexcept {
        for (const auto& each : threads_) {
            if (each->runner) {
                each->runner->loop_ptr()->close_copies();
            }
        }
        // Kept: nobody can join them, or end what they were doing.
        left_behind_.splice(left_behind_.end(), threads_);
        // Who waited for it does not exist, and would be waited for.
        std::construct_at(&done_);
        mutex_.unlock();
    }

    void forget_runner(io_thread& which) {
        const std::lock_guard lock(mutex_);
        which.runner.reset();
    }
    void record_done(io_thread& which) {
        const std::lock_guard lock(mutex_);
        which.is_done = true;
        done_.notify_all();
    }

    void join_done() {
        std::list<handle> done;
        {
            const std::lock_guard lock(mutex_);
            for (auto next = threads_.begin(); next != threads_.end();) {
                const auto each = next++;
                // What an ending thread destroys last, its thread-locals, may start another: it
                // cannot join itself.
                const bool is_own = (*each)->thread.get_id() == std::this_thread::get_id();
                if ((*each)->is_done && !is_own) {
                    done.splice(done.end(), threads_, each);
                }
            }
        }
        for (const auto& each : done) {
            each->thread.join();
        }
    }

    void end_all() {
        std::unique_lock lock(mutex_);
        const auto ending = std::exchange(threads_, {});
        for (const auto& each : ending) {
            stop(*each);
        }
        const auto deadline = detail::after(std::chrono::steady_clock::now(), exit_patience);
        for (const auto& each : ending) {
            // A callback may have called exit().
            const bool is_own = each->thread.get_id() == std::this_thread::get_id();
            if (is_own || !done_.wait_until(lock, deadline, [&] { return each->is_done; })) {
                each->thread.detach();
            }
        }
        lock.unlock();
        for (const auto& each : ending) {
            if (each->thread.joinable()) {
                each->thread.join();
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable done_;
    std::list<handle> threads_;
    // A parent's.
    std::list<handle> left_behind_;
};

[[maybe_unused]] const registry& registry_at_load = registry::instance();

}  // namespace

started start(const settings& how, std::size_t number) {
    return registry::instance().start(how, number);
}

bool runs_hook() noexcept {
    return is_in_hook;
}

void end(const handle& which) {
    registry::instance().end(which);
}

void end_after_caller() {
    registry::end_all_at_exit();
}

}  // namespace network_system::runtime::io_threads

#include "runtime/io_threads.h"

#include "utils/process.h"
#include "utils/threads.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace network_system::inline v0_1::runtime::io_threads {
namespace {

// A callback that never returns must not keep the process from exiting.
constexpr std::chrono::seconds exit_patience{1};

}  // namespace

/// Guarded by the registry's mutex.
struct io_thread {
    // Null once the thread has left its loop.
    std::shared_ptr<loop_runner> runner;
    // The loop is gone too, with all that was left in it: who joins the thread waits for no user
    // code, and may hold locks.
    bool is_done = false;
    detail::thread thread;
    detail::origin made_in;
};

namespace {

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
        [[maybe_unused]] static const int status = std::atexit([] { all->end_all(); });
        return *all;
    }

    handle start(readiness_method method) {
        join_done();
        auto made = std::make_shared<io_thread>();
        made->runner = loop_runner::make(method);
        const std::lock_guard lock(mutex_);
        // First, so that nothing can fail once the thread runs.
        std::list<handle> added{made};
        // The runner's last reference is the thread's own: it shuts the loop down as it goes.
        made->thread = detail::make_thread([this, made, runner = made->runner]() mutable {
            runner->run();
            forget_runner(*made);
            runner.reset();
            record_done(*made);
        });
        threads_.splice(threads_.end(), added);
        return made;
    }

    void end(const handle& which) {
        if (!which->made_in.is_here()) {
            return;
        }
        const bool may_wait = !loop::is_on_io_thread();
        detail::thread ending;
        {
            const std::lock_guard lock(mutex_);
            if (which->runner) {
                which->runner->stop();
            }
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
            if (each->runner) {
                each->runner->stop();
            }
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

}  // namespace

handle start(readiness_method method) {
    return registry::instance().start(method);
}

std::shared_ptr<loop> loop_of(const handle& which) {
    return which->runner->loop_ptr();
}

void end(const handle& which) {
    registry::instance().end(which);
}

void end_after_caller() {
    (void)registry::instance();
}

}  // namespace network_system::runtime::io_threads

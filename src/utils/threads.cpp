#include "utils/threads.h"

#include <utility>

#ifndef _WIN32
#include <csignal>
#endif

namespace network_system::inline v0_1::detail {
namespace {

#ifdef _WIN32

class signals_blocked {};
void open_to_faults() noexcept {}

#else

/// Signals that a thread raises by what it does.
constexpr int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

/// Blocks what no thread of ours takes, for the calling thread and those it makes meanwhile.
class signals_blocked {
public:
    signals_blocked() noexcept {
        ::sigset_t blocked;
        ::sigfillset(&blocked);
        ::sigdelset(&blocked, SIGPROF);
        for (const int each : faults) {
            ::sigdelset(&blocked, each);
        }
        (void)::pthread_sigmask(SIG_BLOCK, &blocked, &before_);
    }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;
    ~signals_blocked() { (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    ::sigset_t before_{};
};

/// A program that blocks everything in main still wants to know where it crashed: a fault that is
/// blocked ends the process without a handler.
void open_to_faults() noexcept {
    ::sigset_t open;
    ::sigemptyset(&open);
    for (const int each : faults) {
        ::sigaddset(&open, each);
    }
    (void)::pthread_sigmask(SIG_UNBLOCK, &open, nullptr);
}

#endif

}  // namespace

thread make_thread(unique_function<void()> work) {
    [[maybe_unused]] const signals_blocked from_the_first_instruction_on;
    return thread(std::thread([work = std::move(work)]() mutable {
        open_to_faults();
        // Dropped here, not with the thread's own storage: what it holds may have destructors.
        auto mine = std::move(work);
        mine();
    }));
}

}  // namespace network_system::detail

#include "utils/threads.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#ifdef _WIN32
#include <windows.h>
#else
#include <pthread.h>

#include <csignal>
#endif

namespace network_system::inline v0_1::detail {
namespace {

#ifdef _WIN32

class signals_blocked {};
void open_to_faults() noexcept {}

void name_this_thread(const std::string& name) noexcept {
    std::wstring wide(name.begin(), name.end());
    (void)::SetThreadDescription(::GetCurrentThread(), wide.c_str());
}

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

void name_this_thread([[maybe_unused]] const std::string& name) noexcept {
#ifdef __linux__
    (void)::pthread_setname_np(::pthread_self(), name.c_str());
#elif defined(__APPLE__)
    (void)::pthread_setname_np(name.c_str());
#endif
}

#endif

// Of Linux, and short enough for a string that allocates nothing.
constexpr std::size_t longest_thread_name = 15;

}  // namespace

std::string numbered_name(std::string_view of_all, std::size_t number) {
    const std::string end = fmt::format("-{}", number);
    return fmt::format("{}{}", of_all.substr(0, longest_thread_name - end.size()), end);
}

thread make_thread(std::string_view name, unique_function<void()> work) {
    [[maybe_unused]] const signals_blocked from_the_first_instruction_on;
    return thread(std::thread([name = std::string(name.substr(0, longest_thread_name)),
                               work = std::move(work)]() mutable {
        open_to_faults();
        if (!name.empty()) {
            name_this_thread(name);
        }
        // Dropped here, not with the thread's own storage: what it holds may have destructors.
        auto mine = std::move(work);
        mine();
    }));
}

}  // namespace network_system::detail

#include "first_use/held_guards.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <atomic>
#include <semaphore>

namespace network_system::inline v0_1::testing::held_guards {
namespace {

constinit thread_local bool is_never_held = false;
constinit std::atomic<bool> holds{false};
constinit std::atomic<bool> is_finished{false};
std::counting_semaphore<> arrived{0};
std::counting_semaphore<> may_go{0};

using acquire = int (*)(__cxxabiv1::__guard*);
constinit std::atomic<acquire> acquire_of_library{nullptr};

}  // namespace

void hold_others() {
    is_never_held = true;
    holds = true;
}

void release_all() {
    holds = false;
}

bool wait() {
    arrived.acquire();
    return !is_finished;
}

void go_on() {
    may_go.release();
}

void finish() {
    is_finished = true;
    arrived.release();
}

}  // namespace network_system::testing::held_guards

/// Called in place of the C++ library's, since the program has it.
extern "C" int __cxa_guard_acquire(__cxxabiv1::__guard* guard) {
    using namespace network_system::testing;
    auto next = held_guards::acquire_of_library.load();
    if (next == nullptr) {
        next = reinterpret_cast<held_guards::acquire>(::dlsym(RTLD_NEXT, "__cxa_guard_acquire"));
        held_guards::acquire_of_library = next;
    }
    const int is_first = next(guard);
    if (is_first != 0 && held_guards::holds && !held_guards::is_never_held) {
        held_guards::arrived.release();
        held_guards::may_go.acquire();
    }
    return is_first;
}

#include "utils/process.h"

#include <utility>

#ifndef _WIN32
#include <pthread.h>
#endif

namespace network_system::inline v0_1::detail {

constinit std::atomic<unsigned> fork_depth{0};

bool call_around_forks([[maybe_unused]] void (*before)(), [[maybe_unused]] void (*in_parent)(),
                       [[maybe_unused]] void (*in_child)()) noexcept {
#ifdef _WIN32
    return true;
#else
    return ::pthread_atfork(before, in_parent, in_child) == 0;
#endif
}

namespace {

/// Without it a child takes its parent's objects for its own.
[[maybe_unused]] const bool counts_forks =
    call_around_forks(nullptr, nullptr, [] { fork_depth.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

void keep_for_ever(std::shared_ptr<void> object) {
    struct kept {
        std::shared_ptr<void> object;
        kept* next;
    };
    static constinit std::atomic<kept*> all{nullptr};
    auto* const added = new kept{std::move(object), all.load(std::memory_order_relaxed)};
    while (!all.compare_exchange_weak(added->next, added, std::memory_order_relaxed)) {}
}

}  // namespace network_system::detail

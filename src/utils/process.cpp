#include "utils/process.h"

#include <utility>

#ifndef _WIN32
#include <pthread.h>
#endif

namespace network_system::detail {

constinit std::atomic<unsigned> fork_depth{0};

void watch_forks() noexcept {
#ifndef _WIN32
    // Fails without memory only; then a child takes its parent's objects for its own.
    [[maybe_unused]] static const int status = ::pthread_atfork(
        nullptr, nullptr, [] { fork_depth.fetch_add(1, std::memory_order_relaxed); });
#endif
}

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

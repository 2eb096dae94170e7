#include "allocation/counting_heap.h"

#include "support/replaced_heap.h"

#include <atomic>

namespace {

std::atomic<bool> is_counting{false};
std::atomic<std::size_t> allocations{0};

}  // namespace

bool replaced_heap::may_allocate() noexcept {
    if (is_counting.load(std::memory_order_relaxed)) {
        allocations.fetch_add(1, std::memory_order_relaxed);
    }
    return true;
}

namespace counting_heap {

void start() noexcept {
    allocations = 0;
    is_counting = true;
}

std::size_t stop() noexcept {
    is_counting = false;
    return allocations;
}

}  // namespace counting_heap

#include "memory/failing_heap.h"

#include "support/replaced_heap.h"

#include <atomic>

namespace {

// Allocations until the first that fails, then, below zero, those that still do.
std::atomic<bool> is_armed{false};
std::atomic<long> until_failure{0};
std::atomic<long> left_to_fail{0};
std::atomic<std::size_t> failures{0};

}  // namespace

bool replaced_heap::may_allocate() noexcept {
    if (!is_armed.load(std::memory_order_relaxed) || failing_heap::exempt::is_on() ||
        until_failure.fetch_sub(1, std::memory_order_relaxed) > 1 ||
        left_to_fail.fetch_sub(1, std::memory_order_relaxed) <= 0) {
        return true;
    }
    failures.fetch_add(1, std::memory_order_relaxed);
    return false;
}

namespace failing_heap {

thread_local int exempt::depth_ = 0;

void fail_from(std::size_t first, std::size_t count) noexcept {
    failures = 0;
    left_to_fail = static_cast<long>(count);
    until_failure = static_cast<long>(first);
    is_armed = true;
}

std::size_t stop() noexcept {
    is_armed = false;
    return failures;
}

}  // namespace failing_heap

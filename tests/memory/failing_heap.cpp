// A source of its own: where a compiler sees into these functions, it takes free() for a mistake.
#include "memory/failing_heap.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

// Allocations until the first that fails, then, below zero, those that still do.
std::atomic<bool> is_armed{false};
std::atomic<long> until_failure{0};
std::atomic<long> left_to_fail{0};
std::atomic<std::size_t> failures{0};

bool must_fail() noexcept {
    if (!is_armed.load(std::memory_order_relaxed) || failing_heap::exempt::is_on() ||
        until_failure.fetch_sub(1, std::memory_order_relaxed) > 1 ||
        left_to_fail.fetch_sub(1, std::memory_order_relaxed) <= 0) {
        return false;
    }
    failures.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void* allocated(std::size_t size, std::size_t alignment) {
    // aligned_alloc wants a multiple of the alignment.
    const std::size_t rounded = std::max(size + alignment - 1, alignment) / alignment * alignment;
    void* const memory = must_fail() ? nullptr : std::aligned_alloc(alignment, rounded);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

}  // namespace

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

// All forms: where one is missing, a sanitizer has one of its own.
void* operator new(std::size_t size) {
    return allocated(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size) {
    return allocated(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocated(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return must_fail() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return must_fail() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}

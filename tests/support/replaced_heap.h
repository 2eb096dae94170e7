// All forms of operator new and delete, for one source of a program: where one is missing, a
// sanitizer has one of its own. That source is to do nothing else: where a compiler sees into these
// functions, it takes free() for a mistake.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace replaced_heap {

/// Asked at each allocation: whether it may succeed. Defined by the program.
[[nodiscard]] bool may_allocate() noexcept;

[[nodiscard]] inline void* allocate(std::size_t size,
                                    std::size_t alignment = alignof(std::max_align_t)) noexcept {
    // aligned_alloc wants a multiple of the alignment.
    const std::size_t rounded = std::max(size + alignment - 1, alignment) / alignment * alignment;
    return may_allocate() ? std::aligned_alloc(alignment, rounded) : nullptr;
}

[[nodiscard]] inline void* or_throw(void* memory) {
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

}  // namespace replaced_heap

void* operator new(std::size_t size) {
    return replaced_heap::or_throw(replaced_heap::allocate(size));
}
void* operator new[](std::size_t size) {
    return replaced_heap::or_throw(replaced_heap::allocate(size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return replaced_heap::or_throw(
        replaced_heap::allocate(size, static_cast<std::size_t>(alignment)));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return replaced_heap::allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return replaced_heap::allocate(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}

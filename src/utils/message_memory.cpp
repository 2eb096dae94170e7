#include "utils/memory_return.h"

#include <network_system/internal/message_memory.h>

#include <cstring>
#include <new>

#ifndef _WIN32
#include <sys/mman.h>
#endif

// A sanitizer watches the heap.
#if defined(_WIN32) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NETWORK_MAPS_NOTHING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
    __has_feature(thread_sanitizer)
#define NETWORK_MAPS_NOTHING 1
#endif
#endif

namespace network_system::inline v0_1::internal {
namespace {

bool is_mapped([[maybe_unused]] std::size_t capacity) noexcept {
#ifdef NETWORK_MAPS_NOTHING
    return false;
#else
    return capacity >= message_memory::mapped_from;
#endif
}

std::uint8_t* allocate(std::size_t size) noexcept {
#ifndef NETWORK_MAPS_NOTHING
    if (is_mapped(size)) {
        void* const pages =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return pages == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(pages);
    }
#endif
    return new (std::nothrow) std::uint8_t[size];
}

}  // namespace

bool message_memory::grow(std::size_t capacity, std::size_t used) noexcept {
#if defined(__linux__) && !defined(NETWORK_MAPS_NOTHING)
    if (is_mapped(capacity_)) {
        // The pages move, not the bytes.
        void* const pages = ::mremap(bytes_, capacity_, capacity, MREMAP_MAYMOVE);
        if (pages == MAP_FAILED) {
            return false;
        }
        bytes_ = static_cast<std::uint8_t*>(pages);
        capacity_ = capacity;
        return true;
    }
#endif
    std::uint8_t* const larger = allocate(capacity);
    if (larger == nullptr) {
        return false;
    }
    if (used > 0) {
        std::memcpy(larger, bytes_, used);
    }
    release();
    bytes_ = larger;
    capacity_ = capacity;
    if (!is_mapped(capacity)) {
        detail::record_taken(capacity);
    }
    return true;
}

void message_memory::release() noexcept {
    if (bytes_ == nullptr) {
        return;
    }
#ifndef NETWORK_MAPS_NOTHING
    if (is_mapped(capacity_)) {
        (void)::munmap(bytes_, capacity_);
        bytes_ = nullptr;
        capacity_ = 0;
        return;
    }
#endif
    delete[] bytes_;
    detail::record_freed(capacity_);
    bytes_ = nullptr;
    capacity_ = 0;
}

}  // namespace network_system::internal

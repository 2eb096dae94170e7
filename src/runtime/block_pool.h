#pragma once

#include "utils/memory_return.h"

#include <cstddef>
#include <new>
#include <utility>

namespace network_system::inline v0_1::runtime {

/// Keeps a few free blocks of memory for the write queues of one loop, so that idle connections
/// hold none and busy ones allocate none.
///
/// Thread-safety: none.
class block_pool {
public:
    static constexpr std::size_t block_size = std::size_t{16} * 1024;

    block_pool() = default;
    block_pool(const block_pool&) = delete;
    block_pool& operator=(const block_pool&) = delete;
    ~block_pool() {
        while (free_ != nullptr) {
            release(std::exchange(free_, free_->next));
        }
    }

    /// `block_size` bytes with fundamental alignment. A null pool allocates directly.
    [[nodiscard]] static void* take(block_pool* pool) {
        if (pool != nullptr) {
            ++pool->taken_;
        }
        if (pool == nullptr || pool->free_ == nullptr) {
            void* const block = ::operator new(block_size);
            detail::record_taken(block_size);
            return block;
        }
        --pool->count_;
        return std::exchange(pool->free_, pool->free_->next);
    }

    static void give_back(block_pool* pool, void* block) noexcept {
        if (pool == nullptr || pool->count_ == kept) {
            release(block);
            return;
        }
        ++pool->count_;
        pool->free_ = ::new (block) free_block{pool->free_};
    }

    /// How many have ever been taken.
    [[nodiscard]] std::size_t taken() const noexcept { return taken_; }

private:
    struct free_block {
        free_block* next;
    };
    // One megabyte a loop.
    static constexpr std::size_t kept = 64;

    static void release(void* block) noexcept {
        ::operator delete(block);
        detail::record_freed(block_size);
    }

    free_block* free_ = nullptr;
    std::size_t count_ = 0;
    std::size_t taken_ = 0;
};

}  // namespace network_system::runtime

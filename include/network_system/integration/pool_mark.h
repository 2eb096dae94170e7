#pragma once

#include <network_system/utils/thread_pool_interface.h>

#include <utility>

namespace network_system::inline v0_1::integration {

/// For adapters to pools that do not know their threads: the calling thread is one of the pool's
/// while this lives.
class pool_mark {
public:
    explicit pool_mark(const thread_pool_interface* pool) noexcept
        : before_(std::exchange(current_, pool)) {}
    pool_mark(const pool_mark&) = delete;
    pool_mark& operator=(const pool_mark&) = delete;
    ~pool_mark() { current_ = before_; }

    [[nodiscard]] static bool is_on(const thread_pool_interface* pool) noexcept {
        return current_ == pool;
    }

private:
    static inline thread_local const thread_pool_interface* current_ = nullptr;

    const thread_pool_interface* const before_;
};

}  // namespace network_system::integration

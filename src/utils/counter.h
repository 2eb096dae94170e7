#pragma once

#include <atomic>
#include <cstdint>

namespace network_system::detail {

/// A number that one thread counts up, without read-modify-write, and any thread may read.
class counter {
public:
    void add(std::uint64_t more) noexcept {
        value_.store(value() + more, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }
    operator std::uint64_t() const noexcept { return value(); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace network_system::detail

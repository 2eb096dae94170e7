#pragma once

#include <atomic>
#include <cstdint>

namespace network_system::inline v0_1::detail {

/// A number that one thread at a time counts up, without read-modify-write, and any thread may
/// read. Where several threads write in turn, what orders them is theirs.
class counter {
public:
    void add(std::uint64_t more = 1) noexcept {
        value_.store(value() + more, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }
    operator std::uint64_t() const noexcept { return value(); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// The same for several threads at once, at the price of a read-modify-write.
class shared_counter {
public:
    void add(std::uint64_t more = 1) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }
    operator std::uint64_t() const noexcept { return value(); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace network_system::detail

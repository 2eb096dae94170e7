#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace network_system::inline v0_1::internal {

/// Memory that a message is collected in. From `mapped_from` bytes on it is of the operating
/// system's, and goes back there at once: in the heap, the room of one large message may be kept
/// for the next.
///
/// Thread-safety: none.
class NETWORK_SYSTEM_EXPORT message_memory {
public:
    static constexpr std::size_t mapped_from = std::size_t{256} * 1024;

    message_memory() noexcept = default;
    message_memory(message_memory&& other) noexcept
        : bytes_(std::exchange(other.bytes_, nullptr)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    message_memory& operator=(message_memory&& other) noexcept {
        if (this != &other) {
            release();
            bytes_ = std::exchange(other.bytes_, nullptr);
            capacity_ = std::exchange(other.capacity_, 0);
        }
        return *this;
    }
    message_memory(const message_memory&) = delete;
    message_memory& operator=(const message_memory&) = delete;
    ~message_memory() { release(); }

    [[nodiscard]] std::uint8_t* get() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

    /// Makes room for `capacity` bytes, more than there is now, and keeps the first `used` ones.
    /// False, and nothing has changed, when there is no memory.
    [[nodiscard]] bool grow(std::size_t capacity, std::size_t used) noexcept;
    void release() noexcept;

private:
    std::uint8_t* bytes_ = nullptr;
    std::size_t capacity_ = 0;
};

}  // namespace network_system::internal

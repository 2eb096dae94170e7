#pragma once

#include "utils/memory_return.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

/// Callbacks that wait to be run, one behind the other in one block of memory: what is written by
/// one thread is handed to another whole. An empty one holds no memory until something is added.
///
/// Thread-safety: none.
class callback_records {
public:
    enum class kind : std::uint32_t { open, text, binary, numbered, request, event, writable };
    /// Whether it counts as a message received.
    [[nodiscard]] static constexpr bool is_message(kind what) noexcept {
        return what == kind::text || what == kind::binary || what == kind::numbered ||
               what == kind::request;
    }

    struct record {
        kind what;
        /// Of a request or a message that has one, or which event; else 0.
        std::uint64_t id;
        /// Valid until the records change.
        std::span<const std::uint8_t> data;
    };

    callback_records() noexcept = default;
    callback_records(callback_records&& other) noexcept { swap(other); }
    callback_records& operator=(callback_records&& other) noexcept {
        callback_records(std::move(other)).swap(*this);
        return *this;
    }
    callback_records(const callback_records&) = delete;
    callback_records& operator=(const callback_records&) = delete;
    ~callback_records() { detail::record_freed(capacity_); }

    void add(kind what, std::uint64_t id, std::span<const std::uint8_t> data);
    void add_all(const callback_records& others);
    /// The next in order; nothing after the last.
    [[nodiscard]] std::optional<record> next() noexcept;
    /// Forgets all, keeps the memory.
    void clear() noexcept { size_ = read_ = 0; }
    void swap(callback_records& other) noexcept;

    /// Whether nothing was added since the last clear.
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] bool has_next() const noexcept { return read_ < size_; }
    /// Of all records, those already read included, with what is stored beside the data.
    [[nodiscard]] std::size_t bytes() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

private:
    struct header {
        std::uint64_t id;
        std::uint32_t size;
        kind what;
    };

    [[nodiscard]] std::uint8_t* grow(std::size_t more);

    std::unique_ptr<std::uint8_t[]> bytes_;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
    std::size_t read_ = 0;
};

/// Memory of records that were delivered, for those to come: shared by all sessions of an engine,
/// so that idle ones hold none.
///
/// Thread-safety: every member may be called from any thread.
class spare_records {
public:
    /// Empty records, with memory if there is some.
    [[nodiscard]] callback_records take();
    /// Keeps the memory if it is worth it and not too much.
    void give(callback_records used) noexcept;

private:
    // 4 MiB at most.
    static constexpr std::size_t most_kept = 256;
    static constexpr std::size_t largest_kept = std::size_t{16} * 1024;

    std::mutex mutex_;
    std::vector<callback_records> kept_;
};

}  // namespace network_system::core

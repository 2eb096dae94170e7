#pragma once

#include "runtime/time_source.h"

#include <network_system/utils/unique_function.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace network_system::inline v0_1::runtime {

class deadline_wheel;

/// Something with one deadline. Leaves its wheel when destroyed.
class deadline_entry {
public:
    deadline_entry() = default;
    deadline_entry(const deadline_entry&) = delete;
    deadline_entry& operator=(const deadline_entry&) = delete;

    [[nodiscard]] bool is_set() const noexcept { return wheel_ != nullptr; }

    /// The deadline has passed. The entry is no longer set; it may set itself again.
    virtual void on_deadline(steady_time now) = 0;

protected:
    ~deadline_entry();

private:
    friend class deadline_wheel;

    deadline_wheel* wheel_ = nullptr;
    deadline_entry* previous_ = nullptr;
    deadline_entry* next_ = nullptr;
    std::uint64_t tick_ = 0;
};

/// A hierarchical timing wheel (Varghese and Lauck, scheme 6): setting and cancelling cost O(1),
/// entries move at most once per level. Resolution one millisecond, rounded up: a deadline never
/// fires early.
///
/// Thread-safety: none; used on the loop's executor.
class deadline_wheel {
public:
    explicit deadline_wheel(steady_time origin) noexcept;
    deadline_wheel(const deadline_wheel&) = delete;
    deadline_wheel& operator=(const deadline_wheel&) = delete;
    ~deadline_wheel();

    /// Sets or moves the entry's deadline. `steady_time::max()` is never: as `cancel`.
    void set(deadline_entry& entry, steady_time deadline) noexcept;
    static void cancel(deadline_entry& entry) noexcept;

    /// Fires every entry whose deadline is at or before `now`; `after_each` runs behind each.
    void advance(steady_time now, const unique_function<void()>& after_each = {});

    /// When `advance` has to be called next; nothing while no entry is set. Never later than the
    /// earliest deadline, possibly earlier (an entry then moves down a level).
    [[nodiscard]] std::optional<steady_time> next() const noexcept;

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

private:
    static constexpr unsigned level_bits = 6;
    static constexpr std::size_t slots_per_level = std::size_t{1} << level_bits;
    static constexpr std::size_t levels = 6;
    static constexpr std::uint64_t max_span = (std::uint64_t{1} << (level_bits * levels)) - 1;

    // The head of a circular list: never fires.
    struct list_head final : deadline_entry {
        void on_deadline(steady_time) override {}
    };
    struct slot_position {
        std::size_t level;
        std::size_t slot;
        std::uint64_t tick;
    };

    [[nodiscard]] std::uint64_t tick_of(steady_time time) const noexcept;
    [[nodiscard]] std::optional<slot_position> first_occupied() const noexcept;
    void insert(deadline_entry& entry) noexcept;
    void unlink(deadline_entry& entry) noexcept;
    void drain_slot(const slot_position& position, steady_time now,
                    const unique_function<void()>& after_each);

    steady_time origin_;
    std::uint64_t elapsed_ = 0;
    std::size_t size_ = 0;
    std::array<std::uint64_t, levels> occupied_{};
    std::array<std::array<list_head, slots_per_level>, levels> slots_;
    list_head due_;
};

}  // namespace network_system::runtime

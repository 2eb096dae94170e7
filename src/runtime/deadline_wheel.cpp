#include "runtime/deadline_wheel.h"

#include "utils/contain.h"

#include <algorithm>
#include <bit>

namespace network_system::inline v0_1::runtime {

using std::chrono::milliseconds;

deadline_entry::~deadline_entry() {
    deadline_wheel::cancel(*this);
}

deadline_wheel::deadline_wheel(steady_time origin) noexcept : origin_(origin) {
    const auto make_empty = [](list_head& head) { head.previous_ = head.next_ = &head; };
    for (auto& level : slots_) {
        std::for_each(level.begin(), level.end(), make_empty);
    }
    make_empty(due_);
}

deadline_wheel::~deadline_wheel() {
    const auto release = [](list_head& head) {
        for (deadline_entry* entry = head.next_; entry != &head; entry = entry->next_) {
            entry->wheel_ = nullptr;
        }
    };
    for (auto& level : slots_) {
        std::for_each(level.begin(), level.end(), release);
    }
    release(due_);
}

std::uint64_t deadline_wheel::tick_of(steady_time time) const noexcept {
    const auto since = std::chrono::duration_cast<milliseconds>(time - origin_).count();
    return since > 0 ? static_cast<std::uint64_t>(since) : 0;
}

void deadline_wheel::set(deadline_entry& entry, steady_time deadline) noexcept {
    cancel(entry);
    if (deadline == steady_time::max()) {
        return;
    }
    // One more tick: the duration was rounded down, and a deadline must not fire early.
    entry.tick_ = std::max(tick_of(deadline), elapsed_) + 1;
    insert(entry);
}

void deadline_wheel::insert(deadline_entry& entry) noexcept {
    // What lies beyond the wheel waits in its last slot, and is inserted again from there.
    const std::uint64_t tick = std::min(entry.tick_, elapsed_ + max_span / 2);
    const std::uint64_t differing = (tick ^ elapsed_) | (slots_per_level - 1);
    const auto level = std::min<std::size_t>(
        (63U - static_cast<unsigned>(std::countl_zero(differing))) / level_bits, levels - 1);
    const std::size_t slot = (tick >> (level_bits * level)) % slots_per_level;

    list_head& head = slots_[level][slot];
    entry.wheel_ = this;
    entry.previous_ = head.previous_;
    entry.next_ = &head;
    entry.previous_->next_ = &entry;
    head.previous_ = &entry;
    occupied_[level] |= std::uint64_t{1} << slot;
    ++size_;
}

void deadline_wheel::unlink(deadline_entry& entry) noexcept {
    entry.previous_->next_ = entry.next_;
    entry.next_->previous_ = entry.previous_;
    entry.wheel_ = nullptr;
    --size_;
}

void deadline_wheel::cancel(deadline_entry& entry) noexcept {
    if (entry.wheel_ != nullptr) {
        // The slot's bit stays set; an empty slot costs one look when its time comes.
        entry.wheel_->unlink(entry);
    }
}

std::optional<deadline_wheel::slot_position> deadline_wheel::first_occupied() const noexcept {
    for (std::size_t level = 0; level < levels; ++level) {
        if (occupied_[level] == 0) {
            continue;
        }
        // Entries of a lower level always come before those of a higher one.
        const unsigned shift = level_bits * static_cast<unsigned>(level);
        const std::uint64_t now_slot = (elapsed_ >> shift) % slots_per_level;
        const auto distance = static_cast<std::uint64_t>(
            std::countr_zero(std::rotr(occupied_[level], static_cast<int>(now_slot))));
        const std::uint64_t absolute = (elapsed_ >> shift) + distance;
        return slot_position{level, static_cast<std::size_t>(absolute % slots_per_level),
                             absolute << shift};
    }
    return std::nullopt;
}

std::optional<steady_time> deadline_wheel::next() const noexcept {
    if (empty()) {
        return std::nullopt;
    }
    const auto position = first_occupied();
    return after(origin_, milliseconds(static_cast<milliseconds::rep>(position->tick)));
}

void deadline_wheel::advance(steady_time now, const unique_function<void()>& after_each) {
    const std::uint64_t target = tick_of(now);
    for (auto position = first_occupied(); position && position->tick <= target;
         position = first_occupied()) {
        elapsed_ = std::max(elapsed_, position->tick);
        drain_slot(*position, now, after_each);
    }
    elapsed_ = std::max(elapsed_, target);
}

void deadline_wheel::drain_slot(const slot_position& position, steady_time now,
                                const unique_function<void()>& after_each) {
    list_head& head = slots_[position.level][position.slot];
    occupied_[position.level] &= ~(std::uint64_t{1} << position.slot);
    if (head.next_ == &head) {
        return;
    }
    // Moved aside first: entries that fire may set themselves into this very slot, or cancel
    // others that are about to fire.
    due_.next_ = head.next_;
    due_.previous_ = head.previous_;
    due_.next_->previous_ = &due_;
    due_.previous_->next_ = &due_;
    head.previous_ = head.next_ = &head;

    while (due_.next_ != &due_) {
        deadline_entry& entry = *due_.next_;
        unlink(entry);
        if (entry.tick_ <= elapsed_) {
            detail::contain([&entry, now] { entry.on_deadline(now); });
            after_each();
        } else {
            insert(entry);
        }
    }
}

}  // namespace network_system::runtime

#include "session/sending/waiting_senders.h"

#include "utils/deadline.h"

namespace network_system::inline v0_1::session {

void sender_bell::call(waiting_sender& who) {
    const std::lock_guard lock(mutex_);
    who.next_called_ = std::exchange(called_, &who);
    // Under the lock: who waits may destroy the bell at once.
    rung_.notify_one();
}

waiting_sender* sender_bell::wait_until(time_point deadline) {
    std::unique_lock lock(mutex_);
    detail::wait_until(rung_, lock, deadline, [this] { return called_ != nullptr; });
    return std::exchange(called_, nullptr);
}

void waiting_senders::close() {
    is_closed_ = true;
    for (waiting_sender* each = first_; each != nullptr; each = each->behind_) {
        if (!std::exchange(each->is_called_, true)) {
            each->bell_.call(*each);
        }
    }
}

void waiting_senders::join(waiting_sender& who) {
    waiting_sender** place = &first_;
    while (*place != nullptr) {
        place = &(*place)->behind_;
    }
    *place = &who;
    if (is_closed_) {
        who.is_called_ = true;
        who.bell_.call(who);
    }
}

bool waiting_senders::try_again(waiting_sender& who, std::size_t queued,
                                std::size_t high) noexcept {
    // Its own room is not kept from it.
    who.is_called_ = false;
    if (has_room(queued + reserved(), who.bytes_, high)) {
        record_overtaking(&who, who.bytes_);
        return true;
    }
    return false;
}

void waiting_senders::leave(waiting_sender& who, std::size_t queued, std::size_t high) {
    waiting_sender** place = &first_;
    while (*place != &who) {
        place = &(*place)->behind_;
    }
    *place = who.behind_;
    // It may have held up those behind it.
    call(queued, high);
}

void waiting_senders::call(std::size_t queued, std::size_t high) {
    std::size_t taken = queued + reserved();
    for (waiting_sender* each = first_; each != nullptr; each = each->behind_) {
        if (each->is_called_) {
            continue;
        }
        if (has_room(taken, each->bytes_, high)) {
            taken += each->bytes_;
            each->is_called_ = true;
            each->bell_.call(*each);
        } else if (each->overtaken_by_ >= high) {
            return;
        }
    }
}

std::size_t waiting_senders::reserved() const noexcept {
    std::size_t sum = 0;
    for (const waiting_sender* each = first_; each != nullptr; each = each->behind_) {
        sum += each->is_called_ ? each->bytes_ : 0;
    }
    return sum;
}

bool waiting_senders::may_pass(std::size_t queued, std::size_t bytes, std::size_t high) noexcept {
    for (const waiting_sender* each = first_; each != nullptr; each = each->behind_) {
        if (!each->is_called_ && each->overtaken_by_ >= high) {
            return false;
        }
    }
    if (!has_room(queued + reserved(), bytes, high)) {
        return false;
    }
    record_overtaking(nullptr, bytes);
    return true;
}

/// Of those ahead of `by`; null: of all.
void waiting_senders::record_overtaking(const waiting_sender* by, std::size_t bytes) noexcept {
    for (waiting_sender* each = first_; each != by; each = each->behind_) {
        each->overtaken_by_ += each->is_called_ ? 0 : bytes;
    }
}

}  // namespace network_system::session

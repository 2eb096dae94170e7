#include "framed/delivery/senders.h"

#include "utils/contain.h"
#include "utils/deadline.h"

#include <utility>

namespace network_system::inline v0_1::delivery {

std::size_t senders::count() const {
    const std::lock_guard lock(mutex_);
    return by_id_.size();
}

senders::joining senders::join(const delivery_id& id, std::string_view certificate,
                               std::uint64_t sent_here_up_to, std::weak_ptr<receiver> over,
                               runtime::steady_time now) {
    const std::lock_guard lock(mutex_);
    forget_absent(now);
    const auto found = by_id_.find(id);
    place at;
    if (found != by_id_.end()) {
        at = found->second;
        if (at->certificate != certificate) {
            return {outcome::other_certificate, nullptr, 0, nullptr};
        }
    } else {
        if (by_id_.size() >= limits_.most) {
            if (absent_.empty()) {
                return {outcome::full, nullptr, 0, nullptr};
            }
            forget_oldest();
        }
        at = add(id, certificate, sent_here_up_to);
    }
    if (std::exchange(at->is_absent, false)) {
        connected_.splice(connected_.end(), absent_, at);
    }
    auto begun = at->who->begin(std::move(over));
    return {outcome::joined, at->who, begun.of, std::move(begun.former)};
}

senders::place senders::add(const delivery_id& id, std::string_view certificate,
                            std::uint64_t sent_here_up_to) {
    const bool may_be_forgotten = has_forgotten_more_ || forgotten_.contains(id);
    auto who = std::make_shared<sender>(limits_.window, may_be_forgotten ? sent_here_up_to : 0);
    std::list<known> added;
    added.push_back({id, std::move(who), std::string(certificate), {}, false});
    by_id_.emplace(id, added.begin());
    const auto at = added.begin();
    connected_.splice(connected_.end(), added);
    return at;
}

void senders::leave(const delivery_id& id, const std::shared_ptr<sender>& who, sender::epoch of,
                    runtime::steady_time now) noexcept {
    const std::lock_guard lock(mutex_);
    if (!who->end(of)) {
        return;
    }
    const place at = by_id_.find(id)->second;
    at->left = now;
    at->is_absent = true;
    absent_.splice(absent_.end(), connected_, at);
}

void senders::forget_absent(runtime::steady_time now) noexcept {
    while (limits_.forget_after.count() > 0 && !absent_.empty() &&
           runtime::after(absent_.front().left, limits_.forget_after) <= now) {
        forget_oldest();
    }
}

void senders::forget_oldest() noexcept {
    remember_forgotten(absent_.front().id);
    by_id_.erase(absent_.front().id);
    absent_.pop_front();
}

void senders::remember_forgotten(const delivery_id& id) noexcept {
    const bool is_remembered = detail::attempt([&] {
        if (!forgotten_.insert(id).second) {
            return;
        }
        try {
            in_order_of_forgetting_.push_back(id);
        } catch (...) {
            forgotten_.erase(id);
            throw;
        }
    });
    if (in_order_of_forgetting_.size() > limits_.most) {
        forgotten_.erase(in_order_of_forgetting_.front());
        in_order_of_forgetting_.pop_front();
        has_forgotten_more_ = true;
    }
    has_forgotten_more_ = has_forgotten_more_ || !is_remembered;
}

}  // namespace network_system::delivery

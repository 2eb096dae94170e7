#include "utils/random.h"

#include <network_system/session/delivery.h>

#include <algorithm>

namespace network_system::inline v0_1::session {
namespace {

// So many runs of servers are told apart; of others, all may have been sent there.
constexpr std::size_t most_receivers = 16;

delivery_id random_id() noexcept {
    delivery_id id{};
    detail::fill_random(id);
    return id;
}

}  // namespace

delivery_sender::delivery_sender() : delivery_sender(random_id()) {}

delivery_sender::delivery_sender(const delivery_id& id, std::uint64_t last_sent)
    : id_(id), last_sent_(last_sent), sent_elsewhere_up_to_(last_sent) {}

delivery_sender::~delivery_sender() = default;

void delivery_sender::record_sent(std::uint64_t id) noexcept {
    std::uint64_t last = last_sent_.load(std::memory_order_relaxed);
    while (id > last && !last_sent_.compare_exchange_weak(last, id, std::memory_order_relaxed)) {}
}

delivery_sender::announcement delivery_sender::announce(std::uint64_t incarnation) {
    const std::lock_guard lock(mutex_);
    receivers_.reserve(most_receivers + 1);
    const std::uint64_t sent = last_sent();
    if (!receivers_.empty()) {
        receivers_.back().sent_up_to = sent;
    }
    const auto known =
        std::find_if(receivers_.begin(), receivers_.end(), [incarnation](const receiver& each) {
            return each.incarnation == incarnation;
        });
    if (known != receivers_.end()) {
        std::rotate(known, known + 1, receivers_.end());
    } else {
        receivers_.push_back({incarnation, sent_elsewhere_up_to_});
    }
    if (receivers_.size() > most_receivers) {
        sent_elsewhere_up_to_ = std::max(sent_elsewhere_up_to_, receivers_.front().sent_up_to);
        receivers_.erase(receivers_.begin());
    }
    return {sent, receivers_.back().sent_up_to};
}

}  // namespace network_system::session

#include "datagram/peer_table.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::session {

peer_table::peer_table(std::shared_ptr<runtime::loop> where, const peer_limits& limits,
                       std::shared_ptr<std::atomic<std::size_t>> total,
                       unique_function<void(const endpoint&)> on_expired)
    : loop_(std::move(where)), limits_(limits),
      interval_(limits.max_datagrams_per_second == 0
                    ? std::chrono::nanoseconds{0}
                    : std::chrono::nanoseconds(std::chrono::seconds{1}) /
                          limits.max_datagrams_per_second),
      total_(std::move(total)), on_expired_(std::move(on_expired)),
      peers_(0, detail::keyed_endpoint_hash(loop_->random())) {}

peer_table::~peer_table() {
    clear();
}

const runtime::datagram_source* peer_table::asked_by(const endpoint& peer) const {
    const auto found = peers_.find(peer);
    return found == peers_.end() ? nullptr : &found->second.asked;
}

void peer_table::forget_source(const endpoint& peer) {
    const auto found = peers_.find(peer);
    if (found != peers_.end()) {
        found->second.asked = {};
    }
}

peer_table::verdict peer_table::record(const endpoint& peer,
                                       const runtime::datagram_source& asked) {
    // Most datagrams come from whom the last one came from.
    node* known = newest_ != nullptr && newest_->first == peer ? newest_ : nullptr;
    if (known == nullptr) {
        const auto found = peers_.find(peer);
        known = found == peers_.end() ? nullptr : &*found;
    }
    const bool is_new = known == nullptr;
    if (is_new) {
        if (!take_place()) {
            return verdict::no_room;
        }
        known = &*peers_.try_emplace(peer).first;
        size_.store(peers_.size(), std::memory_order_relaxed);
        append(*known);
    } else if (known != newest_) {
        unlink(*known);
        append(*known);
    }
    known->second.last_seen = loop_->now();
    known->second.asked = asked;
    schedule();
    if (!is_within_rate(known->second)) {
        return verdict::over_rate;
    }
    return is_new ? verdict::is_new : verdict::known;
}

bool peer_table::take_place() noexcept {
    if (total_->fetch_add(1, std::memory_order_relaxed) < limits_.max_peers) {
        return true;
    }
    total_->fetch_sub(1, std::memory_order_relaxed);
    return false;
}

/// The generic cell rate algorithm (ITU-T I.371); what is over the rate does not count.
bool peer_table::is_within_rate(entry& peer) const noexcept {
    constexpr std::chrono::seconds burst{1};
    if (interval_.count() == 0) {
        return true;
    }
    const auto due = std::max(peer.due, loop_->now()) + interval_;
    if (due - loop_->now() > burst) {
        return false;
    }
    peer.due = due;
    return true;
}

void peer_table::schedule() {
    if (limits_.idle_timeout.count() > 0 && oldest_ != nullptr && !is_set()) {
        loop_->deadlines().set(*this, expiry_of(*oldest_));
    }
}

void peer_table::on_deadline(runtime::steady_time now) {
    while (oldest_ != nullptr && expiry_of(*oldest_) <= now) {
        node& gone = *oldest_;
        unlink(gone);
        const auto taken = peers_.extract(gone.first);
        size_.store(peers_.size(), std::memory_order_relaxed);
        expired_.add();
        total_->fetch_sub(1, std::memory_order_relaxed);
        on_expired_(taken.key());
    }
    schedule();
}

void peer_table::clear() noexcept {
    total_->fetch_sub(peers_.size(), std::memory_order_relaxed);
    peers_.clear();
    oldest_ = newest_ = nullptr;
    size_.store(0, std::memory_order_relaxed);
    runtime::deadline_wheel::cancel(*this);
}

void peer_table::unlink(node& peer) noexcept {
    entry& links = peer.second;
    (links.older != nullptr ? links.older->second.newer : oldest_) = links.newer;
    (links.newer != nullptr ? links.newer->second.older : newest_) = links.older;
    links.older = links.newer = nullptr;
}

void peer_table::append(node& peer) noexcept {
    peer.second.older = newest_;
    (newest_ != nullptr ? newest_->second.newer : oldest_) = &peer;
    newest_ = &peer;
}

}  // namespace network_system::session

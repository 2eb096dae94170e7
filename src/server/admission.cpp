#include "server/admission.h"

#include "os/address_network.h"

namespace network_system::inline v0_1::core {

bool admission::is_counted(const endpoint& peer) const noexcept {
    return limits_.per_address != 0 &&
           (peer.kind() == endpoint::family::ipv4 || peer.kind() == endpoint::family::ipv6);
}

endpoint admission::counted_as(const endpoint& peer) const noexcept {
    return runtime::source_counted_as(peer, limits_.prefix_v6);
}

bool admission::admit(const endpoint& peer) {
    const std::lock_guard lock(mutex_);
    const bool has_room = limits_.connections == 0 || admitted_ < limits_.connections;
    if (!has_room || !count_for_address(peer)) {
        refused_.add();
        return false;
    }
    ++admitted_;
    return true;
}

bool admission::identify(const endpoint& client) {
    const std::lock_guard lock(mutex_);
    const bool has_room = count_for_address(client);
    refused_.add(has_room ? 0 : 1);
    return has_room;
}

bool admission::count_for_address(const endpoint& peer) {
    if (!is_counted(peer)) {
        return true;
    }
    std::size_t& count = per_address_[counted_as(peer)];
    if (count >= limits_.per_address) {
        return false;
    }
    ++count;
    return true;
}

void admission::release(const endpoint& peer) noexcept {
    const std::lock_guard lock(mutex_);
    --admitted_;
    if (is_counted(peer)) {
        const auto found = per_address_.find(counted_as(peer));
        if (found != per_address_.end() && --found->second == 0) {
            per_address_.erase(found);
        }
    }
}

verdict admission::settle(const endpoint& client, const accept_answer* answer) noexcept {
    if (answer != nullptr && answer->is_accepted()) {
        return verdict::admitted;
    }
    rejected_.add();
    release(client);
    return verdict::rejected;
}

bool admission::begin_telling() noexcept {
    const std::lock_guard lock(mutex_);
    if (told_ >= limits_.told) {
        return false;
    }
    ++told_;
    return true;
}

void admission::end_telling() noexcept {
    const std::lock_guard lock(mutex_);
    --told_;
}

void admission::add_to(server_metrics& all) const noexcept {
    all.connections_accepted += accepted_;
    all.connections_refused += refused_;
    all.connections_rejected += rejected_;
}

}  // namespace network_system::core

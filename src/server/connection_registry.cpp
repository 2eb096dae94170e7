#include "server/connection_registry.h"

#include <new>
#include <utility>

namespace network_system::inline v0_1::core {

void connection_registry::add(const session_ptr& who, verdict how) {
    const std::lock_guard lock(mutex_);
    handshaking_.emplace(who.get(), newcomer{who, how});
}

void connection_registry::mark_open(const session_ptr& who) {
    // Unlimited, and the id is new: it can only be memory. In both lists for a moment, so that it
    // is never in none.
    if (!open_.add_session(who)) {
        throw std::bad_alloc();
    }
    const std::lock_guard lock(mutex_);
    handshaking_.erase(who.get());
}

verdict connection_registry::remove(const session_ptr& who) noexcept {
    {
        const std::lock_guard lock(mutex_);
        // The caller's reference is not the last one here.
        if (const auto node = handshaking_.extract(who.get())) {
            return node.mapped().how;
        }
    }
    (void)open_.remove_session(who->id());
    return verdict::admitted;
}

verdict connection_registry::how_came(const session_ptr& who) const {
    const std::lock_guard lock(mutex_);
    const auto found = handshaking_.find(who.get());
    return found == handshaking_.end() ? verdict::admitted : found->second.how;
}

std::vector<connection_registry::session_ptr> connection_registry::handshaking() const {
    std::vector<session_ptr> all;
    const std::lock_guard lock(mutex_);
    all.reserve(handshaking_.size());
    for (const auto& [key, each] : handshaking_) {
        all.push_back(each.who);
    }
    return all;
}

}  // namespace network_system::core

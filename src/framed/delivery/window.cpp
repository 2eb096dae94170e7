#include "framed/delivery/window.h"

#include <algorithm>

namespace network_system::inline v0_1::delivery {
namespace {

// So many ranges in progress cost no allocation when they come again.
constexpr std::size_t kept_ranges = 64;

}  // namespace

claim_answer window::look_up(std::uint64_t id) const noexcept {
    if (taken_.contains(id)) {
        return claim_answer::duplicate;
    }
    if (busy_.contains(id)) {
        return claim_answer::in_progress;
    }
    if (id <= forgotten_up_to_) {
        return claim_answer::forgotten;
    }
    return id <= expired_up_to_ ? claim_answer::expired : claim_answer::fresh;
}

claim_answer window::claim(std::uint64_t id) {
    if (const claim_answer known = look_up(id); known != claim_answer::fresh) {
        return known;
    }
    // Each end may make a range more, whatever their order.
    taken_.reserve(std::min(taken_.size() + in_progress_, most_gaps) + 1);
    busy_.reserve(in_progress_ + 1);
    busy_.add(id);
    ++in_progress_;
    highest_ = std::max(highest_, id);
    if (highest_ > size_) {
        expired_up_to_ = std::max(expired_up_to_, highest_ - size_);
    }
    return claim_answer::fresh;
}

void window::finish(std::uint64_t id) noexcept {
    remove_busy(id);
    taken_.add(id);
    if (taken_.size() > most_gaps) {
        expired_up_to_ = std::max(expired_up_to_, taken_.front().last);
        taken_.remove_front();
    }
}

void window::abandon(std::uint64_t id) noexcept {
    remove_busy(id);
}

void window::remove_busy(std::uint64_t id) noexcept {
    busy_.remove(id);
    --in_progress_;
    if (in_progress_ == 0 && busy_.capacity() > kept_ranges) {
        busy_.trim();
    }
}

}  // namespace network_system::delivery

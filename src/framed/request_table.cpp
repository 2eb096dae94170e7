#include "framed/request_table.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

constexpr std::size_t spare_nodes = 64;

}  // namespace

void request_table::add(new_request&& request) {
    table::iterator at;
    if (spare_.empty()) {
        at = pending_.try_emplace(request.id).first;
    } else {
        spare_.back().key() = request.id;
        at = pending_.insert(std::move(spare_.back())).position;
        spare_.pop_back();
    }
    pending& added = at->second;
    added.table = this;
    added.id = request.id;
    added.operation = std::move(request.operation);
    added.timeout = request.timeout;
    added.done = std::move(request.done);
    if (request.timeout > std::chrono::milliseconds{0}) {
        loop_.deadlines().set(added, runtime::after(loop_.now(), request.timeout));
    }
    size_.store(pending_.size(), std::memory_order_relaxed);
}

/// Without, the node is freed: an answer must not need memory.
bool request_table::has_room_for_spare() noexcept {
    if (spare_.capacity() == spare_.size()) {
        try {
            spare_.reserve(std::max<std::size_t>(2 * spare_.size(), 4));
        } catch (const std::bad_alloc&) {
            return false;
        }
    }
    return true;
}

asker request_table::extract(table::iterator found) {
    runtime::deadline_wheel::cancel(found->second);
    asker waiting{std::move(found->second.operation), std::move(found->second.done)};
    auto node = pending_.extract(found);
    if (spare_.size() < spare_nodes && has_room_for_spare()) {
        spare_.push_back(std::move(node));
    }
    size_.store(pending_.size(), std::memory_order_relaxed);
    return waiting;
}

std::optional<asker> request_table::take(std::uint64_t id) {
    const auto found = pending_.find(id);
    return found == pending_.end() ? std::nullopt : std::optional(extract(found));
}

std::optional<asker> request_table::take(operation_id operation) {
    const auto found = std::find_if(pending_.begin(), pending_.end(), [&](const auto& each) {
        return each.second.operation.id() == operation;
    });
    return found == pending_.end() ? std::nullopt : std::optional(extract(found));
}

std::optional<asker> request_table::take_any() {
    return pending_.empty() ? std::nullopt : std::optional(extract(pending_.begin()));
}

void request_table::expire(std::uint64_t id) {
    if (const auto found = pending_.find(id); found != pending_.end()) {
        const auto timeout = found->second.timeout;
        owner_.on_request_expired(extract(found), timeout);
    }
}

}  // namespace network_system::session

#include "utils/failure.h"

#include <network_system/core/session_manager.h>
#include <network_system/utils/error_codes.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

error_info not_found(std::string_view id) {
    return detail::failure(errc::session_not_found, "no session '" + std::string(id) + "'",
                           "session_manager");
}

}  // namespace

session_manager::session_manager(std::size_t max_sessions, const session_config& config)
    : max_sessions_(max_sessions), high_watermark_(config.high_watermark),
      low_watermark_(config.low_watermark) {}

VoidResult session_manager::add_session(const session_ptr& session) {
    return detail::within_memory([&]() -> VoidResult {
        if (!session) {
            return detail::failure(errc::invalid_session, "a null session cannot be added",
                                   "session_manager");
        }
        std::shared_ptr<const std::vector<session_ptr>> outdated;
        const std::lock_guard lock(mutex_);
        if (max_sessions_ != 0 && sessions_.size() >= max_sessions_) {
            ++rejected_;
            return detail::failure(errc::server_full,
                                   "limit of " + std::to_string(max_sessions_) +
                                       " sessions reached",
                                   "session_manager");
        }
        if (!sessions_.insert({session, added_}).second) {
            return detail::failure(errc::already_exists, "a session of this id is registered",
                                   "session_manager");
        }
        outdated.swap(snapshot_);
        ++added_;
        peak_ = std::max(peak_, sessions_.size());
        return ok();
    });
}

discardable_result session_manager::remove_session(std::string_view id) {
    return detail::within_memory([&]() -> VoidResult {
        // Destroyed after the lock is released: user data has destructors.
        session_ptr removed;
        std::shared_ptr<const std::vector<session_ptr>> outdated;
        const std::lock_guard lock(mutex_);
        const auto found = sessions_.find(id);
        if (found == sessions_.end()) {
            return not_found(id);
        }
        // Its key is the session's: the entry has it as long as it is in the table.
        removed = std::move(sessions_.extract(found).value().session);
        outdated.swap(snapshot_);
        ++removed_;
        return ok();
    });
}

Result<session_manager::session_ptr> session_manager::find_session(std::string_view id) const {
    return detail::within_memory([&]() -> Result<session_manager::session_ptr> {
        const std::lock_guard lock(mutex_);
        const auto found = sessions_.find(id);
        if (found == sessions_.end()) {
            return not_found(id);
        }
        return found->session;
    });
}

std::shared_ptr<const std::vector<session_manager::session_ptr>> session_manager::snapshot() const {
    const std::lock_guard lock(mutex_);
    if (!snapshot_) {
        std::vector<const registered*> ordered;
        ordered.reserve(sessions_.size());
        for (const registered& each : sessions_) {
            ordered.push_back(&each);
        }
        std::sort(ordered.begin(), ordered.end(),
                  [](const registered* one, const registered* other) {
                      return one->number < other->number;
                  });
        auto all = std::make_shared<std::vector<session_ptr>>();
        all->reserve(ordered.size());
        for (const registered* each : ordered) {
            all->push_back(each->session);
        }
        snapshot_ = std::move(all);
    }
    return snapshot_;
}

std::vector<session_manager::session_ptr> session_manager::all_sessions() const {
    return *snapshot();
}

void session_manager::for_each(const std::function<void(const session_ptr&)>& visit) const {
    const auto all = snapshot();
    for (const session_ptr& each : *all) {
        visit(each);
    }
}

std::size_t session_manager::stop_all_sessions() const {
    const auto all = snapshot();
    for (const session_ptr& each : *all) {
        each->stop_session();
    }
    return all->size();
}

std::size_t session_manager::session_count() const {
    const std::lock_guard lock(mutex_);
    return sessions_.size();
}

backpressure_state session_manager::state_of(std::size_t queued) const noexcept {
    if (queued >= high_watermark_) {
        return backpressure_state::full;
    }
    return queued > low_watermark_ ? backpressure_state::filling : backpressure_state::open;
}

Result<backpressure_state> session_manager::session_backpressure(std::string_view id) const {
    return detail::within_memory([&]() -> Result<backpressure_state> {
        return find_session(id).map(
            [this](const session_ptr& found) { return state_of(found->queued_bytes()); });
    });
}

session_manager_stats session_manager::get_stats() const {
    session_manager_stats stats;
    const std::lock_guard lock(mutex_);
    stats.active = sessions_.size();
    stats.peak = peak_;
    stats.total_added = added_;
    stats.total_removed = removed_;
    stats.total_rejected = rejected_;
    for (const registered& each : sessions_) {
        const std::size_t queued = each.session->queued_bytes();
        stats.queued_bytes += queued;
        stats.backpressure = std::max(stats.backpressure, state_of(queued));
    }
    return stats;
}

}  // namespace network_system::core

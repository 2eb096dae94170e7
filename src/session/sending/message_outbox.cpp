#include "session/sending/message_outbox.h"

#include "utils/process.h"

#include <array>
#include <atomic>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

struct send_locks {
    std::array<send_lock, 64> all;
    std::atomic<std::size_t> next{0};
};

}  // namespace

std::shared_ptr<send_lock> shared_send_lock() {
    auto& locks = detail::per_process<send_locks>::get();
    const auto turn = locks.next.fetch_add(1, std::memory_order_relaxed);
    // They are there as long as the process: nobody counts references.
    return {std::shared_ptr<void>(), &locks.all[turn % locks.all.size()]};
}

admission message_outbox::make_way(const lock& held, const backlog::entry& entry,
                                   send_policy policy, std::size_t high) {
    if (is_closed(held)) {
        return admission::closed;
    }
    const auto* const pending = pending_so_far(held);
    const std::size_t others = own_bytes() + (pending != nullptr ? pending->bytes() : 0);
    const std::size_t replaced = backlog_->size_of(entry.key);
    const auto would_fit = [&] {
        return has_room(others + backlog_->bytes() - replaced, entry.size(), high);
    };
    while (policy == send_policy::drop_oldest && !would_fit() && !backlog_->empty()) {
        backlog_->drop_oldest();
    }
    return would_fit() ? admission::granted : admission::full;
}

void message_outbox::take(const lock& held, transport::write_queue& own, std::size_t enough) {
    if (auto* const pending = pending_so_far(held)) {
        own.splice(*pending);
    }
    while (backlog_ && !backlog_->empty() && own.bytes() < enough) {
        move_oldest(own);
    }
    mark_taken(held, backlog_bytes());
}

std::uint64_t message_outbox::discard(const lock& held) noexcept {
    auto* const pending = pending_so_far(held);
    const std::uint64_t lost =
        (pending != nullptr ? pending->discard() : 0) + (backlog_ ? backlog_->discard() : 0);
    publish_remote(held, backlog_bytes());
    return lost;
}

transport::write_callback message_outbox::take_any(const lock& held) {
    auto* const pending = pending_so_far(held);
    auto done = pending != nullptr ? pending->take_any() : transport::write_callback();
    return done || !backlog_ ? std::move(done) : backlog_->take_discarded();
}

void message_outbox::move_oldest(transport::write_queue& own) {
    backlog::entry& oldest = backlog_->front();
    const std::size_t size = oldest.size();
    if (oldest.shared) {
        own.append_shared(oldest.shared);
    } else {
        own.append_whole(
            [&] { own.append_owned_message(std::move(oldest.owned), std::move(oldest.done)); });
    }
    backlog_->pop(size);
}

}  // namespace network_system::session

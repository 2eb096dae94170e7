#include "session/message_outbox.h"

#include <utility>

namespace network_system::session {

admission message_outbox::make_way(const lock& held, const backlog::entry& entry,
                                   send_policy policy, std::size_t high) {
    if (is_closed(held)) {
        return admission::closed;
    }
    const std::size_t others = own_bytes() + pending(held).bytes();
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
    own.splice(pending(held));
    while (backlog_ && !backlog_->empty() && own.bytes() < enough) {
        move_oldest(own);
    }
    mark_taken(held, backlog_bytes());
}

std::uint64_t message_outbox::discard(const lock& held) noexcept {
    const std::uint64_t lost = pending(held).discard() + (backlog_ ? backlog_->discard() : 0);
    publish_remote(held, backlog_bytes());
    return lost;
}

transport::write_callback message_outbox::take_any(const lock& held) {
    auto done = pending(held).take_any();
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

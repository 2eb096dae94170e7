// The policies of stream_session under which queued messages give way to newer ones.
#include "session/stream_session.h"
#include "utils/failure.h"

#include <algorithm>
#include <utility>

namespace network_system::session {
namespace {

// What has left the backlog cannot give way any more: enough to keep the socket busy, no more.
constexpr std::size_t write_ahead = std::size_t{64} * 1024;

}  // namespace

void stream_session::take_remote() {
    take_remote(std::min(write_ahead, (config_->high_watermark + 1) / 2));
}

bool stream_session::has_to_wait(std::size_t payload_size) const noexcept {
    if (remote_.waiting() == nullptr || !is_sendable(payload_size) || !loop().belongs_here()) {
        return false;
    }
    if (!loop().runs_here() || remote_.bytes() > 0) {
        return true;
    }
    const transport::write_queue& queue = transport_->queue();
    return !queue.empty() && queue.bytes() + payload_size > write_ahead;
}

stream_session::admission stream_session::enter_backlog(backlog::entry& entry) {
    if (config_->policy != send_policy::conflate) {
        entry.key.clear();
    }
    auto held = remote_.acquire();
    if (remote_.is_closed(held)) {
        return admission::closed;
    }
    backlog& waiting = *remote_.waiting();
    const std::size_t others =
        own_queued_.load(std::memory_order_relaxed) + remote_.pending(held).bytes();
    const std::size_t replaced = waiting.size_of(entry.key);
    const auto would_fit = [&] {
        return has_room(others + waiting.bytes() - replaced, entry.size());
    };
    while (config_->policy == send_policy::drop_oldest && !would_fit() && !waiting.empty()) {
        waiting.drop_oldest();
    }
    if (!would_fit()) {
        const std::size_t queued = others + waiting.bytes();
        note_full(queued);
        return admission::full;
    }
    const auto put = [&] {
        if (replaced > 0) {
            waiting.replace(std::move(entry));
        } else {
            waiting.push(std::move(entry));
        }
    };
    // On the session's own thread, too: whoever gave way has to be told, and not in this call.
    remote_.append(held, put, [this] { announce(); });
    return admission::granted;
}

VoidResult stream_session::queue_behind(message_kind kind, std::string_view key,
                                        std::span<const std::uint8_t> data, send_callback& done) {
    backlog::entry entry;
    entry.owned.resize(encoder_.header_size(data.size()) + data.size());
    encoder_.write(entry.owned.data(), kind, data, [this] { return next_key(); });
    entry.key = key;
    entry.done = std::move(done);
    const auto answer = enter_backlog(entry);
    if (answer == admission::granted) {
        return ok();
    }
    done = std::move(entry.done);
    return refusal_of(answer);
}

VoidResult stream_session::send_keyed(std::string_view key, std::span<const std::uint8_t> data,
                                      send_callback& done) {
    return detail::within_memory([&]() -> VoidResult {
        return has_to_wait(data.size()) ? queue_behind(message_kind::binary, key, data, done)
                                        : send_copy(data, done);
    });
}

void stream_session::refill_from_backlog() {
    if (remote_.waiting() != nullptr && remote_.bytes() > 0 && !is_closing_) {
        take_remote();
        transport_->request_flush();
    }
}

void stream_session::settle_superseded() {
    if (remote_.waiting() == nullptr) {
        return;
    }
    backlog::superseded given_way;
    {
        const auto held = remote_.acquire();
        given_way = remote_.waiting()->take_superseded();
    }
    dropped_.add(given_way.messages);
    for (const send_callback& each : given_way.callbacks) {
        guarded([&] { each(failure_of(errc::message_superseded, "send to")); });
    }
}

}  // namespace network_system::session

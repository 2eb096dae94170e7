// The policies of message_connection under which queued messages give way to newer ones.
#include "session/message_connection.h"
#include "utils/failure.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

// What has left the backlog cannot give way any more: enough to keep the socket busy, no more.
constexpr std::size_t write_ahead = std::size_t{64} * 1024;

}  // namespace

void message_connection::take_remote() {
    take_remote(std::min(write_ahead, (config().high_watermark + 1) / 2));
}

bool message_connection::has_to_wait(std::size_t payload_size) const noexcept {
    if (!outbox_.has_backlog() || !is_sendable(payload_size) || !loop()->belongs_here()) {
        return false;
    }
    if (!loop()->runs_here() || outbox_.remote_bytes() > 0) {
        return true;
    }
    const transport::write_queue& queue = transport().queue();
    return !queue.empty() && queue.bytes() + payload_size > write_ahead;
}

admission message_connection::enter_backlog(backlog::entry& entry) {
    if (config().policy != send_policy::conflate) {
        entry.key.clear();
    }
    const auto held = outbox_.acquire();
    // On the session's own thread, too, it is announced: whoever gave way has to be told, and not
    // in this call.
    const auto answer = outbox_.supersede(held, entry, config().policy, config().high_watermark,
                                          [this] { announce(); });
    if (answer == admission::full) {
        record_full(queued_bytes());
    }
    return answer;
}

VoidResult message_connection::queue_behind(message_kind kind, std::string_view key,
                                            std::span<const std::uint8_t> data,
                                            send_callback& done) {
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

VoidResult message_connection::send_keyed_message(std::string_view key,
                                                  std::span<const std::uint8_t> data,
                                                  send_callback& done) {
    return detail::within_memory([&]() -> VoidResult {
        return has_to_wait(data.size()) ? queue_behind(message_kind::binary, key, data, done)
                                        : send_copied_message(data, done, message_kind::binary);
    });
}

void message_connection::refill_from_backlog() {
    if (outbox_.has_backlog() && outbox_.remote_bytes() > 0 && !is_closing()) {
        take_remote();
        transport().request_flush();
    }
}

void message_connection::settle_superseded() {
    if (!outbox_.has_backlog()) {
        return;
    }
    const auto given_way = outbox_.take_superseded(outbox_.acquire());
    outbox_.count_dropped(given_way.messages);
    for (const send_callback& each : given_way.callbacks) {
        guarded([&] { each(failure_of(errc::message_superseded, "send to")); });
    }
}

}  // namespace network_system::session

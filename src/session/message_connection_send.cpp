// The sending half of message_connection: admission, the two ways in, completions.
#include "session/message_connection.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace network_system::inline v0_1::session {

using std::chrono::milliseconds;

namespace {

// From here on a copy into the gather buffer costs more than a system call of its own.
constexpr std::size_t direct_size = std::size_t{12} * 1024;
static_assert(direct_size + websocket::max_header_size <= transport::write_queue::max_claim);

// Answers to control frames queue beyond the high watermark only this far: a peer that sends
// pings and reads nothing must not fill our memory.
constexpr std::size_t control_allowance = std::size_t{64} * 1024;

}  // namespace

template <typename Append>
VoidResult message_connection::send_message(std::size_t size, const Append& append) {
    if (!is_sendable(size)) {
        return refusal_of(size);
    }
    const std::size_t wire_bytes = encoder_.header_size(size) + size;
    return queue_frame(wire_bytes, [&](transport::write_queue& queue, bool is_own) {
        append(queue, is_own, wire_bytes);
    });
}

admission message_connection::admit_from_other_thread(message_outbox::lock& held,
                                                      std::size_t wire_bytes) {
    const std::size_t high = config().high_watermark;
    auto answer = outbox_.admit(held, wire_bytes, high);
    if (answer != admission::full) {
        return answer;
    }
    if (const auto patience = send_patience(); patience > milliseconds{0}) {
        const auto give_up = runtime::after(std::chrono::steady_clock::now(), patience);
        expect_sender(held);
        answer = outbox_.wait_for_room(held, wire_bytes, high, give_up);
    }
    if (answer == admission::full) {
        record_full(queued_bytes());
    }
    return answer;
}

void message_connection::expect_sender(const message_outbox::lock& held) {
    const bool must_look = outbox_.expect_sender(held);
    record_refused(queued_bytes());
    if (must_look) {
        post_own([this] { call_senders(); });
    }
}

milliseconds message_connection::send_patience() const {
    const bool may_wait = config().policy == send_policy::wait &&
                          !runtime::loop::is_on_io_thread() && !loop()->context_runs_here();
    return may_wait ? config().send_wait_timeout : milliseconds{0};
}

void message_connection::announce() {
    post_own([this] { on_announced(); });
}

void message_connection::on_announced() {
    or_abort([this] { take_remote(); });
    if (!is_closing()) {
        transport().request_flush();
    }
    // Not only when something is written: while the peer does not read, more and more give way.
    settle_superseded();
    call_senders();
}

websocket::masking_key message_connection::next_key() const noexcept {
    return encoder_.is_masked() ? std::bit_cast<websocket::masking_key>(loop()->random_word())
                                : websocket::masking_key{};
}

void message_connection::limit_sends(std::size_t size) noexcept {
    const auto limit = static_cast<std::uint32_t>(std::min(size, config().max_message_size));
    set_sendable_below(limit + 1);
}

void message_connection::set_sendable_below(std::uint32_t size) noexcept {
    const std::size_t smallest = encoder_.smallest_message();
    const std::size_t below = std::min<std::size_t>(size, direct_size);
    const bool is_possible = !outbox_.has_backlog() && below > smallest;
    short_sizes_.store(static_cast<std::uint16_t>(is_possible ? below - smallest : 0),
                       std::memory_order_relaxed);
    sendable_below_.store(size, std::memory_order_relaxed);
}

void message_connection::append_short(transport::write_queue& queue, std::size_t wire_bytes,
                                      message_kind kind, bytes_view data) const {
    encoder_.write(queue.claim(wire_bytes), kind, data, [this] { return next_key(); });
}

VoidResult message_connection::send_copied_message(std::span<const std::uint8_t> data,
                                                   send_callback& done, message_kind kind) {
    // The common case, apart from all others: what is done here is done for each message.
    if (!done && loop()->runs_here() && outbox_.remote_bytes() == 0 && is_short(data.size()) &&
        !encoder_.is_masked()) [[likely]] {
        const bool is_queued = encoder_.with_unmasked_header(
            [&](const auto& header) { return queue_in_place(header, kind, data); });
        if (is_queued) [[likely]] {
            return transport().wants_flush() ? ok() : flush_soon();
        }
    }
    return send_any(data, done, kind);
}

template <typename Header>
bool message_connection::queue_in_place(const Header& header, message_kind kind,
                                        bytes_view data) noexcept {
    transport::write_queue& queue = transport().queue();
    const std::size_t wire_bytes = header.size(data.size()) + data.size();
    if (!queue.has_claim(wire_bytes) || queue.bytes() + wire_bytes > config().high_watermark) {
        return false;
    }
    message_encoder::write(header, queue.claim_here(wire_bytes), kind, data);
    outbox_.publish_own(queue.bytes());
    return true;
}

VoidResult message_connection::flush_soon() {
    transport().request_flush();
    return ok();
}

VoidResult message_connection::send_any(std::span<const std::uint8_t> data, send_callback& done,
                                        message_kind kind) {
    return detail::within_memory([&]() -> VoidResult {
        if (has_to_wait(data.size())) {
            return queue_behind(kind, {}, data, done);
        }
        if (!done && data.size() < direct_size) {
            return send_message(data.size(),
                                [&](transport::write_queue& queue, bool, std::size_t wire) {
                                    append_short(queue, wire, kind, data);
                                });
        }
        return send_message(
            data.size(), [&](transport::write_queue& queue, bool is_own, std::size_t) {
                const auto key = next_key();
                const auto header = encoder_.encode_header(kind, data.size(), key);
                if (encoder_.is_masked()) {
                    const auto mask = [&](std::uint8_t* to, std::size_t offset, std::size_t size) {
                        websocket::copy_masked(to, data.subspan(offset, size), key, offset);
                    };
                    queue.append_whole([&] {
                        queue.append(header.view());
                        queue.append(data.size(), mask);
                        queue.end_message(std::move(done));
                    });
                } else {
                    append_message(queue, is_own, header.view(), data, std::move(done));
                }
            });
    });
}

bool message_connection::send_short(const message_outbox::lock& held, message_kind kind,
                                    std::span<const std::uint8_t> data) {
    const std::size_t wire_bytes = encoder_.header_size(data.size()) + data.size();
    if (loop()->runs_here() || !is_short(data.size()) ||
        outbox_.admit(held, wire_bytes, config().high_watermark) != admission::granted) {
        return false;
    }
    outbox_.append(
        held, [&] { append_short(outbox_.pending(held), wire_bytes, kind, data); },
        [this] { announce(); });
    return true;
}

void message_connection::append_message(transport::write_queue& queue, bool is_own,
                                        bytes_view header, bytes_view data, send_callback done) {
    if (is_own && data.size() >= direct_size) {
        transport().send_now(header, data, std::move(done));
        // What is queued now may be less than before, and on_written need not follow soon.
        outbox_.publish_own(queue.bytes());
        call_senders();
        return;
    }
    queue.append_whole([&] {
        queue.append(header);
        queue.append(data);
        queue.end_message(std::move(done));
    });
}

VoidResult message_connection::send_owned_message(std::vector<std::uint8_t>& data,
                                                  send_callback& done, message_kind kind) {
    return detail::within_memory([&]() -> VoidResult {
        // A short message is copied anyway: that is faster in one step.
        if (data.size() <= transport::write_queue::copy_limit || has_to_wait(data.size())) {
            auto sent = send_copied_message(data, done, kind);
            if (sent) {
                data.clear();
            }
            return sent;
        }
        return send_message(data.size(), [&](transport::write_queue& queue, bool, std::size_t) {
            const auto key = next_key();
            const auto header = encoder_.encode_header(kind, data.size(), key);
            if (encoder_.is_masked()) {
                websocket::apply_mask(data, key);
            }
            try {
                queue.append_whole([&] {
                    queue.append(header.view());
                    queue.append_owned_message(std::move(data), std::move(done));
                });
            } catch (...) {
                if (encoder_.is_masked()) {
                    websocket::apply_mask(data, key);  // it stays the caller's: as it was
                }
                throw;
            }
            data.clear();
        });
    });
}

admission message_connection::offer(const transport::shared_frame& frame, std::size_t payload_size,
                                    std::string_view key, wake_list& wakes, bool may_wait) {
    // A peer that has not finished its handshake is sent nothing, and cannot make us keep it.
    if (!may_send() || !is_open() || !loop()->belongs_here()) {
        return admission::closed;
    }
    if (has_to_wait(payload_size)) {
        backlog::entry entry;
        entry.shared = frame;
        entry.key = key;
        return enter_backlog(entry);
    }
    if (loop()->runs_here()) {
        const auto sent = queue_frame(frame->size(), [&](transport::write_queue& queue, bool) {
            queue.append_shared(frame);
        });
        return sent ? admission::granted : admission::full;
    }
    const auto held = outbox_.acquire();
    const auto answer = outbox_.admit(held, frame->size(), config().high_watermark);
    if (answer == admission::granted) {
        append_offered(held, frame, wakes);
    } else if (answer == admission::full) {
        if (may_wait && send_patience() > milliseconds{0}) {
            return admission::waiting;
        }
        record_full(queued_bytes());
    }
    return answer;
}

void message_connection::append_offered(const message_outbox::lock& held,
                                        const transport::shared_frame& frame, wake_list& wakes) {
    outbox_.append(
        held, [&] { outbox_.pending(held).append_shared(frame); },
        [&] {
            wakes.add({session(), this});
        });
}

void message_connection::join_senders(waiting_sender& who, wake_list& wakes) {
    const auto held = outbox_.acquire();
    // For a look in any case: the lock was free since it was full.
    wakes.add({session(), this});
    (void)outbox_.expect_sender(held);
    record_refused(queued_bytes());
    outbox_.join(held, who);
}

admission message_connection::offer_again(const transport::shared_frame& frame, waiting_sender& who,
                                          wake_list& wakes, bool is_last) {
    const auto held = outbox_.acquire();
    const std::size_t high = config().high_watermark;
    auto answer = admission::full;
    if (outbox_.is_closed(held)) {
        answer = admission::closed;
    } else if (outbox_.try_again(held, who, high)) {
        answer = admission::granted;
        append_offered(held, frame, wakes);
    } else if (!is_last) {
        return admission::waiting;
    } else {
        record_full(queued_bytes());
    }
    outbox_.leave(held, who, high);
    return answer;
}

void message_connection::withdraw(waiting_sender& who) {
    const auto held = outbox_.acquire();
    outbox_.leave(held, who, config().high_watermark);
}

void message_connection::take_remote(std::size_t enough) {
    // Published under the lock: bytes in neither count would let other threads over the mark.
    const auto held = outbox_.acquire();
    outbox_.take(held, transport().queue(), enough);
    adopt_calls();
    publish_queued();
}

void message_connection::on_written() {
    refill_from_backlog();
    publish_queued();
    run_completions();
    check_room();
    end_if_done();
}

void message_connection::run_completions() {
    settle_superseded();
    transport::write_queue& queue = transport().queue();
    // Bounded by what is complete now: a completion may send, and be complete at once, for ever.
    const std::uint64_t written = queue.messages_written();
    while (queue.has_completed(written)) {
        const send_callback done = queue.take_completed();
        guarded([&] { done(ok()); });
    }
}

void message_connection::check_room() {
    if (!outbox_.is_room_wanted()) {
        return;
    }
    call_senders();
    if (outbox_.take_refused(config().low_watermark) && is_open() && !is_closing()) {
        guarded([this] { host().on_writable(self()); });
    }
}

bool message_connection::has_control_room() const noexcept {
    return transport().queue().bytes() <= config().high_watermark + control_allowance;
}

bool message_connection::may_send_control() {
    if (!has_control_room()) {
        begin_close(errc::send_buffer_full);
        return false;
    }
    return true;
}

bool message_connection::send_control(bytes_view frame) {
    if (!may_send_control()) {
        return false;
    }
    transport().queue().append(frame);
    outbox_.publish_own(transport().queue().bytes());
    transport().request_flush();
    return true;
}

}  // namespace network_system::session

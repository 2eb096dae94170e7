// The sending half of stream_session: admission, the two ways in, completions.
#include "session/stream_session.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace network_system::session {

using std::chrono::milliseconds;

namespace {

// From here on a copy into the gather buffer costs more than a system call of its own.
constexpr std::size_t direct_size = std::size_t{12} * 1024;
static_assert(direct_size + websocket::max_header_size <= transport::write_queue::max_claim);

// Answers to control frames queue beyond the high watermark only this far: a peer that sends
// pings and reads nothing must not fill our memory.
constexpr std::size_t control_allowance = std::size_t{64} * 1024;

}  // namespace

std::size_t stream_session::queued_bytes() const noexcept {
    return own_queued_.load(std::memory_order_relaxed) + remote_.bytes();
}

void stream_session::publish_queued() noexcept {
    const transport::write_queue& queue = transport_->queue();
    own_queued_.store(queue.bytes(), std::memory_order_relaxed);
    sent_.store(queue.messages_written(), std::memory_order_relaxed);
}

template <typename Append>
VoidResult stream_session::send_message(std::size_t size, const Append& append) {
    if (!is_sendable(size)) {
        return refusal_of(size);
    }
    const std::size_t wire_bytes = encoder_.header_size(size) + size;
    return queue_frame(wire_bytes, [&](transport::write_queue& queue, bool is_own) {
        append(queue, is_own, wire_bytes);
    });
}

stream_session::admission stream_session::admit(const remote_queue::lock& held,
                                                std::size_t wire_bytes) {
    if (remote_.is_closed(held)) {
        return admission::closed;
    }
    // The loop's thread sends without this lock. Of two sends that pass at the same moment one
    // is another thread's, never more: the mark is exceeded by one message at most.
    return remote_.senders(held).admit(queued_bytes(), wire_bytes, config_->high_watermark)
               ? admission::granted
               : admission::full;
}

stream_session::admission stream_session::admit_from_other_thread(remote_queue::lock& held,
                                                                  std::size_t wire_bytes) {
    const auto answer = admit(held, wire_bytes);
    if (answer != admission::full) {
        return answer;
    }
    if (const auto patience = send_patience(); patience > milliseconds{0}) {
        return wait_for_room(held, wire_bytes, patience);
    }
    note_full(queued_bytes());
    return admission::full;
}

stream_session::admission stream_session::wait_for_room(remote_queue::lock& held,
                                                        std::size_t wire_bytes,
                                                        milliseconds patience) {
    const auto give_up = runtime::after(std::chrono::steady_clock::now(), patience);
    if (expect_senders(queued_bytes())) {
        post_own([this] { call_senders(); });
    }
    if (remote_.senders(held).wait(held, wire_bytes, config_->high_watermark, give_up,
                                   [this] { return queued_bytes(); })) {
        return admission::granted;
    }
    if (remote_.is_closed(held)) {
        return admission::closed;
    }
    note_full(queued_bytes());
    return admission::full;
}

bool stream_session::expect_senders(std::size_t queued) {
    const auto before = room_wanted_.fetch_or(room_wanted_by::waiting, std::memory_order_relaxed);
    note_refused(queued);
    // Where others wait already, the loop has looked, or will: it takes this lock whenever it has
    // made room, and by then sees who has joined under it.
    return (before & room_wanted_by::waiting) == 0;
}

milliseconds stream_session::send_patience() const {
    const bool may_wait = config_->policy == send_policy::wait &&
                          !runtime::loop::is_on_io_thread() && !loop().context_runs_here();
    return may_wait ? config_->send_wait_timeout : milliseconds{0};
}

void stream_session::announce() {
    post_own([this] { on_announced(); });
}

void stream_session::on_announced() {
    or_abort([this] { take_remote(); });
    if (!is_closing_) {
        transport_->request_flush();
    }
    // Not only when something is written: while the peer does not read, more and more give way.
    settle_superseded();
    call_senders_if_any();
}

websocket::masking_key stream_session::next_key() const noexcept {
    return encoder_.is_masked() ? std::bit_cast<websocket::masking_key>(loop().random_word())
                                : websocket::masking_key{};
}

void stream_session::set_sendable_below(std::uint32_t size) noexcept {
    const std::size_t smallest = encoder_.smallest_message();
    const std::size_t below = std::min<std::size_t>(size, direct_size);
    const bool is_possible = remote_.waiting() == nullptr && below > smallest;
    short_sizes_.store(static_cast<std::uint16_t>(is_possible ? below - smallest : 0),
                       std::memory_order_relaxed);
    sendable_below_.store(size, std::memory_order_relaxed);
}

void stream_session::append_short(transport::write_queue& queue, std::size_t wire_bytes,
                                  message_kind kind, transport::bytes_view data) const {
    encoder_.write(queue.claim(wire_bytes), kind, data, [this] { return next_key(); });
}

VoidResult stream_session::send_copied_message(std::span<const std::uint8_t> data,
                                               send_callback& done, message_kind kind) {
    // The common case, apart from all others: what is done here is done for each message.
    if (!done && loop().runs_here() && remote_.bytes() == 0 && is_short(data.size()) &&
        !encoder_.is_masked()) [[likely]] {
        const bool is_queued = encoder_.with_unmasked_header(
            [&](const auto& header) { return queue_in_place(header, kind, data); });
        if (is_queued) [[likely]] {
            return transport_->wants_flush() ? ok() : flush_soon();
        }
    }
    return send_any(data, done, kind);
}

template <typename Header>
bool stream_session::queue_in_place(const Header& header, message_kind kind,
                                    transport::bytes_view data) noexcept {
    transport::write_queue& queue = transport_->queue();
    const std::size_t wire_bytes = header.size(data.size()) + data.size();
    if (!queue.has_claim(wire_bytes) || queue.bytes() + wire_bytes > config_->high_watermark) {
        return false;
    }
    message_encoder::write(header, queue.claim_here(wire_bytes), kind, data);
    own_queued_.store(queue.bytes(), std::memory_order_relaxed);
    return true;
}

VoidResult stream_session::flush_soon() {
    transport_->request_flush();
    return ok();
}

VoidResult stream_session::send_any(std::span<const std::uint8_t> data, send_callback& done,
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

bool stream_session::send_short(const remote_queue::lock& held, message_kind kind,
                                std::span<const std::uint8_t> data) {
    const std::size_t wire_bytes = encoder_.header_size(data.size()) + data.size();
    if (loop().runs_here() || remote_.is_closed(held) || !is_short(data.size()) ||
        !remote_.senders(held).admit(queued_bytes(), wire_bytes, config_->high_watermark)) {
        return false;
    }
    remote_.append(
        held, [&] { append_short(remote_.pending(held), wire_bytes, kind, data); },
        [this] { announce(); });
    return true;
}

void stream_session::append_message(transport::write_queue& queue, bool is_own,
                                    transport::bytes_view header, transport::bytes_view data,
                                    send_callback done) {
    if (is_own && data.size() >= direct_size) {
        transport_->send_now(header, data, std::move(done));
        // What is queued now may be less than before, and on_written need not follow soon.
        own_queued_.store(queue.bytes(), std::memory_order_relaxed);
        call_senders_if_any();
        return;
    }
    queue.append_whole([&] {
        queue.append(header);
        queue.append(data);
        queue.end_message(std::move(done));
    });
}

VoidResult stream_session::send_owned_message(std::vector<std::uint8_t>& data, send_callback& done,
                                              message_kind kind) {
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

stream_session::admission stream_session::offer(const transport::shared_frame& frame,
                                                std::size_t payload_size, std::string_view key,
                                                wake_list& wakes, bool may_wait) {
    // A peer that has not finished its handshake is sent nothing, and cannot make us keep it.
    if (!may_send() || !is_open_ || !loop().belongs_here()) {
        return admission::closed;
    }
    if (has_to_wait(payload_size)) {
        backlog::entry entry;
        entry.shared = frame;
        entry.key = key;
        return enter_backlog(entry);
    }
    if (loop().runs_here()) {
        const auto sent = queue_frame(frame->size(), [&](transport::write_queue& queue, bool) {
            queue.append_shared(frame);
        });
        return sent ? admission::granted : admission::full;
    }
    const auto held = remote_.acquire();
    const auto answer = admit(held, frame->size());
    if (answer == admission::granted) {
        append_offered(held, frame, wakes);
    } else if (answer == admission::full) {
        if (may_wait && send_patience() > milliseconds{0}) {
            return admission::waiting;
        }
        note_full(queued_bytes());
    }
    return answer;
}

void stream_session::append_offered(const remote_queue::lock& held,
                                    const transport::shared_frame& frame, wake_list& wakes) {
    remote_.append(
        held, [&] { remote_.pending(held).append_shared(frame); },
        [&] { wakes.add(of(shared_from_this())); });
}

void stream_session::join_senders(waiting_sender& who, wake_list& wakes) {
    const auto held = remote_.acquire();
    // For a look in any case: the lock was free since it was full.
    wakes.add(of(shared_from_this()));
    (void)expect_senders(queued_bytes());
    remote_.senders(held).join(who);
}

stream_session::admission stream_session::offer_again(const transport::shared_frame& frame,
                                                      waiting_sender& who, wake_list& wakes,
                                                      bool is_last) {
    const auto held = remote_.acquire();
    waiting_senders& senders = remote_.senders(held);
    admission answer = admission::full;
    if (remote_.is_closed(held)) {
        answer = admission::closed;
    } else if (senders.try_again(who, queued_bytes(), config_->high_watermark)) {
        answer = admission::granted;
        append_offered(held, frame, wakes);
    } else if (!is_last) {
        return admission::waiting;
    } else {
        note_full(queued_bytes());
    }
    senders.leave(who, queued_bytes(), config_->high_watermark);
    return answer;
}

void stream_session::withdraw(waiting_sender& who) {
    const auto held = remote_.acquire();
    remote_.senders(held).leave(who, queued_bytes(), config_->high_watermark);
}

void stream_session::take_remote(std::size_t enough) {
    // Published under the lock: bytes in neither count would let other threads over the mark.
    const auto held = remote_.acquire();
    remote_.take(held, transport_->queue(), enough);
    adopt_calls();
    publish_queued();
}

void stream_session::on_written() {
    refill_from_backlog();
    publish_queued();
    run_completions();
    check_room();
    end_if_done();
}

void stream_session::run_completions() {
    settle_superseded();
    transport::write_queue& queue = transport_->queue();
    // Bounded by what is complete now: a completion may send, and be complete at once, for ever.
    const std::uint64_t written = queue.messages_written();
    while (queue.has_completed(written)) {
        const send_callback done = queue.take_completed();
        guarded([&] { done(ok()); });
    }
}

void stream_session::check_room() {
    if (room_wanted_.load(std::memory_order_relaxed) != 0) {
        look_for_room();
    }
}

void stream_session::look_for_room() {
    const auto wanted = room_wanted_.load(std::memory_order_relaxed);
    if ((wanted & room_wanted_by::waiting) != 0) {
        call_senders();
    }
    if ((wanted & room_wanted_by::refused) == 0 || queued_bytes() > config_->low_watermark) {
        return;
    }
    room_wanted_.fetch_and(room_wanted_by::waiting, std::memory_order_relaxed);
    if (is_open_ && !is_closing_) {
        guarded([this] { host_->on_writable(self_); });
    }
}

void stream_session::call_senders() {
    const auto held = remote_.acquire();
    waiting_senders& senders = remote_.senders(held);
    senders.call(queued_bytes(), config_->high_watermark);
    if (senders.empty()) {
        room_wanted_.fetch_and(room_wanted_by::refused, std::memory_order_relaxed);
    }
}

bool stream_session::has_control_room() const noexcept {
    return transport_->queue().bytes() <= config_->high_watermark + control_allowance;
}

bool stream_session::may_send_control() {
    if (!has_control_room()) {
        begin_close(errc::send_buffer_full);
        return false;
    }
    return true;
}

bool stream_session::send_control(transport::bytes_view frame) {
    if (!may_send_control()) {
        return false;
    }
    transport_->queue().append(frame);
    own_queued_.store(transport_->queue().bytes(), std::memory_order_relaxed);
    transport_->request_flush();
    return true;
}

}  // namespace network_system::session

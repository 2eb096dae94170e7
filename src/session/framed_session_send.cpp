// The sending half of framed_session: admission, the two ways in, completions.
#include "session/framed_session.h"

#include <cstring>
#include <optional>
#include <utility>

namespace network_system::session {

using std::chrono::milliseconds;

namespace {

// From here on a copy into the gather buffer costs more than a system call of its own.
constexpr std::size_t direct_size = std::size_t{12} * 1024;
static_assert(direct_size + protocol::message_header_size <= transport::write_queue::max_claim);

}  // namespace

std::size_t framed_session::queued_bytes() const noexcept {
    return own_queued_.load(std::memory_order_relaxed) + remote_.bytes();
}

void framed_session::publish_queued() noexcept {
    const transport::write_queue& queue = transport_->queue();
    own_queued_.store(queue.bytes(), std::memory_order_relaxed);
    sent_.store(queue.messages_written(), std::memory_order_relaxed);
}

template <typename Append>
VoidResult framed_session::send_message(std::size_t size, const Append& append) {
    if (is_stopped() || size == 0 ||
        size > peer_max_message_size_.load(std::memory_order_relaxed)) {
        return refusal_of(size);
    }
    return queue_frame(protocol::header_size(config_->frames) + size, append);
}

framed_session::admission framed_session::admit_from_other_thread(remote_queue::lock& held,
                                                                  std::size_t wire_bytes) {
    std::optional<runtime::steady_time> give_up;
    while (!remote_.is_closed(held)) {
        // The loop's thread sends without this lock. Of two sends that pass at the same moment one
        // is another thread's, never more: the mark is exceeded by one message at most.
        const std::size_t queued = queued_bytes();
        if (has_room(queued, wire_bytes)) {
            return admission::granted;
        }
        if (!give_up) {
            give_up = std::chrono::steady_clock::now() + send_patience();
        }
        if (std::chrono::steady_clock::now() >= *give_up) {
            held.unlock();
            note_full(queued);
            return admission::full;
        }
        note_refused(queued);
        remote_.wait_for_room(held, *give_up);
    }
    return admission::closed;
}

milliseconds framed_session::send_patience() const {
    const bool may_wait = config_->policy == send_policy::wait &&
                          !runtime::loop::is_on_io_thread() && !loop().context_runs_here();
    return may_wait ? config_->send_wait_timeout : milliseconds{0};
}

void framed_session::announce_remote(const remote_queue::lock& held) {
    if (remote_.publish(held)) {
        where()->post([self = shared_from_this(), this] { on_announced(); });
    }
}

void framed_session::on_announced() {
    take_remote();
    if (!is_closing_) {
        transport_->request_flush();
    }
}

inline bool framed_session::is_short(std::size_t size) const noexcept {
    return size > 0 && size < direct_size && remote_.waiting() == nullptr && !is_stopped() &&
           size <= peer_max_message_size_.load(std::memory_order_relaxed);
}

inline void framed_session::append_short(transport::write_queue& queue,
                                         transport::bytes_view data) const {
    const framing frames = config_->frames;
    const std::size_t header_size = protocol::header_size(frames);
    std::uint8_t* const place = queue.claim(header_size + data.size());
    protocol::write_header(place, frames, protocol::frame_type::data, 0, data.size());
    std::memcpy(place + header_size, data.data(), data.size());
}

VoidResult framed_session::send_copy(std::span<const std::uint8_t> data, send_callback& done) {
    // The common case, apart from all others: what is done here is done for each message.
    if (!done && loop().runs_here() && remote_.bytes() == 0 && is_short(data.size())) [[likely]] {
        transport::write_queue& queue = transport_->queue();
        if (has_room(queue.bytes(), protocol::header_size(config_->frames) + data.size()))
            [[likely]] {
            append_short(queue, data);
            own_queued_.store(queue.bytes(), std::memory_order_relaxed);
            transport_->request_flush();
            return ok();
        }
    }
    return send_any(data, done);
}

VoidResult framed_session::send_any(std::span<const std::uint8_t> data, send_callback& done) {
    if (has_to_wait(data.size())) {
        return queue_behind({}, data, done);
    }
    if (!done && data.size() < direct_size) {
        return send_message(data.size(), [this, data](transport::write_queue& queue, bool) {
            append_short(queue, data);
        });
    }
    return send_message(data.size(), [&](transport::write_queue& queue, bool is_own) {
        const auto header =
            protocol::encode_header(config_->frames, protocol::frame_type::data, 0, data.size());
        append_message(queue, is_own, header.view(), data, std::move(done));
    });
}

bool framed_session::send_short(const remote_queue::lock& held,
                                std::span<const std::uint8_t> data) {
    const std::size_t wire_bytes = protocol::header_size(config_->frames) + data.size();
    if (loop().runs_here() || remote_.is_closed(held) || !is_short(data.size()) ||
        !has_room(queued_bytes(), wire_bytes)) {
        return false;
    }
    append_short(remote_.pending(held), data);
    announce_remote(held);
    return true;
}

void framed_session::append_message(transport::write_queue& queue, bool is_own,
                                    transport::bytes_view header, transport::bytes_view data,
                                    send_callback done) {
    if (is_own && data.size() >= direct_size) {
        transport_->send_now(header, data, std::move(done));
        return;
    }
    queue.append(header);
    queue.append(data);
    queue.end_message(std::move(done));
}

VoidResult framed_session::send_owned(std::vector<std::uint8_t>& data, send_callback& done) {
    // A short message is copied anyway: that is faster in one step.
    if (data.size() <= transport::write_queue::copy_limit || has_to_wait(data.size())) {
        auto sent = send_copy(data, done);
        if (sent) {
            data.clear();
        }
        return sent;
    }
    return send_message(data.size(), [&](transport::write_queue& queue, bool) {
        const auto header =
            protocol::encode_header(config_->frames, protocol::frame_type::data, 0, data.size());
        queue.append(header.view());
        queue.append_owned(std::move(data));
        queue.end_message(std::move(done));
        data.clear();
    });
}

framed_session::admission framed_session::offer(const transport::shared_frame& frame,
                                                std::size_t payload_size, std::string_view key,
                                                wake_list& wakes) {
    // A peer that has not finished its handshake is sent nothing, and cannot make us keep it.
    if (is_stopped() || !is_open_) {
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
    auto held = remote_.acquire();
    const auto answer = admit_from_other_thread(held, frame->size());
    if (answer == admission::granted) {
        remote_.pending(held).append_shared(frame);
        if (remote_.publish(held)) {
            wakes.add(std::static_pointer_cast<framed_session>(shared_from_this()));
        }
    }
    return answer;
}

void framed_session::take_remote(std::size_t enough) {
    // Published under the lock: bytes in neither count would let other threads over the mark.
    const auto held = remote_.acquire();
    remote_.take(held, transport_->queue(), enough);
    adopt_requests();
    publish_queued();
}

void framed_session::on_written() {
    refill_from_backlog();
    publish_queued();
    run_completions();
    check_room();
}

void framed_session::run_completions() {
    settle_superseded();
    transport::write_queue& queue = transport_->queue();
    // Bounded by what is complete now: a completion may send, and be complete at once, for ever.
    const std::uint64_t written = queue.messages_written();
    while (queue.has_completed(written)) {
        const send_callback done = queue.take_completed();
        guarded([&] { done(ok()); });
    }
}

void framed_session::check_room() {
    if (!was_refused_.load(std::memory_order_relaxed) || queued_bytes() > config_->low_watermark) {
        return;
    }
    was_refused_.store(false, std::memory_order_relaxed);
    remote_.notify_room();
    if (is_open_ && !is_closing_) {
        guarded([this] { host_->on_writable(self_); });
    }
}

}  // namespace network_system::session

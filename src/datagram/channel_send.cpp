// The sending half of datagram_channel: admission, the two ways in, what became of each datagram,
// and the books of both halves.
#include "datagram/channel.h"
#include "utils/contain.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <utility>

namespace network_system::inline v0_1::session {

using std::chrono::milliseconds;

namespace {

// What lies in the processor's cache is sent before more is queued behind it.
constexpr std::size_t early_bytes = std::size_t{256} * 1024;
// Calls in a row before others on the loop have their turn.
constexpr int write_rounds = 16;

}  // namespace

VoidResult datagram_channel::refusal(errc code, const endpoint& to, std::size_t size) const {
    switch (code) {
        case errc::message_too_large:
            return detail::failure(code,
                                   fmt::format("datagram of {} bytes, over the limit of {}", size,
                                               config_.max_datagram_size),
                                   host_.name());
        case errc::send_buffer_full:
            return detail::failure(code,
                                   fmt::format("{} bytes queued, high watermark {}", queued_bytes(),
                                               config_.high_watermark),
                                   host_.name());
        default:
            return detail::failure(code,
                                   fmt::format("a socket at {} cannot send to {}",
                                               local().to_string(), to.to_string()),
                                   host_.name());
    }
}

error_info datagram_channel::closed(errc code) const noexcept {
    return loop_->belongs_here()
               ? failure_of(code, "the socket is closed")
               : failure_of(errc::not_supported,
                            "the socket was made before fork(), and goes on in the parent only");
}

VoidResult datagram_channel::send(const endpoint& to, std::span<const std::uint8_t> data,
                                  send_callback& done) {
    if (!is_open()) {
        return closed(host_.not_running());
    }
    if (data.size() > config_.max_datagram_size) {
        return refusal(errc::message_too_large, to, data.size());
    }
    runtime::datagram_address address;
    const bool has_address = to.kind() != endpoint::family::unspecified;
    if (has_address) {
        address = runtime::sockets::address_for(to, family_);
        if (!address.is_set() || to.port() == 0) {
            return refusal(errc::invalid_argument, to, data.size());
        }
    }
    if (loop_->runs_here()) {
        return send_here(has_address ? address : target_, data, done);
    }
    if (!loop_->belongs_here()) {
        return closed(host_.not_running());
    }
    return send_from_other_thread(has_address ? &address : nullptr, data, done);
}

runtime::datagram_source datagram_channel::source_for(const runtime::datagram_address& to) const {
    if (!sources_) {
        return {};
    }
    if (to == sender_) {
        return asked_;
    }
    const endpoint peer = runtime::sockets::endpoint_of(to);
    const auto* const known = peers_ ? peers_->asked_by(peer) : nullptr;
    return known != nullptr ? *known : sources_->find(peer);
}

void datagram_channel::forget_source(const runtime::datagram_address& peer) {
    const endpoint gone = runtime::sockets::endpoint_of(peer);
    if (peer == sender_) {
        asked_ = {};
    }
    if (peers_) {
        peers_->forget_source(gone);
    }
    sources_->record(gone, {});
}

VoidResult datagram_channel::send_here(const runtime::datagram_address& to,
                                       std::span<const std::uint8_t> data, send_callback& done) {
    if (outbox_.remote_bytes() != 0) {
        take_remote();
    }
    const std::size_t cost = transport::datagram_queue::cost(data.size());
    if (!has_room(queued_bytes(), cost, config_.high_watermark)) {
        if (config_.policy != send_policy::drop_oldest) {
            record_full();
            return refusal(errc::send_buffer_full, {}, data.size());
        }
        drop_oldest(queue_, room_for(cost), completions_);
    }
    queue_.append(to, data, std::move(done), source_for(to));
    publish_queued();
    loop_->mark_dirty(*this);
    // Bounded, so that a sender who goes on until the queue is full comes to an end.
    if (queue_.bytes() >= early_bytes && written_early_ < config_.high_watermark && !is_blocked_) {
        written_early_ += queue_.bytes();
        write_queued();
    }
    return ok();
}

milliseconds datagram_channel::send_patience() const {
    const bool may_wait = config_.policy == send_policy::wait &&
                          !runtime::loop::is_on_io_thread() && !loop_->context_runs_here();
    return may_wait ? config_.send_wait_timeout : milliseconds{0};
}

admission datagram_channel::admit_from_other_thread(datagram_outbox::lock& held, std::size_t cost) {
    const std::size_t high = config_.high_watermark;
    const auto answer = outbox_.admit(held, cost, high);
    if (answer != admission::full) {
        return answer;
    }
    if (config_.policy == send_policy::drop_oldest) {
        // What lies on the loop is older, and gives way when this gets there.
        drop_oldest(outbox_.pending(held), room_for(cost), dropped_remotely_);
        return admission::granted;
    }
    const auto patience = send_patience();
    if (patience == milliseconds{0}) {
        return answer;
    }
    const auto give_up = runtime::after(std::chrono::steady_clock::now(), patience);
    if (outbox_.expect_sender(held)) {
        loop_->post([keep = host_.keep_alive(), this] { call_senders(); });
    }
    return outbox_.wait_for_room(held, cost, high, give_up);
}

VoidResult datagram_channel::send_from_other_thread(const runtime::datagram_address* to,
                                                    std::span<const std::uint8_t> data,
                                                    send_callback& done) {
    const std::size_t cost = transport::datagram_queue::cost(data.size());
    auto held = outbox_.acquire();
    const auto admitted = admit_from_other_thread(held, cost);
    if (admitted != admission::granted) {
        if (admitted == admission::full) {
            record_full();  // under the lock: nothing is counted after the close
            held.unlock();
            return refusal(errc::send_buffer_full, {}, data.size());
        }
        held.unlock();
        return closed(host_.not_running());
    }
    outbox_.append(
        held,
        [&] {
            auto& pending = outbox_.pending(held);
            pending.append(to != nullptr ? *to : target_, data, std::move(done));
            remote_count_.store(pending.count(), std::memory_order_relaxed);
        },
        [this] { loop_->post([keep = host_.keep_alive(), this] { loop_->mark_dirty(*this); }); });
    return ok();
}

void datagram_channel::record_full() {
    counters_.rejected.add();
    if (outbox_.record_refused() && !loop_->runs_here()) {
        // The queue may have drained meanwhile: look once from the loop, which sees all of it.
        loop_->post([keep = host_.keep_alive(), this] { loop_->mark_dirty(*this); });
    }
}

void datagram_channel::take_remote() {
    const auto before = queue_.end();
    {
        const auto held = outbox_.acquire();
        completions_.reserve(completions_.size() + dropped_remotely_.size());
        outbox_.take(held, queue_);
        std::move(dropped_remotely_.begin(), dropped_remotely_.end(),
                  std::back_inserter(completions_));
        dropped_remotely_.clear();
        remote_count_.store(0, std::memory_order_relaxed);
        // Before the lock is free: nobody may see room that these datagrams take.
        publish_queued();
    }
    if (sources_) {
        // Not where they were sent: what peers have asked is known here.
        queue_.find_sources(before, [this](const auto& to) { return source_for(to); });
    }
    if (config_.policy == send_policy::drop_oldest && queue_.bytes() > config_.high_watermark) {
        drop_oldest(queue_, config_.high_watermark, completions_);
        publish_queued();
    }
}

/// Until the queue has `most` bytes.
void datagram_channel::drop_oldest(transport::datagram_queue& queue, std::size_t most,
                                   std::vector<completion>& completions) {
    if (queue.bytes() > most) {
        completions.reserve(completions.size() + queue.count());
    }
    while (queue.bytes() > most && !queue.empty()) {
        counters_.dropped.add();
        if (auto done = queue.pop()) {
            completions.push_back({std::move(done), failure_of(errc::message_superseded, "send")});
        }
    }
}

error_info datagram_channel::failure_of(errc code, const char* what) const noexcept {
    return detail::told_anyway(code, [&] { return detail::failure(code, what, host_.name()); });
}

void datagram_channel::flush() {
    written_early_ = 0;
    if (!is_gone_ && !detail::contain([this] { take_and_write(); })) {
        loop_->mark_dirty(*this);  // again in the next batch
    }
    finish_sends();
    check_room();
    if (is_closing_ && !is_gone_ && queue_.empty()) {
        finish();
    }
}

void datagram_channel::take_and_write() {
    take_remote();
    if (!is_blocked_) {
        write_queued();
    }
}

void datagram_channel::write_queued() {
    std::array<runtime::outgoing_datagram, runtime::datagram_io::max_send> batch;
    for (int round = 0; round < write_rounds && !queue_.empty() && !is_blocked_; ++round) {
        const std::size_t count = queue_.prepare(batch);
        // First: once they are sent, each has to be told.
        completions_.reserve(completions_.size() + count);
        const auto result = io_->send(runtime::poller::handle_of(*this), {batch.data(), count});
        counters_.send_calls.add(result.calls);
        counters_.sent.add(result.sent);
        if (result.without_source > 0) {
            counters_.without_source.add(result.without_source);
            forget_source(*result.source_gone);
        }
        for (std::size_t i = 0; i < result.sent; ++i) {
            counters_.bytes_sent.add(batch[i].bytes.size());
            if (auto done = queue_.pop()) {
                completions_.push_back({std::move(done), ok()});
            }
        }
        if (result.earlier) {
            on_told_by_network(result.earlier);
        }
        if (result.would_block) {
            counters_.stalls.add(1);
            is_blocked_ = true;
            update_interest();
        } else if (result.error) {
            on_send_error(result.error);
        }
    }
    counters_.has_segmentation.store(io_->has_segmentation(), std::memory_order_relaxed);
    publish_queued();
    if (!queue_.empty() && !is_blocked_) {
        loop_->mark_dirty(*this);
    }
}

void datagram_channel::on_send_error(std::error_code error) {
    using std::errc;
    counters_.failures.add(1);
    const bool is_too_large = error == errc::message_size;
    if (is_too_large) {
        counters_.too_large.add(1);
    } else if (error == errc::no_buffer_space || error == errc::not_enough_memory) {
        counters_.no_buffers.add(1);
    } else if (error == errc::permission_denied || error == errc::operation_not_permitted) {
        counters_.not_permitted.add(1);
    } else if (error == errc::network_unreachable || error == errc::host_unreachable ||
               error == errc::network_down || error == errc::address_not_available) {
        counters_.unreachable.add(1);
    }
    const auto code =
        is_too_large ? network_system::errc::message_too_large : network_system::errc::send_failed;
    report(code);
    const std::size_t size = queue_.first_size();
    if (auto done = queue_.pop()) {
        completions_.push_back({std::move(done), detail::told_anyway(code, [&] {
                                    return detail::failure(
                                        code, fmt::format("datagram of {} bytes", size),
                                        host_.name(), error);
                                })});
    }
}

/// The callbacks of what was sent and of what went wrong. They may send, stop and destroy.
void datagram_channel::finish_sends() {
    while (!completions_.empty()) {
        for (auto& each : std::exchange(completions_, {})) {
            guarded([&] { each.done(std::move(each.result)); });
        }
    }
    for (const errc code : std::exchange(errors_, {})) {
        // What this throws is not reported to itself.
        (void)run_callback([&] { host_.on_error(code); });
    }
}

void datagram_channel::check_room() {
    if (!outbox_.is_room_wanted()) {
        return;
    }
    call_senders();
    if (!is_closing_ && outbox_.take_refused(config_.low_watermark)) {
        guarded([&] { host_.on_writable(); });
    }
}

void datagram_channel::publish_queued() noexcept {
    outbox_.publish_own(queue_.bytes());
    own_count_.store(queue_.count(), std::memory_order_relaxed);
}

void datagram_channel::drop_queued() {
    detail::insist([this] { take_remote(); });
    counters_.dropped.add(queue_.count());
    const bool has_room =
        detail::insist([this] { completions_.reserve(completions_.size() + queue_.count()); });
    while (!queue_.empty()) {
        auto done = queue_.pop();
        if (done && has_room) {
            completions_.push_back({std::move(done), failure_of(errc::connection_closed, "send")});
        } else if (done) {
            guarded([&] { done(failure_of(errc::connection_closed, "send")); });
        }
    }
    publish_queued();
}

datagram_metrics datagram_channel::metrics() const {
    datagram_metrics all;
    const counters& own = counters_;
    all.datagrams_sent = own.sent;
    all.bytes_sent = own.bytes_sent;
    all.datagrams_received = own.received;
    all.bytes_received = own.bytes_received;
    all.sends_rejected = own.rejected;
    all.datagrams_dropped = own.dropped;
    all.send_failures = own.failures;
    all.failed_too_large = own.too_large;
    all.failed_no_buffers = own.no_buffers;
    all.failed_unreachable = own.unreachable;
    all.failed_not_permitted = own.not_permitted;
    all.datagrams_undelivered = own.undelivered;
    all.sent_without_source = own.without_source;
    all.send_stalls = own.stalls;
    all.refusals = own.refusals;
    all.datagrams_truncated = own.truncated;
    all.kernel_drops = own.kernel_drops;
    all.datagrams_limited = own.limited;
    all.datagrams_unread = own.unread;
    all.receive_errors = own.receive_errors;
    all.send_calls = own.send_calls;
    all.receive_calls = own.receive_calls;
    all.queued_datagrams =
        own_count_.load(std::memory_order_relaxed) + remote_count_.load(std::memory_order_relaxed);
    all.queued_bytes = queued_bytes();
    all.peers_active = peers_ ? peers_->size() : 0;
    all.peers_expired = peers_ ? peers_->expired() : 0;
    all.has_segmentation_offload = own.has_segmentation.load(std::memory_order_relaxed);
    all.has_receive_offload = io_->has_coalescing();
    all.send_buffer_size = send_buffer_size_;
    all.receive_buffer_size = receive_buffer_size_;
    return all;
}

}  // namespace network_system::session

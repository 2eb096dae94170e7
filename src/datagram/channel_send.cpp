// The sending half of datagram_channel: admission, the two ways in, what became of each datagram.
#include "datagram/channel.h"
#include "utils/contain.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <utility>

namespace network_system::session {

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
    sources_->note(gone, {});
}

VoidResult datagram_channel::send_here(const runtime::datagram_address& to,
                                       std::span<const std::uint8_t> data, send_callback& done) {
    if (remote_bytes_.load(std::memory_order_relaxed) != 0) {
        take_remote();
    }
    const std::size_t cost = transport::datagram_queue::cost(data.size());
    if (!has_room(queued_bytes(), cost, config_.high_watermark)) {
        if (config_.policy != send_policy::drop_oldest) {
            note_full();
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

datagram_channel::admission datagram_channel::admit_from_other_thread(remote_lock& held,
                                                                      std::size_t cost) {
    if (senders_.is_closed()) {
        return admission::closed;
    }
    // The loop sends without this lock, so the mark may be exceeded by one datagram.
    if (senders_.admit(queued_bytes(), cost, config_.high_watermark)) {
        return admission::granted;
    }
    if (config_.policy == send_policy::drop_oldest) {
        // What lies on the loop is older, and gives way when this gets there.
        drop_oldest(remote_, room_for(cost), dropped_remotely_);
        return admission::granted;
    }
    const auto patience = send_patience();
    return patience > milliseconds{0} ? wait_for_room(held, cost, patience) : admission::full;
}

datagram_channel::admission datagram_channel::wait_for_room(remote_lock& held, std::size_t cost,
                                                            milliseconds patience) {
    const auto give_up = runtime::after(std::chrono::steady_clock::now(), patience);
    if (!are_senders_waiting_.exchange(true, std::memory_order_relaxed)) {
        // The loop may have made room before it could hear of it: it looks once more. Where others
        // wait already, it has looked, or will, and takes this lock whenever it has made room.
        loop_->post([keep = host_.keep_alive(), this] { look_at_senders(); });
    }
    if (senders_.wait(held, cost, config_.high_watermark, give_up,
                      [this] { return queued_bytes(); })) {
        return admission::granted;
    }
    return senders_.is_closed() ? admission::closed : admission::full;
}

void datagram_channel::look_at_senders() {
    const remote_lock held(remote_mutex_);
    senders_.call(queued_bytes(), config_.high_watermark);
    if (senders_.empty()) {
        are_senders_waiting_.store(false, std::memory_order_relaxed);
    }
}

VoidResult datagram_channel::send_from_other_thread(const runtime::datagram_address* to,
                                                    std::span<const std::uint8_t> data,
                                                    send_callback& done) {
    const std::size_t cost = transport::datagram_queue::cost(data.size());
    remote_lock held(remote_mutex_);
    const auto admitted = admit_from_other_thread(held, cost);
    if (admitted != admission::granted) {
        if (admitted == admission::full) {
            note_full();  // under the lock: nothing is counted after the close
            held.unlock();
            return refusal(errc::send_buffer_full, {}, data.size());
        }
        held.unlock();
        return closed(host_.not_running());
    }
    remote_.append(to != nullptr ? *to : target_, data, std::move(done));
    remote_bytes_.store(remote_.bytes(), std::memory_order_relaxed);
    remote_count_.store(remote_.count(), std::memory_order_relaxed);
    if (!is_announced_) {
        // Without memory to tell the loop, it hears of this datagram with the next one.
        is_announced_ = detail::attempt_often([this] {
            loop_->post([keep = host_.keep_alive(), this] { loop_->mark_dirty(*this); });
        });
    }
    return ok();
}

void datagram_channel::note_full() {
    counters_.rejected.add();
    if (!was_refused_.exchange(true, std::memory_order_relaxed) && !loop_->runs_here()) {
        // The queue may have drained meanwhile: look once from the loop, which sees all of it.
        loop_->post([keep = host_.keep_alive(), this] { loop_->mark_dirty(*this); });
    }
}

void datagram_channel::take_remote() {
    const auto before = queue_.end();
    {
        const remote_lock held(remote_mutex_);
        completions_.reserve(completions_.size() + dropped_remotely_.size());
        queue_.splice(remote_);
        std::move(dropped_remotely_.begin(), dropped_remotely_.end(),
                  std::back_inserter(completions_));
        dropped_remotely_.clear();
        is_announced_ = false;
        remote_bytes_.store(0, std::memory_order_relaxed);
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
    if (are_senders_waiting_.load(std::memory_order_relaxed)) {
        look_at_senders();
    }
    if (was_refused_.load(std::memory_order_relaxed) && queued_bytes() <= config_.low_watermark &&
        !is_closing_ && was_refused_.exchange(false, std::memory_order_relaxed)) {
        guarded([&] { host_.on_writable(); });
    }
}

void datagram_channel::publish_queued() noexcept {
    own_bytes_.store(queue_.bytes(), std::memory_order_relaxed);
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

}  // namespace network_system::session

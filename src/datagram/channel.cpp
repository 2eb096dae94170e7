// The life of a channel, and its receiving half.
#include "datagram/channel.h"

#include "os/send_recovery.h"
#include "utils/contain.h"
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/user_code.h"

#include <fmt/format.h>

#include <algorithm>

namespace network_system::inline v0_1::session {
namespace {

// Full batches read in a row before others on the loop have their turn.
constexpr int receive_rounds = 4;
// How often the kernel is asked how many datagrams it has dropped.
constexpr std::chrono::milliseconds drops_interval{10};
constexpr runtime::backoff_settings receive_rests{.initial = std::chrono::milliseconds{10},
                                                  .cap = std::chrono::milliseconds{1000},
                                                  .floor = std::chrono::milliseconds{10}};

}  // namespace

thread_local datagram_host* datagram_host::here_ = nullptr;

datagram_channel::datagram_channel(std::shared_ptr<runtime::loop> where, datagram_host& host,
                                   runtime::unique_socket socket,
                                   std::unique_ptr<runtime::datagram_io> io,
                                   const datagram_setup& setup)
    : loop_(std::move(where)), host_(host), gate_(host.gate()), keep_(host.keep_alive()),
      config_(setup.config), drain_timeout_(setup.drain_timeout), socket_(std::move(socket)),
      family_(runtime::sockets::local_endpoint(socket_.get()).kind()), io_(std::move(io)),
      send_buffer_size_(
          static_cast<std::size_t>(runtime::sockets::send_buffer_size(socket_.get()))),
      receive_buffer_size_(
          static_cast<std::size_t>(runtime::sockets::receive_buffer_size(socket_.get()))),
      rests_(receive_rests), sources_(setup.sources), queue_(&loop_->blocks()),
      local_(runtime::sockets::local_endpoint(socket_.get())) {
    counters_.has_segmentation = io_->has_segmentation();
    if (config_.receiving == receive_mode::pull) {
        pull_ = std::make_unique<pull_queue>(config_.receive_queue_limit);
    }
    if (setup.peers.max_peers > 0) {
        peers_ = std::make_unique<peer_table>(
            loop_, setup.peers, setup.total_peers,
            [this](const endpoint& peer) { guarded([&] { host_.on_peer_expired(peer); }); });
    }
}

datagram_channel::~datagram_channel() = default;

std::error_code datagram_channel::start() {
    if (is_gone_) {
        return {};
    }
    is_read_ = host_.reads_datagrams();
    const auto error = loop_->sockets().add(*this, std::move(socket_), {true, false});
    is_watched_ = !error;
    if (error) {
        finish();
    }
    return error;
}

/// The error callback runs at the end of the batch, once for each kind of error in it.
void datagram_channel::report(errc code) {
    if (std::find(errors_.begin(), errors_.end(), code) == errors_.end() &&
        detail::contain([&] { errors_.push_back(code); })) {
        loop_->mark_dirty(*this);
    }
}

std::error_code datagram_channel::set_target(const endpoint& target, bool connects) {
    const auto address = runtime::sockets::address_for(target, family_);
    if (!address.is_set()) {
        return std::make_error_code(std::errc::address_family_not_supported);
    }
    const auto handle = is_watched_ ? runtime::poller::handle_of(*this) : socket_.get();
    if (connects) {
        if (const auto error = runtime::sockets::connect_datagram(handle, address)) {
            return error;
        }
    }
    const endpoint local = runtime::sockets::local_endpoint(handle);
    const auto held = outbox_.acquire();
    local_ = local;
    target_ = connects ? runtime::datagram_address{} : address;
    return {};
}

void datagram_channel::on_ready(runtime::interest ready) {
    if (ready.write && is_blocked_) {
        is_blocked_ = false;
        update_interest();
        loop_->mark_dirty(*this);
    }
    if (ready.read && !is_closing_) {
        receive_batches();
    }
}

void datagram_channel::receive_batches() {
    for (int round = 0; round < receive_rounds && !is_closing_; ++round) {
        const auto memory = loop_->large_buffer(io_->memory_size());
        const auto batch = io_->receive(runtime::poller::handle_of(*this), memory);
        counters_.receive_calls.add(1);
        for (const auto& place : batch.received) {
            deliver(place);
        }
        if (batch.error) {
            on_receive_error(batch.error);
        } else {
            is_receive_failure_logged_ = false;
            rests_.reset();
        }
        if (!batch.may_have_more || rest_) {
            break;
        }
    }
    if (is_watched_ && loop_->now() >= next_look_at_drops_) {
        look_at_drops();
    }
}

void datagram_channel::look_at_drops() {
    next_look_at_drops_ = runtime::after(loop_->now(), drops_interval);
    const auto drops = io_->kernel_drops(runtime::poller::handle_of(*this));
    counters_.kernel_drops.add(drops - counters_.kernel_drops);
}

void datagram_channel::on_receive_error(std::error_code error) {
    if (runtime::may_concern_earlier(error)) {
        on_told_by_network(error);
        return;
    }
    counters_.receive_errors.add(1);
    report(errc::receive_failed);
    rest_from_receiving(error);
}

/// What became of a datagram that was sent before. Whoever can send ICMP can cause it: no line of
/// the log.
void datagram_channel::on_told_by_network(std::error_code error) {
    if (error == std::errc::connection_refused || error == std::errc::connection_reset) {
        counters_.refusals.add(1);
        report(errc::connection_refused);
        return;
    }
    counters_.undelivered.add(1);
    report(error == std::errc::message_size ? errc::message_too_large : errc::send_failed);
}

/// The socket may fail in the same way at once: without a rest the loop would do nothing else.
void datagram_channel::rest_from_receiving(std::error_code error) {
    if (rest_ || is_closing_) {
        return;
    }
    const auto pause = rests_.next(loop_->random());
    if (!std::exchange(is_receive_failure_logged_, true)) {
        detail::log(log_level::warning, host_.writer().because(error),
                    "receive failed, trying again in {} ms", pause.count());
    }
    rest_ = std::make_shared<runtime::pause>(loop_);
    update_interest();
    rest_->start(runtime::after(loop_->now(), pause),
                 [this, keep = host_.keep_alive()](runtime::pause::ending how) {
                     rest_.reset();
                     if (how == runtime::pause::ending::over) {
                         update_interest();
                     }
                 });
}

void datagram_channel::deliver(const runtime::incoming_datagrams& place) {
    if (!(*place.from == sender_)) {
        sender_ = *place.from;
        sender_endpoint_ = runtime::sockets::endpoint_of(sender_);
        is_asked_noted_ = false;
    }
    if (sources_ && asked_ != place.asked) {
        asked_ = place.asked;
        is_asked_noted_ = false;
    }
    auto rest = place.bytes;
    do {
        const bool is_last = place.segment_size == 0 || place.segment_size >= rest.size();
        const auto one = is_last ? rest : rest.first(place.segment_size);
        rest = rest.subspan(one.size());
        if (one.size() > config_.max_datagram_size || (is_last && place.is_truncated)) {
            counters_.truncated.add(1);
            report(errc::message_too_large);
        } else if (!detail::contain([&] { deliver_one(one); })) {
            counters_.unread.add(1);
        }
    } while (!rest.empty());
}

void datagram_channel::deliver_one(std::span<const std::uint8_t> data) {
    if (peers_ && !admit_peer()) {
        counters_.limited.add(1);
        return;
    }
    if (sources_ && !is_asked_noted_) {
        remember_source();
    }
    if (pull_) {
        pull_datagram(data);
        return;
    }
    if (!gate_->is_open()) {
        counters_.unread.add(1);  // the object was stopped in a callback of this batch
        return;
    }
    if (!is_read_) {
        counters_.unread.add(1);
        host_.on_unread();
        return;
    }
    counters_.received.add(1);
    counters_.bytes_received.add(data.size());
    guarded([&] { host_.on_datagram(data, sender_endpoint_); });
}

void datagram_channel::pull_datagram(std::span<const std::uint8_t> data) {
    if (pull_->is_full()) {
        counters_.unread.add(1);
        return;
    }
    // First, because an asker that is taken has to be told.
    received_datagram datagram{{data.begin(), data.end()}, sender_endpoint_};
    if (const auto asker = pull_->take_asker()) {
        counters_.received.add(1);
        counters_.bytes_received.add(data.size());
        guarded([&] { (*asker)(std::move(datagram)); });
    } else {
        pull_->store(std::move(datagram));
    }
}

bool datagram_channel::admit_peer() {
    switch (peers_->record(sender_endpoint_, asked_)) {
        case peer_table::verdict::known: return true;
        case peer_table::verdict::is_new:
            guarded([&] { host_.on_new_peer(sender_endpoint_); });
            return true;
        default: return false;
    }
}

void datagram_channel::remember_source() {
    is_asked_noted_ = true;
    sources_->record(sender_endpoint_, asked_);
}

VoidResult datagram_channel::receive(pull_handler&& handler, operation_id operation) {
    if (!pull_) {
        return detail::failure(errc::not_supported, "receiving on demand needs receive_mode::pull",
                               host_.name());
    }
    if (!handler) {
        return detail::failure(errc::invalid_argument, "a datagram has to be given to a handler",
                               host_.name());
    }
    if (!is_open() || !loop_->belongs_here()) {
        return closed(host_.not_running());
    }
    auto keep = host_.keep_alive();
    pending_operation pending;
    if (operation != operation_id::none &&
        !pending.begin(operation, std::shared_ptr<datagram_channel>(keep, this))) {
        return operation_exists(host_.name());
    }
    const bool is_posted =
        runtime::post_with(*loop_, is_stopped_, handler,
                           [keep = std::move(keep), this, pending = std::move(pending)](
                               pull_handler& asking) mutable { ask(asking, std::move(pending)); });
    return is_posted ? ok() : closed(host_.not_running());
}

void datagram_channel::ask(pull_handler& handler, pending_operation operation) {
    const bool has_answer = is_closing_ || pull_->size() > 0;
    if (has_answer ? !operation.complete() : operation.is_cancelled()) {
        guarded([&] { handler(failure_of(errc::cancelled, "receive")); });
    } else if (is_closing_) {
        guarded([&] { handler(closed(errc::connection_closed)); });
    } else if (auto waiting = pull_->take_message()) {
        counters_.received.add(1);
        counters_.bytes_received.add(waiting->data.size());
        guarded([&] { handler(std::move(*waiting)); });
    } else if (!detail::attempt([&] { pull_->record(handler, operation); })) {
        guarded([&] { handler(failure_of(errc::out_of_memory, "receive")); });
    }
}

void datagram_channel::on_cancelled(operation_id operation) noexcept {
    // Posted even on the loop: the handler must not run inside the caller's callback. Without
    // memory for it, the handler hears of the cancellation when it would get its result.
    detail::insist([&] {
        loop_->post([keep = host_.keep_alive(), this, operation] {
            if (const auto asker = pull_->take_asker(operation)) {
                guarded([&] { asker->done(failure_of(errc::cancelled, "receive")); });
            }
        });
    });
}

void datagram_channel::close() {
    if (std::exchange(is_closing_, true)) {
        return;
    }
    refuse_sends();
    while (pull_) {
        auto asker = pull_->take_any_asker();
        if (!asker) {
            counters_.unread.add(pull_->size());
            break;
        }
        const errc told = asker->operation.complete_with(errc::connection_closed);
        guarded([&] { asker->done(closed(told)); });
    }
    if (is_gone_) {
        return;
    }
    update_interest();
    loop_->deadlines().set(*this, runtime::after(loop_->now(), drain_timeout_));
    loop_->mark_dirty(*this);
}

void datagram_channel::on_deadline(runtime::steady_time) {
    drop_queued();
    finish_sends();
    finish();
}

void datagram_channel::update_interest() {
    if (is_watched_) {
        loop_->sockets().set_interest(*this, {!is_closing_ && !rest_, is_blocked_});
    }
}

void datagram_channel::finish() {
    if (std::exchange(is_gone_, true)) {
        return;
    }
    if (is_watched_) {
        look_at_drops();
        is_watched_ = false;
        loop_->sockets().remove(*this);
    }
    close();
    if (rest_) {
        rest_->cancel();
    }
    leave();
}

void datagram_channel::on_loop_shutdown() {
    is_watched_ = false;
    is_gone_ = is_closing_ = true;
    refuse_sends();
    // Without a word to those who wait for them: the loop's time for user code is over.
    drop_queued();
    leave();
}

void datagram_channel::refuse_sends() {
    is_stopped_.store(true, std::memory_order_release);
    outbox_.close();
}

void datagram_channel::leave() noexcept {
    runtime::deadline_wheel::cancel(*this);
    if (peers_) {
        peers_->clear();
    }
    host_.on_channel_gone(*loop_);
    // Events and output of this batch may still name the channel.
    loop_->retire(std::move(keep_));
}

}  // namespace network_system::session

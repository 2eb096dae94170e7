// What arrives and has to wait, what is pending, and the end of both.
#include "session/message_connection.h"

#include "utils/contain.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::session {

message_connection::message_connection(std::shared_ptr<transport::transport> over,
                                       std::shared_ptr<message_host> host,
                                       const session_setup& setup, message_encoder encoder)
    : connection(std::move(over), std::move(host), setup, encoder.has_control_frames()),
      encoder_(encoder), inbox_(config()),
      outbox_(setup.lock_apart, config().policy == send_policy::drop_oldest ||
                                    config().policy == send_policy::conflate) {
    allow_sends();
}

session_metrics message_connection::metrics() const noexcept {
    const auto& bytes = transport().counters();
    session_metrics all;
    all.messages_sent = outbox_.sent();
    const inbox::counts arrived = inbox_.count();
    all.messages_received = arrived.received;
    all.bytes_sent = bytes.bytes_written;
    all.bytes_received = bytes.bytes_read;
    all.messages_dropped = outbox_.dropped();
    all.sends_rejected = outbox_.rejected();
    all.bytes_discarded = bytes.bytes_discarded;
    all.rate_pauses = inbox_.times_exceeded();
    all.messages_unread = arrived.unread;
    all.queued_bytes = queued_bytes();
    return all;
}

std::string message_connection::describe_traffic() const {
    const session_metrics all = metrics();
    return fmt::format("received {} messages, {} bytes; sent {} messages, {} bytes, {} dropped",
                       all.messages_received, all.bytes_received, all.messages_sent, all.bytes_sent,
                       all.messages_dropped);
}

void message_connection::apply_rate(std::uint64_t arrived) {
    if (inbox_.exceeds_rate(arrived, loop()->now())) {
        set_hold(hold::rate, true);
        schedule_deadline();
    }
}

void message_connection::keep_for_pull(message_kind kind, bytes_view payload) {
    if (inbox_.put(kind, payload)) {
        set_hold(hold::pull_queue, true);
    }
}

bool message_connection::begin_delivery(std::uint64_t) noexcept {
    return false;
}

void message_connection::end_delivery(std::uint64_t, bool) noexcept {}

delivery_info message_connection::delivery_of(std::uint64_t) const noexcept {
    return {};
}

bool message_connection::deliver_numbered(std::uint64_t id, bytes_view payload) {
    if (!inbox_.is_pulled()) {
        inbox_.count_received();
        host().on_numbered_message(self_, payload, id);
    } else if (inbox_.put_numbered(id, payload)) {
        set_hold(hold::pull_queue, true);
    }
    return takes_more();
}

bool message_connection::begin_oldest() {
    while (const std::uint64_t id = inbox_.oldest_number()) {
        if (begin_delivery(id)) {
            return true;
        }
        (void)inbox_.take();
        go_on_reading();
    }
    return inbox_.waiting() > 0;
}

void message_connection::leave_oldest() noexcept {
    if (const std::uint64_t id = inbox_.oldest_number()) {
        end_delivery(id, false);
    }
}

/// The read is over: to those who wait, one after the other.
void message_connection::give_numbered() {
    while (inbox_.waiting() > 0 && inbox_.is_asked() && begin_oldest()) {
        auto asker = inbox_.take_asker();
        if (!asker) {
            leave_oldest();
            return;
        }
        give_waiting(*asker);
    }
}

VoidResult message_connection::may_pull(bool has_handler) const {
    if (!inbox_.is_pulled()) {
        return detail::failure(
            errc::not_supported,
            describe("receiving on demand needs receive_mode::pull; connection to"), id());
    }
    if (!has_handler) {
        return detail::failure(errc::invalid_argument,
                               describe("a message has to be given to a handler; connection to"),
                               id());
    }
    if ((is_gone() && inbox_.waiting() == 0) || !loop()->belongs_here()) {
        return closed_error();
    }
    return ok();
}

void message_connection::on_bytes(std::size_t placed, std::span<std::uint8_t> rest) {
    connection::on_bytes(placed, rest);
    if (inbox_.is_pulled()) {
        give_collected();
        if (inbox_.has_numbered()) {
            or_abort([this] { give_numbered(); });
        }
    }
    publish_queued();
}

bool message_connection::must_wait_for_message() const noexcept {
    return loop()->runs_here() && inbox_.waiting() == 0 && !is_closing() && !has_peer_ended();
}

void message_connection::ask(message_asker handler, pending_operation operation) {
    const bool has_message = begin_oldest();
    const bool has_answer = has_message || is_gone() || has_peer_ended();
    if (has_answer ? !operation.complete() : operation.is_cancelled()) {
        leave_oldest();
        guarded([&] { handler(failure_of(errc::cancelled, "receive from")); });
    } else if (has_message) {
        give_waiting(handler);
    } else if (has_answer) {
        guarded([&] { handler(closed_error().error()); });
    } else {
        (void)keep_handler(handler, "receive from", [&] { inbox_.wait(handler, operation); });
    }
}

void message_connection::give_waiting(message_asker& asker) {
    if (received_messages* const all = asker.collected()) {
        give_all_waiting(asker, *all);
        return;
    }
    auto oldest = inbox_.take();
    const std::uint64_t id = take_number(*oldest);
    go_on_reading();
    const bool is_taken = guarded([&] { asker.give(oldest->type, std::move(oldest->data)); });
    if (id != 0) {
        end_delivery(id, is_taken);
    }
}

void message_connection::give_all_waiting(message_asker& asker, received_messages& all) {
    // Of those whose delivery has begun.
    std::vector<std::uint64_t> ids;
    if (!keep_handler(asker, "receive from", [&] { take_all_waiting(all, ids); })) {
        leave_oldest();
        return;
    }
    go_on_reading();
    const bool is_taken = guarded([&] { asker.give_collected(); });
    for (const std::uint64_t each : ids) {
        end_delivery(each, is_taken);
    }
}

void message_connection::take_all_waiting(received_messages& all, std::vector<std::uint64_t>& ids) {
    if (!inbox_.has_numbered()) {
        inbox_.take_all(all, [](const received_message&) { return true; });
        return;
    }
    ids.reserve(inbox_.waiting());
    all.reserve_deliveries(inbox_.waiting());
    const std::uint64_t begun = inbox_.oldest_number();
    inbox_.take_all(all, [&](received_message& each) {
        const std::uint64_t id = take_number(each);
        if (id == 0) {
            return true;
        }
        const bool is_begun = ids.empty() && id == begun;
        if (!is_begun && !begin_delivery(id)) {
            return false;
        }
        ids.push_back(id);
        all.set_next_delivery(delivery_of(id));
        return true;
    });
}

void message_connection::go_on_reading() {
    if (inbox_.has_room()) {
        set_hold(hold::pull_queue, false);
    }
}

void message_connection::give_collected() {
    if (auto asker = inbox_.take_collected()) {
        guarded([&] { asker->give_collected(); });
    }
}

VoidResult message_connection::pull_all(receive_all_handler& handler, received_messages& reuse,
                                        operation_id operation) {
    collecting_asker all{std::move(handler), std::move(reuse)};
    all.messages.clear();
    auto begun = pull(all, operation);
    if (!begun) {
        handler = std::move(all.done);
        reuse = std::move(all.messages);
    }
    return begun;
}

void message_connection::record_peer_end() {
    has_peer_ended_.store(true, std::memory_order_relaxed);
    end_pulling(errc::connection_closed);
}

void message_connection::end_pulling(errc code) {
    give_collected();
    if (inbox_.has_numbered()) {
        or_abort([this] { give_numbered(); });
    }
    while (auto asker = inbox_.take_any_asker()) {
        const errc told = asker->operation.complete_with(code);
        guarded([&] { asker->done(failure_of(told, "receive from")); });
    }
}

bool message_connection::cancel_pending(operation_id operation) {
    if (cancel_call(operation)) {
        return true;
    }
    if (const auto asker = inbox_.take_asker(operation)) {
        guarded([&] { asker->done(failure_of(errc::cancelled, "receive from")); });
        return true;
    }
    return connection::cancel_pending(operation);
}

void message_connection::take_over(bool is_last) {
    if (is_last) {
        outbox_.close();
    }
    take_remote(everything);
}

void message_connection::discard_queued() {
    outbox_.close();
    std::uint64_t left = 0;
    if (!detail::contain([this] { take_remote(everything); })) {
        left = outbox_.discard(outbox_.acquire());
    }
    outbox_.count_dropped(transport().queue().discard() + left);
    publish_queued();
}

void message_connection::on_write_failed(errc code) {
    forbid_sends();
    discard_queued();
    run_completions();
    fail_sends(code);
}

void message_connection::fail_sends(errc code) {
    while (const send_callback done = take_unsent()) {
        guarded([&] { done(failure_of(code, "send to")); });
    }
}

send_callback message_connection::take_unsent() {
    auto done = transport().queue().take_any();
    return done ? std::move(done) : outbox_.take_any(outbox_.acquire());
}

void message_connection::fail_pending(std::error_code reason) {
    const errc code = end_code(reason);
    discard_queued();
    run_completions();
    fail_sends(code);
    connection::fail_pending(reason);
    fail_calls(code);
    end_pulling(code);
}

}  // namespace network_system::session

// Pull mode, and the operations of stream_session that can be given up.
#include "session/stream_session.h"
#include "utils/contain.h"
#include "utils/failure.h"

#include <algorithm>
#include <utility>

namespace network_system::session {

void stream_session::pull_message(message_kind kind, transport::bytes_view payload) {
    received_ws_message message{kind, {payload.begin(), payload.end()}};
    if (const auto asker = pull_->take_asker()) {
        count_received();
        asker->done(std::move(message));
        return;
    }
    pull_->store(std::move(message));
    if (pull_->is_full()) {
        set_hold(hold::pull_queue, true);
    }
}

VoidResult stream_session::may_pull(bool has_handler) const {
    if (!pull_) {
        return detail::failure(
            errc::not_supported,
            describe("receiving on demand needs receive_mode::pull; connection to"), id());
    }
    if (!has_handler) {
        return detail::failure(errc::invalid_argument,
                               describe("a message has to be given to a handler; connection to"),
                               id());
    }
    if ((is_gone_.load(std::memory_order_acquire) && pull_->size() == 0) ||
        !loop().belongs_here()) {
        return closed_error();
    }
    return ok();
}

bool stream_session::may_note_asker() const noexcept {
    return loop().runs_here() && pull_->size() == 0 && !is_closing_ && !has_peer_ended();
}

void stream_session::ask(message_asker handler, pending_operation operation) {
    const bool has_answer =
        pull_->size() > 0 || is_gone_.load(std::memory_order_relaxed) || has_peer_ended();
    if (has_answer ? !operation.complete() : operation.is_cancelled()) {
        guarded([&] { handler(failure_of(errc::cancelled, "receive from")); });
    } else if (auto waiting = pull_->take_message()) {
        count_received();
        if (pull_->has_room()) {
            set_hold(hold::pull_queue, false);
        }
        guarded([&] { handler(std::move(*waiting)); });
    } else if (has_answer) {
        guarded([&] { handler(closed_error().error()); });
    } else {
        (void)keep_handler(handler, "receive from", [&] { pull_->note(handler, operation); });
    }
}

void stream_session::note_peer_end() {
    has_peer_ended_.store(true, std::memory_order_relaxed);
    end_pulling(errc::connection_closed);
}

void stream_session::end_pulling(errc code) {
    while (pull_) {
        auto asker = pull_->take_any_asker();
        if (!asker) {
            break;
        }
        const errc told = asker->operation.complete_with(code);
        guarded([&] { asker->done(failure_of(told, "receive from")); });
    }
}

bool stream_session::cancel(operation_id operation) {
    return pending_operation::cancel(operation, this);
}

void stream_session::on_cancelled(operation_id operation) noexcept {
    // Posted even here: the handler must not run inside the caller's callback. Without memory for
    // it, the handler hears of the cancellation when it would get its result.
    detail::insist([&] { post_own([this, operation] { apply_cancel(operation); }); });
}

void stream_session::apply_cancel(operation_id operation) {
    if (cancel_call(operation)) {
        return;
    }
    if (pull_) {
        if (const auto asker = pull_->take_asker(operation)) {
            guarded([&] { asker->done(failure_of(errc::cancelled, "receive from")); });
            return;
        }
    }
    if (!rare_) {
        return;
    }
    auto& pings = rare_->pings;
    const auto found = std::find_if(pings.begin(), pings.end(), [&](const pending_ping& each) {
        return each.operation.id() == operation;
    });
    if (found != pings.end()) {
        const pending_ping given_up = std::move(*found);
        pings.erase(found);
        guarded([&] { given_up.handler(failure_of(errc::cancelled, "ping to")); });
    }
}

VoidResult stream_session::post(unique_function<void()> task) {
    return detail::within_memory([&] {
        if (!loop().belongs_here()) {
            return closed_error();
        }
        post_own(task, [this](const unique_function<void()>& kept) { guarded(kept); });
        return ok();
    });
}

}  // namespace network_system::session

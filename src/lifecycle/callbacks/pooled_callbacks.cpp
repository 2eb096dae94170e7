#include "lifecycle/callbacks/pooled_callbacks.h"

#include "utils/contain.h"
#include "utils/log.h"
#include "utils/user_code.h"

#include <network_system/utils/error_codes.h>

#include <utility>

namespace network_system::inline v0_1::core {
namespace {

// A session that always has more to deliver gives its worker back after so many callbacks.
constexpr unsigned run_budget = 64;

session::message_connection& connection_of(const session::session_ptr& who) noexcept {
    return session::message_connection::of(*who);
}

}  // namespace

pooled_callbacks::pooled_callbacks(std::shared_ptr<session::message_host> engine,
                                   std::shared_ptr<callback_pool> pool,
                                   std::shared_ptr<runtime::loop> where)
    : message_host(engine->gate()), engine_(std::move(engine)), pool_(std::move(pool)),
      loop_(std::move(where)) {}

void pooled_callbacks::on_open(const session_ptr& who) {
    who_ = who;
    stage(kind::open, 0, {});
}

void pooled_callbacks::on_message(const session_ptr&, session::message_kind type,
                                  std::span<const std::uint8_t> data) {
    stage(type == session::message_kind::text ? kind::text : kind::binary, 0, data);
}

void pooled_callbacks::on_numbered_message(const session_ptr&, std::span<const std::uint8_t> data,
                                           std::uint64_t id) {
    stage(kind::numbered, id, data);
}

void pooled_callbacks::on_request(const session_ptr&, std::span<const std::uint8_t> data,
                                  detail::request_call& call) {
    stage(kind::request, call.release(), data);
}

void pooled_callbacks::on_writable(const session_ptr&) {
    stage(kind::writable, 0, {});
}

void pooled_callbacks::on_event(const session_ptr&, std::uint32_t what,
                                std::span<const std::uint8_t> data) {
    stage(kind::event, what, data);
}

void pooled_callbacks::on_closed(const session_ptr&, std::error_code reason, bool was_open) {
    reason_ = reason;
    has_closed_callback_ = true;
    was_open_ = was_open;
}

void pooled_callbacks::on_gone(const session_ptr& who, std::error_code reason,
                               const session::session_metrics&) noexcept {
    if (!who_) {
        who_ = who;
    }
    counted_ = reason;
    publish(true);
}

void pooled_callbacks::on_callback_exception(const session::connection& who,
                                             std::string_view what) noexcept {
    engine_->on_callback_exception(who, what);
}

void pooled_callbacks::stage(kind what, std::uint64_t id, std::span<const std::uint8_t> data) {
    if (staged_.empty()) {
        if (staged_.capacity() == 0) {
            staged_ = pool_->spare.take();
        }
        loop_->mark_dirty(*this);
    }
    staged_.add(what, id, data);
}

void pooled_callbacks::flush() {
    if (std::exchange(must_start_workers_, false)) {
        pool_->dispatcher->start_workers();
    }
    if (!staged_.empty()) {
        publish(false);
    }
}

void pooled_callbacks::publish(bool is_last) {
    bool is_due = false;
    bool must_hold = false;
    bool is_end = false;
    bool is_lost = false;
    {
        const std::lock_guard lock(mutex_);
        is_lost = !add_staged();
        is_last_published_ = is_last;
        if (is_pool_gone_) {
            is_end = is_last;
        } else {
            is_due = !std::exchange(is_scheduled_, true);
        }
        must_hold = !is_last && !is_held_ && waiting_bytes_ > pool_->queue_limit;
        is_held_ = is_held_ || must_hold;
    }
    if (is_lost) {
        count_unread(staged_);
        connection_of(who_).begin_close(errc::out_of_memory);
    }
    staged_.clear();
    if (must_hold) {
        connection_of(who_).set_hold(session::hold::callback_queue, true);
    }
    if (is_due) {
        hand_over();
    }
    if (is_last) {
        pool_->dispatcher->start_workers();  // there may be no next round
    }
    if (is_end) {
        finish();
    }
}

/// False when there is no memory for it.
bool pooled_callbacks::add_staged() noexcept {
    if (published_.empty()) {
        published_.swap(staged_);
        waiting_bytes_ += published_.bytes();
        return true;
    }
    const std::size_t more = staged_.bytes();
    const bool is_added = detail::attempt([this] { published_.add_all(staged_); });
    waiting_bytes_ += is_added ? more : 0;
    return is_added;
}

void pooled_callbacks::hand_over() {
    bool must_start = false;
    if (!detail::contain([&] { must_start = pool_->dispatcher->add(self()); })) {
        drop();
    } else if (must_start) {
        // In the next round of this batch, when the other sessions have published too.
        must_start_workers_ = true;
        loop_->mark_dirty(*this);
    }
}

void pooled_callbacks::read_again(const session_ptr& who) {
    {
        const std::lock_guard lock(mutex_);
        if (is_held_) {
            return;  // full again meanwhile
        }
    }
    connection_of(who).set_hold(session::hold::callback_queue, false);
}

bool pooled_callbacks::run() {
    const bool may_call = gate()->try_enter();
    const after_run next = deliver_some(may_call);
    // At rest, another thread may be in here already: only what is the same for all is touched.
    if (next == after_run::end && may_call && has_closed_callback_ && gate()->is_open()) {
        call([this] { engine_->on_closed(who_, reason_, was_open_); });
    }
    if (may_call) {
        gate()->leave();
    }
    if (next == after_run::end) {
        finish();
    }
    return next == after_run::again;
}

pooled_callbacks::after_run pooled_callbacks::deliver_some(bool may_call) {
    for (unsigned left = run_budget; left > 0; --left) {
        if (!delivering_.has_next()) {
            if (const after_run next = fetch(); next != after_run::again) {
                return next;
            }
        }
        deliver(*delivering_.next(), may_call);
    }
    return after_run::again;
}

/// Takes over what is published: again; nothing is: rest or end.
pooled_callbacks::after_run pooled_callbacks::fetch() {
    callback_records done;
    done.swap(delivering_);
    after_run next = after_run::again;
    session_ptr reading;
    {
        const std::lock_guard lock(mutex_);
        waiting_bytes_ -= done.bytes();
        if (is_held_ && waiting_bytes_ <= pool_->queue_limit / 2) {
            is_held_ = false;
            reading = who_;
        }
        if (!published_.empty()) {
            delivering_.swap(published_);
        } else if (is_last_published_) {
            next = after_run::end;
        } else {
            is_scheduled_ = false;
            next = after_run::rest;
        }
    }
    pool_->spare.give(std::move(done));
    if (reading) {
        detail::insist(
            [&] { loop_->post([keep = self(), this, who = reading] { read_again(who); }); });
    }
    return next;
}

void pooled_callbacks::deliver(const callback_records::record& next, bool may_call) {
    if (!may_call || is_refused_ || !gate()->is_open()) {
        connection_of(who_).count_unread(callback_records::is_message(next.what) ? 1 : 0);
        return;
    }
    call([&] {
        switch (next.what) {
            case kind::open:
                engine_->on_open(who_);
                is_refused_ = !engine_->takes_callbacks();
                break;
            case kind::text:
                engine_->on_message(who_, session::message_kind::text, next.data);
                break;
            case kind::binary:
                engine_->on_message(who_, session::message_kind::binary, next.data);
                break;
            case kind::numbered: engine_->on_numbered_message(who_, next.data, next.id); break;
            case kind::event:
                engine_->on_event(who_, static_cast<std::uint32_t>(next.id), next.data);
                break;
            case kind::request: {
                detail::request_call answering(*who_, next.id);
                engine_->on_request(who_, next.data, answering);
                break;
            }
            case kind::writable: engine_->on_writable(who_); break;
        }
    });
}

template <typename Callback>
void pooled_callbacks::call(const Callback& callback) {
    if (const auto thrown = detail::run_user_code(callback)) {
        is_refused_ = true;
        engine_->on_callback_exception(connection_of(who_), thrown->text);
        end_session(who_);
    }
}

void pooled_callbacks::drop() noexcept {
    bool is_end = false;
    session_ptr who;
    {
        const std::lock_guard lock(mutex_);
        is_pool_gone_ = true;
        is_end = is_last_published_;
        who = who_;
    }
    if (!loop_->is_silenced()) {
        detail::log_limited(detail::log_kind::callback_pool,
                            writer().about(who->id(), who->remote_endpoint()),
                            "the callback pool has dropped the session's callbacks");
    }
    if (is_end) {
        finish();
    } else {
        end_session(who);
    }
}

void pooled_callbacks::end_session(const session_ptr& who) const {
    detail::insist(
        [&] { loop_->post([who] { connection_of(who).begin_close(errc::internal_error); }); });
}

void pooled_callbacks::count_unread(callback_records& lost) const noexcept {
    while (const auto left = lost.next()) {
        connection_of(who_).count_unread(callback_records::is_message(left->what) ? 1 : 0);
    }
}

/// The last of all: nobody publishes or delivers any more.
void pooled_callbacks::finish() noexcept {
    count_unread(delivering_);
    count_unread(published_);
    const session_ptr who = std::move(who_);
    engine_->on_gone(who, counted_, who->metrics());
}

}  // namespace network_system::core

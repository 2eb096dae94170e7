// How a resilient_client sends, and keeps what it cannot send yet.
#include "resilience/resilient_core.h"
#include "utils/contain.h"
#include "utils/user_code.h"

#include <network_system/core/metrics_fields.h>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

[[nodiscard]] bool is_gone(const VoidResult& sent) noexcept {
    return !sent && sent.error().code == static_cast<int>(errc::connection_closed);
}

/// Whether another connection, or the same one later, may take what this one has not.
[[nodiscard]] bool may_be_sent_later(const VoidResult& refused) noexcept {
    return is_gone(refused) || refused.error().code == static_cast<int>(errc::send_buffer_full);
}

[[nodiscard]] VoidResult send_to(session::messaging_session& session,
                                 std::vector<std::uint8_t>& data, session::send_callback& done) {
    return session.send_packet(std::move(data), std::move(done));
}
[[nodiscard]] VoidResult send_to(session::messaging_session& session,
                                 std::span<const std::uint8_t> data, session::send_callback& done) {
    return session.send_packet(data, std::move(done));
}

std::uint64_t keep_in(message_store& store, std::vector<std::uint8_t>& data,
                      session::send_callback& done) {
    return store.add(std::move(data), done);
}
std::uint64_t keep_in(message_store& store, std::span<const std::uint8_t> data,
                      session::send_callback& done) {
    return store.add(data, done);
}

}  // namespace

VoidResult resilient_core::send(std::vector<std::uint8_t>& data, session::send_callback& done) {
    return send_any(data, done);
}

VoidResult resilient_core::send(std::span<const std::uint8_t> data, session::send_callback& done) {
    return send_any(data, done);
}

template <typename Data>
VoidResult resilient_core::send_any(Data&& data, session::send_callback& done) {
    if (link* const active = direct_.load(std::memory_order_acquire);
        active != nullptr && active->thread.load(std::memory_order_relaxed) == this_thread()) {
        // The connection ends on this thread: not now.
        VoidResult sent = send_to(*active->session, data, done);
        if (sent) {
            active->sent_directly.add();
            return sent;
        }
        if (!is_gone(sent)) {
            return sent;
        }
    }
    return detail::within_memory([&] { return send_or_keep(data, done); });
}

template <typename Data>
VoidResult resilient_core::send_or_keep(Data&& data, session::send_callback& done) {
    lock held(mutex_);
    if (run_ == run_state::stopped) {
        return not_connected();
    }
    if (data.empty()) {
        return detail::failure(errc::invalid_argument, "a message cannot be empty", id_);
    }
    if (link* const ready = allows_direct() ? pick() : nullptr) {
        const auto session = ready->session;
        held.unlock();
        VoidResult sent = send_to(*session, data, done);
        held.lock();
        if (sent) {
            ++counted_.accepted;
            ++counted_.sent;
        }
        if (!is_gone(sent)) {
            return sent;
        }
    }
    VoidResult room = make_room(held, data.size());
    bool is_waiting = false;
    if (room) {
        const bool is_next = !is_flushing_ && !store_.has_unsent();
        const std::uint64_t id = keep_in(store_, data, done);
        ++counted_.accepted;
        is_waiting = !is_next || !send_at_once(held, data, id);
        update_direct();
    }
    held.unlock();
    if (is_waiting) {
        flush();
    }
    return room;
}

/// Whether the message that was just kept, behind no other, is on its way: with the bytes of the
/// caller's, whose send it is.
template <typename Data>
bool resilient_core::send_at_once(lock& held, const Data& data, std::uint64_t id) {
    link* const ready = pick();
    if (!is_acknowledged() || run_ != run_state::running || ready == nullptr || data.empty()) {
        return false;
    }
    store_.mark_last_sent();
    if (calls_nothing_back(*ready)) {
        const VoidResult sent = ready->session->send_with_id(data, id);
        if (!sent) {
            store_.mark_unsent(id);
        }
        return sent.is_ok();
    }
    const session_ptr session = ready->session;
    is_flushing_ = true;
    held.unlock();
    const VoidResult sent = session->send_with_id(data, id);
    held.lock();
    end_flush();
    if (!sent) {
        store_.mark_unsent(id);
    }
    return sent.is_ok() && !store_.has_unsent();
}

/// Under the lock: whether a send over it may be made under the lock, too. On its own thread it
/// only queues, unless a full queue ends the connection.
bool resilient_core::calls_nothing_back(const link& which) const noexcept {
    return which.thread.load(std::memory_order_relaxed) == this_thread() &&
           options_.connection.client.session.policy == send_policy::reject;
}

VoidResult resilient_core::make_room(lock& held, std::size_t size) {
    const bool is_ready = pick() != nullptr;
    if (!is_ready && options_.breaker.failure_threshold != 0) {
        const auto before = breaker_.state();
        const bool is_allowed = breaker_.allows(loop_->clock());
        if (breaker_.state() != before) {
            loop_->post([keep = shared_from_this(), before] { keep->tell_circuit(before); });
        }
        if (!is_allowed) {
            return refusal(errc::circuit_open,
                           fmt::format("no endpoint has been connected; tried again within {} ms",
                                       options_.breaker.open_for.count()));
        }
    }
    if (store_.has_room_for(size)) {
        return ok();
    }
    if (options_.when_full == offline_policy::drop_oldest) {
        while (!store_.has_room_for(size) && store_.has_unsent()) {
            drop(held, *store_.take_oldest_unsent(),
                 detail::told_anyway(errc::message_superseded, [this] {
                     return detail::failure(errc::message_superseded,
                                            "dropped from the full offline queue", id_);
                 }));
        }
        if (run_ == run_state::stopped) {
            return not_connected();
        }
        if (store_.has_room_for(size)) {
            return ok();
        }
    }
    if (options_.when_full == offline_policy::wait && !loops_.is_needed_from(loop_options_, id_)) {
        wait_for_room(held, detail::after(std::chrono::steady_clock::now(), options_.offline_wait),
                      [&] { return store_.has_room_for(size); });
        if (run_ == run_state::stopped) {
            return not_connected();
        }
        if (store_.has_room_for(size)) {
            return ok();
        }
    }
    return refusal(errc::send_buffer_full,
                   fmt::format("{} messages of {} bytes wait for a connection", store_.count(),
                               store_.bytes()));
}

VoidResult resilient_core::refusal(errc code, const std::string& text) {
    ++counted_.rejected;
    return detail::failure(code, text, id_);
}

/// Sends what waits, in order, as far as connections take it. One thread at a time does.
void resilient_core::flush() {
    lock held(mutex_);
    waits_for_room_ = false;
    if (std::exchange(is_flushing_, true)) {
        return;
    }
    while (run_ == run_state::running && store_.has_unsent() && !waits_for_room_) {
        link* const ready = pick();
        if (ready == nullptr ||
            !(is_acknowledged() ? send_next_with_id(held, *ready) : send_next(held, *ready))) {
            break;
        }
    }
    end_flush();
    update_direct();
}

/// Under the lock. Whoever waits for what was being sent may have seen that it still was.
void resilient_core::end_flush() noexcept {
    is_flushing_ = false;
    if (waiting_ > 0) {
        room_.notify_all();
    }
}

/// False when its connection takes no more for now.
bool resilient_core::send_next(lock& held, link& which) {
    const auto session = which.session;
    message next = store_.take_next();
    held.unlock();
    const VoidResult sent = session->send_packet(std::move(next.data), std::move(next.done));
    held.lock();
    if (sent) {
        ++counted_.sent;
        room_.notify_all();
        return true;
    }
    if (!may_be_sent_later(sent) || run_ == run_state::stopped) {
        drop(held, std::move(next), sent.error());
        return true;
    }
    if (!detail::attempt([&] { store_.put_back(std::move(next)); })) {
        drop(held, std::move(next), detail::failure_without_words(errc::out_of_memory));
    }
    return goes_on_after(sent, which, session);
}

/// The same of one that stays until it is acknowledged.
bool resilient_core::send_next_with_id(lock& held, link& which) {
    const auto session = which.session;
    auto next = store_.lend_next();
    const std::uint64_t id = next.id;
    held.unlock();
    const VoidResult sent = session->send_with_id(next.data, id);
    held.lock();
    store_.give_back(std::move(next), sent.is_ok());
    if (sent) {
        return true;
    }
    if (!may_be_sent_later(sent)) {
        if (auto refused = store_.settle(id)) {
            drop(held, *std::move(refused), sent.error());
        }
        return true;
    }
    return goes_on_after(sent, which, session);
}

bool resilient_core::goes_on_after(const VoidResult& failed, link& which,
                                   const session_ptr& session) {
    if (!is_gone(failed)) {
        waits_for_room_ = true;
        return false;
    }
    if (which.session == session && which.now == link::state::ready) {
        // It is about to tell so.
        which.now = link::state::connecting;
        choose_active();
    }
    return true;
}

void resilient_core::drop(lock& held, message&& refused, const error_info& why) noexcept {
    ++counted_.dropped;
    room_.notify_all();
    held.unlock();
    if (refused.done) {
        (void)detail::run_user_code([&] {
            refused.done(detail::told_anyway(static_cast<errc>(why.code), [&] { return why; }));
        });
    }
    held.lock();
}

void resilient_core::on_acknowledged(std::uint64_t id, std::error_code refusal) {
    lock held(mutex_);
    auto settled = store_.settle(id);
    if (!settled) {
        return;  // told before
    }
    if (refusal) {
        const auto code = static_cast<errc>(refusal.value());
        drop(held, *std::move(settled), detail::told_anyway(code, [&] {
                 return detail::failure(code, fmt::format("message {} was refused", id), id_);
             }));
        return;
    }
    ++counted_.sent;
    store_.reuse(std::move(settled->data));
    const bool is_awaited = waiting_ > 0;
    held.unlock();
    if (is_awaited) {
        room_.notify_all();
    }
    if (settled->done) {
        settled->done(ok());
    }
}

VoidResult resilient_core::flush_and_wait(std::chrono::milliseconds timeout) {
    return detail::within_memory([&]() -> VoidResult {
        if (timeout < std::chrono::milliseconds{0}) {
            return detail::failure(errc::invalid_argument, "the timeout of a flush is negative",
                                   id_);
        }
        if (loops_.is_needed_from(loop_options_, id_)) {
            return detail::failure(errc::would_block, "flush blocks", id_);
        }
        const auto until = detail::after(std::chrono::steady_clock::now(), timeout);
        lock held(mutex_);
        wait_for_room(held, until, [this] { return store_.count() == 0 && !is_flushing_; });
        if (store_.count() == 0) {
            return run_ == run_state::stopped ? VoidResult(not_connected()) : ok();
        }
        return detail::failure_in_words(
            errc::connection_timeout,
            fmt::format("{} messages still wait after {} ms", store_.count(), timeout.count()),
            id_);
    });
}

/// Under the lock: whose turn it is; null when none is ready.
resilient_core::link* resilient_core::pick() noexcept {
    if (options_.balance == balancing::priority || links_.size() == 1) {
        return active_;
    }
    link* best = nullptr;
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (std::size_t i = 0; i < links_.size(); ++i) {
        link& each = *links_[(next_in_turn_ + i) % links_.size()];
        if (!each.is_ready() || (best != nullptr && each.is_quiet)) {
            continue;
        }
        if (best != nullptr && best->is_quiet) {
            least = std::numeric_limits<std::size_t>::max();
        }
        const bool is_by_turn = options_.balance == balancing::round_robin;
        const std::size_t pending = is_by_turn ? 0 : each.session->metrics().queued_bytes;
        if (pending < least) {
            best = &each;
            least = pending;
        }
    }
    if (best != nullptr) {
        next_in_turn_ = (best->place + 1) % links_.size();
    }
    return best;
}

/// Under the lock: whether a message may be sent past those that wait, because none does.
bool resilient_core::allows_direct() const noexcept {
    return run_ == run_state::running && !is_flushing_ && store_.count() == 0 && !is_acknowledged();
}

void resilient_core::update_direct() noexcept {
    const bool is_direct = allows_direct() && active_ != nullptr &&
                           (options_.balance == balancing::priority || links_.size() == 1);
    direct_.store(is_direct ? active_ : nullptr, std::memory_order_release);
}

bool resilient_core::is_connected() const {
    const lock held(mutex_);
    return active_ != nullptr;
}

Result<session_ptr> resilient_core::session() const {
    const lock held(mutex_);
    return active_ != nullptr ? Result<session_ptr>(active_->session) : not_connected();
}

std::shared_ptr<core::messaging_client> resilient_core::framed() const {
    const lock held(mutex_);
    return links_.empty() ? nullptr
                          : (active_ != nullptr ? *active_ : *links_.front()).client->framed();
}

std::shared_ptr<core::messaging_ws_client> resilient_core::websocket() const {
    const lock held(mutex_);
    return links_.empty() ? nullptr
                          : (active_ != nullptr ? *active_ : *links_.front()).client->websocket();
}

circuit_state resilient_core::circuit() const {
    const lock held(mutex_);
    return breaker_.state();
}

resilient_metrics resilient_core::metrics() const {
    resilient_metrics all;
    {
        const lock held(mutex_);
        all = counted_;
        all.queued = store_.count();
        all.queued_bytes = store_.bytes();
    }
    for (const auto& each : links_) {
        all.accepted += each->sent_directly;
        all.sent += each->sent_directly;
        network_system::add(all.connections, each->client->metrics());
    }
    return all;
}

}  // namespace network_system::resilience

// What the endpoints of a resilient_client tell, and who gets its messages then.
#include "resilience/resilient_core.h"
#include "utils/contain.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

/// What becomes of a connection whose setup has an outcome. One that is destroyed before has
/// failed.
class setup_outcome {
public:
    setup_outcome(std::weak_ptr<resilient_core> core, std::size_t endpoint, std::uint64_t time)
        : core_(std::move(core)), endpoint_(endpoint), time_(time) {}
    setup_outcome(setup_outcome&& other) noexcept = default;
    setup_outcome& operator=(setup_outcome&&) = delete;
    setup_outcome(const setup_outcome&) = delete;
    setup_outcome& operator=(const setup_outcome&) = delete;
    ~setup_outcome() {
        detail::contain([this] {
            tell(detail::failure_in_words(errc::internal_error, "the ready_signal was not called",
                                          {}));
        });
    }

    void operator()(const VoidResult& result) { tell(result); }

private:
    void tell(const VoidResult& result) {
        if (const auto told = std::exchange(core_, {}).lock()) {
            told->on_setup(endpoint_, time_, result);
        }
    }

    std::weak_ptr<resilient_core> core_;
    std::size_t endpoint_;
    std::uint64_t time_;
};

}  // namespace

void resilient_core::link::on_connected(const session_ptr& who) {
    if (const auto core = owner_.weak_from_this().lock()) {
        core->set_up(*this, who);
    }
}

void resilient_core::link::on_message(const session_ptr& who, std::span<const std::uint8_t> data) {
    const auto kept = owner_.needs_keeping() ? owner_.weak_from_this().lock() : nullptr;
    owner_.callbacks_.received(who, data);
}

void resilient_core::link::on_writable(const session_ptr&) {
    if (const auto core = owner_.weak_from_this().lock()) {
        core->flush();
    }
}

void resilient_core::link::on_acknowledged(std::uint64_t id, std::error_code refusal) {
    const auto kept = owner_.needs_keeping() ? owner_.weak_from_this().lock() : nullptr;
    owner_.on_acknowledged(id, refusal);
}

void resilient_core::link::on_failed(const session_ptr& who, std::error_code reason) {
    if (const auto core = owner_.weak_from_this().lock()) {
        core->callbacks_.failed(who, reason);
    }
}

void resilient_core::link::on_disconnected(const session_ptr& who, std::error_code reason) {
    const auto core = owner_.weak_from_this().lock();
    if (!core) {
        return;
    }
    core->on_lost(*this);
    core->flush();
    core->callbacks_.disconnected(who, reason);
    // Later, so that no callback is exchanged that runs.
    session_ptr gone;
    const lock held(core->mutex_);
    if (session == who) {
        gone = std::exchange(session, nullptr);
    }
}

void resilient_core::link::on_reconnecting(const core::reconnect_attempt& next) {
    const auto core = owner_.weak_from_this().lock();
    if (!core) {
        return;
    }
    circuit_state before{};
    {
        const lock held(core->mutex_);
        before = core->breaker_.state();
        failure = core->describe_attempts(*this, next);
        core->count_failure();
    }
    core->tell_circuit(before);
    core->try_another();
    core->callbacks_.reconnecting(next);
}

void resilient_core::link::on_ended(std::error_code reason) {
    if (const auto core = owner_.weak_from_this().lock()) {
        core->give_up(*this, detail::failure(errc::connection_closed, "the connection has ended",
                                             core->id_, reason));
    }
}

error_info resilient_core::describe_attempts(const link& which,
                                             const core::reconnect_attempt& next) const {
    return detail::told_anyway(errc::connection_failed, [&] {
        const server_address& server = options_.endpoints[which.place];
        return detail::failure(errc::connection_failed,
                               fmt::format("no connection to {}:{} in {} attempts", server.host,
                                           server.port, next.number),
                               id_, next.reason);
    });
}

error_info resilient_core::no_endpoint_left() const noexcept {
    return detail::told_anyway(errc::connection_failed, [this] {
        std::string text;
        error_info last = not_connected();
        for (const auto& each : links_) {
            if (!each->failure.message.empty()) {
                last = each->failure;
                text += (text.empty() ? "" : "; ") + last.message;
            }
        }
        if (!text.empty()) {
            last.message = std::move(text);
        }
        return last;
    });
}

error_info resilient_core::not_connected() const noexcept {
    return detail::told_anyway(errc::connection_closed, [this] {
        return detail::failure(errc::connection_closed, "the client is not connected", id_);
    });
}

void resilient_core::set_up(link& which, const session_ptr& who) {
    std::uint64_t time = 0;
    {
        const lock held(mutex_);
        which.session = who;
        if (run_ == run_state::stopped) {
            return;  // it is about to end
        }
        which.time = time = ++last_time_;
        if (which.now == link::state::connecting) {
            which.now = link::state::setting_up;
            choose_active();
        }
        // On a pool, or a context of several threads, the connection ends on another thread.
        const bool is_own = loop_options_.io_context == nullptr && !loop_options_.callback_pool;
        which.thread.store(is_own ? this_thread() : nullptr, std::memory_order_relaxed);
    }
    if (which.monitor) {
        if (const auto watched = which.monitor->start(who); !watched) {
            throw std::runtime_error(watched.error().message);
        }
    }
    setup_outcome outcome(weak_from_this(), which.place, time);
    if (callbacks_.setup) {
        callbacks_.setup(who, ready_signal(std::move(outcome)));
    } else {
        outcome(ok());
    }
}

void resilient_core::on_setup(std::size_t endpoint, std::uint64_t time, const VoidResult& result) {
    lock held(mutex_);
    link& which = *links_[endpoint];
    if (which.time != time || which.now != link::state::setting_up || run_ == run_state::stopped) {
        return;
    }
    if (!result) {
        which.failure = result.error();
        const auto session = which.session;
        held.unlock();
        // What a callback throws closes its connection with an error, and that is made anew.
        (void)session->post([text = result.error().message] { throw std::runtime_error(text); });
        return;
    }
    const auto before = breaker_.state();
    breaker_.reset();
    which.now = link::state::ready;
    which.failure = {};
    choose_active();
    run_ = run_state::running;
    // Whoever has cancelled it has it ended, and its handler told.
    const auto connected =
        connecting_.complete() ? std::move(connected_) : resilient_client::connect_callback{};
    const auto deadline = std::exchange(deadline_, nullptr);
    held.unlock();
    if (deadline) {
        detail::insist([&] { loop_->post([deadline] { deadline->cancel(); }); });
    }
    detail::contain([&] { let_go_of_others_later(which); });
    flush();
    if (connected) {
        connected(ok());
    }
    tell_circuit(before);
}

void resilient_core::on_lost(link& which) {
    const lock held(mutex_);
    if (which.now == link::state::ready || which.now == link::state::setting_up) {
        which.now = link::state::connecting;
    }
    which.thread.store(nullptr, std::memory_order_relaxed);
    which.is_quiet = false;
    if (which.time == carrier_) {
        // What it carried and is not acknowledged goes over the next one.
        store_.rewind();
    }
    choose_active();
}

void resilient_core::on_health(link& which, health state) {
    const bool answers = state == health::healthy;
    {
        const lock held(mutex_);
        // One that is dead is lost in a moment: it gets nothing in between.
        which.is_quiet = !answers;
        choose_active();
    }
    if (!answers) {
        try_another();
    }
    flush();
}

/// Under the lock.
void resilient_core::count_failure() {
    const bool is_ready = std::any_of(links_.begin(), links_.end(), [](const auto& each) {
        return each->now == link::state::ready;
    });
    if (!is_ready) {
        const auto before = breaker_.state();
        breaker_.failed(loop_->clock());
        if (breaker_.state() == circuit_state::open && before != circuit_state::open) {
            ++counted_.circuit_opens;
        }
    }
}

void resilient_core::tell_circuit(circuit_state before) const {
    if (const auto now = circuit(); now != before) {
        callbacks_.circuit(now);
    }
}

/// An endpoint has failed: with `priority` the next one is connected, unless one is ready.
void resilient_core::try_another() {
    link* next = nullptr;
    {
        const lock held(mutex_);
        if (options_.balance != balancing::priority || run_ == run_state::stopped) {
            return;
        }
        for (const auto& each : links_) {
            if ((each->is_ready() && !each->is_quiet) || each->now == link::state::setting_up) {
                return;
            }
            if (each->now == link::state::letting_go) {
                each->is_wanted = true;
            }
            if (each->now == link::state::idle && next == nullptr) {
                next = each.get();
            }
        }
    }
    if (next != nullptr) {
        if (const auto begun = start(*next); !begun) {
            give_up(*next, begun.error());
        }
    }
}

/// Under the lock: with `priority`, who gets the messages.
void resilient_core::choose_active() {
    active_ = run_ == run_state::stopped ? nullptr
              : is_acknowledged()        ? latest_if_ready()
                                         : first_ready();
    if (active_ != nullptr && active_ != last_active_) {
        counted_.failovers += last_active_ != nullptr ? 1U : 0U;
        last_active_ = active_;
    }
    if (active_ != nullptr && active_->time != carrier_) {
        // The one before may still be there: nothing must get ahead of what is on its way there.
        store_.rewind();
        carrier_ = active_->time;
    }
    update_direct();
}

resilient_core::link* resilient_core::first_ready() const noexcept {
    link* first = nullptr;
    for (const auto& each : links_) {
        const bool is_better = first == nullptr || (first->is_quiet && !each->is_quiet);
        if (each->is_ready() && is_better) {
            first = each.get();
        }
    }
    return first;
}

/// Acknowledged messages go over the connection that was made last, and wait while it is set up:
/// when it was made it has told its server what may have been sent elsewhere before, and it cannot
/// know of what an earlier one sends later.
resilient_core::link* resilient_core::latest_if_ready() const noexcept {
    link* latest = nullptr;
    for (const auto& each : links_) {
        const bool is_there = each->is_ready() || each->now == link::state::setting_up;
        if (is_there && (latest == nullptr || latest->time < each->time)) {
            latest = each.get();
        }
    }
    return latest != nullptr && latest->is_ready() ? latest : nullptr;
}

void resilient_core::let_go_of_others_later(const link& which) {
    if (options_.balance != balancing::priority || links_.size() == 1) {
        return;
    }
    // Two servers must not both take the sender of acknowledged messages for theirs.
    const auto lasting =
        is_acknowledged() ? std::chrono::milliseconds{0} : loop_options_.reconnect.stable_after;
    const auto until = detail::after(loop_->clock(), lasting);
    const auto pause = std::make_shared<runtime::pause>(loop_);
    std::shared_ptr<runtime::pause> former;
    std::uint64_t time = 0;
    {
        const lock held(mutex_);
        if (active_ != &which) {
            return;
        }
        former = std::exchange(letting_go_, pause);
        time = which.time;
    }
    auto over = [keep = weak_from_this(), place = which.place, time](runtime::pause::ending how) {
        const auto self = keep.lock();
        if (self && how == runtime::pause::ending::over) {
            self->let_go_of_others(place, time);
        }
    };
    loop_->post([pause, former, until, over = std::move(over)] {
        if (former) {
            former->cancel();
        }
        pause->start(until, over);
    });
}

/// Of those behind one that has lasted since it was connected for this time. With acknowledged
/// messages those before it, which were quiet or slow to be set up, get none any more: they are
/// made anew, to be preferred again.
void resilient_core::let_go_of_others(std::size_t place, std::uint64_t time) {
    std::vector<link*> others;
    std::vector<session_ptr> overtaken;
    {
        const lock held(mutex_);
        letting_go_ = nullptr;
        const link& lasting = *links_[place];
        if (run_ == run_state::stopped || lasting.time != time || active_ != &lasting) {
            return;
        }
        for (std::size_t i = place + 1; i < links_.size(); ++i) {
            link& each = *links_[i];
            if (each.now != link::state::idle && each.now != link::state::given_up) {
                each.now = link::state::letting_go;
                others.push_back(&each);
            }
        }
        for (std::size_t i = 0; i < place && is_acknowledged(); ++i) {
            if (links_[i]->is_ready() || links_[i]->now == link::state::setting_up) {
                overtaken.push_back(links_[i]->session);
            }
        }
    }
    for (const session_ptr& each : overtaken) {
        each->abort_session(errc::connection_timeout);
    }
    for (link* const each : others) {
        let_go(*each);
    }
}

void resilient_core::let_go(link& which) {
    const auto ended = [keep = weak_from_this(), &which](const VoidResult&) {
        const auto self = keep.lock();
        if (!self) {
            return;
        }
        bool is_wanted = false;
        {
            const lock held(self->mutex_);
            which.now = link::state::idle;
            is_wanted = std::exchange(which.is_wanted, false);
        }
        if (is_wanted) {
            self->try_another();
        }
    };
    if (!which.client->stop(session::stop_handler(ended))) {
        ended(ok());
    }
}

}  // namespace network_system::resilience

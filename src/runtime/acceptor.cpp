#include "runtime/acceptor.h"

#include <utility>

namespace network_system::inline v0_1::runtime {
namespace {

using std::chrono::milliseconds;

// Connections taken per batch, so that a connect storm does not starve those already served.
constexpr int accept_budget = 64;
constexpr backoff_settings accept_pauses{
    .initial = milliseconds{10}, .cap = milliseconds{1000}, .floor = milliseconds{10}};

/// A connection that failed while it waited in the queue: the listener itself is well (accept(2),
/// "Error handling").
bool concerns_one_connection(const std::error_code& error) noexcept {
    return error == std::errc::connection_aborted || error == std::errc::connection_reset ||
           error == std::errc::protocol_error || error == std::errc::network_down ||
           error == std::errc::network_unreachable || error == std::errc::host_unreachable ||
           error == std::errc::no_protocol_option || error == std::errc::timed_out;
}

}  // namespace

acceptor::acceptor(std::shared_ptr<loop> where) : loop_(std::move(where)), pauses_(accept_pauses) {}

std::error_code acceptor::start(unique_socket listener, std::shared_ptr<handler> owner) {
    const std::error_code error = loop_->sockets().add(*this, std::move(listener), {true, false});
    if (!error) {
        is_open_ = true;
        handler_ = std::move(owner);
    }
    return error;
}

void acceptor::on_ready(interest) {
    for (int i = 0; i < accept_budget && is_open_; ++i) {
        std::error_code error;
        switch (accept_one(error)) {
            case look::taken:
            case look::failed: break;
            case look::empty: return;
            case look::broken: back_off(error); return;
        }
    }
}

acceptor::look acceptor::accept_one(std::error_code& error) {
    unique_socket accepted;
    endpoint peer;
    const auto result = loop_->net().accept(poller::handle_of(*this), accepted, peer);
    switch (result.kind) {
        case sockets::outcome::done:
            pauses_.reset();
            handler_->on_accept(std::move(accepted), peer);
            return look::taken;
        case sockets::outcome::failed:
            error = result.error;
            if (concerns_one_connection(error)) {
                handler_->on_accept_error(error, milliseconds{0});
                return look::failed;
            }
            return look::broken;
        default: return look::empty;
    }
}

void acceptor::close_when_empty(std::size_t most, steady_time give_up) {
    if (is_open_) {
        deadline_wheel::cancel(*this);
        loop_->sockets().set_interest(*this, {});
        last_ones_ = most;
        give_up_ = give_up;
        take_last();
    }
}

void acceptor::take_last() {
    for (int i = 0; i < accept_budget && is_open_; ++i) {
        std::error_code error;
        const bool may_go_on = last_ones_ > 0;
        const look seen = may_go_on ? accept_one(error) : look::empty;
        if (seen == look::broken && is_open_) {
            handler_->on_accept_error(error, milliseconds{0});
        }
        if (seen == look::empty || seen == look::broken) {
            close();
            return;
        }
        --last_ones_;
    }
    if (is_open_ && loop_->now() >= give_up_) {
        close();
    } else if (is_open_) {
        loop_->post([keep = shared_from_this(), this] { take_last(); });
    }
}

void acceptor::back_off(std::error_code error) {
    const milliseconds pause = pauses_.next(loop_->random());
    loop_->sockets().set_interest(*this, {});
    loop_->deadlines().set(*this, after(loop_->now(), pause));
    handler_->on_accept_error(error, pause);
}

void acceptor::on_deadline(steady_time) {
    if (is_open_) {
        loop_->sockets().set_interest(*this, {true, false});
    }
}

void acceptor::close() {
    if (is_open_) {
        loop_->sockets().remove(*this);
        finish();
    }
}

void acceptor::on_loop_shutdown() {
    finish();
}

void acceptor::finish() {
    is_open_ = false;
    deadline_wheel::cancel(*this);
    loop_->retire(shared_from_this());
    // The owner holds this acceptor and is held by it: let go.
    const auto owner = std::move(handler_);
    handler_.reset();
    owner->on_acceptor_closed();
}

}  // namespace network_system::runtime

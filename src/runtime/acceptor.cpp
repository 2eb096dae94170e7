#include "runtime/acceptor.h"

#include <utility>

namespace network_system::runtime {
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
        unique_socket accepted;
        endpoint peer;
        const auto result = loop_->net().accept(poller::handle_of(*this), accepted, peer);
        switch (result.kind) {
            case sockets::outcome::done:
                pauses_.reset();
                handler_->on_accept(std::move(accepted), peer);
                break;
            case sockets::outcome::failed:
                if (concerns_one_connection(result.error)) {
                    handler_->on_accept_error(result.error, milliseconds{0});
                    break;
                }
                back_off(result.error);
                return;
            default: return;
        }
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

#include "runtime/connector.h"

#include <utility>

namespace network_system::runtime {

errc classify(std::error_code system_error, errc otherwise) noexcept {
    if (system_error == std::errc::connection_refused) {
        return errc::connection_refused;
    }
    if (system_error == std::errc::timed_out) {
        return errc::connection_timeout;
    }
    if (system_error == std::errc::connection_reset || system_error == std::errc::broken_pipe ||
        system_error == std::errc::connection_aborted) {
        return errc::connection_closed;
    }
    return otherwise;
}

connector::connector(std::shared_ptr<loop> where, const sockets::tcp_settings& settings)
    : loop_(std::move(where)), settings_(settings) {}

void connector::start(const std::string& host, std::uint16_t port, steady_time deadline,
                      handler done) {
    done_ = std::move(done);
    deadline_ = deadline;
    state_ = state::resolving;
    loop_->deadlines().set(*this, deadline_);
    // No socket is watched yet, but who waits for an answer gets it when the loop goes away, too.
    loop_->sockets().add_waiting(*this);
    is_waiting_ = true;
    resolve(loop_, host, port, [self = shared_from_this()](resolve_result result) {
        self->on_resolved(std::move(result));
    });
}

void connector::on_resolved(resolve_result result) {
    if (state_ != state::resolving) {
        return;  // cancelled or timed out meanwhile
    }
    if (result.endpoints.empty()) {
        finish({{}, {}, errc::resolve_failed, {}, std::move(result.error)});
        return;
    }
    stop_waiting();
    addresses_ = std::move(result.endpoints);
    state_ = state::connecting;
    try_next();
}

void connector::stop_waiting() noexcept {
    if (std::exchange(is_waiting_, false)) {
        loop_->sockets().remove_waiting(*this);
    }
}

void connector::try_next() {
    while (next_address_ < addresses_.size()) {
        const endpoint& peer = addresses_[next_address_++];
        last_.peer = peer;
        unique_socket socket;
        auto begun = sockets::connect(peer, settings_, socket);
        if (begun.kind == sockets::outcome::done) {
            finish({std::move(socket), peer, {}, {}, {}});
            return;
        }
        if (begun.kind == sockets::outcome::would_block) {
            begun.error = loop_->sockets().add(*this, std::move(socket), {false, true});
            if (!begun.error) {
                // An address that never answers must leave time for the ones after it.
                const auto left = static_cast<long>(addresses_.size() - next_address_) + 1;
                const auto share = (deadline_ - loop_->now()) / left;
                loop_->deadlines().set(*this, loop_->now() + share);
                return;
            }
        }
        last_.code = classify(begun.error, errc::connection_failed);
        last_.cause = begun.error;
    }
    finish(std::move(last_));
}

void connector::attempt_failed(errc code, std::error_code cause) {
    loop_->sockets().remove(*this);
    last_.code = code;
    last_.cause = cause;
    try_next();
}

void connector::on_ready(interest) {
    const std::error_code error = sockets::connect_result(poller::handle_of(*this));
    if (error) {
        attempt_failed(classify(error, errc::connection_failed), error);
        return;
    }
    const endpoint peer = last_.peer;
    auto socket = loop_->sockets().release(*this);
    if (!socket) {
        finish({{}, peer, errc::connection_failed, {}, "the system cannot hand the socket over"});
        return;
    }
    finish({std::move(socket), peer, {}, {}, {}});
}

void connector::on_deadline(steady_time) {
    if (state_ == state::connecting) {
        attempt_failed(errc::connection_timeout, {});
    } else {
        finish({{}, {}, errc::connection_timeout, {}, "the name did not resolve in time"});
    }
}

void connector::cancel() {
    if (state_ == state::idle || state_ == state::done) {
        state_ = state::done;
        return;
    }
    finish({{}, {}, errc::connection_closed, {}, {}});
}

void connector::on_loop_shutdown() {
    is_waiting_ = false;
    finish({{}, {}, errc::connection_closed, {}, {}});
}

void connector::finish(connect_outcome outcome) {
    state_ = state::done;
    stop_waiting();
    deadline_wheel::cancel(*this);
    if (poller::handle_of(*this) != invalid_socket) {
        loop_->sockets().remove(*this);
    }
    loop_->retire(shared_from_this());
    const handler done = std::move(done_);
    done(std::move(outcome));
}

}  // namespace network_system::runtime

#include "core/client_engine.h"

#include "core/addresses.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <utility>

namespace network_system::core {

client_engine::client_engine(std::string name, const client_options& options,
                             std::shared_ptr<runtime::io_pool> pool,
                             std::shared_ptr<runtime::loop> where, make_transport transports,
                             std::shared_ptr<const client_callbacks> callbacks,
                             std::shared_ptr<session_slot> connected)
    : engine(std::move(name), std::move(pool), std::move(transports), options.session),
      options_(options), callbacks_(std::move(callbacks)), connected_(std::move(connected)),
      loop_(std::move(where)) {
    use_callback_pool(options_.callback_pool, options_.callback_queue_limit);
}

void client_engine::start(const std::string& host, std::uint16_t port,
                          messaging_client::start_callback done,
                          std::shared_ptr<client_engine> former) {
    host_name_ = host;
    port_ = port;
    done_ = std::move(done);
    former_ = std::move(former);
    deadline_ = loop_->clock() + options_.connect_timeout;
    loop_->post([keep = self(), this] { connect(); });
}

void client_engine::connect() {
    if (const auto former = std::exchange(former_, nullptr)) {
        const bool is_later = former->call_when_over(
            [keep = self(), this] { loop_->post([keep, this] { connect(); }); });
        if (is_later) {
            return;
        }
    }
    if (is_stop_requested_) {
        on_connected({{}, {}, errc::connection_closed, {}, {}});
        return;
    }
    connector_ = std::make_shared<runtime::connector>(loop_, connect_settings_of(options_));
    connector_->start(host_name_, port_, deadline_,
                      [keep = self(), this](runtime::connect_outcome outcome) {
                          on_connected(std::move(outcome));
                      });
}

void client_engine::on_connected(runtime::connect_outcome outcome) {
    connector_.reset();
    if (!outcome.is_connected()) {
        const auto failure = start_error(outcome.code, outcome.cause, outcome.text);
        is_finished_.store(true, std::memory_order_release);
        refuse_start(failure);
        finish(*loop_);
        start_result_.give(failure);
        return;
    }
    session::session_setup setup;
    setup.role = session::session_role::client;
    setup.drain_timeout = options_.drain_timeout;
    setup.remote = outcome.peer;
    setup.handshake_deadline = deadline_;
    setup.lock_apart = connected_->lock_apart();
    const auto created = make_session(loop_, std::move(outcome.socket), setup);
    {
        const std::lock_guard lock(session_mutex_);
        session_ = created;
    }
    created->start();
}

error_info client_engine::start_error(errc code, std::error_code cause,
                                      const std::string& text) const {
    std::string message = "cannot connect to " + describe_target(host_name_, port_);
    if (!text.empty()) {
        return {static_cast<int>(code), message + ": " + text, name_, text};
    }
    if (code == errc::connection_timeout && !cause) {
        message += fmt::format(" within {} ms", options_.connect_timeout.count());
    }
    return detail::failure(is_cancelled_ ? errc::cancelled : code, std::move(message), name_,
                           cause);
}

error_info client_engine::start_error(std::error_code reason) const {
    const bool is_ours = reason && reason.category() == error_category() && !is_stop_requested_;
    const auto failed = session();
    return start_error(is_ours ? static_cast<errc>(reason.value()) : errc::connection_closed, {},
                       is_ours && failed ? failed->failure_text() : std::string());
}

void client_engine::refuse_start(const error_info& failure) {
    has_failed_to_start_ = true;
    if (const auto done = std::move(done_)) {
        run_callback(*loop_, [&] { done(failure); });
    }
}

void client_engine::begin_stop() {
    loop_->post([keep = self(), this] {
        is_stop_requested_ = true;
        if (connector_) {
            connector_->cancel();
        } else if (const auto current = session()) {
            current->begin_close({});
        }
    });
}

void client_engine::cancel_start() {
    loop_->post([keep = self(), this] {
        if (!was_connected_ && !is_finished()) {
            is_cancelled_ = true;
            begin_stop();
        }
    });
}

std::shared_ptr<session::stream_session> client_engine::session() const {
    const std::lock_guard lock(session_mutex_);
    return session_;
}

client_metrics client_engine::metrics() const {
    client_metrics all;
    all.connects = was_connected_ ? 1 : 0;
    all.connect_failures = has_failed_to_start_ ? 1 : 0;
    all.session_errors = was_connected_ ? failed_sessions() : 0;
    all.callback_exceptions = callback_exceptions();
    if (const auto current = session()) {
        all.totals = current->metrics();
    }
    return all;
}

void client_engine::on_open(const session_ptr& who) {
    connected_->set(session::stream_session::of(who));
    was_connected_ = true;
    if (callbacks_->connected) {
        callbacks_->connected();
    }
    // The connected callback may have destroyed the client.
    if (const auto done = std::move(done_); done && gate()->is_open()) {
        done(ok());
    }
    start_result_.give(ok());
}

void client_engine::on_message(const session_ptr&, session::message_kind,
                               std::span<const std::uint8_t> data) {
    if (callbacks_->received) {
        callbacks_->received(data);
    }
}

void client_engine::on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                               detail::request_call& call) {
    if (callbacks_->requested) {
        callbacks_->requested(data, call);
    } else {
        session_host::on_request(who, data, call);
    }
}

void client_engine::on_writable(const session_ptr&) {
    if (callbacks_->writable) {
        callbacks_->writable();
    }
}

void client_engine::on_closed(const session_ptr& who, std::error_code reason, bool was_open) {
    connected_->clear(who.get());
    is_finished_.store(true, std::memory_order_release);
    // Still there when the connection never opened, or the connected callback threw.
    if (done_) {
        refuse_start(start_error(reason));
    }
    // Each callback may destroy the client.
    if (was_open && reason && callbacks_->failed && gate()->is_open()) {
        callbacks_->failed(reason);
    }
    if (was_open && callbacks_->disconnected && gate()->is_open()) {
        callbacks_->disconnected();
    }
}

void client_engine::on_gone(const session_ptr& who, std::error_code reason,
                            const session::session_metrics& totals) noexcept {
    connected_->clear(who.get());
    is_finished_.store(true, std::memory_order_release);
    has_failed_to_start_ = !was_connected_;
    collect(totals, reason);
    // Still there when the callback pool has dropped the callback that would have told.
    if (done_) {
        refuse_start(start_error(reason));
    }
    finish(*loop_);
    start_result_.give(start_error(reason));  // unless it was given before
}

}  // namespace network_system::core

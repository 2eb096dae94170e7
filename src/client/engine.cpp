#include "client/engine.h"

#include "client/proxy.h"
#include "lifecycle/addresses.h"
#include "utils/contain.h"
#include "utils/failure.h"
#include "utils/log.h"

#include <fmt/format.h>

#include <utility>

namespace network_system::inline v0_1::core {

client_engine::client_engine(std::string name, const client_options& options,
                             std::shared_ptr<runtime::io_pool> pool,
                             std::shared_ptr<runtime::loop> where,
                             transport::transport_factory transports,
                             std::shared_ptr<session_slot> connected)
    : engine(std::move(name), std::move(pool), std::move(transports), options.session, options),
      options_(options), connected_(std::move(connected)), loop_(std::move(where)) {
    if (options_.auto_reconnect) {
        reconnecting_.emplace(options_.reconnect);
    }
    use_callback_pool(options_.callback_pool, options_.callback_queue_limit);
}

VoidResult client_engine::start(const std::string& host, std::uint16_t port, start_callback& done,
                                session::operation_id operation,
                                std::shared_ptr<client_engine> former) {
    if (operation != session::operation_id::none && !start_.begin(operation, self())) {
        return session::operation_exists(name_);
    }
    host_name_ = host;
    port_ = port;
    done_ = std::move(done);
    former_ = std::move(former);
    deadline_ = runtime::after(loop_->clock(), options_.connect_timeout);
    start_over_until_ = runtime::after(loop_->clock(), options_.reconnect.retry_start_for);
    loop_->post([keep = self(), this] { begin(); });
    return ok();
}

void client_engine::begin() {
    if (const auto former = std::exchange(former_, nullptr)) {
        const bool is_later = former->call_when_over(
            [keep = self(), this] { loop_->post([keep, this] { connect(); }); });
        if (is_later) {
            return;
        }
    }
    connect();
}

void client_engine::connect() {
    is_open_ = false;
    is_failure_recorded_ = false;
    reconnects_ = false;
    is_sent_on_ = false;
    if (is_stopping()) {
        on_connected({{}, {}, errc::connection_closed, {}, {}});
        return;
    }
    const bool has_begun = detail::contain([this] {
        connector_ = std::make_shared<runtime::connector>(loop_, connect_settings_of(options_));
    });
    if (!has_begun) {
        on_no_connection({{}, {}, errc::out_of_memory, {}, {}});
        return;
    }
    const auto& proxy = current_proxy();
    detail::log_limited(detail::log_kind::connecting, writer(), "connecting to {} port {}{}",
                        current_host(), current_port(),
                        proxy
                            ? fmt::format(" through the proxy {} port {}", proxy->host, proxy->port)
                            : std::string());
    connector_->start(proxy ? proxy->host : current_host(), proxy ? proxy->port : current_port(),
                      deadline_, [keep = self(), this](runtime::connect_outcome outcome) {
                          on_connected(std::move(outcome));
                      });
}

void client_engine::on_connected(runtime::connect_outcome outcome) {
    connector_.reset();
    const auto& proxy = current_proxy();
    const bool asks_itself = proxy && proxy->kind == proxy_kind::https_connect;
    if (!proxy || (outcome.is_connected() ? asks_itself : is_stopping())) {
        on_target_connected(std::move(outcome));
        return;
    }
    const bool has_begun = detail::contain([&] {
        if (outcome.is_connected()) {
            open_tunnel(std::move(outcome));
        } else {
            on_no_connection(without_proxy(std::move(outcome)));
        }
    });
    if (!has_begun) {
        tunnel_.reset();
        on_no_connection({{}, {}, errc::out_of_memory, {}, {}});
    }
}

void client_engine::open_tunnel(runtime::connect_outcome proxy) {
    auto request = ask_for_tunnel(*current_proxy(), current_host(), current_port());
    if (!request) {
        on_no_connection(
            {{}, {}, static_cast<errc>(request.error().code), {}, request.error().message});
        return;
    }
    tunnel_ = std::make_shared<proxy_tunnel>(loop_, std::move(request).value());
    tunnel_->start(std::move(proxy), deadline_,
                   [keep = self(), this](runtime::connect_outcome outcome) {
                       tunnel_.reset();
                       on_target_connected(std::move(outcome));
                   });
}

void client_engine::on_target_connected(runtime::connect_outcome outcome) {
    if (!outcome.is_connected()) {
        on_no_connection(outcome);
        return;
    }
    std::shared_ptr<session::message_connection> created;
    if (!detail::contain([&] { created = make_session_of(std::move(outcome)); })) {
        on_no_connection({{}, {}, errc::out_of_memory, {}, {}});
        return;
    }
    {
        const std::lock_guard lock(session_mutex_);
        session_ = created;
        is_collected_ = false;
    }
    created->start();
}

std::shared_ptr<session::message_connection> client_engine::make_session_of(
    runtime::connect_outcome outcome) {
    session::session_setup setup;
    setup.role = connection_role::client;
    setup.remote = outcome.peer;
    setup.handshake_deadline = deadline_;
    setup.lock_apart = connected_->lock_apart();
    return make_session(loop_, std::move(outcome.socket), setup);
}

void client_engine::on_no_connection(const runtime::connect_outcome& outcome) {
    reconnects_ = reconnects_after({nullptr, false, outcome.code});
    if (!reconnects_) {
        settle_start();
    }
    const auto failure = start_error(outcome.code, outcome.cause, outcome.text);
    detail::log_limited(detail::log_kind::not_connected, writer(), "{}", failure.message);
    record_failure();
    is_finished_.store(!reconnects_, std::memory_order_release);
    if (was_connected_ && !is_stopping()) {
        run_callback(*loop_, [&] { notify_error(nullptr, outcome.code); });
    }
    if (reconnects_) {
        wait_and_reconnect();
        return;
    }
    if (ends_by_itself()) {
        run_callback(*loop_, [&] { notify_ended(outcome.code); });
    }
    give_up(failure);
}

template <typename Work>
void client_engine::go_on(Work work) noexcept {
    if (!detail::insist([&] { loop_->post([keep = self(), work] { work(); }); })) {
        give_up(start_error(errc::out_of_memory, {}, {}));
    }
}

Result<client_engine::attempt_target> client_engine::next_target(const session_ptr&) {
    return detail::failure(errc::not_supported, "there is no other target", name_);
}

void client_engine::follow(const session_ptr& who) {
    auto next = detail::within_memory([&] { return next_target(who); });
    if (!next) {
        const auto& wrong = next.error();
        on_no_connection({{}, {}, static_cast<errc>(wrong.code), {}, wrong.message});
        return;
    }
    target_ = std::move(next).value();
    connect();
}

void client_engine::give_up(const error_info& failure) {
    is_finished_.store(true, std::memory_order_release);
    if (!was_connected_) {
        settle_start();
        refuse_start(failure);
    }
    end_run(failure);
}

void client_engine::end_run(const error_info& reason) {
    is_finished_.store(true, std::memory_order_release);
    release_part(*loop_);
    // Unless it was given before.
    start_result_.give(detail::told_anyway(static_cast<errc>(reason.code), [&] { return reason; }));
}

std::string client_engine::describe_way() const {
    std::string way = describe_target(host_name_, port_);
    if (const auto& proxy = current_proxy()) {
        way += " through " + describe_proxy(*proxy);
    }
    if (target_) {
        way += ' ' + target_->way;
    }
    return way;
}

error_info client_engine::start_error(errc code, std::error_code cause,
                                      const std::string& text) const noexcept {
    const errc told = is_cancelled_ ? errc::cancelled : code;
    return detail::told_anyway(told, [&] {
        std::string message = "cannot connect to " + describe_way();
        if (attempts_ > 0 && !was_connected_) {
            message += fmt::format(" in {} attempts", attempts_ + 1);
        }
        if (!text.empty() && !is_cancelled_) {
            return error_info{static_cast<int>(code), message + ": " + text, name_, text};
        }
        if (code == errc::connection_timeout && !cause) {
            message += fmt::format(" within {} ms", options_.connect_timeout.count());
        }
        return detail::failure(told, std::move(message), name_, cause);
    });
}

error_info client_engine::start_error(std::error_code reason) const noexcept {
    const bool is_ours = reason && reason.category() == error_category() && !is_stopping();
    const errc code = is_ours ? static_cast<errc>(reason.value()) : errc::connection_closed;
    return detail::told_anyway(code, [&] {
        const auto failed = session();
        return start_error(code, {}, is_ours && failed ? failed->failure_text() : std::string());
    });
}

/// The start has its result, unless it was cancelled before: that is the result then.
void client_engine::settle_start() noexcept {
    if (!start_.complete()) {
        is_cancelled_ = true;
    }
}

void client_engine::refuse_start(const error_info& failure) {
    record_failure();
    if (const auto done = std::move(done_)) {
        run_callback(*loop_, [&] { done(failure); });
    }
}

void client_engine::record_failure() {
    if (!is_open_ && !std::exchange(is_failure_recorded_, true)) {
        failures_.add();
    }
}

void client_engine::end_parts(runtime::steady_time deadline) {
    loop_->post([keep = self(), this, deadline] {
        if (!end().is_over()) {
            detail::log(log_level::info, writer(), "stop begun");
        }
        if (connector_) {
            connector_->cancel();
        } else if (tunnel_) {
            tunnel_->cancel();
        } else if (pause_) {
            pause_->cancel();
        } else if (const auto current = session()) {
            current->end_by(deadline);
        }
    });
}

bool client_engine::cancel(session::operation_id operation) const {
    if (session::pending_operation::cancel(operation, this)) {
        return true;
    }
    const auto current = session();
    return current && current->cancel(operation);
}

void client_engine::on_cancelled(session::operation_id) noexcept {
    // Whenever this takes effect, the start has been told, or will be, that it was cancelled.
    detail::insist([this] { begin_stop(); });
}

std::shared_ptr<session::message_connection> client_engine::session() const {
    const std::lock_guard lock(session_mutex_);
    return session_;
}

client_metrics client_engine::metrics() const {
    client_metrics all;
    all.connects = connects_;
    all.connect_failures = failures_;
    all.reconnect_attempts = reconnect_attempts_;
    all.session_errors = session_errors_;
    all.callback_exceptions = callback_exceptions();
    const std::lock_guard lock(session_mutex_);
    all.totals = collected();
    if (!is_collected_) {
        add(all.totals, session_->metrics());
    }
    return all;
}

void client_engine::on_open(const session_ptr& who) {
    settle_start();
    if (is_cancelled_) {
        // on_cancelled ends the session; on the loop messages may come before that.
        if (loop_->runs_here()) {
            session::message_connection::of(*who).begin_close({});
        }
        return;
    }
    connected_->set(who);
    is_open_ = true;
    was_connected_ = true;
    attempts_ = 0;
    connects_.add();
    detail::log_limited(detail::log_kind::connected,
                        writer().about(who->id(), who->remote_endpoint()), "connected");
    if (reconnecting_) {
        reconnecting_->connected(loop_->clock());
    }
    notify_connected(who);
    // The connected callback may have destroyed the client.
    if (const auto done = std::move(done_); done && gate()->is_open()) {
        done(ok());
    }
    start_result_.give(ok());
}

void client_engine::on_closed(const session_ptr& who, std::error_code reason, bool was_open) {
    connected_->clear(who.get());
    is_sent_on_ = !was_open && !is_stopping() && is_sent_on(who);
    reconnects_ = !is_sent_on_ && reconnects_after({who, was_open, reason});
    const bool goes_on = is_sent_on_ || reconnects_;
    is_finished_.store(!goes_on, std::memory_order_release);
    if (!goes_on) {
        settle_start();
        // Still there when the connection never opened, or the connected callback threw.
        if (done_) {
            refuse_start(start_error(reason));
        }
    }
    // Each callback may destroy the client.
    if (was_connected_ && reason && !is_sent_on_ && gate()->is_open()) {
        notify_error(who, reason);
    }
    if (was_open && is_open_ && gate()->is_open()) {
        notify_disconnected(who, reason);
    }
    if (ends_by_itself() && gate()->is_open()) {
        notify_ended(reason);
    }
}

void client_engine::on_gone(const session_ptr& who, std::error_code reason,
                            const session::session_metrics& totals) noexcept {
    connected_->clear(who.get());
    {
        const std::lock_guard lock(session_mutex_);
        collect(totals, reason);
        is_collected_ = true;
    }
    if (is_sent_on_) {
        go_on([this, who] { follow(who); });
        return;
    }
    detail::log_limited(detail::log_kind::disconnected,
                        writer().about(who->id(), who->remote_endpoint()).because(reason), "{}",
                        is_open_ ? "disconnected" : "the connection ended before it was open");
    if (is_open_ && reason) {
        session_errors_.add();
    }
    record_failure();
    if (reconnects_) {
        if (loop_->runs_here()) {
            wait_and_reconnect();
        } else {
            go_on([this] { wait_and_reconnect(); });
        }
        return;
    }
    is_finished_.store(true, std::memory_order_release);
    // Still there when the callback pool has dropped the callback that would have told.
    settle_start();
    if (done_) {
        refuse_start(start_error(reason));
    }
    end_run(start_error(reason));
}

}  // namespace network_system::core

#include "testing/scenario.h"

#include <stdexcept>
#include <utility>

namespace network_system::inline v0_1::testing {

void server_actor::make() {
    core::server_options options;
    options.session = random_session();
    options.io_threads = 1 + in_.below(3);
    options.drain_timeout = milliseconds{in_.one_in(5) ? 0 : in_.below(5'000)};
    options.max_connections = in_.one_in(6) ? 1 : 0;
    options.backlog = in_.one_in(4) ? 1 : 0;
    options.callback_pool = in_.maybe_pool();
    options.callback_queue_limit = std::size_t{1} << (8 + in_.below(12));
    server_ = std::make_unique<messaging_server>(name_, in_.world().on_host(name_, options));
    set_callbacks();
    start();
}

void server_actor::set_callbacks() {
    const auto check_loud = [this] {
        if (is_quiet_) {
            in_.fail(name_ + ": a callback after the stop was over");
        }
    };
    server_->set_connection_callback(guarded([this, check_loud](const session_ptr& session) {
        check_loud();
        connection_end& end = in_.books().server_end(session);
        end.is_conflating = session_.policy == send_policy::conflate;
        receive(session, end);
        if (in_.one_in(2)) {
            (void)server_->subscribe(session, "news");
        }
        if (in_.one_in(20)) {
            stop_and_tell();
        }
        act_on(session, end);
    }));
    server_->set_receive_callback(
        guarded([this, check_loud](const session_ptr& from, std::span<const std::uint8_t> data) {
            check_loud();
            on_message(from, data);
        }));
    server_->set_request_callback(
        guarded([this, check_loud](const session_ptr& from, std::span<const std::uint8_t> data,
                                   session::responder responder) {
            check_loud();
            answer(in_.books().server_end(from), data, std::move(responder));
        }));
    server_->set_error_callback(
        guarded([this, check_loud](const session_ptr& session, std::error_code error) {
            check_loud();
            if (session) {
                in_.books().server_end(session).error = error;
                in_.books().server_end(session).is_closed = true;
            }
        }));
    server_->set_disconnection_callback(guarded([this, check_loud](const std::string& id) {
        check_loud();
        in_.books().for_each([&](ledger::connection& each) {
            if (each.server.session && each.server.session->id() == id) {
                each.server.is_closed = true;
            }
        });
    }));
    server_->set_writable_callback(guarded([this, check_loud](const session_ptr& session) {
        check_loud();
        send(session, in_.books().server_end(session));
    }));
}

void server_actor::on_message(const session_ptr& from, std::span<const std::uint8_t> data) {
    connection_end& end = in_.books().server_end(from);
    if (end.is_closed) {
        in_.fail(name_ + ": a message after the end of its session");
    }
    end.received.push_back(digest::of(data));
    if (in_.one_in(3)) {
        act_on(from, end);
    }
    if (in_.one_in(60)) {
        stop();
    } else if (in_.one_in(80)) {
        throw std::runtime_error("a callback that throws");
    }
}

void server_actor::start() {
    if (!server_ || in_.is_winding_up()) {
        return;
    }
    const auto started = server_->start_server(port);
    if (started) {
        is_quiet_ = false;
        ++lives_;
    } else if (!server_->is_running()) {
        // Still stopping: again, until the others are done.
        in_.world().after(milliseconds{200}, [this] { start(); });
    }
}

void server_actor::stop() {
    server_->stop_server();
    if (in_.one_in(2)) {
        in_.world().after(milliseconds{in_.below(3'000)}, [this] { start(); });
    }
}

void server_actor::stop_and_tell() {
    const auto question = in_.question();
    const auto stopped = server_->stop_server(guarded([this, question, life = lives_](auto&&) {
        ++question->answers;
        is_quiet_ = life == lives_;
    }));
    question->was_accepted = stopped.is_ok();
    expect_answer(question);
    in_.world().after(milliseconds{in_.below(3'000)}, [this] { start(); });
}

void server_actor::broadcast() {
    const std::uint64_t id = in_.next_broadcast();
    const auto message = make_message(id, 16 + in_.message_size());
    const auto sent = std::make_shared<connection_end::sent_message>(
        connection_end::sent_message{digest::of(message), true, true});
    const bool is_for_all = in_.one_in(2);
    // Everybody who might get it; before, for it may be sent, and answered, inside.
    in_.books().for_each([&](ledger::connection& each) {
        if (each.server.session) {
            each.server.sent.push_back(sent);
        }
    });
    const auto result =
        is_for_all ? server_->broadcast(message) : server_->publish("news", message);
    if (result && result.value().receivers !=
                      result.value().queued + result.value().dropped + result.value().closed) {
        in_.fail(name_ + ": the receivers of a broadcast do not add up");
    }
}

void server_actor::act() {
    if (!server_) {
        make();
        return;
    }
    const auto sessions = server_->get_sessions();
    switch (in_.below(10)) {
        case 0: start(); break;
        case 1: in_.one_in(3) ? stop() : stop_and_tell(); break;
        case 2:
            if (in_.one_in(6)) {
                destroy();
            }
            break;
        case 3:
        case 4: broadcast(); break;
        default:
            if (!sessions.empty()) {
                const auto& chosen = sessions[in_.below(sessions.size())];
                act_on(chosen, in_.books().server_end(chosen));
            }
    }
}

void server_actor::destroy() {
    if (!server_) {
        return;
    }
    for (const auto& each : server_->get_sessions()) {
        in_.books().server_end(each).is_silenced = true;
    }
    in_.books().for_each([&](ledger::connection& each) {
        // Also of those that are closing, which the server may not know any more.
        if (each.server.session && !each.server.is_closed) {
            each.server.is_silenced = true;
        }
    });
    end_life();
    is_quiet_ = false;
    server_.reset();
}

void server_actor::wind_up() {
    if (server_) {
        last_stop_->was_accepted =
            server_->stop_server(guarded([this](auto&&) { ++last_stop_->answers; })).is_ok();
    }
}

bool server_actor::is_over() const {
    return !last_stop_->was_accepted ||
           (last_stop_->answers == 1 && !server_->is_running() && server_->connection_count() == 0);
}

}  // namespace network_system::testing

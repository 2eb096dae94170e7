// How a server accepts connections: the headers of proxies, the accept callback, the way to a loop,
// and what those hear that are refused. Who gets a place is decided by admission.
#include "server/engine.h"
#include "utils/contain.h"
#include "utils/log.h"
#include "utils/on_exception.h"

#include <utility>

namespace network_system::inline v0_1::core {

void server_engine::on_accept(runtime::unique_socket socket, const endpoint& peer) {
    // Also while stopping: a client that was still let in is served a goodbye, and not shown the
    // door. It may come back, to the process that listens here next.
    admission_.record_accepted();
    if (!detail::contain([&] { let_in(std::move(socket), peer); })) {
        // Closed without a word, which would need memory as well.
        admission_.record_refused();
    }
}

void server_engine::let_in(runtime::unique_socket socket, const endpoint& peer) {
    const bool is_proxied = proxies_.trusts(peer);
    // Whose address a proxied connection counts for is not known before its header.
    const endpoint known = is_proxied ? endpoint{} : peer;
    if (!admission_.admit(known)) {
        refuse_for_want_of_room(std::move(socket), peer);
        return;
    }
    const auto error = net().apply(socket.get(), to_runtime(options_.socket), peer.kind());
    if (error) {
        // The peer may be gone already; the session finds out. A wrong option hurts nobody else.
        detail::log_limited(detail::log_kind::socket_option, writer().about(peer).because(error),
                            "socket options were refused");
    }
    if (is_proxied) {
        add_parts();
        const detail::on_exception undo([this] {
            withdraw_part();
            admission_.release({});
        });
        proxies_.receive(
            pool_->loops().front(), std::move(socket), peer,
            [keep = self(), this](proxy_outcome outcome) { on_proxy_header(std::move(outcome)); });
        return;
    }
    filter_and_hand_over(std::move(socket), peer);
}

void server_engine::on_proxy_header(proxy_outcome outcome) {
    bool has_place = false;
    const bool is_settled = detail::contain([&] {
        has_place = !outcome.error && admission_.identify(outcome.client);
        if (has_place) {
            filter_and_hand_over(std::move(outcome.socket), outcome.client);
        } else {
            turn_away(std::move(outcome));
        }
    });
    if (!is_settled) {
        admission_.record_refused();
    }
    if (!has_place) {
        admission_.release({});
    }
    release_part(*pool_->loops().front());
}

void server_engine::turn_away(proxy_outcome outcome) {
    if (!outcome.error) {
        refuse_for_want_of_room(std::move(outcome.socket), outcome.client);
    } else if (outcome.is_visit) {
        detail::log(log_level::debug, writer().about(outcome.client),
                    "ended without a byte, as health checks do");
    } else if (outcome.error != errc::cancelled) {
        proxy_errors_.add();
        detail::log_limited(detail::log_kind::proxy_header,
                            writer().about(outcome.client).because(outcome.error),
                            "no PROXY header");
        report_error(outcome.error);
    }
}

void server_engine::filter_and_hand_over(runtime::unique_socket socket, const endpoint& client) {
    accept_answer answer;
    // A connection that the callback could not look at is not let in: it threw, or no callback runs
    // any more.
    const bool has_answered = !accept_filter() || run_callback(*pool_->loops().front(), [&] {
        accept_filter()(client, answer);
    });
    const verdict how = admission_.settle(client, has_answered ? &answer : nullptr);
    if (how == verdict::admitted) {
        const detail::on_exception undo([&] { admission_.release(client); });
        hand_over(std::move(socket), client, how, answer.typed_user_data());
        return;
    }
    detail::log(log_level::debug, writer().about(client), "rejected by the accept callback");
    refuse(std::move(socket), client, how);
}

void server_engine::refuse_for_want_of_room(runtime::unique_socket socket, const endpoint& client) {
    detail::log_limited(detail::log_kind::full, writer().about(client),
                        "turned away: max_connections or max_connections_per_address is reached");
    refuse(std::move(socket), client, verdict::full);
}

void server_engine::refuse(runtime::unique_socket socket, const endpoint& client, verdict how) {
    if (admission_.begin_telling()) {
        // Without memory it hears nothing; it is counted already.
        const bool is_served =
            detail::contain([&] { hand_over(std::move(socket), client, how, {}); });
        if (!is_served) {
            admission_.end_telling();
        }
        return;
    }
    const auto& words = how == verdict::rejected ? rejection_ : refusal_;
    if (words.empty()) {
        return;
    }
    // A client that says nothing before it has heard from us reads this before the close.
    const runtime::io_slice slice{words.data(), words.size()};
    (void)net().write(socket.get(), {&slice, 1});
    net().shutdown_write(socket.get());
}

void server_engine::give_back(const endpoint& client, verdict how) noexcept {
    if (how == verdict::admitted) {
        admission_.release(client);
    } else {
        admission_.end_telling();
    }
}

void server_engine::hand_over(runtime::unique_socket socket, const endpoint& client, verdict how,
                              typed_pointer user_data) {
    add_parts();
    const detail::on_exception undo([this] { withdraw_part(); });
    const auto& where = pool_->next_loop();
    if (where->runs_here()) {
        serve(where, std::move(socket), client, how, std::move(user_data));
        return;
    }
    where->post([keep = self(), this, where, client, how, taken = std::move(socket),
                 data = std::move(user_data)]() mutable {
        serve(where, std::move(taken), client, how, std::move(data));
    });
}

void server_engine::serve(const std::shared_ptr<runtime::loop>& where,
                          runtime::unique_socket socket, const endpoint& client, verdict how,
                          typed_pointer user_data) {
    const bool is_served = detail::contain([&] {
        const auto created =
            begin_session(where, std::move(socket), client, how, std::move(user_data));
        created->start();
        if (is_stopping()) {
            // The stop may have looked at the connections just before this one was among them.
            created->end_by(ends_by());
        }
    });
    if (!is_served) {
        if (how == verdict::admitted) {
            admission_.record_refused();
        }
        give_back(client, how);
        release_part(*where);
    }
}

/// Once it is registered, nothing fails any more: its end gives its place back.
std::shared_ptr<session::message_connection> server_engine::begin_session(
    const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
    const endpoint& client, verdict how, typed_pointer user_data) {
    session::session_setup setup;
    setup.role = connection_role::server;
    setup.remote = client;
    auto created = make_session(where, std::move(socket), setup);
    const session_ptr who = created->session();
    detail::log(log_level::debug, writer().about(who->id(), client), "accepted on {}",
                who->local_endpoint());
    who->set_user_data(std::move(user_data));
    connections_.add(who, how);
    return created;
}

void server_engine::on_accept_error(const endpoint& local, std::error_code error,
                                    std::chrono::milliseconds pause) {
    accept_errors_.add();
    if (pause.count() > 0) {
        detail::log_limited(detail::log_kind::accept_error, writer().because(error),
                            "accept on {} failed, trying again in {} ms", local, pause.count());
    }
    report_accept_error(error);
}

void server_engine::report_accept_error(std::error_code error) {
    const bool is_limit = error == std::errc::too_many_files_open ||
                          error == std::errc::too_many_files_open_in_system;
    report_error(is_limit ? errc::server_full : errc::connection_failed);
}

void server_engine::report_error(std::error_code error) {
    run_callback(*pool_->loops().front(), [&] { notify_error(error); });
}

}  // namespace network_system::core

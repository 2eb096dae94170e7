// Whom a server lets in: the limits, the accept callback, the headers of proxies, and those who are
// turned away.
#include "os/address_network.h"
#include "server/engine.h"
#include "utils/contain.h"
#include "utils/log.h"
#include "utils/on_exception.h"

#include <utility>

namespace network_system::core {

void server_engine::on_accept(runtime::unique_socket socket, const endpoint& peer) {
    // Also while stopping: a client that was still let in is served a goodbye, and not shown the
    // door. It may come back, to the process that listens here next.
    accepted_.fetch_add(1, std::memory_order_relaxed);
    if (!detail::contain([&] { let_in(std::move(socket), peer); })) {
        // Closed without a word, which would need memory as well.
        refused_.fetch_add(1, std::memory_order_relaxed);
    }
}

void server_engine::let_in(runtime::unique_socket socket, const endpoint& peer) {
    const bool is_proxied = proxies_.trusts(peer);
    // Whose address a proxied connection counts for is not known before its header.
    if (!admit(is_proxied ? endpoint{} : peer)) {
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
        alive_.fetch_add(1);
        const detail::on_exception undo([this] {
            alive_.fetch_sub(1);
            forget({});
        });
        proxies_.receive(
            pool_->loops().front(), std::move(socket), peer,
            [keep = self(), this](proxy_outcome outcome) { on_proxy_header(std::move(outcome)); });
        return;
    }
    judge_and_hand_over(std::move(socket), peer);
}

void server_engine::judge_and_hand_over(runtime::unique_socket socket, const endpoint& client) {
    const detail::on_exception undo([&] { forget(client); });
    accept_answer answer;
    // Whom nobody could judge is not let in: the callback threw, or no callback runs any more.
    const bool is_judged =
        !judge() || run_callback(*pool_->loops().front(), [&] { judge()(client, answer); });
    if (is_judged && answer.is_accepted()) {
        hand_over(std::move(socket), client, standing::admitted, answer.typed_user_data());
        return;
    }
    rejected_.fetch_add(1, std::memory_order_relaxed);
    detail::log(log_level::debug, writer().about(client), "rejected by the accept callback");
    forget(client);
    detail::contain([&] { refuse(std::move(socket), client, standing::rejected); });
}

void server_engine::on_proxy_header(proxy_outcome outcome) {
    bool has_place = false;
    const bool is_settled = detail::contain([&] {
        has_place = !outcome.error && take_place_of(outcome.client);
        if (has_place) {
            judge_and_hand_over(std::move(outcome.socket), outcome.client);
        } else {
            turn_away(std::move(outcome));
        }
    });
    if (!is_settled) {
        refused_.fetch_add(1, std::memory_order_relaxed);
    }
    if (!has_place) {
        forget({});
    }
    release_one(*pool_->loops().front());
}

void server_engine::turn_away(proxy_outcome outcome) {
    if (!outcome.error) {
        refuse_for_want_of_room(std::move(outcome.socket), outcome.client);
    } else if (outcome.is_visit) {
        detail::log(log_level::debug, writer().about(outcome.client),
                    "ended without a byte, as health checks do");
    } else if (outcome.error != errc::cancelled) {
        proxy_errors_.fetch_add(1, std::memory_order_relaxed);
        detail::log_limited(detail::log_kind::proxy_header,
                            writer().about(outcome.client).because(outcome.error),
                            "no PROXY header");
        report_error(outcome.error);
    }
}

void server_engine::refuse_for_want_of_room(runtime::unique_socket socket, const endpoint& client) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    detail::log_limited(detail::log_kind::full, writer().about(client),
                        "turned away: max_connections or max_connections_per_address is reached");
    refuse(std::move(socket), client, standing::surplus);
}

bool server_engine::is_counted(const endpoint& peer) const noexcept {
    return options_.max_connections_per_address != 0 &&
           (peer.kind() == endpoint::family::ipv4 || peer.kind() == endpoint::family::ipv6);
}

endpoint server_engine::counted_as(const endpoint& peer) const noexcept {
    return runtime::source_counted_as(peer, options_.address_prefix_v6);
}

bool server_engine::admit(const endpoint& peer) {
    {
        const std::lock_guard lock(admission_mutex_);
        if (options_.max_connections != 0 && admitted_ >= options_.max_connections) {
            return false;
        }
        ++admitted_;
    }
    const detail::on_exception undo([this] { forget({}); });
    if (take_place_of(peer)) {
        return true;
    }
    forget({});
    return false;
}

/// Counts the connection for its address or network, unless that has too many.
bool server_engine::take_place_of(const endpoint& peer) {
    if (!is_counted(peer)) {
        return true;
    }
    const std::lock_guard lock(admission_mutex_);
    std::size_t& count = per_address_[counted_as(peer)];
    if (count >= options_.max_connections_per_address) {
        return false;
    }
    ++count;
    return true;
}

void server_engine::forget(const endpoint& peer) noexcept {
    const std::lock_guard lock(admission_mutex_);
    --admitted_;
    if (is_counted(peer)) {
        const auto found = per_address_.find(counted_as(peer));
        if (found != per_address_.end() && --found->second == 0) {
            per_address_.erase(found);
        }
    }
}

void server_engine::refuse(runtime::unique_socket socket, const endpoint&, standing as) {
    auto& words = as == standing::rejected ? rejection_ : refusal_;
    if (words.empty()) {
        return;
    }
    // A client that says nothing before it has heard from us reads this before the close.
    const runtime::io_slice slice{words.data(), words.size()};
    (void)net().write(socket.get(), {&slice, 1});
    net().shutdown_write(socket.get());
}

void server_engine::on_accept_error(const endpoint& local, std::error_code error,
                                    std::chrono::milliseconds pause) {
    accept_errors_.fetch_add(1, std::memory_order_relaxed);
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
    run_callback(*pool_->loops().front(), [&] { tell_error(error); });
}

}  // namespace network_system::core

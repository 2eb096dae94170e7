#include "websocket/server_engine.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

/// Empty for every path.
std::vector<std::string> paths_of(const ws_server_config& config) {
    if (config.path.empty()) {
        return {};
    }
    std::vector<std::string> paths = config.more_paths;
    paths.push_back(config.path);
    return paths;
}

/// A client speaks first, and is not heard if it is closed before: so many refused ones may go
/// through their handshake at a time, to be told.
constexpr std::size_t told_at_a_time = 64;

constexpr const char* unwanted = "The server does not take this connection.\n";
constexpr const char* no_room = "The server is full or stopping.\n";
constexpr const char* nothing_here = "Nothing is served here.\n";

}  // namespace

ws_server_engine::ws_server_engine(const std::string& name, const ws_server_config& config,
                                   std::shared_ptr<runtime::io_pool> pool,
                                   transport::transport_factory transports,
                                   std::shared_ptr<const ws_server_callbacks> callbacks)
    : ws_engine_of(session_settings_of(config), std::move(callbacks), name,
                   server_options_of(config), std::move(pool), std::move(transports),
                   told_at_a_time),
      handshake_timeout_(config.handshake_timeout), paths_(paths_of(config)),
      subprotocols_(config.subprotocols) {
    // For refused ones beyond those that are told; with TLS they get an alert.
    const std::string full = websocket::encode_response(websocket::http_error{503, no_room});
    const std::string rejected = websocket::encode_response(websocket::http_error{403, unwanted});
    refuse_with({full.begin(), full.end()}, {rejected.begin(), rejected.end()});
}

std::shared_ptr<session::message_connection> ws_server_engine::new_session(
    std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
    session::session_setup& setup) {
    setup.handshake_deadline = runtime::after(over->loop()->now(), handshake_timeout_);
    return ws_engine_of::new_session(std::move(over), std::move(host), setup);
}

Result<encoded_message> ws_server_engine::encode(ws_message_type type,
                                                 std::span<const std::uint8_t> data) {
    return encode_with(session::message_encoder(websocket::role::server), type, data);
}

void ws_server_engine::end_session(const session_ptr& who, runtime::steady_time deadline) {
    (void)session::websocket_session::of(*who).close(ws_close_code::going_away, {});
    server_engine::end_session(who, deadline);
}

void ws_server_engine::notify_error(std::error_code error) {
    callbacks().failed(nullptr, error);
}

bool ws_server_engine::is_served(std::string_view path) const {
    return paths_.empty() || std::find(paths_.begin(), paths_.end(), path) != paths_.end();
}

std::string_view ws_server_engine::choose_subprotocol(const ws_request& request) const {
    for (const std::string_view offered : request.subprotocols()) {
        if (std::find(subprotocols_.begin(), subprotocols_.end(), offered) != subprotocols_.end()) {
            return offered;
        }
    }
    return {};
}

void ws_server_engine::on_refused(const session_ptr&, unsigned status) noexcept {
    switch (status) {
        case 408: counters_.timeout.add(); break;
        case 414:
        case 431: counters_.size.add(); break;
        case 426: counters_.upgrade.add(); break;
        case 503: counters_.unavailable.add(); break;
        default: counters_.request.add(); break;
    }
}

std::optional<websocket::http_error> ws_server_engine::refusal_of(const session_ptr& who) {
    const verdict how = how_came(who);
    if (how == verdict::rejected) {
        return websocket::http_error{403, unwanted};
    }
    if (how == verdict::full || is_stopping()) {
        counters_.unavailable.add();
        return websocket::http_error{503, no_room};
    }
    return std::nullopt;
}

void ws_server_engine::on_handshake(const session_ptr& who, const ws_request& request,
                                    ws_handshake_answer& answer) {
    if (const auto refusal = refusal_of(who)) {
        answer.reject(refusal->status, std::string(refusal->text));
    } else if (!is_served(request.path())) {
        answer.reject(404, nothing_here);
        counters_.path.add();
    } else {
        decide(who, request, answer);
    }
}

void ws_server_engine::decide(const session_ptr& who, const ws_request& request,
                              ws_handshake_answer& answer) {
    answer.accept(choose_subprotocol(request));
    callbacks().handshake(request, who->remote_endpoint(), answer);
    if (!answer.is_accepted()) {
        counters_.by_callback.add();
    }
}

void ws_server_engine::on_http_request(const session_ptr& who, const ws_request& request,
                                       http_response& answer) {
    if (const auto refusal = refusal_of(who)) {
        answer = {refusal->status, {}, std::string(refusal->text)};
        return;
    }
    const bool is_known = is_served(request.path());
    if (!is_known) {
        answer = {404, {}, nothing_here};
    }
    if (callbacks().http) {
        counters_.http_answers.add();
        callbacks().http(request, who->remote_endpoint(), answer);
    } else {
        (is_known ? counters_.upgrade : counters_.path).add();
    }
}

void ws_server_engine::on_open(const session_ptr& who) {
    counters_.handshakes.add();
    tell_connected(who);
}

void ws_server_engine::on_closed(const session_ptr& who, std::error_code reason, bool was_open) {
    if (reason && reason != errc::handshake_rejected) {
        tell_failed(who, reason);
    }
    // The error callback may have destroyed the server.
    if (was_open && callbacks().disconnected && gate()->is_open()) {
        tell_disconnected(who, reason);
    }
}

void ws_server_engine::on_gone(const session_ptr& who, std::error_code reason,
                               const session::session_metrics& totals) noexcept {
    // A refusal is an answer, with counters of its own, and no failure.
    server_engine::on_gone(who, reason == errc::handshake_rejected ? std::error_code{} : reason,
                           totals);
}

ws_server_metrics ws_server_engine::ws_metrics() const {
    ws_server_metrics all;
    static_cast<server_metrics&>(all) = metrics();
    all.handshakes = counters_.handshakes;
    all.http_answers = counters_.http_answers;
    all.rejected_by_callback = counters_.by_callback;
    all.rejected_path = counters_.path;
    all.rejected_unavailable = counters_.unavailable;
    all.rejected_upgrade = counters_.upgrade;
    all.rejected_size = counters_.size;
    all.rejected_timeout = counters_.timeout;
    all.rejected_request = counters_.request;
    return all;
}

}  // namespace network_system::core

// The opening handshake of a WebSocket, on both sides.
#include "utils/bytes.h"
#include "utils/failure.h"
#include "utils/first_bytes.h"
#include "utils/log.h"
#include "websocket/opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

constexpr websocket::http_error cannot_answer{500, "The server cannot answer."};

// Of what a server says when it refuses.
constexpr std::size_t most_of_body = std::size_t{16} * 1024;
constexpr std::size_t longest_excerpt = 200;
constexpr std::chrono::seconds patience_with_body{1};

/// What this side has asked, as a server would see it.
ws_request asked(std::string_view head) {
    websocket::request_parser parser({head.size(), head.size(), head.size()});
    (void)parser.consume(bytes_of(head));
    return parser.take_request();
}

}  // namespace

void websocket_session::on_open() {
    log_handshake();
    if (role() == connection_role::server) {
        opening_ = std::make_unique<opening>(opening{websocket::request_parser(settings_->limits)});
    } else {
        begin_asking();
    }
}

void websocket_session::begin_asking() {
    websocket::handshake_key key;
    for (std::size_t i = 0; i < key.size(); i += sizeof(std::uint32_t)) {
        const std::uint32_t drawn = loop()->random_word();
        std::memcpy(key.data() + i, &drawn, sizeof drawn);
    }
    const auto head = websocket::encode_request(settings_->asks, key);
    if (!head) {
        record_failure(head.error().message);
        begin_close(errc::invalid_argument);
        return;
    }
    opening_ = std::make_unique<opening>(opening{
        websocket::response_parser(settings_->asks, key, settings_->limits), asked(head.value())});
    transport().queue().append(bytes_of(head.value()));
    publish_queued();
    transport().request_flush();
}

std::span<std::uint8_t> websocket_session::take_handshake(std::span<std::uint8_t> bytes) {
    if (awaits_body()) {
        return take_body(bytes);
    }
    keep_first_bytes(bytes);
    const std::size_t used =
        std::visit([bytes](auto& parser) { return parser.consume(bytes); }, opening_->parser);
    const auto rest = bytes.subspan(used);
    if (role() == connection_role::server) {
        handle_request();
        return rest;
    }
    handle_response();
    return awaits_body() ? take_body(rest) : rest;
}

void websocket_session::handle_request() {
    auto& parser = std::get<websocket::request_parser>(opening_->parser);
    using status = websocket::request_parser::status;
    switch (parser.state()) {
        case status::incomplete: return;
        case status::refused: refuse(parser.error(), errc::handshake_rejected); return;
        case status::plain: {
            const ws_request request = parser.take_request();
            http_response response{426, {}, "This is a WebSocket server.\n"};
            hooks_.on_http_request(self(), request, response);
            if (takes_more()) {
                answer_http(websocket::encode_response(response, request.method() == "HEAD"),
                            response.status);
            }
            return;
        }
        case status::upgrade: {
            ws_request request = parser.take_request();
            ws_handshake_answer answer;
            answer.set_user_data(typed_user_data());
            hooks_.on_handshake(self(), request, answer);
            if (!takes_more()) {
                return;
            }
            if (answer.is_accepted()) {
                accept(std::move(request), answer);
            } else {
                answer_http(websocket::encode_rejection(answer.rejection()),
                            answer.rejection().status);
            }
        }
    }
}

void websocket_session::accept(ws_request&& request, const ws_handshake_answer& answer) {
    const auto head = websocket::encode_accept(request, answer.subprotocol(), answer.headers());
    if (!head) {
        hooks_.on_refused(self(), cannot_answer.status);
        refuse_answer(head.error());
        return;
    }
    set_user_data(answer.typed_user_data());
    transport().queue().append(bytes_of(head.value()));
    publish_queued();
    transport().request_flush();
    open_with(std::move(request), answer.subprotocol());
}

std::shared_ptr<const ws_rejection> websocket_session::rejection() const {
    return is_gone() && opening_ ? opening_->rejection : nullptr;
}

std::string websocket_session::no_answer(std::string_view what) const {
    return fmt::format("{}: {}; check the port, and whether the server speaks TLS there "
                       "(ws_client_config::tls)",
                       what, detail::describe_received(first_bytes()));
}

void websocket_session::handle_response() {
    auto& parser = std::get<websocket::response_parser>(opening_->parser);
    using status = websocket::response_parser::status;
    switch (parser.state()) {
        case status::incomplete: return;
        case status::rejected: handle_rejection(parser); return;
        case status::accepted: {
            const std::string subprotocol(parser.subprotocol());
            auto response = settings_->keep_response
                                ? std::make_unique<const ws_response>(parser.take_head())
                                : nullptr;
            open_with(std::move(opening_->request), subprotocol, std::move(response));
        }
    }
}

void websocket_session::handle_rejection(websocket::response_parser& parser) {
    std::string text = detail::protocol_begun_by(first_bytes()) == "HTTP"
                           ? parser.reason()
                           : no_answer(parser.reason());
    bool has_body = false;
    if (parser.http_status() != 0) {
        auto retry_after = parser.retry_after(loop()->wall_clock());
        opening_->rejection = std::make_shared<ws_rejection>(
            ws_rejection{parser.http_status(), parser.take_head(), retry_after});
        has_body = !is_followed(text);
    }
    record_failure(std::move(text));
    if (has_body) {
        begin_body();
    } else {
        begin_close(errc::handshake_rejected);
    }
}

bool websocket_session::is_followed(std::string& text) {
    const auto& answer = *opening_->rejection;
    if (!websocket::is_redirect(answer.status, answer.head)) {
        return false;
    }
    auto to =
        websocket::follow_redirect(settings_->at, answer.head, settings_->redirects, "websocket");
    if (!to) {
        text += "; " + to.error().message;
        return false;
    }
    opening_->redirected = std::move(to).value();
    return true;
}

void websocket_session::begin_body() {
    auto& answer = *opening_->rejection;
    answer.is_body_truncated = true;  // until it has come
    opening_->refused = std::make_unique<opening::refusal>(
        opening::refusal{protocol::response_body(answer.status, answer.head, most_of_body),
                         std::min(due_by(), runtime::after(loop()->now(), patience_with_body))});
    if (opening_->refused->body.state() != protocol::response_body::status::incomplete) {
        end_body();
        return;
    }
    transport().set_deadline(opening_->refused->due_by);
}

bool websocket_session::awaits_body() const noexcept {
    return opening_ && opening_->refused && !is_closing();
}

std::span<std::uint8_t> websocket_session::take_body(std::span<std::uint8_t> bytes) {
    auto& body = opening_->refused->body;
    const std::size_t used = body.consume(bytes);
    if (body.state() != protocol::response_body::status::incomplete) {
        end_body();
    }
    return bytes.subspan(used);
}

void websocket_session::end_body() {
    record_rejection();
    begin_close(errc::handshake_rejected);
}

void websocket_session::record_rejection() {
    const auto refused = std::exchange(opening_->refused, nullptr);
    auto& answer = *opening_->rejection;
    answer.is_body_truncated = refused->body.state() != protocol::response_body::status::complete;
    answer.body = refused->body.take();
    if (const auto said = protocol::excerpt_of(answer.head, answer.body, longest_excerpt);
        !said.empty()) {
        record_failure(recorded_failure() + ": " + said);
    }
}

std::optional<websocket::url> websocket_session::redirected() const {
    return opening_ ? opening_->redirected : std::nullopt;
}

void websocket_session::open_with(ws_request&& request, std::string_view subprotocol,
                                  std::unique_ptr<const ws_response> response) {
    if (detail::is_logged(log_level::debug, writer())) {
        detail::log(log_level::debug, writer(), "WebSocket handshake: path '{}'{}{}",
                    request.path(), subprotocol.empty() ? "" : ", subprotocol ", subprotocol);
    }
    if (settings_->keep_request || !subprotocol.empty() || response) {
        agreed_ = std::make_unique<const agreement>(
            agreement{settings_->keep_request ? std::move(request) : ws_request{},
                      std::string(subprotocol), std::move(response)});
    }
    opening_.reset();
    allow_sends();
    open();
}

void websocket_session::answer_http(const Result<std::string>& whole, unsigned status) {
    if (!whole) {
        refuse_answer(whole.error());
    } else if (status >= 400) {
        record_failure(fmt::format("answered HTTP {}", status));
        answer_http(whole.value(), errc::handshake_rejected);
    } else {
        answer_http(whole.value(), std::error_code{});
    }
}

/// What the application wants to answer is nothing that HTTP knows. That is its fault, not the
/// client's: it is told.
void websocket_session::refuse_answer(const error_info& why) {
    detail::log_limited(detail::log_kind::unusable_answer, writer(), "{}", why.message);
    record_failure(why.message);
    answer_http(websocket::encode_response(cannot_answer), errc::invalid_argument);
}

void websocket_session::refuse(const websocket::http_error& error, errc reason) {
    // The text may be the parser's, which goes with the answer.
    const std::string whole = websocket::encode_response(error);
    const auto spoken = detail::protocol_begun_by(first_bytes());
    record_failure(fmt::format(
        "answered HTTP {}: {}{}", error.status, error.text,
        spoken.empty() || spoken == "HTTP" ? "" : ": " + detail::describe_received(first_bytes())));
    hooks_.on_refused(self(), error.status);
    if (reason == errc::handshake_rejected) {
        // What is no proper request is a violation; what the application answers is none.
        detail::log_limited(detail::log_kind::violation, writer(), "{}", recorded_failure());
    }
    answer_http(whole, reason);
}

void websocket_session::answer_http(std::string_view whole, std::error_code reason) {
    transport().queue().append(bytes_of(whole));
    opening_.reset();
    begin_close(reason);
}

void websocket_session::finish_handshake(std::error_code reason) {
    // A request that nobody has answered: the server stops, or its callback threw.
    if (role() == connection_role::server && opening_) {
        const auto error =
            reason ? cannot_answer : websocket::http_error{503, "The server is stopping."};
        hooks_.on_refused(self(), error.status);
        transport().queue().append(bytes_of(websocket::encode_response(error)));
    }
    close_stream(reason);
}

}  // namespace network_system::session

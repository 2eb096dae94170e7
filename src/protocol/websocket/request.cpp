// The server's side of the opening handshake: requests in, answers out.
#include "protocol/http1/fields.h"
#include "protocol/http1/text.h"
#include "protocol/websocket/base64.h"
#include "protocol/websocket/sha1.h"

#include <network_system/internal/websocket_handshake.h>

#include <algorithm>
#include <array>
#include <optional>

namespace network_system::inline v0_1::websocket {

using protocol::append_field;
using protocol::equals_ignoring_case;

namespace {

constexpr std::string_view version = "13";
constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

using maybe_error = std::optional<http_error>;

maybe_error bad_request(std::string_view text) noexcept {
    return http_error{400, text};
}

struct request_line {
    std::string_view method;
    std::string_view target;
    std::string_view version;
};
request_line split(std::string_view line) noexcept {
    const std::string_view method = protocol::take_until(line, ' ');
    const std::string_view target = protocol::take_until(line, ' ');
    return {method, target, line};
}

struct target_parts {
    /// Empty for a target that begins with a slash.
    std::string_view authority;
    std::string_view path;
    std::string_view query;
};
/// Nothing when it is neither "/path" nor "http://host/path".
std::optional<target_parts> split_target(std::string_view target) noexcept {
    target_parts parts;
    if (!target.starts_with('/')) {
        const std::size_t colon = target.find("://");
        constexpr std::array<std::string_view, 4> schemes{"http", "https", "ws", "wss"};
        const bool is_known = std::any_of(schemes.begin(), schemes.end(), [&](auto each) {
            return equals_ignoring_case(target.substr(0, colon), each);
        });
        if (colon == std::string_view::npos || !is_known) {
            return std::nullopt;
        }
        target.remove_prefix(colon + 3);
        const std::size_t end = std::min(target.find_first_of("/?"), target.size());
        parts.authority = target.substr(0, end);
        target.remove_prefix(end);
        if (!protocol::is_authority(parts.authority)) {
            return std::nullopt;
        }
    }
    parts.path = protocol::take_until(target, '?');
    parts.query = target;
    if (parts.path.empty()) {
        parts.path = "/";
    }
    return parts;
}

bool is_http_version(std::string_view text) noexcept {
    return text.size() == 8 && text.starts_with("HTTP/") && protocol::is_digit(text[5]) &&
           text[6] == '.' && protocol::is_digit(text[7]);
}

maybe_error flaw_of_request_line(const request_line& line) noexcept {
    if (!protocol::is_token(line.method) || !protocol::is_target(line.target) ||
        !is_http_version(line.version)) {
        return bad_request("malformed request line");
    }
    if (line.version[5] != '1') {
        return http_error{505, "only HTTP/1.1 is spoken here"};
    }
    constexpr std::array<std::string_view, 7> others{"POST",  "PUT",     "DELETE", "CONNECT",
                                                     "PATCH", "OPTIONS", "TRACE"};
    if (line.method != "GET" && line.method != "HEAD") {
        return std::find(others.begin(), others.end(), line.method) != others.end()
                   ? http_error{405, "only GET and HEAD are answered here"}
                   : http_error{501, "unknown method"};
    }
    return split_target(line.target) ? std::nullopt : bad_request("malformed request target");
}

/// What could be read in two ways, or does not belong to a GET.
maybe_error flaw_of_fields(const http_head& head, bool is_http_1_0) {
    const std::size_t hosts = head.count("Host");
    if (hosts > 1 || (hosts == 0 && !is_http_1_0)) {
        return bad_request("not exactly one Host field");
    }
    if (hosts == 1 && !protocol::is_authority(*head.find("Host"))) {
        return bad_request("malformed Host field");
    }
    const auto lengths = head.find_all("Content-Length");
    const bool has_length = std::any_of(lengths.begin(), lengths.end(),
                                        [](std::string_view each) { return each != "0"; });
    if (has_length || head.count("Transfer-Encoding") > 0) {
        return bad_request("request with a body");
    }
    return std::nullopt;
}

/// Base64 of 16 bytes.
bool is_key(std::string_view text) noexcept {
    return text.size() == 24 && text.ends_with("==") &&
           protocol::consists_of(text.substr(0, 22), [](char each) {
               return protocol::is_alphanumeric(each) || each == '+' || each == '/';
           });
}

maybe_error flaw_of_upgrade(const handshake_request& request) {
    const http_head& head = request.head();
    if (request.method() != "GET") {
        return http_error{405, "a WebSocket is opened with GET"};
    }
    if (!head.list_contains("Connection", "upgrade")) {
        return bad_request("no upgrade in the Connection field");
    }
    for (const std::string_view each : {"Sec-WebSocket-Version", "Sec-WebSocket-Key", "Origin"}) {
        if (head.count(each) > 1) {
            return bad_request("a field of the handshake is there twice");
        }
    }
    if (head.find("Sec-WebSocket-Version") != version) {
        return http_error{426, "only version 13 of WebSocket is spoken here"};
    }
    if (!is_key(head.find("Sec-WebSocket-Key").value_or(""))) {
        return bad_request("malformed Sec-WebSocket-Key");
    }
    auto offered = request.subprotocols();
    std::sort(offered.begin(), offered.end());
    const bool are_unique = std::adjacent_find(offered.begin(), offered.end()) == offered.end();
    if (!are_unique || !std::all_of(offered.begin(), offered.end(), protocol::is_token)) {
        return bad_request("malformed Sec-WebSocket-Protocol");
    }
    return std::nullopt;
}

}  // namespace

std::string_view handshake_request::method() const noexcept {
    return split(head_.start_line()).method;
}

std::string_view handshake_request::target() const noexcept {
    return split(head_.start_line()).target;
}

std::string_view handshake_request::path() const noexcept {
    return split_target(target()).value_or(target_parts{}).path;
}

std::string_view handshake_request::query() const noexcept {
    return split_target(target()).value_or(target_parts{}).query;
}

std::string_view handshake_request::host() const noexcept {
    const auto parts = split_target(target()).value_or(target_parts{});
    return parts.authority.empty() ? head_.find("Host").value_or("") : parts.authority;
}

std::string_view handshake_request::origin() const noexcept {
    return head_.find("Origin").value_or("");
}

std::vector<std::string_view> handshake_request::subprotocols() const {
    return head_.list("Sec-WebSocket-Protocol");
}

std::size_t request_parser::consume(std::span<const std::uint8_t> bytes) {
    const std::size_t used = parser_.consume(bytes);
    if (state_ == status::incomplete && parser_.state() != http_head_parser::status::incomplete) {
        check_head();
    }
    return used;
}

void request_parser::check_head() {
    const auto refuse = [this](const http_error& why) {
        error_ = why;
        state_ = status::refused;
    };
    if (parser_.state() == http_head_parser::status::malformed) {
        return refuse(parser_.error());
    }
    request_ = handshake_request(parser_.take_head());
    const http_head& head = request_.head();
    const request_line line = split(head.start_line());
    if (const auto flaw = flaw_of_request_line(line)) {
        return refuse(*flaw);
    }
    // Of a client that old, an upgrade has to be ignored (RFC 9110 section 7.8).
    const bool is_http_1_0 = line.version.ends_with("1.0");
    if (const auto flaw = flaw_of_fields(head, is_http_1_0)) {
        return refuse(*flaw);
    }
    if (is_http_1_0 || !head.list_contains("Upgrade", "websocket")) {
        state_ = status::plain;
        return;
    }
    if (const auto flaw = flaw_of_upgrade(request_)) {
        return refuse(*flaw);
    }
    state_ = status::upgrade;
}

std::string accept_value(std::string_view key) {
    std::string text(key);
    text += guid;
    return protocol::to_base64(
        protocol::sha1({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

Result<std::string> encode_accept(const handshake_request& request, std::string_view subprotocol,
                                  std::span<const header_field> headers) {
    std::string answer = "HTTP/1.1 101 Switching Protocols\r\n"
                         "Upgrade: websocket\r\n"
                         "Connection: Upgrade\r\n";
    append_field(answer, "Sec-WebSocket-Accept",
                 accept_value(request.head().find("Sec-WebSocket-Key").value_or("")));
    if (!subprotocol.empty()) {
        const auto offered = request.subprotocols();
        if (std::find(offered.begin(), offered.end(), subprotocol) == offered.end()) {
            return protocol::invalid_handshake("subprotocol that the client has not offered");
        }
        append_field(answer, "Sec-WebSocket-Protocol", subprotocol);
    }
    if (const auto added = protocol::append_fields(answer, headers); !added) {
        return added.error();
    }
    return answer += "\r\n";
}

Result<std::string> encode_response(const http_response& response, strict_bool is_head) {
    if (response.status < 200 || response.status > 599) {
        return protocol::invalid_handshake(
            "a response has an HTTP status of 200 to 599, not status " +
            std::to_string(response.status));
    }
    const bool is_bodiless = response.status == 204 || response.status == 304;
    if ((is_bodiless || response.status == 205) && !response.body.empty()) {
        return protocol::invalid_handshake("a response of status " +
                                           std::to_string(response.status) + " has no body");
    }
    const bool is_upgrade_required = response.status == 426;
    std::string answer = "HTTP/1.1 " + std::to_string(response.status) + ' ';
    answer.append(protocol::reason_phrase(response.status)).append("\r\n");
    append_field(answer, "Connection", is_upgrade_required ? "Upgrade, close" : "close");
    if (is_upgrade_required) {
        append_field(answer, "Upgrade", "websocket");
        append_field(answer, "Sec-WebSocket-Version", version);
    }
    const auto is_given = [&](std::string_view name) {
        return std::any_of(response.headers.begin(), response.headers.end(),
                           [&](const auto& each) { return equals_ignoring_case(each.name, name); });
    };
    if (response.status == 405 && !is_given("Allow")) {
        append_field(answer, "Allow", "GET, HEAD");
    }
    if (!is_bodiless) {
        append_field(answer, "Content-Length", std::to_string(response.body.size()));
        if (!response.body.empty() && !is_given("Content-Type")) {
            append_field(answer, "Content-Type", "text/plain; charset=utf-8");
        }
    }
    if (const auto added = protocol::append_fields(answer, response.headers); !added) {
        return added.error();
    }
    answer += "\r\n";
    return is_head ? answer : answer + response.body;
}

Result<std::string> encode_rejection(const http_response& response) {
    if (response.status < 300 || response.status > 599) {
        return protocol::invalid_handshake(
            "a handshake is rejected with an HTTP status of 300 to 599, not with status " +
            std::to_string(response.status));
    }
    return encode_response(response);
}

std::string encode_response(const http_error& error) {
    return encode_response(http_response{error.status, {}, std::string(error.text) + '\n'})
        .value_or("HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n");
}

}  // namespace network_system::websocket

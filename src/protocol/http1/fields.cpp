#include "protocol/http1/fields.h"

#include "protocol/http1/text.h"

#include <network_system/utils/error_codes.h>

#include <algorithm>
#include <array>
#include <utility>

namespace network_system::inline v0_1::protocol {
namespace {

// No parser of ours takes more, and hardly one of others.
constexpr std::size_t longest_head = 65'535;
// Of a name that is wrong, as much goes into an error.
constexpr std::size_t longest_quote = 64;

// They say how a message is framed and what becomes of its connection, which is for the handshake
// to say: two that contradict each other are an attack (RFC 9112 section 11.2).
constexpr std::array<std::string_view, 10> set_by_the_handshake{
    "Connection", "Content-Length",    "Expect", "Host", "Keep-Alive", "Proxy-Connection", "TE",
    "Trailer",    "Transfer-Encoding", "Upgrade"};
constexpr std::string_view handshake_prefix = "Sec-WebSocket-";
// Of which a peer would use one or the other.
constexpr std::array<std::string_view, 4> there_once{"Authorization", "Content-Type", "Location",
                                                     "Origin"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) noexcept {
    return std::any_of(names.begin(), names.end(),
                       [name](std::string_view each) { return equals_ignoring_case(name, each); });
}

/// What is wrong with a field of the user's; empty when nothing is.
std::string flaw_of(const websocket::header_field& field) {
    const std::string_view name = field.name;
    const std::string shown(name.substr(0, longest_quote));
    if (!is_token(name)) {
        return "header field with an invalid name";
    }
    if (!is_field_value(field.value)) {
        return "header field " + shown + " with a control character";
    }
    if (is_one_of(name, set_by_the_handshake) ||
        equals_ignoring_case(name.substr(0, handshake_prefix.size()), handshake_prefix)) {
        return "header field " + shown + " is set by the handshake itself";
    }
    return {};
}

}  // namespace

void append_field(std::string& to, std::string_view name, std::string_view value) {
    to.append(name).append(": ").append(value).append("\r\n");
}

VoidResult append_fields(std::string& to, std::span<const websocket::header_field> fields) {
    for (auto each = fields.begin(); each != fields.end(); ++each) {
        if (const auto flaw = flaw_of(*each); !flaw.empty()) {
            return invalid_handshake(flaw);
        }
        const auto is_same = [each](const auto& other) {
            return equals_ignoring_case(other.name, each->name);
        };
        if (is_one_of(each->name, there_once) && std::any_of(fields.begin(), each, is_same)) {
            return invalid_handshake("header field " + each->name + " is there twice");
        }
        append_field(to, each->name, each->value);
    }
    if (to.size() > longest_head) {
        return invalid_handshake("header fields of more than 65535 bytes");
    }
    return ok();
}

error_info invalid_handshake(std::string text) {
    return {static_cast<int>(errc::invalid_argument), std::move(text), "websocket", {}};
}

std::string_view reason_phrase(unsigned status) noexcept {
    switch (status) {
        case 200: return "OK";
        case 204: return "No Content";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 407: return "Proxy Authentication Required";
        case 408: return "Request Timeout";
        case 410: return "Gone";
        case 414: return "URI Too Long";
        case 426: return "Upgrade Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        default: return {};
    }
}

}  // namespace network_system::protocol

#include "protocol/http_fields.h"

#include "protocol/http_text.h"

#include <network_system/utils/error_codes.h>

#include <algorithm>
#include <utility>

namespace network_system::protocol {

void append_field(std::string& to, std::string_view name, std::string_view value) {
    to.append(name).append(": ").append(value).append("\r\n");
}

VoidResult append_fields(std::string& to, std::span<const websocket::header_field> fields,
                         std::initializer_list<std::string_view> reserved) {
    for (const auto& [name, value] : fields) {
        if (!is_token(name)) {
            return invalid_handshake("header field with an invalid name");
        }
        if (!is_field_value(value)) {
            return invalid_handshake("header field " + name + " with a control character");
        }
        const bool is_reserved =
            std::any_of(reserved.begin(), reserved.end(), [&field = name](std::string_view each) {
                return equals_ignoring_case(field, each);
            });
        if (is_reserved) {
            return invalid_handshake("header field " + name + " is set by the handshake itself");
        }
        append_field(to, name, value);
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

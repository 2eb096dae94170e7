#pragma once

#include "protocol/http1/text.h"

#include <string_view>

namespace network_system::inline v0_1::protocol {

/// The first line of an answer (RFC 9112 section 4).
struct status_line {
    /// 0 when the line is none of HTTP/1.
    unsigned status = 0;
    bool is_http_1_0 = false;
    std::string_view phrase;
};

[[nodiscard]] inline status_line parse_status_line(std::string_view line) noexcept {
    const std::string_view http = take_until(line, ' ');
    const std::string_view digits = take_until(line, ' ');
    if (http.size() != 8 || !http.starts_with("HTTP/1.") || !is_digit(http.back()) ||
        digits.size() != 3 || !consists_of(digits, is_digit)) {
        return {};
    }
    unsigned status = 0;
    for (const char each : digits) {
        status = status * 10 + static_cast<unsigned>(each - '0');
    }
    return {status, http.ends_with('0'), line};
}

}  // namespace network_system::protocol

#include "protocol/http1/text.h"

#include <network_system/internal/http_head.h>

#include <limits>
#include <utility>

namespace network_system::inline v0_1::websocket {

using protocol::equals_ignoring_case;
using protocol::is_blank;

namespace {

constexpr unsigned status_bad_request = 400;
constexpr unsigned target_too_long = 414;
constexpr unsigned fields_too_large = 431;

}  // namespace

std::optional<std::string_view> http_head::find(std::string_view name) const noexcept {
    for (const field_parts& each : fields_) {
        if (equals_ignoring_case(view(each.name), name)) {
            return view(each.value);
        }
    }
    return std::nullopt;
}

std::vector<std::string_view> http_head::find_all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const field_parts& each : fields_) {
        if (equals_ignoring_case(view(each.name), name)) {
            values.push_back(view(each.value));
        }
    }
    return values;
}

std::size_t http_head::count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(fields_.begin(), fields_.end(), [&](const field_parts& each) {
            return equals_ignoring_case(view(each.name), name);
        }));
}

std::vector<std::string_view> http_head::list(std::string_view name) const {
    std::vector<std::string_view> elements;
    for (std::string_view value : find_all(name)) {
        while (!value.empty()) {
            const auto element = protocol::trimmed(protocol::take_until(value, ','));
            if (!element.empty()) {
                elements.push_back(element);
            }
        }
    }
    return elements;
}

bool http_head::list_contains(std::string_view name, std::string_view element) const {
    const auto elements = list(name);
    return std::any_of(elements.begin(), elements.end(),
                       [&](std::string_view each) { return equals_ignoring_case(each, element); });
}

http_head_parser::http_head_parser(const handshake_limits& limits,
                                   before_start_line skipped) noexcept
    : limits_(limits), may_be_empty_(skipped == before_start_line::one_empty_line) {
    // Positions in a head are kept in 16 bits.
    limits_.max_head_bytes =
        std::min<std::size_t>(limits_.max_head_bytes, std::numeric_limits<std::uint16_t>::max());
}

http_head http_head_parser::take_head() noexcept {
    return std::move(head_);
}

void http_head_parser::restart() noexcept {
    head_.text_.clear();
    head_.fields_.clear();
    line_begin_ = 0;
    has_start_line_ = false;
    state_ = status::incomplete;
}

std::size_t http_head_parser::consume(std::span<const std::uint8_t> bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ == status::incomplete) {
        take(static_cast<char>(bytes[used]));
        ++used;
    }
    return used;
}

void http_head_parser::fail(unsigned http_status, std::string_view text) noexcept {
    state_ = status::malformed;
    error_ = {http_status, text};
}

void http_head_parser::take(char each) {
    if (++taken_ > limits_.max_head_bytes) {
        return fail_too_long();
    }
    if (had_cr_) {
        had_cr_ = false;
        return each == '\n' ? end_line()
                            : fail(status_bad_request, "carriage return inside a line");
    }
    if (each == '\r') {
        had_cr_ = true;
        return;
    }
    if (each == '\n') {
        return fail(status_bad_request, "line feed without a carriage return");
    }
    if (!protocol::is_field_value({&each, 1})) {
        return fail(status_bad_request, "control character");
    }
    if (head_.text_.size() - line_begin_ == limits_.max_line_bytes) {
        return fail_too_long();
    }
    head_.text_ += each;
}

void http_head_parser::fail_too_long() noexcept {
    if (has_start_line_) {
        fail(fields_too_large, "header fields too large");
    } else {
        fail(target_too_long, "first line too long");
    }
}

void http_head_parser::end_line() {
    const std::string_view line = std::string_view(head_.text_).substr(line_begin_);
    const std::size_t begin = std::exchange(line_begin_, head_.text_.size());
    if (!has_start_line_) {
        if (line.empty() && std::exchange(may_be_empty_, false)) {
            return;
        }
        if (line.empty()) {
            return fail(status_bad_request, "no start line");
        }
        head_.start_line_ = {0, static_cast<std::uint16_t>(line.size())};
        has_start_line_ = true;
    } else if (line.empty()) {
        state_ = status::complete;
        // It may be kept as long as the connection.
        head_.text_.shrink_to_fit();
        head_.fields_.shrink_to_fit();
    } else {
        add_field(begin, line);
    }
}

void http_head_parser::add_field(std::size_t begin, std::string_view line) {
    if (is_blank(line.front())) {
        return fail(status_bad_request, "folded header line");
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        return fail(status_bad_request, "header line without a colon");
    }
    const std::string_view name = line.substr(0, colon);
    if (!protocol::is_token(name)) {
        return fail(status_bad_request, "field name that is not a token");
    }
    if (head_.fields_.size() == limits_.max_fields) {
        return fail(fields_too_large, "too many header fields");
    }
    const std::string_view value = protocol::trimmed(line.substr(colon + 1));
    const auto at = [&](std::string_view part) {
        return http_head::part{
            static_cast<std::uint16_t>(begin + static_cast<std::size_t>(part.data() - line.data())),
            static_cast<std::uint16_t>(part.size())};
    };
    head_.fields_.push_back({at(name), at(value)});
}

}  // namespace network_system::websocket

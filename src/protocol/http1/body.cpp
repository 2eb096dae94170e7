#include "protocol/http1/body.h"

#include "protocol/http1/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::protocol {

using websocket::http_head;

namespace {

// Bytes of chunk extensions and trailers together.
constexpr std::size_t most_skipped = std::size_t{16} * 1024;
// Of a 64-bit number.
constexpr unsigned most_digits = 16;

bool has_no_body(unsigned http_status) noexcept {
    return http_status / 100 == 1 || http_status == 204 || http_status == 304;
}

/// Nothing when it is no number, or several that differ.
std::optional<std::uint64_t> content_length(const http_head& head) {
    const auto values = head.find_all("Content-Length");
    std::uint64_t length = 0;
    const std::string_view text = values.front();
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, length);
    const bool is_number = consists_of(text, is_digit) && error == std::errc() && rest == end;
    const bool are_equal = std::all_of(values.begin(), values.end(),
                                       [&](std::string_view each) { return each == text; });
    return is_number && are_equal ? std::optional(length) : std::nullopt;
}

std::optional<unsigned> hex_digit(char each) noexcept {
    const char low = to_lower(each);
    if (is_digit(low)) {
        return static_cast<unsigned>(low - '0');
    }
    if (low >= 'a' && low <= 'f') {
        return static_cast<unsigned>(low - 'a') + 10U;
    }
    return std::nullopt;
}

}  // namespace

response_body::response_body(unsigned http_status, const http_head& head, std::size_t limit)
    : limit_(limit) {
    if (has_no_body(http_status)) {
        state_ = status::complete;
    } else if (head.count("Transfer-Encoding") > 0) {
        begin_coded(head);
    } else if (head.count("Content-Length") > 0) {
        begin_sized(head);
    }
}

void response_body::begin_sized(const http_head& head) {
    const auto length = content_length(head);
    if (!length) {
        return cut();
    }
    stage_ = stage::sized;
    left_ = *length;
    if (left_ == 0) {
        end_data();
    }
}

void response_body::begin_coded(const http_head& head) {
    const auto codings = head.list("Transfer-Encoding");
    const auto is_chunked = [](std::string_view each) {
        return equals_ignoring_case(each, "chunked");
    };
    // HTTP/1.0 has no codings.
    if (head.start_line().starts_with("HTTP/1.0") || codings.empty() ||
        std::count_if(codings.begin(), codings.end(), is_chunked) > 1) {
        return cut();
    }
    if (is_chunked(codings.back())) {
        stage_ = stage::chunk_size;
    }
}

std::size_t response_body::consume(std::span<const std::uint8_t> bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ == status::incomplete) {
        if (is_data()) {
            used += take_data(bytes.subspan(used));
        } else {
            take(static_cast<char>(bytes[used]));
            ++used;
        }
    }
    return used;
}

std::size_t response_body::take_data(std::span<const std::uint8_t> bytes) {
    const bool is_bounded = stage_ != stage::until_close;
    const std::size_t there =
        is_bounded ? static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_))
                   : bytes.size();
    const std::size_t taken = std::min(there, limit_ - kept_.size());
    kept_.append(reinterpret_cast<const char*>(bytes.data()), taken);
    left_ -= is_bounded ? taken : 0;
    if (is_bounded && left_ == 0) {
        end_data();
    } else if (taken < there || (is_bounded && kept_.size() == limit_)) {
        cut();
    }
    return taken;
}

void response_body::end_data() noexcept {
    if (stage_ == stage::sized) {
        state_ = status::complete;
    } else {
        stage_ = stage::chunk_data_return;
    }
}

void response_body::end() noexcept {
    if (state_ == status::incomplete) {
        state_ = stage_ == stage::until_close ? status::complete : status::cut;
    }
}

void response_body::take(char each) noexcept {
    switch (stage_) {
        case stage::chunk_size: return take_size(each);
        case stage::after_chunk_size:
            if (is_blank(each)) {
                return skip(each);
            }
            if (each == ';') {
                stage_ = stage::chunk_extension;
                return;
            }
            return expect(each, '\r', stage::chunk_line_end);
        case stage::chunk_extension:
            if (each != '\r') {
                return skip(each);
            }
            stage_ = stage::chunk_line_end;
            return;
        case stage::chunk_line_end:
            if (each != '\n') {
                return cut();
            }
            return end_size_line();
        case stage::chunk_data_return: return expect(each, '\r', stage::chunk_data_end);
        case stage::chunk_data_end: return expect(each, '\n', stage::chunk_size);
        case stage::trailer_begin:
        case stage::trailer_line:
            if (each == '\r') {
                stage_ =
                    stage_ == stage::trailer_begin ? stage::last_line_end : stage::trailer_line_end;
                return;
            }
            stage_ = stage::trailer_line;
            return skip(each);
        case stage::trailer_line_end: return expect(each, '\n', stage::trailer_begin);
        case stage::last_line_end: state_ = each == '\n' ? status::complete : status::cut; return;
        case stage::until_close:
        case stage::sized:
        case stage::chunk_data: return;
    }
}

void response_body::take_size(char each) noexcept {
    if (const auto digit = hex_digit(each)) {
        if (++digits_ > most_digits) {
            return cut();
        }
        left_ = left_ * 16 + *digit;
        return;
    }
    if (digits_ == 0) {
        return cut();
    }
    stage_ = stage::after_chunk_size;
    take(each);
}

void response_body::end_size_line() noexcept {
    digits_ = 0;
    if (left_ == 0) {
        stage_ = stage::trailer_begin;
    } else if (kept_.size() == limit_) {
        cut();
    } else {
        stage_ = stage::chunk_data;
    }
}

void response_body::expect(char each, char wanted, stage next) noexcept {
    if (each != wanted) {
        return cut();
    }
    stage_ = next;
}

void response_body::skip(char each) noexcept {
    if (!is_field_value({&each, 1}) || ++skipped_ > most_skipped) {
        cut();
    }
}

namespace {

enum class body_kind : std::uint8_t { text, other, unknown };

body_kind kind_of_body(const http_head& head) {
    const auto codings = head.list("Transfer-Encoding");
    if (codings.size() > 1 ||
        (codings.size() == 1 && !equals_ignoring_case(codings.front(), "chunked")) ||
        !head.list("Content-Encoding").empty()) {
        return body_kind::other;
    }
    auto value = head.find("Content-Type").value_or("");
    const auto type = trimmed(take_until(value, ';'));
    if (type.empty()) {
        return body_kind::unknown;
    }
    constexpr std::string_view text = "text/";
    constexpr std::array<std::string_view, 4> endings{"/json", "+json", "/xml", "+xml"};
    const bool is_text =
        equals_ignoring_case(type.substr(0, text.size()), text) ||
        std::any_of(endings.begin(), endings.end(), [type](std::string_view each) {
            return type.size() > each.size() &&
                   equals_ignoring_case(type.substr(type.size() - each.size()), each);
        });
    return is_text ? body_kind::text : body_kind::other;
}

constexpr bool is_white(char each) noexcept {
    return is_blank(each) || each == '\r' || each == '\n';
}
constexpr bool is_printable(char each) noexcept {
    return each >= ' ' && each < '\x7f';
}

}  // namespace

std::string excerpt_of(const http_head& head, std::string_view body, std::size_t longest) {
    const auto kind = kind_of_body(head);
    const bool is_text =
        kind == body_kind::text ||
        (kind == body_kind::unknown && std::all_of(body.begin(), body.end(), [](char each) {
             return is_white(each) || is_printable(each);
         }));
    std::string text;
    if (!is_text) {
        return text;
    }
    bool is_between_words = false;
    for (const char each : body) {
        if (is_white(each)) {
            is_between_words = !text.empty();
            continue;
        }
        if (std::exchange(is_between_words, false)) {
            text += ' ';
        }
        text += is_printable(each) ? each : '?';
        if (text.size() > longest) {
            text.resize(longest);
            return text += "...";
        }
    }
    return text;
}

}  // namespace network_system::protocol

#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The little of HTTP/1.1 (RFC 9112) that a WebSocket handshake needs.
namespace network_system::inline v0_1::websocket {

/// A header field to be sent.
struct header_field {
    std::string name = {};
    std::string value = {};
    friend bool operator==(const header_field&, const header_field&) = default;
};

/// How much a peer may send before the handshake is over.
struct handshake_limits {
    /// Bytes of the whole head, start line and empty line included. 1 to 65,535; default 16 KiB.
    std::size_t max_head_bytes = std::size_t{16} * 1024;
    /// Bytes of one line. Default 8 KiB.
    std::size_t max_line_bytes = std::size_t{8} * 1024;
    /// Header fields. Default 100.
    std::size_t max_fields = 100;
};

/// An answer in HTTP terms, with a text that says why.
struct http_error {
    unsigned status = 400;
    std::string_view text = {};
};

/// The start line and the header fields of a request or response, as they were received.
///
/// Thread-safety: as a value type. Views are into the object.
class NETWORK_SYSTEM_EXPORT http_head {
public:
    struct field {
        std::string_view name = {};
        /// Without the white space around it.
        std::string_view value = {};
    };

    [[nodiscard]] std::string_view start_line() const noexcept { return view(start_line_); }
    /// In the order of arrival.
    [[nodiscard]] std::size_t field_count() const noexcept { return fields_.size(); }
    [[nodiscard]] field field_at(std::size_t index) const noexcept {
        return {view(fields_[index].name), view(fields_[index].value)};
    }

    // Names are compared without regard to case.

    /// The first value; nothing when there is no such field.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
    /// All values, one for each line.
    [[nodiscard]] std::vector<std::string_view> find_all(std::string_view name) const;
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
    /// The elements of a comma-separated list; several lines are one list. Empty ones are left out.
    [[nodiscard]] std::vector<std::string_view> list(std::string_view name) const;
    /// Whether such a list has the element, without regard to case.
    [[nodiscard]] bool list_contains(std::string_view name, std::string_view element) const;

private:
    friend class http_head_parser;

    struct part {
        std::uint16_t begin = 0;
        std::uint16_t size = 0;
    };
    struct field_parts {
        part name = {};
        part value = {};
    };
    [[nodiscard]] std::string_view view(part of) const noexcept {
        return std::string_view(text_).substr(of.begin, of.size);
    }

    std::string text_;
    part start_line_;
    std::vector<field_parts> fields_;
};

/// Reads a head, in whatever pieces it comes, and not a byte more: what follows it belongs to the
/// protocol above. Strict, as two parties that read one message differently are an attack: lines
/// end with CR LF, no line is folded, no white space stands before a colon, names are tokens, and
/// there are no control characters.
///
/// Thread-safety: none.
class NETWORK_SYSTEM_EXPORT http_head_parser {
public:
    enum class status : std::uint8_t { incomplete, complete, malformed };

    /// A server lets one empty line stand before a request line (RFC 9112 section 2.2): old clients
    /// send one behind a body.
    enum class before_start_line : std::uint8_t { nothing, one_empty_line };

    explicit http_head_parser(const handshake_limits& limits = {},
                              before_start_line skipped = before_start_line::nothing) noexcept;

    /// Takes the bytes that belong to the head; how many.
    std::size_t consume(std::span<const std::uint8_t> bytes);

    [[nodiscard]] status state() const noexcept { return state_; }
    /// Once malformed: 400, 414 (start line too long) or 431 (fields too long or too many).
    [[nodiscard]] const http_error& error() const noexcept { return error_; }
    /// Once complete.
    [[nodiscard]] const http_head& head() const noexcept { return head_; }
    [[nodiscard]] http_head take_head() noexcept;
    /// Begins with another head, which shares the limit of bytes with those before.
    void restart() noexcept;

private:
    void take(char each);
    void end_line();
    void fail_too_long() noexcept;
    void add_field(std::size_t begin, std::string_view line);
    void fail(unsigned http_status, std::string_view text) noexcept;

    handshake_limits limits_;
    http_head head_;
    http_error error_;
    std::size_t taken_ = 0;
    std::size_t line_begin_ = 0;
    status state_ = status::incomplete;
    bool had_cr_ = false;
    bool has_start_line_ = false;
    bool may_be_empty_;
};

}  // namespace network_system::websocket

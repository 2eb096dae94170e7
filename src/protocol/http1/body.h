#pragma once

#include <network_system/internal/http_head.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::protocol {

/// Reads the body of a response to a GET (RFC 9112 section 6.3), in whatever pieces it comes, and
/// keeps its beginning. For clients that want to know what a server says, and end the connection
/// behind it: where a body is framed in a way that could be read in two ways, it just ends.
///
/// Thread-safety: none.
class response_body {
public:
    enum class status : std::uint8_t {
        incomplete,
        complete,
        /// There is more of it, or what follows is not HTTP: it is not read on.
        cut,
    };

    /// `http_status` and `head` are those of the response. At most `limit` bytes are kept.
    response_body(unsigned http_status, const websocket::http_head& head, std::size_t limit);

    /// Takes the bytes that belong to the body; how many.
    std::size_t consume(std::span<const std::uint8_t> bytes);
    /// The peer has ended the stream: so has a body that has no other end.
    void end() noexcept;

    [[nodiscard]] status state() const noexcept { return state_; }
    [[nodiscard]] std::string take() noexcept { return std::move(kept_); }

private:
    enum class stage : std::uint8_t {
        until_close,
        sized,
        // Chunked coding (RFC 9112 section 7.1).
        chunk_size,
        after_chunk_size,
        chunk_extension,
        chunk_line_end,
        chunk_data,
        chunk_data_return,
        chunk_data_end,
        trailer_begin,
        trailer_line,
        trailer_line_end,
        last_line_end,
    };

    void begin_sized(const websocket::http_head& head);
    void begin_coded(const websocket::http_head& head);
    [[nodiscard]] bool is_data() const noexcept {
        return stage_ == stage::until_close || stage_ == stage::sized ||
               stage_ == stage::chunk_data;
    }
    [[nodiscard]] std::size_t take_data(std::span<const std::uint8_t> bytes);
    void end_data() noexcept;
    void take(char each) noexcept;
    void take_size(char each) noexcept;
    void end_size_line() noexcept;
    /// Goes on to `next` if this is the character that has to be there.
    void expect(char each, char wanted, stage next) noexcept;
    /// A byte that is neither data nor size; there are not to be many.
    void skip(char each) noexcept;
    void cut() noexcept { state_ = status::cut; }

    const std::size_t limit_;
    std::string kept_;
    // Of the body, or of the chunk.
    std::uint64_t left_ = 0;
    std::size_t skipped_ = 0;
    unsigned digits_ = 0;
    stage stage_ = stage::until_close;
    status state_ = status::incomplete;
};

/// The beginning of a body that is a text, on one line and in printable ASCII, for an error: at
/// most `longest` characters, and "..." where there is more. Empty where the header fields say that
/// it is something else than text, JSON or XML, or where they say nothing and it is none.
[[nodiscard]] std::string excerpt_of(const websocket::http_head& head, std::string_view body,
                                     std::size_t longest);

}  // namespace network_system::protocol

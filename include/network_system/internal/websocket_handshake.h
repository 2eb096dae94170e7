#pragma once

#include <network_system/export.h>
#include <network_system/internal/http_head.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/strict_bool.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// WebSocket (RFC 6455) without input and output: the opening handshake, of both sides.
namespace network_system::inline v0_1::websocket {

/// A request, to open a WebSocket or a plain one.
///
/// Thread-safety: as a value type. Views are into the object.
class NETWORK_SYSTEM_EXPORT handshake_request {
public:
    handshake_request() = default;
    explicit handshake_request(http_head head) noexcept : head_(std::move(head)) {}

    [[nodiscard]] std::string_view method() const noexcept;
    /// As it was sent, mostly "/path?query".
    [[nodiscard]] std::string_view target() const noexcept;
    /// Begins with a slash. Percent-encoded as it was sent.
    [[nodiscard]] std::string_view path() const noexcept;
    /// What follows the first question mark; empty when there is none.
    [[nodiscard]] std::string_view query() const noexcept;
    /// The authority of an absolute target, else the Host field.
    [[nodiscard]] std::string_view host() const noexcept;
    /// Which site a browser speaks for; empty when it is not said.
    [[nodiscard]] std::string_view origin() const noexcept;
    /// What the client would speak, the most wanted first.
    [[nodiscard]] std::vector<std::string_view> subprotocols() const;
    /// All header fields, and the offered extensions as `Sec-WebSocket-Extensions`.
    [[nodiscard]] const http_head& head() const noexcept { return head_; }

private:
    http_head head_;
};

/// The server's part: reads a request and decides about it.
///
/// Thread-safety: none.
class NETWORK_SYSTEM_EXPORT request_parser {
public:
    enum class status : std::uint8_t {
        incomplete,
        /// A correct wish to open a WebSocket.
        upgrade,
        /// A correct GET or HEAD that asks for something else.
        plain,
        /// To be answered with `error()`, and closed.
        refused,
    };

    explicit request_parser(const handshake_limits& limits = {}) noexcept
        : parser_(limits, http_head_parser::before_start_line::one_empty_line) {}

    /// Takes the bytes that belong to the request; how many. What follows is the WebSocket's.
    std::size_t consume(std::span<const std::uint8_t> bytes);

    [[nodiscard]] status state() const noexcept { return state_; }
    /// Once refused: 400, 405, 414, 426 (another version of the protocol), 431, 501 or 505.
    [[nodiscard]] const http_error& error() const noexcept { return error_; }
    /// Once it is an upgrade or plain.
    [[nodiscard]] const handshake_request& request() const noexcept { return request_; }
    [[nodiscard]] handshake_request take_request() noexcept { return std::move(request_); }

private:
    void check_head();

    http_head_parser parser_;
    handshake_request request_;
    http_error error_;
    status state_ = status::incomplete;
};

/// The answer that opens the WebSocket. `subprotocol` is one of those offered, or empty.
///
/// Errors: `invalid_argument` (a subprotocol that was not offered; a field as below).
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<std::string> encode_accept(
    const handshake_request& request, std::string_view subprotocol = {},
    std::span<const header_field> headers = {});

/// Any other answer.
struct http_response {
    /// 200 to 599. 204, 205 and 304 have no body.
    unsigned status = 200;
    /// `Content-Type` is "text/plain; charset=utf-8" if it is not given here. Those that say how
    /// the answer is framed, what becomes of the connection, or that belong to the handshake are
    /// not for here: see `encode_response`.
    std::vector<header_field> headers = {};
    std::string body = {};
};
/// The whole answer; the connection is to be closed after it. `is_head`: the answer to HEAD,
/// without the body. 426 says which version is spoken, 405 which methods there are.
///
/// Errors: `invalid_argument` (status out of range; a body where there is none; a field that HTTP
/// does not allow, that is there twice and must not be, or that the answer sets itself: Connection,
/// Content-Length, Expect, Host, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding,
/// Upgrade, Sec-WebSocket-...; a head of more than 65,535 bytes).
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<std::string> encode_response(
    const http_response& response, strict_bool is_head = false);
/// The same for a handshake that is not accepted: by a status below 300 the client would learn that
/// its wish was granted. Error also: `invalid_argument` (a status that is not 300 to 599).
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<std::string> encode_rejection(
    const http_response& response);
/// The answer to a refused request; its text is the body.
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string encode_response(const http_error& error);

/// Random bytes that nobody can foresee, new for each connection.
using handshake_key = std::array<std::uint8_t, 16>;

/// What a client asks for.
struct client_handshake {
    /// The value of the Host field, "host" or "host:port"; see `host_header`.
    std::string host = {};
    /// Path and query. Default "/".
    std::string target = "/";
    /// The most wanted first.
    std::vector<std::string> subprotocols = {};
    /// Further fields, such as `Origin`, `Authorization` or `Cookie`.
    std::vector<header_field> headers = {};
};
/// The Host field of a client that connects there: "name:port", without the port where it is the
/// default one (80, or 443 if secure), with brackets around an IPv6 address, and without its zone
/// and the dot at the end of a name. "localhost" for a Unix domain socket. What is no host stays as
/// it is, and `encode_request` refuses it.
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string host_header(std::string_view host,
                                                            std::uint16_t port,
                                                            strict_bool is_secure);
/// Errors: `invalid_argument` (a host, target or subprotocol that HTTP does not allow; a field as
/// above).
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<std::string> encode_request(
    const client_handshake& handshake, const handshake_key& key);

/// The client's part: reads the response and checks that it answers this very request.
/// Informational responses before it are skipped.
///
/// Thread-safety: none.
class NETWORK_SYSTEM_EXPORT response_parser {
public:
    enum class status : std::uint8_t { incomplete, accepted, rejected };

    response_parser(const client_handshake& handshake, const handshake_key& key,
                    const handshake_limits& limits = {});

    /// Takes the bytes that belong to the response; how many. What follows is the WebSocket's.
    std::size_t consume(std::span<const std::uint8_t> bytes);

    [[nodiscard]] status state() const noexcept { return state_; }
    /// Once rejected: why, such as "HTTP 401 Unauthorized", of a redirect with its Location.
    /// Printable ASCII.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    /// Once rejected by the server's status: that, else 0.
    [[nodiscard]] unsigned http_status() const noexcept { return http_status_; }
    /// Once rejected: what the server asks for with Retry-After (RFC 9110 section 10.2.3), 0 for a
    /// time that is past; nothing when it does not, or not in a form that HTTP knows. A date is
    /// compared with the answer's own Date, without one with `now`.
    [[nodiscard]] std::optional<std::chrono::seconds> retry_after(
        std::chrono::system_clock::time_point now) const;
    /// Once accepted: what the server has chosen; empty for none.
    [[nodiscard]] std::string_view subprotocol() const noexcept;
    /// Once there is a response, rejected ones included unless malformed.
    [[nodiscard]] const http_head& head() const noexcept { return parser_.head(); }
    [[nodiscard]] http_head take_head() noexcept { return parser_.take_head(); }

private:
    void check_head();
    [[nodiscard]] std::string_view flaw_of_upgrade() const;
    void reject(std::string reason);

    http_head_parser parser_;
    std::vector<std::string> offered_;
    std::string expected_accept_;
    std::string reason_;
    unsigned http_status_ = 0;
    status state_ = status::incomplete;
};

/// What a server answers to a key: `Sec-WebSocket-Accept` (section 4.2.2).
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string accept_value(std::string_view key);

}  // namespace network_system::websocket

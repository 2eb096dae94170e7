#pragma once

#include <network_system/internal/websocket_handshake.h>
#include <network_system/utils/typed_pointer.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1 {

/// What a client has asked for: method, path, query, header fields, origin, subprotocols.
using ws_request = websocket::handshake_request;
/// What a server has answered: status line and header fields.
using ws_response = websocket::http_head;
using http_header = websocket::header_field;
using http_response = websocket::http_response;

/// How a server has answered the wish to open a WebSocket, other than with 101.
///
/// The body is read until it is complete or too long, until `connect_timeout` has passed, and for
/// no more than one second: the error does not wait for a server that does not go on.
///
/// Thread-safety: as a value type.
struct ws_rejection {
    /// 200 to 999; mostly 3xx, 4xx or 5xx.
    unsigned status = 0;
    /// The header fields: `head.find("WWW-Authenticate")`, `head.find("Location")`,
    /// `head.find_all("Set-Cookie")`, …
    websocket::http_head head = {};
    /// What the server asks for with Retry-After (RFC 9110 section 10.2.3), counted from the moment
    /// its answer arrived; nothing when it does not, or not in a form that HTTP knows.
    std::optional<std::chrono::seconds> retry_after = {};
    /// The body, at most its first 16 KiB, without its transfer coding (RFC 9112 sections 6 and 7)
    /// and with any other one. Empty also where it is not waited for: of a redirect that is
    /// followed, and of a server that ends the connection or says nothing for a second.
    std::string body = {};
    /// Whether there is, or may be, more of the body.
    bool is_body_truncated = false;
};

/// A server's answer to the wish to open a WebSocket. Unless told otherwise it accepts, without a
/// subprotocol.
///
/// An answer that HTTP or the handshake does not allow is not sent: the client gets 500, the log
/// says what is wrong with it, and the error callback (of a websocket_socket, the closed callback)
/// gets `invalid_argument`.
///
/// Thread-safety: none; used during the call it is given to.
class ws_handshake_answer {
public:
    /// `subprotocol` is one of those the client has offered, or empty; another one is an error, as
    /// above. `headers` are added to the answer, `Set-Cookie` for example; those that are wrong in
    /// a response (`websocket::encode_response`) are errors here, too.
    void accept(std::string_view subprotocol = {}, std::vector<http_header> headers = {}) {
        rejection_.reset();
        subprotocol_ = subprotocol;
        headers_ = std::move(headers);
    }
    /// Answers with a status of HTTP instead, 300 to 599, and closes the connection. Errors, as
    /// above: any other status; a body with 304; a header that is wrong in a response.
    void reject(http_response response) { rejection_ = std::move(response); }
    void reject(unsigned status, std::string body = {}) { reject({status, {}, std::move(body)}); }

    /// Becomes the `user_data` of the connection when it is accepted, before the connection
    /// callback runs: who has been established here need not be asked again. Freed with the
    /// connection, or at once when there will be none.
    void set_user_data(typed_pointer data) noexcept { user_data_ = std::move(data); }
    /// Before it is set: what the accept callback has attached.
    [[nodiscard]] const std::shared_ptr<void>& user_data() const noexcept {
        return user_data_.get();
    }
    template <typename T>
    [[nodiscard]] std::shared_ptr<T> user_data() const noexcept {
        return user_data_.as<T>();
    }
    [[nodiscard]] const typed_pointer& typed_user_data() const noexcept { return user_data_; }

    [[nodiscard]] bool is_accepted() const noexcept { return !rejection_; }
    [[nodiscard]] const std::string& subprotocol() const noexcept { return subprotocol_; }
    [[nodiscard]] const std::vector<http_header>& headers() const noexcept { return headers_; }
    /// Once rejected.
    [[nodiscard]] const http_response& rejection() const noexcept { return *rejection_; }

private:
    std::string subprotocol_;
    std::vector<http_header> headers_;
    std::optional<http_response> rejection_;
    typed_pointer user_data_;
};

}  // namespace network_system

#include "protocol/proxy/socks5.h"

#include "utils/failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace network_system::inline v0_1::protocol {
namespace {

constexpr std::uint8_t socks_version = 5;
constexpr std::uint8_t command_connect = 1;
constexpr std::uint8_t authentication_version = 1;
constexpr std::uint8_t without_authentication = 0;
constexpr std::uint8_t by_user_and_password = 2;
constexpr std::uint8_t no_method = 0xFF;
constexpr std::array<std::uint8_t, 3> greeting_of_nobody{socks_version, 1, without_authentication};
constexpr std::array<std::uint8_t, 4> greeting_of_user{socks_version, 2, without_authentication,
                                                       by_user_and_password};
enum address_type : std::uint8_t { type_ipv4 = 1, type_name = 3, type_ipv6 = 4 };

constexpr std::size_t longest_text = 255;
constexpr std::size_t short_answer = 2;
// Version, reply, reserved, type of the address, and its first byte, which may be its length.
constexpr std::size_t reply_begin = 5;
constexpr std::size_t port_size = 2;

struct reply_meaning {
    errc code;
    std::string_view text;
};
// RFC 1928 section 6. Asking again changes nothing where the proxy's rules or abilities decide.
constexpr std::array<reply_meaning, 9> replies{{
    {errc{}, "succeeded"},
    {errc::connection_failed, "general failure"},
    {errc::handshake_rejected, "connection not allowed by its rules"},
    {errc::connection_failed, "network unreachable"},
    {errc::connection_failed, "host unreachable"},
    {errc::connection_refused, "connection refused"},
    {errc::connection_timeout, "TTL expired"},
    {errc::handshake_rejected, "command not supported"},
    {errc::handshake_rejected, "address type not supported"},
}};

error_info wrong_socks(const char* text) {
    return detail::failure_in_words(errc::invalid_argument, text, "proxy");
}

void append_text(std::vector<std::uint8_t>& to, std::string_view text) {
    to.push_back(static_cast<std::uint8_t>(text.size()));
    to.insert(to.end(), text.begin(), text.end());
}

/// False when there is no address of a kind that SOCKS knows.
bool append_address(std::vector<std::uint8_t>& to, const socks5_connect::target& where) {
    if (!where.name.empty()) {
        to.push_back(type_name);
        append_text(to, where.name);
        return true;
    }
    const bool is_ipv4 = where.address.kind() == endpoint::family::ipv4;
    if (!is_ipv4 && where.address.kind() != endpoint::family::ipv6) {
        return false;
    }
    to.push_back(is_ipv4 ? type_ipv4 : type_ipv6);
    const auto& bytes = where.address.bytes();
    to.insert(to.end(), bytes.begin(), bytes.begin() + (is_ipv4 ? 4 : 16));
    return true;
}

/// The size of a reply whose beginning has arrived; 0 when the type of its address is unknown.
std::size_t reply_size(std::uint8_t type, std::uint8_t first_byte) noexcept {
    switch (type) {
        case type_ipv4: return reply_begin - 1 + 4 + port_size;
        case type_ipv6: return reply_begin - 1 + 16 + port_size;
        case type_name: return reply_begin + first_byte + port_size;
        default: return 0;
    }
}

}  // namespace

Result<std::unique_ptr<socks5_connect>> socks5_connect::to(const target& where,
                                                           const proxy_credentials& who) {
    if (who.user.size() > longest_text || who.password.size() > longest_text) {
        return wrong_socks("proxy.user and proxy.password have at most 255 bytes each for SOCKS");
    }
    if (who.user.empty() != who.password.empty()) {
        return wrong_socks("proxy.user and proxy.password go together for SOCKS: neither is empty");
    }
    std::unique_ptr<socks5_connect> made(new socks5_connect);
    made->request_ = {socks_version, command_connect, 0};
    if (where.name.size() > longest_text || !append_address(made->request_, where)) {
        return wrong_socks("the target of a SOCKS proxy is neither a name nor an address");
    }
    made->request_.push_back(static_cast<std::uint8_t>(where.port >> 8U));
    made->request_.push_back(static_cast<std::uint8_t>(where.port & 0xFFU));
    if (who.empty()) {
        made->send(greeting_of_nobody);
        return made;
    }
    made->has_user_ = true;
    made->credentials_ = {authentication_version};
    append_text(made->credentials_, who.user);
    append_text(made->credentials_, who.password);
    made->send(greeting_of_user);
    return made;
}

std::size_t socks5_connect::wanted() const noexcept {
    if (state() != status::asking) {
        return 0;
    }
    const std::size_t arrived = answer_.size();
    if (stage_ != stage::connecting) {
        return short_answer - arrived;
    }
    return (arrived < reply_begin ? reply_begin : reply_size(answer_[3], answer_[4])) - arrived;
}

std::size_t socks5_connect::consume(bytes_view data) {
    std::size_t used = 0;
    while (used < data.size() && state() == status::asking) {
        const auto part = data.subspan(used, std::min(wanted(), data.size() - used));
        answer_.insert(answer_.end(), part.begin(), part.end());
        used += part.size();
        check_answer();
    }
    return used;
}

void socks5_connect::check_answer() {
    const bool is_authentication = stage_ == stage::authenticating;
    // Of the answer to the credentials some proxies say 5, others 1.
    if (!is_authentication && answer_[0] != socks_version) {
        fail(errc::protocol_error, "the proxy does not speak SOCKS 5");
        return;
    }
    if (answer_.size() < short_answer) {
        return;
    }
    switch (stage_) {
        case stage::greeting: check_method(); break;
        case stage::authenticating: check_authentication(); break;
        case stage::connecting: check_reply(); break;
    }
}

void socks5_connect::check_method() {
    const std::uint8_t method = answer_[1];
    if (method == no_method) {
        fail(errc::handshake_rejected,
             has_user_ ? "the proxy takes no method that was offered (none, user and password)"
                       : "the proxy asks for authentication, and no user was given");
    } else if (method == without_authentication) {
        connect();
    } else if (method == by_user_and_password && has_user_) {
        stage_ = stage::authenticating;
        answer_.clear();
        send(std::exchange(credentials_, {}));
    } else {
        fail(errc::protocol_error, "the proxy has chosen a method that was not offered");
    }
}

void socks5_connect::check_authentication() {
    if (answer_[1] != 0) {
        fail(errc::handshake_rejected, "the proxy has refused the user and password");
    } else {
        connect();
    }
}

void socks5_connect::connect() {
    stage_ = stage::connecting;
    answer_.clear();
    send(std::exchange(request_, {}));
}

void socks5_connect::check_reply() {
    const std::uint8_t reply = answer_[1];
    if (reply != 0) {
        const reply_meaning meaning =
            reply < replies.size()
                ? replies[reply]
                : reply_meaning{errc::connection_failed, "no reason known to us"};
        fail(meaning.code, fmt::format("the proxy says: {} (reply {})", meaning.text, reply));
        return;
    }
    if (answer_.size() < reply_begin) {
        return;
    }
    const std::size_t size = reply_size(answer_[3], answer_[4]);
    if (size == 0 || answer_[2] != 0) {
        fail(errc::protocol_error, "the proxy's reply is malformed");
    } else if (answer_.size() == size) {
        open();
    }
}

}  // namespace network_system::protocol

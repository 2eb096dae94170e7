#include "protocol/proxy/http_connect.h"

#include "protocol/http1/fields.h"
#include "protocol/http1/status_line.h"
#include "protocol/http1/text.h"
#include "protocol/websocket/base64.h"
#include "utils/failure.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::protocol {
namespace {

// "HTTP/1.1 200", and the ends of two lines.
constexpr std::size_t shortest_head = 16;
constexpr std::string_view end_of_head = "\r\n\r\n";
constexpr std::string_view credentials_field = "Proxy-Authorization";

// A proxy that repeats what it was sent must not have it in a log: other names are not repeated.
constexpr std::array<std::string_view, 6> known_schemes{"Basic",    "Digest", "Negotiate",
                                                        "Kerberos", "NTLM",   "Bearer"};

error_info wrong_request(std::string text) {
    return detail::failure_in_words(errc::invalid_argument, std::move(text), "proxy");
}

bool has_control_characters(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), is_control_character);
}

/// What is wrong with them for Basic authentication (RFC 7617 section 2); empty when nothing is.
std::string_view flaw_of(const proxy_credentials& who) noexcept {
    if (who.empty() && !who.password.empty()) {
        return "proxy.password is given without a proxy.user";
    }
    if (who.user.find(':') != std::string_view::npos) {
        return "proxy.user has a colon, which ends the user in Basic authentication";
    }
    if (has_control_characters(who.user)) {
        return "proxy.user has a control character";
    }
    return has_control_characters(who.password) ? "proxy.password has a control character" : "";
}

std::string basic_credentials(const proxy_credentials& who) {
    std::vector<std::uint8_t> pair(who.user.begin(), who.user.end());
    pair.push_back(':');
    pair.insert(pair.end(), who.password.begin(), who.password.end());
    return "Basic " + to_base64(pair);
}

/// The schemes that the proxy asks for: "Basic or Digest". A challenge begins with its scheme, and
/// its parameters have an '=' in their first word.
std::string schemes_in(const websocket::http_head& head) {
    std::vector<std::string_view> schemes;
    std::vector<std::string_view> challenges = head.list("Proxy-Authenticate");
    const std::vector<std::string_view> of_401 = head.list("WWW-Authenticate");
    challenges.insert(challenges.end(), of_401.begin(), of_401.end());
    for (std::string_view challenge : challenges) {
        const std::string_view word = take_until(challenge, ' ');
        const auto* const known =
            std::find_if(known_schemes.begin(), known_schemes.end(),
                         [&](auto each) { return equals_ignoring_case(each, word); });
        if (!is_token(word)) {
            continue;
        }
        const std::string_view name = known != known_schemes.end() ? *known : "another scheme";
        if (std::find(schemes.begin(), schemes.end(), name) == schemes.end()) {
            schemes.push_back(name);
        }
    }
    std::string all;
    for (const std::string_view each : schemes) {
        all.append(all.empty() ? "" : " or ").append(each);
    }
    return all.empty() ? "nothing" : all;
}

/// Whether another attempt may bring another answer, and what it is then.
errc code_of(unsigned status) noexcept {
    if (status == 408 || status == 504) {
        return errc::connection_timeout;
    }
    return status >= 500 || status == 429 ? errc::connection_failed : errc::handshake_rejected;
}

}  // namespace

http_connect::http_connect(sent credentials)
    : parser_({max_head_size, websocket::handshake_limits{}.max_line_bytes, max_fields}),
      sent_(credentials) {}

Result<std::unique_ptr<http_connect>> http_connect::to(
    std::string_view authority, const proxy_credentials& who,
    std::span<const websocket::header_field> headers) {
    if (!is_authority(authority)) {
        return wrong_request("the target of a proxy is no host with a port");
    }
    if (const auto flaw = flaw_of(who); !flaw.empty()) {
        return wrong_request(std::string(flaw));
    }
    const auto given = std::count_if(headers.begin(), headers.end(), [](const auto& each) {
        return equals_ignoring_case(each.name, credentials_field);
    });
    if (given > 1 || (given == 1 && !who.empty())) {
        return wrong_request("proxy.headers: Proxy-Authorization is there twice, or together with "
                             "a proxy.user");
    }
    std::string request = "CONNECT ";
    request.append(authority).append(" HTTP/1.1\r\n");
    append_field(request, "Host", authority);
    if (!who.empty()) {
        append_field(request, credentials_field, basic_credentials(who));
    }
    if (const auto added = append_fields(request, headers); added.is_err()) {
        return wrong_request("proxy.headers: " + added.error().message);
    }
    request += "\r\n";
    std::unique_ptr<http_connect> made(new http_connect(!who.empty() ? sent::user
                                                        : given > 0  ? sent::field
                                                                     : sent::nothing));
    made->send({reinterpret_cast<const std::uint8_t*>(request.data()), request.size()});
    return made;
}

std::size_t http_connect::wanted() const noexcept {
    if (state() != status::asking) {
        return 0;
    }
    const std::size_t left = end_of_head.size() - ending_;
    return taken_ < shortest_head ? std::max(left, shortest_head - taken_) : left;
}

std::size_t http_connect::consume(bytes_view data) {
    std::size_t used = 0;
    while (used < data.size() && state() == status::asking) {
        const std::size_t count = parser_.consume(data.subspan(used));
        count_end_of_head(data.subspan(used, count));
        used += count;
        if (parser_.state() == websocket::http_head_parser::status::malformed) {
            fail(errc::protocol_error,
                 "the proxy's answer is malformed: " + std::string(parser_.error().text));
        } else if (parser_.state() == websocket::http_head_parser::status::complete) {
            check_head();
        }
    }
    return used;
}

void http_connect::count_end_of_head(bytes_view taken) noexcept {
    taken_ += taken.size();
    if (taken.size() >= end_of_head.size()) {
        ending_ = 0;  // what came before is no part of it
    }
    for (const std::uint8_t each : taken.last(std::min(taken.size(), end_of_head.size()))) {
        const bool goes_on =
            ending_ < end_of_head.size() && static_cast<char>(each) == end_of_head[ending_];
        ending_ = goes_on ? ending_ + 1 : (each == '\r' ? 1U : 0U);
    }
}

void http_connect::check_head() {
    const status_line line = parse_status_line(parser_.head().start_line());
    if (line.status < 100) {
        fail(errc::protocol_error, "the proxy does not speak HTTP/1.1");
    } else if (line.status < 200 && line.status != 101) {
        // What precedes the answer shares its limit of bytes.
        parser_.restart();
        taken_ = ending_ = 0;
    } else if (line.status / 100 == 2) {
        open();
    } else {
        refuse(line.status);
    }
}

void http_connect::refuse(unsigned answer) {
    std::string text = std::to_string(answer);
    if (const auto phrase = reason_phrase(answer); !phrase.empty()) {
        text.append(" ").append(phrase);
    }
    if (answer == 407 || answer == 401) {  // some proxies mean the one and say the other

        text += describe_authentication();
    }
    fail(code_of(answer), std::move(text));
}

std::string http_connect::describe_authentication() const {
    const char* const what = sent_ == sent::user    ? "the user and password that were sent as "
                                                      "Basic were refused"
                             : sent_ == sent::field ? "the Proxy-Authorization field that was sent "
                                                      "was refused"
                                                    : "no user was given";
    return std::string(" (") + what + "; the proxy asks for " + schemes_in(parser_.head()) + ")";
}

}  // namespace network_system::protocol

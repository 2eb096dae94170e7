// The client's side of the opening handshake: the request out, the answer in.
#include "protocol/framing/control_frames.h"
#include "protocol/http1/date.h"
#include "protocol/http1/fields.h"
#include "protocol/http1/status_line.h"
#include "protocol/http1/text.h"
#include "protocol/websocket/base64.h"
#include "utils/host.h"

#include <network_system/internal/websocket_handshake.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::websocket {

using protocol::append_field;
using protocol::invalid_handshake;
using protocol::parse_status_line;
using protocol::status_line;

namespace {

// Of what the server says, as much goes into an error.
constexpr std::size_t longest_quote = 200;

std::string quote(std::string_view text) {
    text = text.substr(0, longest_quote);
    return protocol::printable({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string describe(const status_line& line, const http_head& head) {
    std::string text = "HTTP " + std::to_string(line.status);
    const std::string phrase = line.phrase.empty()
                                   ? std::string(protocol::reason_phrase(line.status))
                                   : quote(line.phrase);
    if (!phrase.empty()) {
        text += ' ' + phrase;
    }
    const auto location = head.find("Location");
    if (line.status / 100 == 3 && location) {
        text += ", Location: " + quote(*location);
    }
    return text;
}

VoidResult append_subprotocols(std::string& to, const std::vector<std::string>& names) {
    std::string joined;
    for (auto each = names.begin(); each != names.end(); ++each) {
        if (!protocol::is_token(*each)) {
            return invalid_handshake("subprotocol that is not a token");
        }
        if (std::find(names.begin(), each, *each) != each) {
            return invalid_handshake("subprotocol " + *each + " is there twice");
        }
        joined += (joined.empty() ? "" : ", ") + *each;
    }
    if (!joined.empty()) {
        append_field(to, "Sec-WebSocket-Protocol", joined);
    }
    return ok();
}

}  // namespace

std::string host_header(std::string_view host, std::uint16_t port, strict_bool is_secure) {
    const auto parsed = detail::host::parse(host);
    std::string text = parsed ? parsed.value().authority() : std::string(host);
    const unsigned default_port = is_secure ? 443 : 80;
    const bool needs_port = port != default_port && !(parsed && parsed.value().is_path());
    return needs_port ? text + ':' + std::to_string(port) : text;
}

Result<std::string> encode_request(const client_handshake& handshake, const handshake_key& key) {
    const auto host = detail::host::parse_authority(handshake.host, "websocket", "Host field");
    if (!host) {
        return host.error();
    }
    if (!handshake.target.starts_with('/') || !protocol::is_target(handshake.target)) {
        return invalid_handshake("path that does not begin with a slash, or is not encoded");
    }
    std::string request = "GET " + handshake.target + " HTTP/1.1\r\n";
    append_field(request, "Host", handshake.host);
    append_field(request, "Upgrade", "websocket");
    append_field(request, "Connection", "Upgrade");
    append_field(request, "Sec-WebSocket-Key", protocol::to_base64(key));
    append_field(request, "Sec-WebSocket-Version", "13");
    if (const auto added = append_subprotocols(request, handshake.subprotocols); !added) {
        return added.error();
    }
    if (const auto added = protocol::append_fields(request, handshake.headers); !added) {
        return added.error();
    }
    return request += "\r\n";
}

response_parser::response_parser(const client_handshake& handshake, const handshake_key& key,
                                 const handshake_limits& limits)
    : parser_(limits), offered_(handshake.subprotocols),
      expected_accept_(accept_value(protocol::to_base64(key))) {}

std::size_t response_parser::consume(std::span<const std::uint8_t> bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ == status::incomplete) {
        used += parser_.consume(bytes.subspan(used));
        if (parser_.state() != http_head_parser::status::incomplete) {
            check_head();
        }
    }
    return used;
}

void response_parser::reject(std::string reason) {
    reason_ = std::move(reason);
    state_ = status::rejected;
}

void response_parser::check_head() {
    if (parser_.state() == http_head_parser::status::malformed) {
        return reject("malformed response: " + std::string(parser_.error().text));
    }
    const status_line line = parse_status_line(head().start_line());
    if (line.status < 100) {
        return reject("the answer is not HTTP/1.1: " + quote(head().start_line()));
    }
    if (line.status < 200 && line.status != 101) {
        parser_.restart();
        return;
    }
    if (line.status != 101) {
        http_status_ = line.status;
        return reject(describe(line, head()));
    }
    const std::string_view flaw = line.is_http_1_0 ? "101 of HTTP/1.0" : flaw_of_upgrade();
    if (!flaw.empty()) {
        return reject(std::string(flaw));
    }
    state_ = status::accepted;
}

std::optional<std::chrono::seconds> response_parser::retry_after(
    std::chrono::system_clock::time_point now) const {
    const auto value = head().find("Retry-After");
    if (!value) {
        return std::nullopt;
    }
    const auto date = head().find("Date");
    const auto arrived = std::chrono::floor<std::chrono::seconds>(now);
    const auto sent = date ? protocol::parse_http_date(*date, arrived) : std::nullopt;
    return protocol::parse_retry_after(*value, sent.value_or(arrived));
}

std::string_view response_parser::flaw_of_upgrade() const {
    const auto upgrade = head().list("Upgrade");
    if (upgrade.size() != 1 || !protocol::equals_ignoring_case(upgrade.front(), "websocket")) {
        return "the server upgrades to something else";
    }
    if (!head().list_contains("Connection", "upgrade")) {
        return "no upgrade in the Connection field";
    }
    if (head().count("Sec-WebSocket-Accept") != 1 ||
        head().find("Sec-WebSocket-Accept") != expected_accept_) {
        return "Sec-WebSocket-Accept does not answer the key";
    }
    if (!head().list("Sec-WebSocket-Extensions").empty()) {
        return "the server uses an extension that was not offered";
    }
    const bool is_offered =
        std::find(offered_.begin(), offered_.end(), subprotocol()) != offered_.end();
    const std::size_t chosen = head().count("Sec-WebSocket-Protocol");
    if (chosen > 1 || (chosen == 1 && !is_offered)) {
        return "the server has chosen a subprotocol that was not offered";
    }
    return {};
}

std::string_view response_parser::subprotocol() const noexcept {
    return head().find("Sec-WebSocket-Protocol").value_or("");
}

}  // namespace network_system::websocket

#include "utils/host.h"

#include "utils/ascii.h"
#include "utils/failure.h"

#include <fmt/format.h>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#endif

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace network_system::inline v0_1::detail {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t longest_name = 253;
constexpr std::size_t longest_label = 63;
// Of what somebody else may have chosen, as much goes into an error.
constexpr std::size_t longest_quote = 64;

/// Letters, digits, hyphens, and the underscores that the names of services have.
constexpr bool is_of_label(char each) noexcept {
    return is_alphanumeric(each) || each == '-' || each == '_';
}
/// A part of a dotted name that the system would take for a number of an IPv4 address.
bool is_number(std::string_view label) noexcept {
    if (label.starts_with("0x") || label.starts_with("0X")) {
        return std::all_of(label.begin() + 2, label.end(), is_hexadecimal);
    }
    return !label.empty() && std::all_of(label.begin(), label.end(), is_digit);
}

/// Calls `use(label)` for each label while it answers true; whether it did for all.
template <typename Use>
bool for_each_label(std::string_view name, const Use& use) {
    while (true) {
        const std::size_t dot = name.find('.');
        if (!use(name.substr(0, dot))) {
            return false;
        }
        if (dot == std::string_view::npos) {
            return true;
        }
        name.remove_prefix(dot + 1);
    }
}

std::string_view without_dot(std::string_view name) noexcept {
    return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

/// The address in a numeric text of the family, if it is one.
std::optional<endpoint> numeric(std::string_view text, endpoint::family family) {
    endpoint::address_bytes bytes{};
    const int native = family == endpoint::family::ipv4 ? AF_INET : AF_INET6;
    return ::inet_pton(native, std::string(text).c_str(), bytes.data()) == 1
               ? std::optional(endpoint(family, bytes, 0))
               : std::nullopt;
}

/// Whether an address means something together with an interface only (RFC 4007).
bool has_zones(const endpoint& address) noexcept {
    const auto& bytes = address.bytes();
    const bool is_unicast = bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0x80;
    const unsigned scope = bytes[1] & 0x0FU;
    const bool is_multicast = bytes[0] == 0xFF && (scope == 1 || scope == 2);
    return address.kind() == endpoint::family::ipv6 && (is_unicast || is_multicast);
}

/// What is wrong with characters that stand in no host at all; empty when nothing is.
std::string_view flaw_of_characters(std::string_view text) noexcept {
    if (text.empty()) {
        return "is empty";
    }
    if (std::any_of(text.begin(), text.end(), is_control_character)) {
        return "has a control character";
    }
    if (text.find(' ') != std::string_view::npos) {
        return "has a space";
    }
    if (!std::all_of(text.begin(), text.end(), is_ascii)) {
        return "is not ASCII: give its \"xn--...\" form";
    }
    if (text.find("://") != std::string_view::npos) {
        return "is a URL: give its host alone";
    }
    return {};
}

std::string flaw_of_name(std::string_view name) {
    const auto strange = std::find_if_not(
        name.begin(), name.end(), [](char each) { return is_of_label(each) || each == '.'; });
    if (strange != name.end()) {
        return fmt::format("has '{}', which no name has", *strange);
    }
    const std::string_view bare = without_dot(name);
    if (bare.size() > longest_name) {
        return "is a name of more than 253 characters";
    }
    if (for_each_label(bare, is_number)) {
        return "is no IPv4 address: that has four numbers of 0 to 255, without leading zeros";
    }
    if (!for_each_label(bare, [](auto label) { return !label.empty(); })) {
        return "has an empty label";
    }
    if (!for_each_label(bare, [](auto label) { return label.size() <= longest_label; })) {
        return "has a label of more than 63 characters";
    }
    return {};
}

error_info wrong(std::string_view what, std::string_view text, std::string_view flaw,
                 std::string_view source) {
    return failure(errc::invalid_argument,
                   text.empty()
                       ? fmt::format("the {} {}", what, flaw)
                       : fmt::format("the {} {} {}", what, in_quotes(text, longest_quote), flaw),
                   source);
}

/// The number that the whole text is, if it is one in range.
template <typename Number>
std::optional<Number> number_in(std::string_view text) noexcept {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

}  // namespace

Result<host> host::parse_ipv6(std::string_view text, std::string_view source,
                              std::string_view what) {
    const auto refuse = [&](std::string_view flaw) { return wrong(what, text, flaw, source); };
    const bool is_bracketed = text.starts_with('[') && text.ends_with(']');
    if (!is_bracketed && text.find_first_of("[]") != std::string_view::npos) {
        const bool has_port = text.starts_with('[') && text.find("]:") != std::string_view::npos;
        return refuse(has_port ? "has a port, which is given apart"
                               : "has brackets that do not match");
    }
    const std::string_view inner = is_bracketed ? text.substr(1, text.size() - 2) : text;
    const std::size_t percent = inner.find('%');
    const bool has_zone = percent != std::string_view::npos;
    const std::string zone(has_zone ? inner.substr(percent + 1) : "");
    const auto address = numeric(inner.substr(0, percent), endpoint::family::ipv6);
    if (!address) {
        return refuse(is_bracketed
                          ? "has brackets, which stand around an IPv6 address"
                          : "is neither a name nor an IPv6 address; a port is given apart");
    }
    if (has_zone && !has_zones(*address)) {
        return refuse("has a zone, which only link-local addresses have");
    }
    if (has_zone && (zone.empty() || zone.find_first_of("[]/") != std::string::npos)) {
        return refuse("has a zone that is no network interface");
    }
    return host(*address, zone, address->address() + (has_zone ? '%' + zone : ""));
}

Result<host> host::parse(std::string_view text, std::string_view source, std::string_view what) {
    if (text.starts_with(unix_prefix)) {
        auto path = endpoint::unix_domain(std::string(text.substr(unix_prefix.size())));
        return host(path, {}, std::string(text));
    }
    if (const auto flaw = flaw_of_characters(text); !flaw.empty()) {
        return wrong(what, text, flaw, source);
    }
    if (text.find_first_of(":[]") != std::string_view::npos) {
        return parse_ipv6(text, source, what);
    }
    if (auto address = numeric(text, endpoint::family::ipv4)) {
        std::string canonical = address->address();
        return host(*address, {}, std::move(canonical));
    }
    if (const auto flaw = flaw_of_name(text); !flaw.empty()) {
        return wrong(what, text, flaw, source);
    }
    // A dot keeps a name from being looked for in the domains of this machine, but also from being
    // found in its hosts file, where this one is; it is special anyway (RFC 6761 section 6.3).
    const std::string_view bare = without_dot(text);
    return host({}, {}, std::string(equals_ignoring_case(bare, "localhost") ? bare : text));
}

Result<host> host::parse_authority(std::string_view text, std::string_view source,
                                   std::string_view what) {
    const std::size_t bracket = text.rfind(']');
    const bool is_bracketed = bracket != std::string_view::npos;
    const std::size_t colon = text.find(':', is_bracketed ? bracket : 0);
    const bool has_port = colon != std::string_view::npos;
    if (!is_bracketed && has_port && text.find(':', colon + 1) != std::string_view::npos) {
        return wrong(what, text, "is neither \"host:port\" nor an IPv6 address in brackets",
                     source);
    }
    auto parsed = parse(text.substr(0, colon), source, what);
    if (!parsed) {
        return parsed;
    }
    if (parsed.value().is_path()) {
        return wrong(what, text, "is the path of a socket, which is no authority", source);
    }
    if (has_port && !number_in<std::uint16_t>(text.substr(colon + 1))) {
        return wrong(what, text, "has a port that is none", source);
    }
    if (!parsed.value().zone().empty()) {
        return wrong(what, text, "has a zone, which means nothing elsewhere", source);
    }
    return parsed;
}

Result<endpoint> host::parse_endpoint(std::string_view text) {
    const auto refuse = [text](std::string_view flaw) { return wrong("endpoint", text, flaw, {}); };
    if (text.empty()) {
        return refuse("is empty");
    }
    if (text.starts_with(unix_prefix)) {
        return parse(text).and_then([](const host& path) { return path.with_port(0); });
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || text.ends_with(']')) {
        return refuse("has no port");
    }
    const std::string_view address = text.substr(0, colon);
    if (address.find(':') != std::string_view::npos &&
        address.find_first_of("[]") == std::string_view::npos) {
        return refuse("is not \"[address]:port\": an IPv6 address stands in brackets");
    }
    const auto port = number_in<std::uint16_t>(text.substr(colon + 1));
    if (!port) {
        return refuse("has a port that is none");
    }
    return parse(address).and_then([&](const host& parsed) { return parsed.with_port(*port); });
}

Result<endpoint> host::with_port(std::uint16_t port) const {
    const auto refuse = [this](std::string_view flaw) { return wrong("host", text_, flaw, {}); };
    if (is_name()) {
        return refuse("is a name, and no numeric address");
    }
    if (is_path()) {
        return port == 0 ? Result<endpoint>(address_)
                         : refuse("is the path of a socket, whose port is 0");
    }
    const auto zone = number_in<std::uint32_t>(zone_.empty() ? "0" : zone_);
    if (!zone) {
        return refuse("has a zone that is not the number of an interface");
    }
    return endpoint(address_.kind(), address_.bytes(), port, *zone);
}

std::string host::bracketed() const {
    return address_.kind() == endpoint::family::ipv6 ? '[' + text_ + ']' : text_;
}

std::string host::certificate_name() const {
    if (is_path()) {
        return {};
    }
    return is_name() ? std::string(without_dot(text_)) : address_.address();
}

std::string host::authority() const {
    if (is_path()) {
        return "localhost";
    }
    return address_.kind() == endpoint::family::ipv6 ? '[' + address_.address() + ']'
                                                     : certificate_name();
}

}  // namespace network_system::detail

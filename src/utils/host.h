#pragma once

#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::detail {

/// A host as people write it: a name, a numeric address, or a Unix domain socket. This is the one
/// place where such a text is understood; what uses a host takes the form that it needs from here.
///
/// Thread-safety: as a value type.
class host {
public:
    /// Takes "example.org", "192.0.2.1", "2001:db8::1" or "[2001:db8::1]", "fe80::1%eth0", and
    /// "unix:/path", whose path is not looked at. Names are ASCII, of at most 253 characters, each
    /// label of 1 to 63; one dot may follow. Names of numbers only are refused: the system would
    /// make an address of them ("127.1").
    ///
    /// `what` the text is, "host" or "bind_address", and `source` are for the error,
    /// `invalid_argument`, which says what is wrong with it.
    [[nodiscard]] static Result<host> parse(std::string_view text, std::string_view source = {},
                                            std::string_view what = "host");
    /// The host of a Host field, "host" or "host:port": with brackets around an IPv6 address, and
    /// without a zone. Error: as above.
    [[nodiscard]] static Result<host> parse_authority(std::string_view text,
                                                      std::string_view source,
                                                      std::string_view what);

    /// What endpoint::to_string writes. Error: as above.
    [[nodiscard]] static Result<endpoint> parse_endpoint(std::string_view text);

    [[nodiscard]] bool is_name() const noexcept {
        return address_.kind() == endpoint::family::unspecified;
    }
    [[nodiscard]] bool is_path() const noexcept {
        return address_.kind() == endpoint::family::unix_domain;
    }
    /// A numeric address, without port and zone, or the path; unspecified for a name.
    [[nodiscard]] const endpoint& address() const noexcept { return address_; }
    /// The same with the port, and with the zone if that is a number. A path takes port 0 only.
    /// Error: `invalid_argument`, also for a name.
    [[nodiscard]] Result<endpoint> with_port(std::uint16_t port) const;
    /// The interface of a link-local address, by name or number; mostly empty.
    [[nodiscard]] const std::string& zone() const noexcept { return zone_; }

    /// What is resolved and connected to, without brackets: "example.org.", "2001:db8::1",
    /// "fe80::1%eth0", "unix:/path". It parses to the same host again.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// For people, before ":port": "[fe80::1%eth0]", the rest as above.
    [[nodiscard]] std::string bracketed() const;
    /// As certificates have it, and SNI if it is a name: without the dot at the end and without the
    /// zone. Empty for a path.
    [[nodiscard]] std::string certificate_name() const;
    /// As the Host field has it: the same, with brackets around an IPv6 address. "localhost" for a
    /// path, which is no authority.
    [[nodiscard]] std::string authority() const;

private:
    host(const endpoint& address, std::string zone, std::string text)
        : address_(address), zone_(std::move(zone)), text_(std::move(text)) {}

    /// Of a text with a colon or brackets.
    [[nodiscard]] static Result<host> parse_ipv6(std::string_view text, std::string_view source,
                                                 std::string_view what);

    endpoint address_;
    std::string zone_;
    std::string text_;
};

}  // namespace network_system::detail

// Which TLS configurations make sense.
#include "tls/context.h"
#include "tls/pins.h"
#include "utils/ascii.h"
#include "utils/failure.h"
#include "utils/host.h"
#include "utils/option_checks.h"

#include <network_system/utils/error_codes.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace network_system::inline v0_1::core {
namespace {

/// Of all application protocols with their lengths. A client's hello holds 64 KiB of extensions.
constexpr std::size_t max_protocols_size = 32'768;

using detail::option_checks;
using detail::range;

// A connection's handshake_timeout; the lifetime is in seconds, which the table does not know.
constexpr std::array handshake_ranges{
    range<&tls_config::handshake_timeout>("handshake_timeout", 1),
};

option_checks checks_of(std::string_view source) {
    return option_checks(source, "tls_config: ");
}

bool names_authorities(const tls_config& config) noexcept {
    return !config.ca_file.empty() || !config.ca_path.empty() || !config.ca_pem.empty();
}

bool asks_for_revocations(const tls_config& config) noexcept {
    return !config.crl_file.empty() || config.crl_policy != crl_policy::if_present;
}

void check_identity(option_checks& all, const tls_identity& identity) {
    all.must(identity.certificate_file.empty() == identity.key_file.empty(),
             "a certificate needs its key, and a key its certificate");
    all.must(!identity.certificate_file.empty() ||
                 (identity.key_password.empty() && identity.ocsp_response_file.empty()),
             "a key_password or an ocsp_response_file without a certificate");
}

void check_protocols(option_checks& all, const std::vector<std::string>& protocols) {
    std::size_t size = 0;
    for (auto each = protocols.begin(); each != protocols.end(); ++each) {
        all.must(!each->empty() && each->size() <= 255,
                 "an application protocol has 1 to 255 bytes");
        all.must(std::find(protocols.begin(), each, *each) == each,
                 fmt::format("application_protocols: '{}' is there twice", *each));
        size += each->size() + 1;
    }
    all.must(size <= max_protocols_size, "application_protocols: more than a handshake can hold");
}

void check_common(option_checks& all, const tls_config& config) {
    constexpr std::chrono::seconds week = std::chrono::hours{7 * 24};
    all.must(config.min_version <= config.max_version, "min_version is above max_version");
    all.ranges(config, handshake_ranges);
    all.must(config.session_lifetime >= std::chrono::seconds{1} && config.session_lifetime <= week,
             fmt::format("session_lifetime must be 1 s to 7 days, not {} s; session_resumption = "
                         "false switches resumption off",
                         config.session_lifetime.count()));
    check_protocols(all, config.application_protocols);
    for (const std::string& each : config.pinned_certificates) {
        all.must(parse_pin(each).has_value(),
                 fmt::format("pinned_certificates: '{}' is not a SHA-256 of 64 hexadecimal digits",
                             each));
    }
    check_identity(all, config.identity);
}

Result<std::string> name_in_certificates(std::string_view text, std::string_view source,
                                         std::string_view what) {
    return detail::host::parse(text, source, what).map([](const detail::host& parsed) {
        return parsed.certificate_name();
    });
}

}  // namespace

std::optional<std::string> parse_pin(std::string_view text) {
    std::string digits;
    for (const char each : text) {
        if (each == ':') {
            continue;
        }
        if (!detail::is_hexadecimal(each)) {
            return std::nullopt;
        }
        digits += detail::to_lower(each);
    }
    return digits.size() == 64 ? std::optional(digits) : std::nullopt;
}

VoidResult check_server_config(const tls_config& config, std::string_view source) {
    auto all = checks_of(source);
    all.must(!config.identity.certificate_file.empty(), "a server needs a certificate and its key");
    for (const tls_identity& each : config.identities_by_name) {
        all.must(!each.certificate_file.empty(), "identities_by_name: a certificate is missing");
        check_identity(all, each);
    }
    const bool asks = config.client_certificate_mode != client_certificates::none;
    all.must(!asks || names_authorities(config),
             "client certificates can be verified only with a ca_file, ca_path or ca_pem");
    all.must(asks || !(names_authorities(config) || asks_for_revocations(config) ||
                       !config.pinned_certificates.empty()),
             "authorities, CRLs or pins are given, but client_certificate_mode is none: nothing "
             "would be verified");
    all.must(config.verify_peer, "verify_peer is for clients; see client_certificate_mode");
    all.must(config.server_name.empty() && !config.request_ocsp && !config.require_ocsp_staple,
             "server_name, request_ocsp and require_ocsp_staple are for clients");
    check_common(all, config);
    return std::move(all).result();
}

VoidResult check_client_config(const tls_config& config, std::string_view source) {
    auto all = checks_of(source);
    all.must(config.verify_peer || !(names_authorities(config) || asks_for_revocations(config) ||
                                     config.require_ocsp_staple),
             "authorities, CRLs or require_ocsp_staple are given, but verify_peer is off: they "
             "would verify nothing");
    all.must(config.client_certificate_mode == client_certificates::none &&
                 config.identities_by_name.empty() && config.identity.ocsp_response_file.empty(),
             "client_certificate_mode, identities_by_name and ocsp_response_file are for servers");
    check_common(all, config);
    return std::move(all).result();
}

Result<std::string> name_of_server(const tls_config& config, std::string_view host,
                                   std::string_view source) {
    const bool is_given = !config.server_name.empty();
    auto name = name_in_certificates(host, source, "host");
    if (host.empty() && (is_given || !config.verify_peer)) {
        name = std::string();
    }
    if (name && is_given) {
        name = name_in_certificates(config.server_name, source, "server_name");
    }
    if (name && name.value().empty() && (is_given || config.verify_peer)) {
        return detail::failure(errc::invalid_argument,
                               "tls_config: a Unix domain socket has no name that could be "
                               "verified; set server_name to one",
                               source);
    }
    return name;
}

}  // namespace network_system::core

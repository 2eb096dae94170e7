// Which TLS configurations make sense.
#include "tls/context.h"
#include "tls/pins.h"
#include "utils/ascii.h"
#include "utils/failure.h"
#include "utils/host.h"

#include <network_system/utils/error_codes.h>

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace network_system::core {
namespace {

/// Of all application protocols with their lengths. A client's hello holds 64 KiB of extensions.
constexpr std::size_t max_protocols_size = 32'768;

VoidResult wrong(std::string_view source, std::string what) {
    return detail::failure(errc::invalid_argument, "tls_config: " + std::move(what), source);
}

bool names_authorities(const tls_config& config) noexcept {
    return !config.ca_file.empty() || !config.ca_path.empty() || !config.ca_pem.empty();
}

bool asks_for_revocations(const tls_config& config) noexcept {
    return !config.crl_file.empty() || config.crl_policy != crl_policy::if_present;
}

VoidResult check_identity(const tls_identity& identity, std::string_view source) {
    if (identity.certificate_file.empty() != identity.key_file.empty()) {
        return wrong(source, "a certificate needs its key, and a key its certificate");
    }
    if (identity.certificate_file.empty() &&
        (!identity.key_password.empty() || !identity.ocsp_response_file.empty())) {
        return wrong(source, "a key_password or an ocsp_response_file without a certificate");
    }
    return ok();
}

VoidResult check_protocols(const std::vector<std::string>& protocols, std::string_view source) {
    std::size_t size = 0;
    for (auto each = protocols.begin(); each != protocols.end(); ++each) {
        if (each->empty() || each->size() > 255) {
            return wrong(source, "an application protocol has 1 to 255 bytes");
        }
        if (std::find(protocols.begin(), each, *each) != each) {
            return wrong(source, fmt::format("application_protocols: '{}' is there twice", *each));
        }
        size += each->size() + 1;
    }
    if (size > max_protocols_size) {
        return wrong(source, "application_protocols: more than a handshake can hold");
    }
    return ok();
}

VoidResult check_common(const tls_config& config, std::string_view source) {
    if (config.min_version > config.max_version) {
        return wrong(source, "min_version is above max_version");
    }
    if (config.handshake_timeout < std::chrono::milliseconds{1}) {
        return wrong(source, "handshake_timeout must be at least 1 ms");
    }
    constexpr std::chrono::seconds week = std::chrono::hours{7 * 24};
    if (config.session_lifetime < std::chrono::seconds{1} || config.session_lifetime > week) {
        return wrong(source, "session_lifetime must be 1 s to 7 days; session_resumption = false "
                             "switches resumption off");
    }
    if (auto checked = check_protocols(config.application_protocols, source); checked.is_err()) {
        return checked;
    }
    for (const std::string& each : config.pinned_certificates) {
        if (!parse_pin(each)) {
            return wrong(source, fmt::format("pinned_certificates: '{}' is not a SHA-256 of 64 "
                                             "hexadecimal digits",
                                             each));
        }
    }
    return check_identity(config.identity, source);
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
    if (config.identity.certificate_file.empty()) {
        return wrong(source, "a server needs a certificate and its key");
    }
    for (const tls_identity& each : config.identities_by_name) {
        if (each.certificate_file.empty()) {
            return wrong(source, "identities_by_name: a certificate is missing");
        }
        if (auto checked = check_identity(each, source); checked.is_err()) {
            return checked;
        }
    }
    const bool asks = config.client_certificate_mode != client_certificates::none;
    if (asks && !names_authorities(config)) {
        return wrong(source, "client certificates can be verified only with a ca_file, ca_path or "
                             "ca_pem");
    }
    if (!asks && (names_authorities(config) || asks_for_revocations(config) ||
                  !config.pinned_certificates.empty())) {
        return wrong(source, "authorities, CRLs or pins are given, but client_certificate_mode is "
                             "none: nothing would be verified");
    }
    if (!config.verify_peer) {
        return wrong(source, "verify_peer is for clients; see client_certificate_mode");
    }
    if (!config.server_name.empty() || config.request_ocsp || config.require_ocsp_staple) {
        return wrong(source, "server_name, request_ocsp and require_ocsp_staple are for clients");
    }
    return check_common(config, source);
}

VoidResult check_client_config(const tls_config& config, std::string_view source) {
    if (!config.verify_peer &&
        (names_authorities(config) || asks_for_revocations(config) || config.require_ocsp_staple)) {
        return wrong(source,
                     "authorities, CRLs or require_ocsp_staple are given, but verify_peer is "
                     "off: they would verify nothing");
    }
    if (config.client_certificate_mode != client_certificates::none ||
        !config.identities_by_name.empty() || !config.identity.ocsp_response_file.empty()) {
        return wrong(source, "client_certificate_mode, identities_by_name and ocsp_response_file "
                             "are for servers");
    }
    return check_common(config, source);
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
        return wrong(source, "a Unix domain socket has no name that could be verified; set "
                             "server_name to one")
            .error();
    }
    return name;
}

}  // namespace network_system::core

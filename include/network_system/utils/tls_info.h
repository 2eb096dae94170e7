#pragma once

#include <network_system/internal/build_checks.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace network_system::inline v0_1 {

/// What a certificate says.
struct certificate_info {
    /// Names in the form of RFC 2253: "CN=example.org,O=Example".
    std::string subject = {};
    std::string issuer = {};
    /// Subject alternative names: "DNS:example.org", "IP:192.0.2.1", "URI:…", "email:…".
    std::vector<std::string> subject_alternative_names = {};
    /// Hexadecimal.
    std::string serial_number = {};
    /// SHA-256 of the whole certificate, 64 lower-case hexadecimal digits: what
    /// `tls_config::pinned_certificates` takes, and `openssl x509 -fingerprint -sha256` prints.
    std::string fingerprint = {};
    std::chrono::system_clock::time_point not_before = {};
    std::chrono::system_clock::time_point not_after = {};
};

/// What the TLS handshake of a connection agreed on.
struct tls_info {
    /// "TLSv1.2" or "TLSv1.3".
    std::string protocol = {};
    /// OpenSSL's name: "TLS_AES_256_GCM_SHA384".
    std::string cipher = {};
    /// The session of an earlier connection was resumed.
    bool is_resumed = false;
    /// The name that the client asked for (SNI); empty when it named none.
    std::string server_name = {};
    /// The protocol chosen with ALPN; empty when none was.
    std::string application_protocol = {};
    /// The certificate status that the server has stapled (an OCSP response in DER): with
    /// `tls_config::request_ocsp` as it came, with `require_ocsp_staple` verified. Empty on resumed
    /// connections.
    std::vector<std::uint8_t> ocsp_response = {};
    /// The peer's certificate, if it sent one.
    std::optional<certificate_info> peer = {};
};

/// The counters of TLS handshakes. Each handshake is counted once: completed, or failed with one
/// cause.
struct tls_metrics {
    /// Completed.
    std::uint64_t handshakes = 0;
    /// Of these: resumed from an earlier connection.
    std::uint64_t resumptions = 0;
    /// The peer's certificate was refused here, or it sent none where one is required.
    std::uint64_t verification_failures = 0;
    /// The peer refused, with an alert: often because it does not trust our certificate.
    std::uint64_t peer_alerts = 0;
    /// The peer does not speak TLS, broke the protocol, or has no version or cipher in common.
    std::uint64_t protocol_failures = 0;
    /// `tls_config::handshake_timeout` has passed.
    std::uint64_t timeouts = 0;
    /// The peer went away, or this side was stopped, during the handshake.
    std::uint64_t disconnects = 0;
    /// Not handshakes: connections whose stream ended without the peer's close_notify.
    std::uint64_t truncations = 0;
};

}  // namespace network_system

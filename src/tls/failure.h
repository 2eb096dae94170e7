#pragma once

#include "tls/settings.h"
#include "utils/counter.h"

#include <network_system/utils/error_codes.h>

#include <cstdint>
#include <string>

struct asn1_string_st;
struct x509_st;
struct x509_store_ctx_st;

namespace network_system::inline v0_1::transport {

/// Why a TLS connection failed, in words a person can act on.
struct tls_failure {
    errc code{};
    std::string text;
    /// What it counts as when it ends a handshake.
    detail::shared_counter tls_counters::*cause = &tls_counters::protocol_failures;
    /// The peer seems to speak something else.
    bool is_other_protocol = false;
};

/// Of the errors of a call, the first is the cause; the last is its own even where somebody has
/// left others in the queue before.
enum class error_in_queue : std::uint8_t { first, last };

/// What OpenSSL's error queue of this thread says about the call that has just failed, in its words
/// or, of what the system has refused, the system's: "No such file or directory". Empties it.
[[nodiscard]] std::string take_openssl_error(error_in_queue which);

/// The same of a connection.
[[nodiscard]] tls_failure take_tls_failure(connection_role role, error_in_queue which);

/// Which check refused which certificate: "certificate has expired (depth 0, subject CN=…)".
/// `expected` is the name the certificate should have had.
[[nodiscard]] std::string describe_refusal(x509_store_ctx_st* store, const std::string& expected);

/// SHA-256 of the certificate as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string fingerprint_of(const x509_st* certificate);

/// The time that a certificate names, at most the last one there is on this machine; the epoch when
/// it is none.
[[nodiscard]] runtime::wall_time time_of(const asn1_string_st* time);

[[nodiscard]] certificate_info describe_certificate(x509_st* certificate);

}  // namespace network_system::transport

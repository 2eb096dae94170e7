#pragma once

#include "runtime/time_source.h"

#include <openssl/types.h>

#include <cstdint>
#include <span>
#include <string>

namespace network_system::inline v0_1::core {

/// What a stapled certificate status is worth.
struct staple_verdict {
    /// Why it does not do; empty when it says "good".
    std::string refusal;
    /// When it is out of date.
    runtime::wall_time until;
};

/// Whether `response` (RFC 6960, DER) says that `certificate`, which `issuer` has signed, is good.
/// It has to be signed by `issuer`, or by a responder that `issuer` has certified for it (section
/// 4.2.2.2), and be of this time, give or take 5 minutes.
[[nodiscard]] staple_verdict verify_staple(std::span<const std::uint8_t> response,
                                           X509* certificate, X509* issuer, runtime::wall_time now);

}  // namespace network_system::core

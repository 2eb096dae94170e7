#pragma once

#include <network_system/utils/result_types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace network_system::inline v0_1::testing {

/// What a certificate is to be like.
struct certificate_profile {
    std::string common_name = "test";
    /// "DNS:localhost", "IP:127.0.0.1"; the form of OpenSSL's configuration.
    std::vector<std::string> names = {};
    /// Seconds from now.
    std::int64_t valid_from = -3600;
    std::int64_t valid_to = 3600;
    bool is_authority = false;
    /// "serverAuth", "clientAuth", or both with a comma; empty = none said.
    std::string extended_usage = {};
    /// An RSA key of so many bits instead of an elliptic curve.
    unsigned rsa_bits = 0;
    /// Without rsa_bits: the curve, or "ED25519".
    std::string curve = "P-256";
};

/// A certificate with its key. Copies share both.
class signed_certificate {
public:
    /// Signed by `issuer`, or by itself. Error: `internal_error`, with what OpenSSL says.
    [[nodiscard]] static Result<signed_certificate> make(
        const certificate_profile& profile, const signed_certificate* issuer = nullptr);

    [[nodiscard]] Result<std::string> pem() const;
    /// Encrypted with the password, unless that is empty.
    [[nodiscard]] Result<std::string> key_pem(const std::string& password = {}) const;

    [[nodiscard]] x509_st* certificate() const noexcept { return certificate_.get(); }
    [[nodiscard]] evp_pkey_st* key() const noexcept { return key_.get(); }

private:
    signed_certificate() = default;

    std::shared_ptr<evp_pkey_st> key_;
    std::shared_ptr<x509_st> certificate_;
};

}  // namespace network_system::testing

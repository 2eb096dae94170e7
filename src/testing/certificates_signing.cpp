#include "testing/certificates_signing.h"

#include "tls/errors.h"
#include "tls/ptr.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <string_view>

namespace network_system::inline v0_1::testing {
namespace {

using bio = core::openssl_ptr<BIO, BIO_free>;
using number = core::openssl_ptr<BIGNUM, BN_free>;
using extension = core::openssl_ptr<X509_EXTENSION, X509_EXTENSION_free>;

error_info cannot_make(std::string_view what) {
    return network_system::detail::failure_in_words(
        errc::internal_error, fmt::format("cannot make a {}: {}", what, core::take_error()),
        "certificate_authority");
}

EVP_PKEY* make_key(const certificate_profile& profile) {
    if (profile.rsa_bits > 0) {
        return EVP_RSA_gen(profile.rsa_bits);
    }
    return profile.curve == "ED25519" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                      : EVP_EC_gen(profile.curve.c_str());
}

/// A serial number that no other certificate of this name has; not negative, and of 8 bytes at
/// most.
bool set_serial(X509* to) {
    const number serial(BN_new());
    return serial && BN_rand(serial.get(), 63, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(to)) != nullptr;
}

bool set_validity(X509* to, const certificate_profile& profile) {
    constexpr std::int64_t day = std::int64_t{24} * 3600;
    const auto set = [](ASN1_TIME* when, std::int64_t from_now) {
        return X509_time_adj_ex(when, static_cast<int>(from_now / day),
                                static_cast<long>(from_now % day), nullptr) != nullptr;
    };
    return set(X509_getm_notBefore(to), profile.valid_from) &&
           set(X509_getm_notAfter(to), profile.valid_to);
}

bool set_names(X509* to, const X509* issuer, const std::string& common_name) {
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(to), "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common_name.data()),
                                      static_cast<int>(common_name.size()), -1, 0) == 1 &&
           X509_set_issuer_name(to, X509_get_subject_name(issuer)) == 1;
}

bool add(X509* to, const X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, const_cast<X509*>(issuer), to, nullptr, nullptr, 0);
    const extension made(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    return made && X509_add_ext(to, made.get(), -1) == 1;
}

std::string joined(const std::vector<std::string>& parts) {
    return fmt::format("{}", fmt::join(parts, ","));
}

bool add_extensions(X509* to, const X509* issuer, const certificate_profile& profile) {
    const bool is_authority = profile.is_authority;
    return add(to, issuer, NID_basic_constraints,
               is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           add(to, issuer, NID_key_usage,
               is_authority ? "critical,keyCertSign,cRLSign"
                            : "critical,digitalSignature,keyEncipherment") &&
           add(to, issuer, NID_subject_key_identifier, "hash") &&
           (to == issuer || add(to, issuer, NID_authority_key_identifier, "keyid:always")) &&
           (profile.extended_usage.empty() ||
            add(to, issuer, NID_ext_key_usage, profile.extended_usage)) &&
           (profile.names.empty() || add(to, issuer, NID_subject_alt_name, joined(profile.names)));
}

template <typename Write>
Result<std::string> pem_of(const Write& write) {
    const bio memory(BIO_new(BIO_s_mem()));
    if (!memory || write(memory.get()) != 1) {
        return cannot_make("PEM file");
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

Result<signed_certificate> signed_certificate::make(const certificate_profile& profile,
                                                    const signed_certificate* issuer) {
    signed_certificate made;
    made.key_ = {make_key(profile), &EVP_PKEY_free};
    if (!made.key_) {
        return cannot_make("key");
    }
    made.certificate_ = {X509_new(), &X509_free};
    X509* const to = made.certificate();
    const signed_certificate& signer = issuer != nullptr ? *issuer : made;
    // Ed25519 has a digest of its own.
    const bool is_edwards = EVP_PKEY_get_base_id(signer.key()) == EVP_PKEY_ED25519;
    const bool is_made =
        to != nullptr && X509_set_version(to, X509_VERSION_3) == 1 && set_serial(to) &&
        set_validity(to, profile) && set_names(to, signer.certificate(), profile.common_name) &&
        X509_set_pubkey(to, made.key()) == 1 && add_extensions(to, signer.certificate(), profile) &&
        X509_sign(to, signer.key(), is_edwards ? nullptr : EVP_sha256()) > 0;
    if (!is_made) {
        return cannot_make("certificate");
    }
    return made;
}

Result<std::string> signed_certificate::pem() const {
    return pem_of([this](BIO* to) { return PEM_write_bio_X509(to, certificate()); });
}

Result<std::string> signed_certificate::key_pem(const std::string& password) const {
    const bool is_plain = password.empty();
    return pem_of([&](BIO* to) {
        return PEM_write_bio_PKCS8PrivateKey(to, key(), is_plain ? nullptr : EVP_aes_256_cbc(),
                                             is_plain ? nullptr : password.data(),
                                             static_cast<int>(password.size()), nullptr, nullptr);
    });
}

}  // namespace network_system::testing

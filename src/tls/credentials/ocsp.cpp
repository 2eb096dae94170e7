#include "tls/credentials/ocsp.h"

#include "tls/failure.h"
#include "tls/ptr.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <climits>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

using runtime::wall_time;
using transport::time_of;

using basic_response = openssl_ptr<OCSP_BASICRESP, &OCSP_BASICRESP_free>;

// How far the clocks of the world may differ.
constexpr std::chrono::minutes tolerance{5};
// For a responder that does not say when it will know more.
constexpr std::chrono::hours validity_without_next_update{24};

staple_verdict refused(std::string why) {
    ERR_clear_error();
    return {std::move(why), {}};
}

/// Null when it is none.
basic_response parse(std::span<const std::uint8_t> bytes, std::string& why) {
    const unsigned char* at = bytes.data();
    const openssl_ptr<OCSP_RESPONSE, &OCSP_RESPONSE_free> response(
        bytes.size() > LONG_MAX ? nullptr
                                : d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes.size())));
    if (!response || at != bytes.data() + bytes.size()) {
        why = "the stapled certificate status is no OCSP response";
        return nullptr;
    }
    const int status = OCSP_response_status(response.get());
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        why = fmt::format("the stapled certificate status is an error of the responder ({})",
                          OCSP_response_status_str(status));
        return nullptr;
    }
    basic_response basic(OCSP_response_get1_basic(response.get()));
    if (!basic) {
        why = "the stapled certificate status is of a kind that cannot be read";
    }
    return basic;
}

/// RFC 6960, section 4.2.2.2: the authority itself, or whom it has certified for this.
bool may_answer_for(X509* issuer, X509* signer, wall_time now) {
    if (X509_cmp(signer, issuer) == 0) {
        return true;
    }
    return (X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN) != 0 &&
           (X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) != 0 &&
           X509_check_issued(issuer, signer) == X509_V_OK &&
           X509_verify(signer, X509_get0_pubkey(issuer)) == 1 &&
           time_of(X509_get0_notBefore(signer)) <= now &&
           now <= time_of(X509_get0_notAfter(signer));
}

/// The part that is about this certificate. Each names it with a digest of its own choice.
OCSP_SINGLERESP* part_about(OCSP_BASICRESP* all, X509* certificate, X509* issuer) {
    for (int i = 0; i < OCSP_resp_count(all); ++i) {
        OCSP_SINGLERESP* const each = OCSP_resp_get0(all, i);
        auto* const named = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(each));
        ASN1_OBJECT* digest = nullptr;
        if (OCSP_id_get0_info(nullptr, &digest, nullptr, nullptr, named) != 1) {
            continue;
        }
        const EVP_MD* const method = EVP_get_digestbyobj(digest);
        const openssl_ptr<OCSP_CERTID, &OCSP_CERTID_free> own(
            method != nullptr ? OCSP_cert_to_id(method, certificate, issuer) : nullptr);
        if (own && OCSP_id_cmp(named, own.get()) == 0) {
            return each;
        }
    }
    return nullptr;
}

}  // namespace

staple_verdict verify_staple(std::span<const std::uint8_t> response, X509* certificate,
                             X509* issuer, wall_time now) {
    if (response.empty()) {
        return refused("the server stapled no certificate status (OCSP)");
    }
    std::string why;
    const basic_response basic = parse(response, why);
    if (!basic) {
        return refused(std::move(why));
    }
    // The signature only: OpenSSL would judge the signer by the machine's clock.
    const openssl_ptr<STACK_OF(X509), [](STACK_OF(X509) * gone) { sk_X509_free(gone); }> candidates(
        sk_X509_new_null());
    X509* signer = nullptr;
    if (!candidates || sk_X509_push(candidates.get(), issuer) <= 0 ||
        OCSP_resp_get0_signer(basic.get(), &signer, candidates.get()) != 1 ||
        !may_answer_for(issuer, signer, now) ||
        OCSP_basic_verify(basic.get(), candidates.get(), nullptr, OCSP_NOVERIFY) != 1) {
        return refused(
            "the stapled certificate status (OCSP) is not signed by the certificate's authority");
    }
    OCSP_SINGLERESP* const part = part_about(basic.get(), certificate, issuer);
    if (part == nullptr) {
        return refused("the stapled certificate status (OCSP) is about another certificate");
    }
    ASN1_GENERALIZEDTIME* revoked = nullptr;
    ASN1_GENERALIZEDTIME* made = nullptr;
    ASN1_GENERALIZEDTIME* next = nullptr;
    int reason = 0;
    const int status = OCSP_single_get0_status(part, &reason, &revoked, &made, &next);
    if (status != V_OCSP_CERTSTATUS_GOOD) {
        return refused(fmt::format("the stapled certificate status (OCSP) is \"{}\"",
                                   OCSP_cert_status_str(status)));
    }
    const wall_time until =
        next != nullptr ? time_of(next) : time_of(made) + validity_without_next_update;
    if (made == nullptr || time_of(made) > now + tolerance) {
        return refused("the stapled certificate status (OCSP) is of the future");
    }
    if (until < now - tolerance) {
        return refused("the stapled certificate status (OCSP) is out of date");
    }
    return {{}, until};
}

}  // namespace network_system::core

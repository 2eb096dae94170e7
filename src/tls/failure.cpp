#include "tls/failure.h"

#include "tls/alerts.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <string_view>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::transport {
namespace {

struct openssl_string {
    explicit openssl_string(char* owned) noexcept : text(owned) {}
    openssl_string(const openssl_string&) = delete;
    openssl_string& operator=(const openssl_string&) = delete;
    ~openssl_string() { OPENSSL_free(text); }
    char* text;
};

std::string contents_of(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string name_of(const X509_NAME* name) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
    if (!memory || X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253) < 0) {
        return {};
    }
    return contents_of(memory.get());
}

std::string address_of(const ASN1_OCTET_STRING* address) {
    const unsigned char* const bytes = ASN1_STRING_get0_data(address);
    if (ASN1_STRING_length(address) == 4) {
        return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
    }
    std::string text;
    for (int i = 0; i + 1 < ASN1_STRING_length(address); i += 2) {
        text += fmt::format("{}{:x}", i == 0 ? "" : ":", bytes[i] << 8 | bytes[i + 1]);
    }
    return text;
}

std::string text_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::vector<std::string> alternative_names_of(const X509* certificate) {
    std::vector<std::string> all;
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
        &GENERAL_NAMES_free);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* const each = sk_GENERAL_NAME_value(names.get(), i);
        switch (each->type) {
            case GEN_DNS: all.push_back("DNS:" + text_of(each->d.dNSName)); break;
            case GEN_IPADD: all.push_back("IP:" + address_of(each->d.iPAddress)); break;
            case GEN_URI: all.push_back("URI:" + text_of(each->d.uniformResourceIdentifier)); break;
            case GEN_EMAIL: all.push_back("email:" + text_of(each->d.rfc822Name)); break;
            default: break;
        }
    }
    return all;
}

std::string serial_of(X509* certificate) {
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
        ASN1_INTEGER_to_BN(X509_get_serialNumber(certificate), nullptr), &BN_free);
    const openssl_string digits(number ? BN_bn2hex(number.get()) : nullptr);
    return digits.text != nullptr ? digits.text : std::string();
}

constexpr std::string_view no_tls = "the peer does not seem to speak TLS";

/// The reasons for which a word of ours helps more than OpenSSL's.
std::string_view hint_for(int reason) noexcept {
    switch (reason) {
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_UNKNOWN_PROTOCOL:
        case SSL_R_PACKET_LENGTH_TOO_LONG: return no_tls;
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_NO_PROTOCOLS_AVAILABLE: return "no TLS version in common";
        case SSL_R_NO_SHARED_CIPHER: return "no cipher in common";
        case SSL_R_NO_APPLICATION_PROTOCOL: return "no application protocol (ALPN) in common";
        default: return {};
    }
}

/// The system's error in OpenSSL's queue, 0 when there is none. What was made of it on the way up
/// only says "system lib".
int system_error_in_queue() noexcept {
    int found = 0;
    while (const unsigned long error = ERR_get_error()) {
        found = found == 0 && ERR_SYSTEM_ERROR(error) ? ERR_GET_REASON(error) : found;
    }
    return found;
}

}  // namespace

std::string take_openssl_error(error_in_queue which) {
    const unsigned long error =
        which == error_in_queue::first ? ERR_peek_error() : ERR_peek_last_error();
    // Before the reasons are asked for, which may add to the queue.
    const int system_error = system_error_in_queue();
    const bool is_of_system = ERR_SYSTEM_ERROR(error) || ERR_GET_REASON(error) == ERR_R_SYS_LIB;
    if (is_of_system && system_error != 0) {
        return std::error_code(system_error, std::generic_category()).message();
    }
    const char* const words = ERR_reason_error_string(error);
    return words != nullptr ? words : "unknown error";
}

tls_failure take_tls_failure(connection_role role, error_in_queue which) {
    const unsigned long error =
        which == error_in_queue::first ? ERR_peek_error() : ERR_peek_last_error();
    const int reason = ERR_GET_REASON(error);
    if (reason == ERR_R_MALLOC_FAILURE) {
        ERR_clear_error();
        return {errc::out_of_memory, "out of memory"};
    }
    const std::string text = take_openssl_error(which);
    if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
        return {errc::tls_handshake_failed, text};
    }
    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        return {errc::certificate_verification_failed,
                role == connection_role::server ? "the client sent no certificate"
                                                : "the server sent no certificate",
                &tls_counters::verification_failures};
    }
    if (reason > SSL_AD_REASON_OFFSET) {
        const int alert = reason - SSL_AD_REASON_OFFSET;
        return {errc::tls_handshake_failed,
                fmt::format("the peer refused with alert {} ({})", alert, name_of_tls_alert(alert)),
                &tls_counters::peer_alerts};
    }
    if (reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC || reason == SSL_R_BAD_RECORD_TYPE) {
        return {errc::decryption_failed, text};
    }
    const std::string_view hint = hint_for(reason);
    tls_failure failure{errc::tls_handshake_failed,
                        hint.empty() ? text : fmt::format("{} ({})", hint, text)};
    failure.is_other_protocol = hint == no_tls;
    return failure;
}

std::string describe_refusal(x509_store_ctx_st* store, const std::string& expected) {
    const int error = X509_STORE_CTX_get_error(store);
    const int depth = X509_STORE_CTX_get_error_depth(store);
    X509* const certificate = X509_STORE_CTX_get_current_cert(store);
    std::string text = X509_verify_cert_error_string(error);
    if (certificate == nullptr) {
        return text;
    }
    if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        const auto names = alternative_names_of(certificate);
        text += fmt::format(": the certificate is not for {}, ", expected);
        text += names.empty()
                    ? "it names nobody (no subject alternative name; the subject does not count)"
                    : fmt::format("but for {}", fmt::join(names, ", "));
    }
    return text + fmt::format(" (depth {}, subject {}, issuer {})", depth,
                              name_of(X509_get_subject_name(certificate)),
                              name_of(X509_get_issuer_name(certificate)));
}

std::string fingerprint_of(const x509_st* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) {
        return {};
    }
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text += fmt::format("{:02x}", digest[i]);
    }
    return text;
}

runtime::wall_time time_of(const asn1_string_st* time) {
    using std::chrono::seconds;
    std::tm fields{};
    if (ASN1_TIME_to_tm(time, &fields) != 1) {
        return {};
    }
    const std::chrono::sys_days day = std::chrono::year(fields.tm_year + 1900) /
                                      std::chrono::month(static_cast<unsigned>(fields.tm_mon + 1)) /
                                      std::chrono::day(static_cast<unsigned>(fields.tm_mday));
    const std::chrono::sys_seconds exact = day + std::chrono::hours(fields.tm_hour) +
                                           std::chrono::minutes(fields.tm_min) +
                                           seconds(fields.tm_sec);
    // "99991231235959Z", which means never, is beyond the nanoseconds of the clock.
    return std::clamp<std::chrono::sys_seconds>(
        exact, std::chrono::ceil<seconds>(runtime::wall_time::min()),
        std::chrono::floor<seconds>(runtime::wall_time::max()));
}

certificate_info describe_certificate(x509_st* certificate) {
    return {name_of(X509_get_subject_name(certificate)),
            name_of(X509_get_issuer_name(certificate)),
            alternative_names_of(certificate),
            serial_of(certificate),
            fingerprint_of(certificate),
            time_of(X509_get0_notBefore(certificate)),
            time_of(X509_get0_notAfter(certificate))};
}

}  // namespace network_system::transport

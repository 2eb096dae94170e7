#include "support/tls_authority.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>

namespace network_system::inline v0_1::testing {
namespace {

void check(bool holds, const char* what) {
    if (!holds) {
        throw std::runtime_error(std::string("test certificate: ") + what);
    }
}

template <typename T>
T made(Result<T> what) {
    if (what.is_err()) {
        throw std::runtime_error(what.error().message);
    }
    return std::move(what).value();
}

template <typename Write>
std::string pem_of(const Write& write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
    check(write(memory.get()) == 1, "PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::filesystem::path make_directory() {
    std::random_device random;
    for (int attempt = 0; attempt < 100; ++attempt) {
        const auto made = std::filesystem::temp_directory_path() /
                          ("network_system_tls_" + std::to_string(random()));
        if (std::filesystem::create_directory(made)) {
            std::filesystem::permissions(made, std::filesystem::perms::owner_all);
            return made;
        }
    }
    throw std::runtime_error("test certificate: directory");
}

certificate_wishes authority_wishes(const char* name) {
    certificate_wishes wishes;
    wishes.common_name = name;
    wishes.is_authority = true;
    return wishes;
}

}  // namespace

issued_certificate::issued_certificate(const certificate_wishes& wishes,
                                       const issued_certificate* issuer)
    : signed_certificate(made(signed_certificate::make(wishes, issuer))) {}

std::string issued_certificate::pem() const {
    return made(signed_certificate::pem());
}

std::string issued_certificate::key_pem(const std::string& password) const {
    return made(signed_certificate::key_pem(password));
}

std::string issued_certificate::fingerprint() const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    check(X509_digest(certificate(), EVP_sha256(), digest.data(), &size) == 1, "digest");
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        constexpr const char* digits = "0123456789abcdef";
        text += digits[digest[i] >> 4U];
        text += digits[digest[i] & 15U];
    }
    return text;
}

std::string issued_certificate::hash_name() const {
    std::array<char, 16> text{};
    (void)std::snprintf(text.data(), text.size(), "%08lx.", X509_subject_name_hash(certificate()));
    return text.data();
}

std::string issued_certificate::crl(const crl_wishes& wishes) const {
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> made(X509_CRL_new(), &X509_CRL_free);
    X509_CRL* const list = made.get();
    check(X509_CRL_set_version(list, 1) == 1 &&
              X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate())) == 1,
          "CRL");
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> when(
        X509_gmtime_adj(nullptr, wishes.made), &ASN1_TIME_free);
    check(X509_CRL_set1_lastUpdate(list, when.get()) == 1, "CRL");
    for (const issued_certificate* each : wishes.revoked) {
        X509_REVOKED* const entry = X509_REVOKED_new();
        check(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(each->certificate())) ==
                      1 &&
                  X509_REVOKED_set_revocationDate(entry, when.get()) == 1 &&
                  X509_CRL_add0_revoked(list, entry) == 1,
              "CRL");
    }
    X509_gmtime_adj(when.get(), wishes.next);
    check(X509_CRL_set1_nextUpdate(list, when.get()) == 1, "CRL");
    if (!wishes.extension.empty()) {
        const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
            X509V3_EXT_conf(nullptr, nullptr, wishes.extension.c_str(),
                            wishes.extension_value.c_str()),
            &X509_EXTENSION_free);
        check(extension && X509_CRL_add_ext(list, extension.get(), -1) == 1, "extension");
    }
    const issued_certificate& signer = wishes.forger != nullptr ? *wishes.forger : *this;
    check(X509_CRL_sign(list, signer.key(), EVP_sha256()) > 0, "signature");
    return pem_of([list](BIO* to) { return PEM_write_bio_X509_CRL(to, list); });
}

std::string issued_certificate::status_of(const issued_certificate& about,
                                          const status_wishes& wishes) const {
    const std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)> made(
        OCSP_BASICRESP_new(), &OCSP_BASICRESP_free);
    const std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)> id(
        OCSP_cert_to_id(wishes.uses_sha256 ? EVP_sha256() : EVP_sha1(), about.certificate(),
                        certificate()),
        &OCSP_CERTID_free);
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> when(
        X509_gmtime_adj(nullptr, wishes.made), &ASN1_TIME_free);
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> next(
        X509_gmtime_adj(nullptr, wishes.next), &ASN1_TIME_free);
    check(OCSP_basic_add1_status(made.get(), id.get(), wishes.status, 0, when.get(), when.get(),
                                 wishes.next != 0 ? next.get() : nullptr) != nullptr,
          "status");
    const issued_certificate& signer = wishes.responder != nullptr ? *wishes.responder : *this;
    check(OCSP_basic_sign(made.get(), signer.certificate(), signer.key(), EVP_sha256(), nullptr,
                          0) == 1,
          "status");
    const std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response(
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, made.get()), &OCSP_RESPONSE_free);
    unsigned char* bytes = nullptr;
    const int size = i2d_OCSP_RESPONSE(response.get(), &bytes);
    check(size > 0, "status");
    std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return text;
}

test_authority::test_authority()
    : directory_(make_directory()), root_(authority_wishes("Test Root")),
      intermediate_(authority_wishes("Test Intermediate"), &root_),
      ca_file_(write_text("root.pem", root_.pem())) {}

test_authority::~test_authority() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

const test_authority& test_authority::shared() {
    static const test_authority one;
    return one;
}

std::string test_authority::write_text(const std::string& name, const std::string& text) const {
    const std::string path = (directory_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

test_authority::files test_authority::write(const std::string& name,
                                            const issued_certificate& certificate,
                                            const std::string& chain,
                                            const std::string& password) const {
    return {write_text(name + ".pem", certificate.pem() + chain),
            write_text(name + ".key", certificate.key_pem(password)), certificate.fingerprint()};
}

test_authority::files test_authority::issue(const std::string& name,
                                            const certificate_wishes& wishes) const {
    return write(name, issued_certificate(wishes, &intermediate_), intermediate_.pem());
}

test_authority::files test_authority::issue_local(const std::string& name) const {
    certificate_wishes wishes;
    wishes.common_name = name;
    wishes.names = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
    return issue(name, wishes);
}

}  // namespace network_system::testing

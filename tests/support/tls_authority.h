// Certificates for tests, made by the tests themselves.
#pragma once

#include "testing/certificates_signing.h"

#include <filesystem>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing {

using certificate_wishes = certificate_profile;

class issued_certificate;

/// What a list of revoked certificates is to be like.
struct crl_wishes {
    std::vector<const issued_certificate*> revoked{};
    /// Seconds from now.
    long made = -3600;
    long next = 3600;
    /// Who signs in the authority's name; null = the authority.
    const issued_certificate* forger = nullptr;
    /// "DER:…" or words of OpenSSL's configuration, by the extension's short name.
    std::string extension{};
    std::string extension_value{};
};

/// What a certificate status (OCSP) is to be like.
struct status_wishes {
    /// As OpenSSL numbers them: good, revoked, unknown.
    int status = 0;
    long made = -3600;
    /// 0 = none.
    long next = 3600;
    /// Who signs; null = the authority.
    const issued_certificate* responder = nullptr;
    bool uses_sha256 = false;
};

/// A certificate with its key, and what an authority says. Throws where something cannot be made.
class issued_certificate : public signed_certificate {
public:
    /// Signed by `issuer`, or by itself.
    explicit issued_certificate(const certificate_wishes& wishes,
                                const issued_certificate* issuer = nullptr);

    [[nodiscard]] std::string pem() const;
    [[nodiscard]] std::string key_pem(const std::string& password = {}) const;
    /// SHA-256 as 64 hexadecimal digits.
    [[nodiscard]] std::string fingerprint() const;
    /// The name that `openssl rehash` gives it, without its number: "1a2b3c4d.".
    [[nodiscard]] std::string hash_name() const;
    /// What this authority has revoked, in PEM.
    [[nodiscard]] std::string crl(const crl_wishes& wishes = {}) const;
    /// What this authority says of a certificate that it has issued, in DER.
    [[nodiscard]] std::string status_of(const issued_certificate& about,
                                        const status_wishes& wishes = {}) const;
};

/// A root, an intermediate authority, and a directory for their files.
class test_authority {
public:
    test_authority();
    test_authority(const test_authority&) = delete;
    test_authority& operator=(const test_authority&) = delete;
    ~test_authority();

    /// The files of a certificate and its key; the certificate is signed by the intermediate
    /// authority, and its chain is in the file.
    struct files {
        std::string certificate;
        std::string key;
        std::string fingerprint;
    };
    [[nodiscard]] files issue(const std::string& name, const certificate_wishes& wishes) const;
    /// Valid for localhost, 127.0.0.1 and ::1.
    [[nodiscard]] files issue_local(const std::string& name) const;
    [[nodiscard]] files write(const std::string& name, const issued_certificate& certificate,
                              const std::string& chain = {},
                              const std::string& password = {}) const;
    [[nodiscard]] std::string write_text(const std::string& name, const std::string& text) const;

    [[nodiscard]] const issued_certificate& root() const noexcept { return root_; }
    [[nodiscard]] const issued_certificate& intermediate() const noexcept { return intermediate_; }
    [[nodiscard]] const std::string& ca_file() const noexcept { return ca_file_; }
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

    /// One for all tests of the program.
    [[nodiscard]] static const test_authority& shared();

private:
    std::filesystem::path directory_;
    issued_certificate root_;
    issued_certificate intermediate_;
    std::string ca_file_;
};

}  // namespace network_system::testing

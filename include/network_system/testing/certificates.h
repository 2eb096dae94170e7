#pragma once

#include <network_system/config.h>
#include <network_system/core/tls_config.h>
#include <network_system/export.h>
#include <network_system/utils/result_types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#if !NETWORK_SYSTEM_WITH_TLS
#error "This build of network_system has no TLS: it was configured with BUILD_TLS_SUPPORT=OFF."
#endif

namespace network_system::inline v0_1::testing {

/// What a certificate is to be like.
struct certificate_options {
    /// The subject's common name, 1 … 64 bytes of UTF-8.
    std::string common_name = "test";
    /// What it is valid for: names ("localhost", "*.example.com") and numeric addresses
    /// ("127.0.0.1", "::1"). A server's certificate needs one, a client's none. Empty = none.
    std::vector<std::string> hosts = {};
    /// Whether it is a client's certificate, which no client accepts from a server, or a server's.
    bool is_for_client = false;
    /// From when to when it is valid, from now on: negative is in the past, so that a certificate
    /// with `-1h` as its end has expired. Within 100 years.
    std::chrono::seconds begins{-3600};
    std::chrono::seconds ends{24 * 3600};
};

/// A certificate authority for tests and samples: made when it is asked for, trusted by nobody who
/// was not given `ca_file`, and gone with the object. Keys are on elliptic curves (P-256) and
/// not encrypted. The files are in a directory of their own below the system's for temporary files,
/// which only the owner may read.
///
/// Thread-safety: `issue` and its relatives may be called from any thread.
///
/// Object lifetimes: the destructor removes the directory. A server or a client that has started
/// has read its files already; one that is to be started, or to reload its certificates, still
/// needs them. Of an object that was moved from nothing but the destructor and an assignment may be
/// called.
class NETWORK_SYSTEM_EXPORT certificate_authority {
public:
    /// A new authority with a key of its own. Error: `internal_error` (no directory, no room on the
    /// disk, or what OpenSSL says).
    [[nodiscard]] static Result<certificate_authority> create();

    certificate_authority(const certificate_authority&) = delete;
    certificate_authority& operator=(const certificate_authority&) = delete;
    certificate_authority(certificate_authority&& other) noexcept;
    certificate_authority& operator=(certificate_authority&& other) noexcept;
    ~certificate_authority();

    /// The authority's certificate in PEM, for `tls_config::ca_file`.
    [[nodiscard]] const std::string& ca_file() const noexcept;

    /// The files of a new key and its certificate, for `tls_config::identity`.
    ///
    /// Errors: `invalid_argument` (a common name of another length, a host that is none, a time out
    /// of range), `internal_error` (as above).
    [[nodiscard]] Result<core::tls_identity> issue(const certificate_options& options) const;
    /// For a server under these hosts, by default one on this machine.
    [[nodiscard]] Result<core::tls_identity> issue_server(
        const std::vector<std::string>& hosts = {"localhost", "127.0.0.1", "::1"}) const;
    /// For a client that is asked who it is.
    [[nodiscard]] Result<core::tls_identity> issue_client(const std::string& common_name) const;

private:
    struct files;
    explicit certificate_authority(std::unique_ptr<files> made) noexcept;

    std::unique_ptr<files> files_;
};

}  // namespace network_system::testing

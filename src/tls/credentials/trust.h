#pragma once

#include "tls/ptr.h"

#include <network_system/core/tls_config.h>
#include <network_system/utils/log.h>
#include <network_system/utils/result_types.h>

#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// Whom a server or a client trusts, as it was read: authorities, and the lists of what they have
/// revoked. Never changed; those who trust the same share it.
class tls_trust {
public:
    using certificate = openssl_ptr<X509, &X509_free>;
    using store = openssl_ptr<X509_STORE, &X509_STORE_free>;

    /// What the configuration names, or, when it names nobody, whom the system trusts. Errors:
    /// `certificate_load_failed` (which file, and why), `invalid_argument` (CRLs are required, and
    /// there are none). `log` gets its lines; null: the process's sink.
    ///
    /// Thread-safety: any thread.
    [[nodiscard]] static Result<std::shared_ptr<const tls_trust>> of(
        const tls_config& config, std::string_view source, const log_output* log = nullptr);

    [[nodiscard]] X509_STORE* authorities() const noexcept { return authorities_.get(); }
    /// SHA-256 of all that decides: equal digests, equal trust.
    [[nodiscard]] const std::string& digest() const noexcept { return digest_; }
    [[nodiscard]] bool has_crls() const noexcept { return has_crls_; }
    /// Those of `ca_file` and `ca_pem`, which a server names to its clients.
    [[nodiscard]] const std::vector<certificate>& named() const noexcept { return named_; }

private:
    friend class trust_reader;

    store authorities_{X509_STORE_new()};
    std::vector<certificate> named_;
    std::string digest_;
    bool has_crls_ = false;
};

}  // namespace network_system::core

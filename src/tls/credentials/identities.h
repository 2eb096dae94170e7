#pragma once

#include "tls/context.h"

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// A certificate with its chain and its key, as they were read from their files.
struct loaded_identity {
    std::shared_ptr<X509> certificate;
    std::shared_ptr<EVP_PKEY> key;
    /// Null = none.
    std::shared_ptr<STACK_OF(X509)> chain;
    /// The status of the certificate; empty = none.
    std::vector<unsigned char> stapled;
    /// Of the certificate.
    std::string file;
};

/// Errors: `certificate_load_failed` names the file, also for a key that does not fit or is weaker
/// than the security level of `context` allows.
[[nodiscard]] Result<loaded_identity> load_identity(const tls_identity& identity,
                                                    const SSL_CTX* context,
                                                    std::string_view source);

/// The certificates of a server. A client gets those that cover the name it asks for, one of each
/// type of key, for clients differ in the signatures that they can verify. Which of these is used
/// is up to OpenSSL. The first one in the configuration comes before others of the same type.
class served_identities {
public:
    /// Errors: as of load_identity; `invalid_argument` for one that no client could ever get, or
    /// when none has a cipher of TLS 1.2 that the context allows.
    [[nodiscard]] static Result<served_identities> load(const tls_config& config, SSL_CTX* context,
                                                        std::string_view source);

    /// Gives them to all connections of a context. Without `identities_by_name` that is all there
    /// is to do. False: OpenSSL has no memory.
    [[nodiscard]] bool offer_default(SSL_CTX* context) const;
    /// Gives a connection the ones for the name that its client has asked for; its hello has been
    /// read.
    [[nodiscard]] bool offer(SSL* ssl) const;

    [[nodiscard]] bool depends_on_name() const noexcept { return all_.size() > 1; }
    [[nodiscard]] bool has_status() const noexcept;
    /// The status to be stapled; null = none.
    [[nodiscard]] const std::vector<unsigned char>* status_of(const X509* certificate) const;

private:
    using choice = std::vector<const loaded_identity*>;

    [[nodiscard]] VoidResult check(std::string_view source) const;
    /// Whether no client could get the second of two because of the first: it covers all of its
    /// names, and its key is of the same type and on the same curve.
    [[nodiscard]] bool hides(std::size_t first, std::size_t second) const;
    [[nodiscard]] choice covering(const char* name) const;
    /// For clients that ask for no name, or for one that no certificate covers.
    [[nodiscard]] choice for_any_name() const;

    /// Those by name in their order, and then the one for all other clients.
    std::vector<loaded_identity> all_;
    std::vector<std::vector<std::string>> names_;  // of each
};

}  // namespace network_system::core

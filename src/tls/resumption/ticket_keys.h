#pragma once

#include "runtime/time_source.h"
#include "tls/ptr.h"

#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace network_system::inline v0_1::core {

/// The keys that a server's tickets are encrypted with. One is used for `rotation`, and opens what
/// it has encrypted for as long again: who steals the keys reads the sessions of some hours, not
/// all.
///
/// Thread-safety: any thread.
class tls_ticket_keys {
public:
    static constexpr std::chrono::hours rotation{6};

    tls_ticket_keys() = default;
    tls_ticket_keys(const tls_ticket_keys&) = delete;
    tls_ticket_keys& operator=(const tls_ticket_keys&) = delete;
    ~tls_ticket_keys();

    /// What the callback of OpenSSL's asks for, with its arguments and results (see
    /// SSL_CTX_set_tlsext_ticket_key_evp_cb).
    [[nodiscard]] int protect(unsigned char* name, unsigned char* vector, EVP_CIPHER_CTX* cipher,
                              EVP_MAC_CTX* mac, runtime::steady_time now);
    [[nodiscard]] int open(const unsigned char* name, const unsigned char* vector,
                           EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, runtime::steady_time now);

private:
    struct key {
        std::array<unsigned char, 16> name{};
        std::array<unsigned char, 32> cipher{};
        std::array<unsigned char, 32> mac{};
        runtime::steady_time made{};
        bool exists = false;
    };
    /// False when OpenSSL has no random numbers.
    [[nodiscard]] bool rotate(runtime::steady_time now);

    // Fetched once: a fetch costs more than the encryption of a ticket.
    const openssl_ptr<EVP_CIPHER, &EVP_CIPHER_free> cipher_{
        EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)};
    std::mutex mutex_;
    key current_;
    key former_;
};

}  // namespace network_system::core

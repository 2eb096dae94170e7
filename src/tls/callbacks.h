#pragma once

#include "tls/connection.h"
#include "tls/context.h"
#include "tls/credentials/identities.h"
#include "tls/credentials/trust.h"

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

namespace network_system::inline v0_1::core {

/// What the callbacks of a context need; lives as long as it.
struct tls_context_state {
    /// Null when no chain is verified.
    std::shared_ptr<const tls_trust> trust;
    core::crl_policy crls = core::crl_policy::if_present;
    std::vector<std::string> pins;
    std::chrono::seconds session_lifetime{0};
    /// Servers.
    std::shared_ptr<tls_ticket_keys> tickets;
    std::vector<unsigned char> protocols;  // as ALPN writes them
    /// A server's.
    served_identities identities;
    std::mutex key_log_mutex;
    std::ofstream key_log;
};

/// The state of a context that has been given one.
[[nodiscard]] tls_context_state& state_of(const SSL_CTX* context) noexcept;
void set_state(SSL_CTX* context, tls_context_state& state) noexcept;

/// Runs a callback of OpenSSL's, which is C: nothing may be thrown through it. If memory runs out,
/// it answers `otherwise`, and the connection knows why.
template <typename Answer, typename Work>
[[nodiscard]] Answer from_c(const SSL* ssl, Answer otherwise, const Work& work) noexcept {
    try {
        return work();
    } catch (const std::bad_alloc&) {
        transport::tls_connection::of(ssl)->record_out_of_memory();
        return otherwise;
    }
}

/// What OpenSSL calls.
namespace tls_callbacks {

/// The chain (and the pins) of the peer: what OpenSSL verifies, and why it refused.
int verify_peer(X509_STORE_CTX* store, void* unused);
/// ALPN on a server.
int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void* unused);
/// SNI on a server: every name is accepted.
int accept_name(SSL* ssl, int* alert, void* unused);
/// The certificates for the name that a client asks for.
int choose_identities(SSL* ssl, void* unused);
/// The status of the certificate that a client gets.
int staple(SSL* ssl, void* unused);
/// What a server has stapled, on a client that requires it.
int check_staple(SSL* ssl, void* unused);
/// A session of a client that may be resumed.
int remember_session(SSL* ssl, SSL_SESSION* session);
/// A server's tickets: their keys, what goes into them besides the session, and whether one that
/// has come back still holds.
int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* vector, EVP_CIPHER_CTX* cipher,
                   EVP_MAC_CTX* mac, int is_new);
int write_ticket(SSL* ssl, void* unused);
SSL_TICKET_RETURN check_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* name,
                               std::size_t name_size, SSL_TICKET_STATUS status, void* unused);
void log_keys(const SSL* ssl, const char* line);
void record_event(const SSL* ssl, int where, int value);
/// `password` is a std::string; an empty one is none.
int give_password(char* buffer, int size, int is_writing, void* password);

}  // namespace tls_callbacks
}  // namespace network_system::core

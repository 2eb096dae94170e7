// Who may resume a session, and until when.
#include "tls/resumption/setup.h"

#include "tls/callbacks.h"
#include "tls/connection.h"
#include "tls/ptr.h"
#include "tls/resumption/session_origin.h"
#include "tls/resumption/ticket_keys.h"
#include "utils/ascii.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

using runtime::wall_time;
using transport::origin_of;
using transport::time_of;
using transport::tls_connection;

namespace {

wall_time end_of(const STACK_OF(X509) * chain, wall_time until) {
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        until = std::min(until, time_of(X509_get0_notAfter(sk_X509_value(chain, i))));
    }
    return until;
}

/// Several CRLs of one authority follow each other: the last counts.
wall_time end_of_crls(X509_STORE_CTX* store, const X509* certificate, wall_time until) {
    const openssl_ptr<STACK_OF(X509_CRL),
                      [](STACK_OF(X509_CRL) * gone) { sk_X509_CRL_pop_free(gone, &X509_CRL_free); }>
        crls(X509_STORE_CTX_get1_crls(store, X509_get_issuer_name(certificate)));
    std::optional<wall_time> last;
    for (int i = 0; i < sk_X509_CRL_num(crls.get()); ++i) {
        const ASN1_TIME* const next = X509_CRL_get0_nextUpdate(sk_X509_CRL_value(crls.get(), i));
        last = std::max(last.value_or(wall_time::min()),
                        next != nullptr ? time_of(next) : wall_time::max());
    }
    return std::min(until, last.value_or(until));
}

/// The name in the client's hello, of which OpenSSL has not made anything yet when it opens the
/// ticket (RFC 6066, section 3).
std::string name_in_hello(SSL* ssl) {
    constexpr std::size_t name_at = 5;  // behind the list's size, the kind, and the name's size
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1 ||
        size < name_at || data[2] != TLSEXT_NAMETYPE_host_name) {
        return {};
    }
    const std::span<const unsigned char> name = std::span(data, size).subspan(name_at);
    const std::size_t name_size = std::size_t{data[3]} << 8U | data[4];
    return detail::lower_case(
        {reinterpret_cast<const char*>(name.data()), std::min(name_size, name.size())});
}

wall_time now_at(const SSL* ssl) {
    return tls_connection::of(ssl)->wall_clock();
}

}  // namespace

bool begin_origin(SSL* ssl, SSL_SESSION* session, wall_time peer_until) {
    const wall_time since = now_at(ssl);
    wall_time until = std::min(peer_until, since + state_of(SSL_get_SSL_CTX(ssl)).session_lifetime);
    if (const X509* const own = SSL_get_certificate(ssl)) {
        STACK_OF(X509)* chain = nullptr;
        (void)SSL_get0_chain_certs(ssl, &chain);
        until = end_of(chain, std::min(until, time_of(X509_get0_notAfter(own))));
    }
    const char* const name =
        SSL_is_server(ssl) == 1 ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : nullptr;
    return transport::set_origin(
        session, {since, until, name != nullptr ? detail::lower_case(name) : std::string()});
}

bool narrow_origin(SSL_SESSION* session, wall_time until) {
    auto origin = origin_of(session);
    if (!origin) {
        return false;
    }
    origin->until = std::min(origin->until, until);
    return transport::set_origin(session, *origin);
}

wall_time end_of_proof(X509_STORE_CTX* store, bool uses_crls) {
    const STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(store);
    wall_time until = end_of(chain, wall_time::max());
    for (int i = 0; uses_crls && i < sk_X509_num(chain); ++i) {
        until = end_of_crls(store, sk_X509_value(chain, i), until);
    }
    return until;
}

namespace tls_callbacks {

int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* vector, EVP_CIPHER_CTX* cipher,
                   EVP_MAC_CTX* mac, int is_new) {
    return from_c<int>(ssl, -1, [&]() -> int {
        tls_ticket_keys& keys = *state_of(SSL_get_SSL_CTX(ssl)).tickets;
        const runtime::steady_time now = tls_connection::of(ssl)->clock();
        return is_new == 1 ? keys.protect(name, vector, cipher, mac, now)
                           : keys.open(name, vector, cipher, mac, now);
    });
}

int write_ticket(SSL* ssl, void*) {
    return from_c<int>(ssl, 0, [&]() -> int {
        SSL_SESSION* const session = SSL_get_session(ssl);
        if (!origin_of(session) && !begin_origin(ssl, session, wall_time::max())) {
            return 0;
        }
        const auto origin = origin_of(session);
        // OpenSSL counts a session of TLS 1.2 from its full handshake on, one of 1.3 from each
        // ticket.
        const bool begins_anew = SSL_version(ssl) == TLS1_3_VERSION;
        const auto left = std::chrono::floor<std::chrono::seconds>(
            origin->until - (begins_anew ? now_at(ssl) : origin->since));
        (void)SSL_SESSION_set_timeout(session, std::max<long>(1, left.count()));
        return 1;
    });
}

SSL_TICKET_RETURN check_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t,
                               SSL_TICKET_STATUS status, void*) {
    return from_c<SSL_TICKET_RETURN>(
        ssl, SSL_TICKET_RETURN_IGNORE_RENEW, [&]() -> SSL_TICKET_RETURN {
            if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
                return SSL_TICKET_RETURN_IGNORE_RENEW;
            }
            const auto origin = origin_of(session);
            if (!origin || !origin->holds_at(now_at(ssl)) ||
                origin->server_name != name_in_hello(ssl)) {
                return SSL_TICKET_RETURN_IGNORE_RENEW;
            }
            // A client offers a ticket of TLS 1.3 once.
            const bool is_spent = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
            return is_spent || status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW
                                                                  : SSL_TICKET_RETURN_USE;
        });
}

int remember_session(SSL* ssl, SSL_SESSION* session) {
    return from_c<int>(ssl, 0, [&]() -> int {
        const auto& settings = tls_connection::of(ssl)->settings();
        if (!settings.sessions ||
            (!origin_of(session) && !begin_origin(ssl, session, wall_time::max()))) {
            return 0;
        }
        // A reference of our own: what fails below must not give OpenSSL's away.
        if (SSL_SESSION_up_ref(session) == 1) {
            settings.sessions->put(settings.session_key, transport::tls_session(session));
        }
        return 0;
    });
}

}  // namespace tls_callbacks
}  // namespace network_system::core

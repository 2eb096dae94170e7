#include "tls/callbacks.h"

#include "tls/connection.h"
#include "tls/credentials/ocsp.h"
#include "tls/resumption/setup.h"
#include "utils/process.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace network_system::inline v0_1::core {

using transport::tls_connection;

namespace {

struct context_slot {
    const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
};

int state_index() {
    return detail::made_once<context_slot>::get().index;
}

/// For those who are content with authorities that have no CRL.
int pass_without_crl(int holds, X509_STORE_CTX* store) {
    if (holds == 1 || X509_STORE_CTX_get_error(store) != X509_V_ERR_UNABLE_TO_GET_CRL) {
        return holds;
    }
    // One that OpenSSL does not understand is not none.
    const X509* const about = X509_STORE_CTX_get_current_cert(store);
    STACK_OF(X509_CRL)* const any = X509_STORE_CTX_get1_crls(store, X509_get_issuer_name(about));
    const bool has_any = sk_X509_CRL_num(any) > 0;
    sk_X509_CRL_pop_free(any, &X509_CRL_free);
    if (!has_any) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
    }
    return has_any ? 0 : 1;
}

bool verify_chain(X509_STORE_CTX* store, const tls_connection& connection,
                  const tls_context_state& state) {
    X509_STORE_CTX_set_time(store, 0,
                            std::chrono::system_clock::to_time_t(connection.wall_clock()));
    if (state.trust->has_crls()) {
        X509_STORE_CTX_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        if (state.crls == crl_policy::if_present) {
            X509_STORE_CTX_set_verify_cb(store, &pass_without_crl);
        }
    }
    return X509_verify_cert(store) == 1;
}

}  // namespace

tls_context_state& state_of(const SSL_CTX* context) noexcept {
    return *static_cast<tls_context_state*>(SSL_CTX_get_ex_data(context, state_index()));
}

void set_state(SSL_CTX* context, tls_context_state& state) noexcept {
    (void)SSL_CTX_set_ex_data(context, state_index(), &state);
}

namespace tls_callbacks {

int verify_peer(X509_STORE_CTX* store, void*) {
    SSL* const ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return from_c<int>(ssl, 0, [&]() -> int {
        tls_connection* const connection = tls_connection::of(ssl);
        const tls_context_state& state = state_of(SSL_get_SSL_CTX(ssl));
        if (state.trust && !verify_chain(store, *connection, state)) {
            connection->record_refusal(
                transport::describe_refusal(store, connection->settings().server_name));
            return 0;
        }
        if (state.trust && !begin_origin(ssl, SSL_get_session(ssl),
                                         end_of_proof(store, state.trust->has_crls()))) {
            return 0;
        }
        if (state.pins.empty()) {
            return 1;
        }
        const std::string fingerprint = transport::fingerprint_of(X509_STORE_CTX_get0_cert(store));
        if (std::find(state.pins.begin(), state.pins.end(), fingerprint) != state.pins.end()) {
            return 1;
        }
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        connection->record_refusal(
            fmt::format("the certificate with SHA-256 {} is not pinned", fingerprint));
        return 0;
    });
}

int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
    const auto& own = state_of(SSL_get_SSL_CTX(ssl)).protocols;
    unsigned char* found = nullptr;
    const int answer = SSL_select_next_proto(
        &found, chosen_size, own.data(), static_cast<unsigned>(own.size()), offered, offered_size);
    *chosen = found;
    return answer == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int accept_name(SSL* ssl, int*, void*) {
    const bool asks = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != nullptr;
    return asks ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int choose_identities(SSL* ssl, void*) {
    return from_c<int>(ssl, 0, [&]() -> int {
        return state_of(SSL_get_SSL_CTX(ssl)).identities.offer(ssl) ? 1 : 0;
    });
}

int staple(SSL* ssl, void*) {
    const auto& identities = state_of(SSL_get_SSL_CTX(ssl)).identities;
    // OpenSSL has chosen the one that it sends.
    const std::vector<unsigned char>* const response =
        identities.status_of(SSL_get_certificate(ssl));
    void* const copy =
        response != nullptr ? OPENSSL_memdup(response->data(), response->size()) : nullptr;
    if (copy == nullptr) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    (void)SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response->size()));
    return SSL_TLSEXT_ERR_OK;
}

int check_staple(SSL* ssl, void*) {
    return from_c<int>(ssl, -1, [&]() -> int {
        if (SSL_session_reused(ssl) == 1) {
            return 1;  // its origin says until when what was stapled then holds
        }
        tls_connection* const connection = tls_connection::of(ssl);
        const STACK_OF(X509)* const chain = SSL_get0_verified_chain(ssl);
        unsigned char* stapled = nullptr;
        const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &stapled);
        const int depth = sk_X509_num(chain);
        const staple_verdict verdict = verify_staple(
            {stapled, static_cast<std::size_t>(std::max(size, 0L))}, sk_X509_value(chain, 0),
            sk_X509_value(chain, std::min(1, depth - 1)), connection->wall_clock());
        if (!verdict.refusal.empty()) {
            connection->record_refusal(verdict.refusal);
            return 0;
        }
        return narrow_origin(SSL_get_session(ssl), verdict.until) ? 1 : -1;
    });
}

void log_keys(const SSL* ssl, const char* line) {
    tls_context_state& state = state_of(SSL_get_SSL_CTX(ssl));
    const std::lock_guard lock(state.key_log_mutex);
    state.key_log << line << std::endl;  // a stream that throws nothing
}

void record_event(const SSL* ssl, int where, int value) {
    if ((where & SSL_CB_LOOP) != 0) {
        tls_connection::of(ssl)->record_handshake_step();
    } else if (where == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION) {
        tls_connection::of(ssl)->record_refused_renegotiation();
    }
}

int give_password(char* buffer, int size, int, void* password) {
    const auto& text = *static_cast<const std::string*>(password);
    if (text.empty() || text.size() > static_cast<std::size_t>(size)) {
        return -1;  // without a password nobody is asked for one
    }
    std::copy(text.begin(), text.end(), buffer);
    return static_cast<int>(text.size());
}

}  // namespace tls_callbacks
}  // namespace network_system::core

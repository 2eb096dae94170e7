#include "core/tls_callbacks.h"

#include "transport/tls_connection.h"

#include <fmt/format.h>

#include <algorithm>

namespace network_system::core {

using transport::tls_connection;

namespace {

int state_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
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
    tls_connection* const connection = tls_connection::of(ssl);
    const tls_context_state& state = state_of(SSL_get_SSL_CTX(ssl));
    if (state.verifies_chain && X509_verify_cert(store) != 1) {
        connection->note_refusal(
            transport::describe_refusal(store, connection->terms().server_name));
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
    connection->note_refusal(
        fmt::format("the certificate with SHA-256 {} is not pinned", fingerprint));
    return 0;
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
    return state_of(SSL_get_SSL_CTX(ssl)).identities.offer(ssl) ? 1 : 0;
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

int remember_session(SSL* ssl, SSL_SESSION* session) {
    const auto& terms = tls_connection::of(ssl)->terms();
    if (!terms.sessions) {
        return 0;
    }
    terms.sessions->put(terms.session_key, transport::tls_session(session));
    return 1;  // the reference is ours
}

void log_keys(const SSL* ssl, const char* line) {
    tls_context_state& state = state_of(SSL_get_SSL_CTX(ssl));
    const std::lock_guard lock(state.key_log_mutex);
    state.key_log << line << std::endl;
}

void note_event(const SSL* ssl, int where, int value) {
    if ((where & SSL_CB_LOOP) != 0) {
        tls_connection::of(ssl)->note_handshake_step();
    } else if (where == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION) {
        tls_connection::of(ssl)->note_refused_renegotiation();
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

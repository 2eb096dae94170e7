// OpenSSL in memory, driven by hand: for what a well-behaved peer would not do.
#pragma once

#include "support/bytes.h"
#include "support/require.h"
#include "support/tls_authority.h"
#include "tls/settings.h"

#include <openssl/ssl.h>

#include <memory>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::testing {

class openssl_peer {
public:
    using context = std::shared_ptr<SSL_CTX>;

    explicit openssl_peer(connection_role role)
        : openssl_peer(role, context(make_context(role), &SSL_CTX_free)) {}
    openssl_peer(connection_role role, context of)
        : context_(std::move(of)), ssl_(SSL_new(context_.get()), &SSL_free),
          input_(BIO_new(BIO_s_mem())), output_(BIO_new(BIO_s_mem())) {
        SSL_set_bio(ssl_.get(), input_, output_);
        if (role == connection_role::client) {
            SSL_set_connect_state(ssl_.get());
        } else {
            SSL_set_accept_state(ssl_.get());
        }
    }

    /// Goes on with the handshake, or reads what is there, as far as it goes.
    void handshake() { (void)SSL_do_handshake(ssl_.get()); }
    void write(std::string_view text) {
        require(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
                    static_cast<int>(text.size()),
                "the peer writes");
    }
    /// A server only: refuses clients without one.
    void require_certificate() {
        SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    /// A client only: what it resumes if the server lets it.
    void offer(SSL_SESSION* session) {
        require(SSL_set_session(ssl_.get(), session) == 1, "the peer offers a session");
    }
    [[nodiscard]] std::shared_ptr<SSL_SESSION> session() const {
        return {SSL_get1_session(ssl_.get()), &SSL_SESSION_free};
    }
    [[nodiscard]] bool has_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
    void shutdown() { (void)SSL_shutdown(ssl_.get()); }
    /// Everything up to the end or what is there.
    [[nodiscard]] byte_string read() {
        byte_string all;
        std::uint8_t each = 0;
        while (SSL_read(ssl_.get(), &each, 1) == 1) {
            all.push_back(each);
        }
        return all;
    }
    [[nodiscard]] bool has_seen_close_notify() const {
        return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    /// In TLS 1.3 only a session with a ticket.
    [[nodiscard]] bool has_ticket() const {
        return SSL_SESSION_is_resumable(SSL_get_session(ssl_.get())) == 1;
    }
    void request_key_update() {
        require(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1, "the peer asks");
        (void)SSL_do_handshake(ssl_.get());
    }
    /// A server only.
    void send_ticket() {
        require(SSL_new_session_ticket(ssl_.get()) == 1, "the peer sends a ticket");
        (void)SSL_do_handshake(ssl_.get());
    }
    void ask_for_renegotiation() {
        (void)SSL_renegotiate(ssl_.get());
        (void)SSL_do_handshake(ssl_.get());
    }

    [[nodiscard]] byte_string take_output() {
        byte_string all(BIO_ctrl_pending(output_), 0);
        if (!all.empty()) {
            (void)BIO_read(output_, all.data(), static_cast<int>(all.size()));
        }
        return all;
    }
    void give_input(const byte_string& bytes) {
        if (!bytes.empty()) {
            (void)BIO_write(input_, bytes.data(), static_cast<int>(bytes.size()));
        }
    }

private:
    [[nodiscard]] static SSL_CTX* make_context(connection_role role) {
        if (role == connection_role::client) {
            return SSL_CTX_new(TLS_client_method());
        }
        static const auto files = test_authority::shared().issue_local("peer");
        SSL_CTX* const made = SSL_CTX_new(TLS_server_method());
        require(SSL_CTX_use_certificate_chain_file(made, files.certificate.c_str()) == 1 &&
                    SSL_CTX_use_PrivateKey_file(made, files.key.c_str(), SSL_FILETYPE_PEM) == 1,
                "the certificate of the peer");
        return made;
    }

    context context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    // Owned by ssl_.
    BIO* input_;
    BIO* output_;
};

}  // namespace network_system::testing

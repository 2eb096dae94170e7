// OpenSSL as a client in memory, driven by hand: for what a well-behaved peer would not do.
#pragma once

#include "support/bytes.h"
#include "support/require.h"

#include <openssl/ssl.h>

#include <memory>
#include <string_view>

namespace network_system::testing {

class openssl_peer {
public:
    openssl_peer()
        : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free),
          ssl_(SSL_new(context_.get()), &SSL_free), input_(BIO_new(BIO_s_mem())),
          output_(BIO_new(BIO_s_mem())) {
        SSL_set_bio(ssl_.get(), input_, output_);
        SSL_set_connect_state(ssl_.get());
    }

    /// Goes on with the handshake, or reads what is there, as far as it goes.
    void handshake() { (void)SSL_do_handshake(ssl_.get()); }
    void write(std::string_view text) {
        require(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
                    static_cast<int>(text.size()),
                "the peer writes");
    }
    void shutdown() { (void)SSL_shutdown(ssl_.get()); }
    void request_key_update() {
        require(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1, "the peer asks");
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
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    // Owned by ssl_.
    BIO* input_;
    BIO* output_;
};

}  // namespace network_system::testing

#include "support/stream_choice.h"

#include "support/raw_peer.h"
#include "support/require.h"
#include "support/tls_authority.h"
#include "transport/stream_security.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <csignal>
#include <cstdlib>
#include <string_view>

namespace network_system::inline v0_1::testing {
namespace {

bool is_over_tls() {
    const char* const chosen = std::getenv("NETWORK_TEST_STREAM");
    require(chosen == nullptr || std::string_view(chosen) == "tls", "NETWORK_TEST_STREAM: tls");
    return chosen != nullptr;
}

const test_authority::files& files_of_server() {
    static const auto files = test_authority::shared().issue_local("server");
    return files;
}

using context_ptr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

SSL_CTX* context_of_peers(bool accepts) {
    static const context_ptr of_clients(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    static const context_ptr of_servers = [] {
        context_ptr made(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
        const auto& files = files_of_server();
        require(SSL_CTX_use_certificate_chain_file(made.get(), files.certificate.c_str()) == 1 &&
                    SSL_CTX_use_PrivateKey_file(made.get(), files.key.c_str(), SSL_FILETYPE_PEM) ==
                        1,
                "the certificate of the peers");
        return made;
    }();
    return (accepts ? of_servers : of_clients).get();
}

/// OpenSSL on a blocking socket.
class encrypted_peer final : public loopback::raw_encryption {
public:
    encrypted_peer(int handle, bool accepts) : ssl_(SSL_new(context_of_peers(accepts)), &SSL_free) {
        require(SSL_set_fd(ssl_.get(), handle) == 1, "SSL_set_fd");
        // Who is gone shows in what follows.
        (void)(accepts ? SSL_accept(ssl_.get()) : SSL_connect(ssl_.get()));
        ERR_clear_error();
    }

    ::ssize_t send(std::span<const std::uint8_t> data) override {
        std::size_t sent = 0;
        const int done = SSL_write_ex(ssl_.get(), data.data(), data.size(), &sent);
        ERR_clear_error();
        return done == 1 ? static_cast<::ssize_t>(sent) : -1;
    }
    ::ssize_t receive(std::span<std::uint8_t> into) override {
        std::size_t got = 0;
        errno = 0;
        if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &got) == 1) {
            return static_cast<::ssize_t>(got);
        }
        const int error = SSL_get_error(ssl_.get(), 0);
        ERR_clear_error();
        if (error == SSL_ERROR_ZERO_RETURN) {
            return 0;
        }
        if (error == SSL_ERROR_SSL) {
            errno = ECONNRESET;  // an end without close_notify, which is how a reset looks too
        }
        return -1;
    }
    void end() override { (void)SSL_shutdown(ssl_.get()); }

private:
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

const bool are_peers_encrypted = [] {
    if (is_over_tls()) {
        std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
        loopback::encrypt_raw_peer = [](int handle,
                                        bool accepts) -> std::unique_ptr<loopback::raw_encryption> {
            return std::make_unique<encrypted_peer>(handle, accepts);
        };
    }
    return is_over_tls();
}();

}  // namespace

std::optional<core::tls_config> tls_of_server() {
    if (!are_peers_encrypted) {
        return std::nullopt;
    }
    core::tls_config config;
    config.identity = {files_of_server().certificate, files_of_server().key, {}, {}};
    return config;
}

std::optional<core::tls_config> tls_of_client() {
    if (!are_peers_encrypted) {
        return std::nullopt;
    }
    core::tls_config config;
    config.ca_file = test_authority::shared().ca_file();
    return config;
}

std::shared_ptr<core::stream_security> security_of_server() {
    return core::make_server_security(tls_of_server(), nullptr, "test").value();
}

std::shared_ptr<core::stream_security> security_of_client() {
    return core::make_client_security(tls_of_client(), nullptr, "test").value();
}

}  // namespace network_system::testing

// The encrypted way of a load connection: OpenSSL on a TCP socket.
#pragma once

#include "tcp_channel.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>

namespace compare {

struct openssl_deleter {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using tls_context = std::unique_ptr<SSL_CTX, openssl_deleter>;
using tls_object = std::unique_ptr<SSL, openssl_deleter>;

[[noreturn]] inline void throw_tls(const char* what) {
    const char* const reason = ERR_reason_error_string(ERR_peek_error());
    throw std::runtime_error(std::string{what} + ": " + (reason != nullptr ? reason : "closed"));
}

// What both hand-written servers serve: the certificate of run.py.
inline tls_context serving_context(const std::string& certificate, const std::string& key) {
    tls_context context{SSL_CTX_new(TLS_server_method())};
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
        throw_tls("certificate");
    }
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

class tls_channel {
public:
    tls_channel(const std::string& host, std::uint16_t port, SSL_SESSION* resumed = nullptr)
        : fd_(connect_to(host, port)), ssl_(SSL_new(client_context())) {
        if (SSL_set_fd(ssl_.get(), fd_.get()) != 1 ||
            (resumed != nullptr && SSL_set_session(ssl_.get(), resumed) != 1) ||
            SSL_connect(ssl_.get()) != 1) {
            throw_tls("handshake");
        }
        if (resumed != nullptr && SSL_session_reused(ssl_.get()) != 1) {
            throw std::runtime_error("the server did not resume");
        }
    }
    tls_channel(tls_channel&&) = default;
    tls_channel& operator=(tls_channel&&) = delete;
    ~tls_channel() {
        if (ssl_) {
            (void)SSL_shutdown(ssl_.get());
        }
    }

    int fd() const { return fd_.get(); }
    SSL* ssl() const { return ssl_.get(); }
    void set_non_blocking() { check(::fcntl(fd_.get(), F_SETFL, O_NONBLOCK), "O_NONBLOCK"); }

    void send_all(std::span<const std::uint8_t> data) {
        if (SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size())) <= 0) {
            throw_tls("send");
        }
    }
    void receive_exactly(std::span<std::uint8_t> to, const char* what) {
        while (!to.empty()) {
            const int got = SSL_read(ssl_.get(), to.data(), static_cast<int>(to.size()));
            if (got <= 0) {
                throw_tls(what);
            }
            to = to.subspan(static_cast<std::size_t>(got));
        }
    }

    std::size_t send(std::span<iovec> pieces) {
        std::size_t sent = 0;
        for (const iovec& each : pieces) {
            std::size_t of_this = 0;
            while (of_this < each.iov_len) {
                std::size_t written = 0;
                if (SSL_write_ex(ssl_.get(), static_cast<const char*>(each.iov_base) + of_this,
                                 each.iov_len - of_this, &written) != 1) {
                    if (SSL_get_error(ssl_.get(), 0) != SSL_ERROR_WANT_WRITE) {
                        throw_tls("send");
                    }
                    return sent;
                }
                of_this += written;
                sent += written;
            }
        }
        return sent;
    }
    // Until there is nothing more: what OpenSSL holds does not wake epoll.
    std::size_t receive(std::span<std::uint8_t> to) {
        std::size_t total = 0;
        while (total < to.size()) {
            std::size_t got = 0;
            if (SSL_read_ex(ssl_.get(), to.data() + total, to.size() - total, &got) != 1) {
                if (SSL_get_error(ssl_.get(), 0) != SSL_ERROR_WANT_READ) {
                    throw_tls("receive");
                }
                return total;
            }
            total += got;
        }
        return total;
    }

    // Where new sessions go; replaced by each.
    static std::unique_ptr<SSL_SESSION, openssl_deleter>& last_session() {
        static std::unique_ptr<SSL_SESSION, openssl_deleter> session;
        return session;
    }

    // Of TLS 1.3, what is offered from the first connection on; empty = OpenSSL's own.
    static std::string& offered_suites() {
        static std::string suites;
        return suites;
    }

private:
    static SSL_CTX* client_context() {
        static const tls_context context = [] {
            tls_context made{SSL_CTX_new(TLS_client_method())};
            if (!offered_suites().empty() &&
                SSL_CTX_set_ciphersuites(made.get(), offered_suites().c_str()) != 1) {
                throw_tls("cipher suites");
            }
            SSL_CTX_set_mode(made.get(),
                             SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
            SSL_CTX_set_session_cache_mode(made.get(),
                                           SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
            SSL_CTX_sess_set_new_cb(made.get(), [](SSL*, SSL_SESSION* session) {
                last_session().reset(session);
                return 1;
            });
            return made;
        }();
        return context.get();
    }

    descriptor fd_;
    tls_object ssl_;
};

}  // namespace compare

#pragma once

#include "support/eventually.h"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

/// Plain blocking sockets that speak to the library byte by byte, well or badly.
namespace loopback {

using bytes = std::vector<std::uint8_t>;

enum : std::uint8_t {
    type_data = 0,
    type_ping = 1,
    type_pong = 2,
    type_goodbye = 3,
    type_hello = 4,
    type_error = 5,
    type_acknowledgement = 6,
};

inline void put_length(bytes& to, std::size_t length) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        to.push_back(static_cast<std::uint8_t>((length >> static_cast<unsigned>(shift)) & 0xFFU));
    }
}

/// The header of `framing::message`, whatever it claims.
[[nodiscard]] inline bytes header_of(unsigned type, unsigned flags, std::size_t length) {
    bytes header{static_cast<std::uint8_t>((type << 4U) | flags)};
    put_length(header, length);
    return header;
}

[[nodiscard]] inline bytes frame_of(unsigned type, std::span<const std::uint8_t> payload,
                                    unsigned flags = 0) {
    bytes frame = header_of(type, flags, payload.size());
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
}

[[nodiscard]] inline bytes length_prefixed(std::span<const std::uint8_t> payload) {
    bytes frame;
    put_length(frame, payload.size());
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
}

/// What a server says first: version 1, its limit, no pipeline.
[[nodiscard]] inline bytes hello_frame(std::size_t limit = std::size_t{16} << 20U) {
    bytes payload{0, 1};
    put_length(payload, limit);
    payload.resize(14);
    return frame_of(type_hello, payload);
}

/// A registry number as goodbye and error frames carry it.
[[nodiscard]] inline int reason_of(std::span<const std::uint8_t> payload) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4 && i < payload.size(); ++i) {
        value = (value << 8U) | payload[i];
    }
    return static_cast<int>(value);
}

struct raw_frame {
    unsigned type = 0;
    unsigned flags = 0;
    bytes payload;
};

enum class stream_end { none, orderly, reset };

/// What a peer speaks below its bytes where that is not plain TCP; the calls answer like the
/// system's.
class raw_encryption {
public:
    raw_encryption() = default;
    raw_encryption(const raw_encryption&) = delete;
    raw_encryption& operator=(const raw_encryption&) = delete;
    virtual ~raw_encryption() = default;

    [[nodiscard]] virtual ::ssize_t send(std::span<const std::uint8_t> data) = 0;
    [[nodiscard]] virtual ::ssize_t receive(std::span<std::uint8_t> into) = 0;
    /// Says that no more will come.
    virtual void end() = 0;
};

/// Makes it for a socket that is connected; null where peers speak plain TCP.
inline std::unique_ptr<raw_encryption> (*encrypt_raw_peer)(int handle, bool accepts) = nullptr;

/// A connected socket.
class raw_peer {
public:
    raw_peer() = default;
    explicit raw_peer(int handle) : handle_(handle) { set_timeouts(); }
    raw_peer(raw_peer&& other) noexcept
        : handle_(std::exchange(other.handle_, -1)), encryption_(std::move(other.encryption_)) {}
    raw_peer& operator=(raw_peer&& other) noexcept {
        close();
        handle_ = std::exchange(other.handle_, -1);
        encryption_ = std::move(other.encryption_);
        return *this;
    }
    ~raw_peer() { close(); }

    /// `receive_buffer`: SO_RCVBUF, which has to be set before the handshake to count.
    [[nodiscard]] static raw_peer connect(std::uint16_t port, int receive_buffer = 0) {
        raw_peer peer = unconnected(receive_buffer);
        EXPECT_TRUE(peer.connect_to(port));
        peer.encrypt(false);
        return peer;
    }
    [[nodiscard]] static raw_peer unconnected(int receive_buffer = 0) {
        raw_peer peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_GE(peer.handle_, 0);
        if (receive_buffer > 0) {
            peer.set(SOL_SOCKET, SO_RCVBUF, receive_buffer);
        }
        return peer;
    }
    [[nodiscard]] bool connect_to(std::uint16_t port) const {
        ::sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return ::connect(handle_, reinterpret_cast<const ::sockaddr*>(&to), sizeof to) == 0;
    }

    /// Speaks from now on what the tests are run over.
    void encrypt(bool accepts) {
        if (encrypt_raw_peer != nullptr) {
            encryption_ = encrypt_raw_peer(handle_, accepts);
        }
    }

    [[nodiscard]] bool is_open() const { return handle_ >= 0; }

    /// All of it, or false when the peer is gone or does not read.
    bool send(std::span<const std::uint8_t> data) const {
        while (!data.empty()) {
            const auto sent = encryption_ ? encryption_->send(data)
                                          : ::send(handle_, data.data(), data.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return false;
            }
            data = data.subspan(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /// Some bytes; empty at the end of the stream (see `end`) or when nothing came in time.
    [[nodiscard]] bytes receive_some(std::size_t most = std::size_t{64} * 1024) {
        bytes data(most);
        const auto count =
            encryption_ ? encryption_->receive(data) : ::recv(handle_, data.data(), data.size(), 0);
        if (count < 0) {
            end_ = errno == ECONNRESET ? stream_end::reset : stream_end::none;
        } else if (count == 0) {
            end_ = stream_end::orderly;
        }
        data.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return data;
    }
    [[nodiscard]] bytes receive(std::size_t exactly) {
        bytes all;
        while (all.size() < exactly) {
            const bytes part = receive_some(exactly - all.size());
            if (part.empty()) {
                break;
            }
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }
    [[nodiscard]] std::optional<raw_frame> receive_frame() {
        const bytes header = receive(5);
        if (header.size() < 5) {
            return std::nullopt;
        }
        const auto length = static_cast<std::size_t>(reason_of(std::span(header).subspan(1)));
        const unsigned first = header[0];
        raw_frame frame{first >> 4U, first & 0x0FU, receive(length)};
        return frame.payload.size() == length ? std::optional(std::move(frame)) : std::nullopt;
    }
    /// Skips frames until one of the type.
    [[nodiscard]] std::optional<raw_frame> receive_frame_of(unsigned type) {
        while (auto frame = receive_frame()) {
            if (frame->type == type) {
                return frame;
            }
        }
        return std::nullopt;
    }
    /// Reads until the peer closed; how it did. `none`: it did not.
    stream_end drain() {
        while (!receive_some().empty()) {}
        return end_;
    }
    [[nodiscard]] stream_end end() const { return end_; }

    void half_close() const {
        if (encryption_) {
            encryption_->end();
        }
        ::shutdown(handle_, SHUT_WR);
    }
    /// Ends the connection with a reset.
    void reset() {
        const ::linger option{1, 0};
        ::setsockopt(handle_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
        close();
    }
    void close() {
        if (handle_ >= 0) {
            ::close(std::exchange(handle_, -1));
        }
    }
    void set(int level, int name, int value) const {
        EXPECT_EQ(::setsockopt(handle_, level, name, &value, sizeof value), 0);
    }
    [[nodiscard]] int handle() const { return handle_; }

private:
    void set_timeouts() const {
        const ::timeval limit{patience.count(), 0};
        ::setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(handle_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }

    int handle_ = -1;
    std::unique_ptr<raw_encryption> encryption_;
    stream_end end_ = stream_end::none;
};

/// A port of 127.0.0.1 that refuses connections: nobody listens there, nor can another process
/// while this exists.
class refusing_port {
public:
    /// `is_shared`: with sockets that are bound to it, and have SO_REUSEADDR as well.
    explicit refusing_port(bool is_shared = false)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        socket_.set(SOL_SOCKET, SO_REUSEADDR, is_shared ? 1 : 0);
        ::sockaddr_in local{};
        local.sin_family = AF_INET;
        local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(
            ::bind(socket_.handle(), reinterpret_cast<const ::sockaddr*>(&local), sizeof local), 0);
        ::socklen_t length = sizeof local;
        EXPECT_EQ(::getsockname(socket_.handle(), reinterpret_cast<::sockaddr*>(&local), &length),
                  0);
        number_ = ntohs(local.sin_port);
    }

    [[nodiscard]] std::uint16_t number() const { return number_; }
    [[nodiscard]] int handle() const { return socket_.handle(); }

private:
    raw_peer socket_;
    std::uint16_t number_ = 0;
};

/// A listening socket on 127.0.0.1.
class raw_listener {
public:
    explicit raw_listener(int backlog = 16) { EXPECT_EQ(::listen(port_.handle(), backlog), 0); }

    [[nodiscard]] std::uint16_t port() const { return port_.number(); }
    [[nodiscard]] raw_peer accept() const {
        raw_peer accepted(::accept4(port_.handle(), nullptr, nullptr, SOCK_CLOEXEC));
        EXPECT_TRUE(accepted.is_open());
        accepted.encrypt(true);
        return accepted;
    }

private:
    refusing_port port_;
};

}  // namespace loopback

#pragma once

#include "support/loopback.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace udp {

using namespace loopback;

using network_system::datagram_metrics;
using network_system::endpoint;
using network_system::receive_mode;
using network_system::received_datagram;
using network_system::core::messaging_udp_client;
using network_system::core::messaging_udp_server;
using network_system::core::udp_client_options;
using network_system::core::udp_server_options;
using byte_view = std::span<const std::uint8_t>;

struct arrival {
    bytes data;
    endpoint from;
};

[[nodiscard]] inline endpoint loopback_v4(std::uint16_t port) {
    return {endpoint::family::ipv4, {127, 0, 0, 1}, port};
}
[[nodiscard]] inline endpoint loopback_v6(std::uint16_t port) {
    endpoint::address_bytes address{};
    address[15] = 1;
    return {endpoint::family::ipv6, address, port};
}

/// A server that records what happens to it; echoes unless `on_receive` is set.
class test_server {
public:
    explicit test_server(udp_server_options options = {})
        : server("udp-server", std::move(options)) {
        (void)server.set_receive_callback([this](byte_view data, const endpoint& from) {
            if (on_receive) {
                on_receive(data, from);
            } else {
                const auto sent = server.send_to(data, from);
                // The test may be over.
                EXPECT_TRUE(sent.is_ok() || fails_with(sent, errc::server_not_started))
                    << is_ok(sent).message();
            }
            received.add();
        });
        (void)server.set_error_callback([this](std::error_code code) { errors.add(code); });
        (void)server.set_writable_callback([this] {
            if (on_writable) {
                on_writable();
            }
            writable.add();
        });
        (void)server.set_new_peer_callback([this](const endpoint& peer) { peers.add(peer); });
        (void)server.set_peer_expired_callback([this](const endpoint& peer) { expired.add(peer); });
    }

    std::uint16_t start() {
        EXPECT_TRUE(is_ok(server.start_server(0)));
        return server.local_port();
    }

    std::function<void(byte_view, const endpoint&)> on_receive;
    std::function<void()> on_writable;

    event_counter received;
    event_counter writable;
    collector<std::error_code> errors;
    collector<endpoint> peers;
    collector<endpoint> expired;

    messaging_udp_server server;
};

/// A client that records what happens to it.
class test_client {
public:
    explicit test_client(udp_client_options options = {})
        : client("udp-client", std::move(options)) {
        (void)client.set_receive_callback([this](byte_view data, const endpoint& from) {
            if (on_receive) {
                on_receive(data);
            }
            received.add({copy_of(data), from});
        });
        (void)client.set_error_callback([this](std::error_code code) {
            if (on_error) {
                on_error(code);
            }
            errors.add(code);
        });
        (void)client.set_writable_callback([this] {
            if (on_writable) {
                on_writable();
            }
            writable.add();
        });
    }

    /// Sends, and waits for one more datagram.
    [[nodiscard]] testing::AssertionResult exchange(byte_view data) {
        const std::size_t before = received.size();
        if (auto sent = is_ok(client.send_packet(data)); !sent) {
            return sent;
        }
        if (!received.wait_for(before + 1)) {
            return testing::AssertionFailure() << "no answer";
        }
        return received.at(before).data == copy_of(data)
                   ? testing::AssertionSuccess()
                   : testing::AssertionFailure() << "another answer";
    }
    [[nodiscard]] testing::AssertionResult exchange(std::string_view text) {
        return exchange(byte_view(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    }

    std::function<void(byte_view)> on_receive;
    std::function<void(std::error_code)> on_error;
    std::function<void()> on_writable;

    collector<arrival> received;
    collector<std::error_code> errors;
    event_counter writable;

    messaging_udp_client client;
};

/// A plain UDP socket on 127.0.0.1, for what the library would not do.
class raw_socket {
public:
    /// `is_shared`: with sockets that are bound to its port, and have SO_REUSEPORT as well.
    explicit raw_socket(bool is_shared = false) : handle_(::socket(AF_INET, SOCK_DGRAM, 0)) {
        const int shares = is_shared ? 1 : 0;
        EXPECT_EQ(::setsockopt(handle_, SOL_SOCKET, SO_REUSEPORT, &shares, sizeof shares), 0);
        ::sockaddr_in address = address_of(0);
        EXPECT_EQ(::bind(handle_, reinterpret_cast<::sockaddr*>(&address), sizeof address), 0);
        const ::timeval limit{10, 0};
        EXPECT_EQ(::setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    }
    raw_socket(const raw_socket&) = delete;
    raw_socket& operator=(const raw_socket&) = delete;
    ~raw_socket() { ::close(handle_); }

    [[nodiscard]] std::uint16_t port() const {
        ::sockaddr_in address{};
        ::socklen_t length = sizeof address;
        EXPECT_EQ(::getsockname(handle_, reinterpret_cast<::sockaddr*>(&address), &length), 0);
        return ntohs(address.sin_port);
    }
    /// The system refuses what comes from others, as where nobody is.
    void hear_only(std::uint16_t from) const {
        const ::sockaddr_in address = address_of(from);
        EXPECT_EQ(::connect(handle_, reinterpret_cast<const ::sockaddr*>(&address), sizeof address),
                  0);
    }
    /// The system refuses everything, yet no other process gets the port.
    void hear_nobody() const { hear_only(port()); }
    void send(byte_view data, std::uint16_t to) const {
        const ::sockaddr_in address = address_of(to);
        EXPECT_EQ(::sendto(handle_, data.data(), data.size(), 0,
                           reinterpret_cast<const ::sockaddr*>(&address), sizeof address),
                  static_cast<ssize_t>(data.size()));
    }
    /// The next datagram; empty when none comes.
    [[nodiscard]] bytes receive() const {
        bytes data(65'536);
        const auto got = ::recv(handle_, data.data(), data.size(), 0);
        EXPECT_GE(got, 0);
        data.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return data;
    }

private:
    static ::sockaddr_in address_of(std::uint16_t port) {
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return address;
    }
    int handle_;
};

/// The calls of the platform that take many datagrams, and those that every platform has.
class BothPaths : public testing::TestWithParam<readiness> {
protected:
    [[nodiscard]] static udp_server_options for_server() {
        udp_server_options options;
        options.readiness_method = GetParam();
        return options;
    }
    [[nodiscard]] static udp_client_options for_client() {
        udp_client_options options;
        options.readiness_method = GetParam();
        return options;
    }
};

}  // namespace udp

// WebSocket servers and clients for tests, and peers that speak it byte by byte.
#pragma once

#include "support/loopback.h"

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ws {

using namespace loopback;

using network_system::endpoint;
using network_system::http_header;
using network_system::http_response;
using network_system::ws_close_code;
using network_system::ws_handshake_answer;
using network_system::ws_message;
using network_system::ws_message_type;
using network_system::ws_request;
using network_system::core::messaging_ws_client;
using network_system::core::messaging_ws_server;
using network_system::core::ws_client_config;
using network_system::core::ws_server_config;
using connection_ptr = messaging_ws_server::connection_ptr;

[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// A message that is kept.
struct kept_message {
    ws_message_type type = ws_message_type::binary;
    bytes data;

    explicit kept_message(const ws_message& message)
        : type(message.type), data(copy_of(message.data)) {}
    kept_message(ws_message_type as, std::span<const std::uint8_t> of)
        : type(as), data(copy_of(of)) {}
    friend bool operator==(const kept_message&, const kept_message&) = default;
};

struct kept_close {
    std::string id;
    ws_close_code code;
    std::string reason;
};

struct kept_error {
    std::string id;
    std::error_code code;
};

/// Answers a message with the same.
inline void echo(const connection_ptr& to, const ws_message& message) {
    EXPECT_TRUE(
        is_ok(message.is_text() ? to->send_text(message.text()) : to->send_binary(message.data)));
}

/// A server that records what happens to it; echoes unless `on_message` is set.
class ws_test_server {
public:
    explicit ws_test_server(ws_server_config with = {}) : config(std::move(with)) {
        (void)server.set_connection_callback([this](const connection_ptr& connection) {
            connections.add(connection);
            if (on_connect) {
                on_connect(connection);
            }
        });
        (void)server.set_disconnection_callback(
            [this](const std::string& id, ws_close_code code, std::string_view reason) {
                if (on_disconnect) {
                    on_disconnect(id);
                }
                closed.add({id, code, std::string(reason)});
            });
        (void)server.set_message_callback(
            [this](const connection_ptr& from, const ws_message& message) {
                if (on_message) {
                    on_message(from, message);
                } else {
                    echo(from, message);
                }
                received.add();
            });
        (void)server.set_error_callback([this](const std::string& id, std::error_code code) {
            errors.add({id, code});
        });
        (void)server.set_writable_callback([this](const connection_ptr&) { writable.add(); });
    }

    std::uint16_t start() {
        EXPECT_TRUE(is_ok(server.start_server(config)));
        return server.local_port();
    }

    std::function<void(const connection_ptr&)> on_connect;
    std::function<void(const std::string&)> on_disconnect;
    std::function<void(const connection_ptr&, const ws_message&)> on_message;

    collector<connection_ptr> connections;
    collector<kept_close> closed;
    collector<kept_error> errors;
    event_counter received;
    event_counter writable;

    ws_server_config config;
    messaging_ws_server server{"test-server"};
};

/// A client that records what happens to it.
class ws_test_client {
public:
    explicit ws_test_client(ws_client_config with = {}) : config(std::move(with)) {
        if (config.host.empty()) {
            config.host = "127.0.0.1";
        }
        (void)client.set_connected_callback([this] {
            if (on_connect) {
                on_connect();
            }
            connected.add();
        });
        (void)client.set_disconnected_callback([this](ws_close_code code, std::string_view reason) {
            if (on_disconnect) {
                on_disconnect();
            }
            closed.add({{}, code, std::string(reason)});
        });
        (void)client.set_message_callback([this](const ws_message& message) {
            if (on_message) {
                on_message(message);
            }
            received.add(kept_message(message));
        });
        (void)client.set_error_callback([this](std::error_code code) { errors.add(code); });
        (void)client.set_writable_callback([this] { writable.add(); });
    }

    [[nodiscard]] VoidResult connect(std::uint16_t port) {
        config.port = port;
        return client.start_client(config);
    }

    /// Sends, and waits for one more message.
    [[nodiscard]] testing::AssertionResult exchange(const kept_message& message) {
        const std::size_t before = received.size();
        const auto sent = message.type == ws_message_type::text
                              ? client.send_text(text_of(message.data))
                              : client.send_binary(std::span<const std::uint8_t>(message.data));
        if (auto good = is_ok(sent); !good) {
            return good;
        }
        if (!received.wait_for(before + 1)) {
            return testing::AssertionFailure() << "no answer";
        }
        return received.at(before) == message ? testing::AssertionSuccess()
                                              : testing::AssertionFailure() << "another answer";
    }
    [[nodiscard]] testing::AssertionResult exchange(std::string_view text) {
        return exchange({ws_message_type::text, bytes_of(text)});
    }

    std::function<void()> on_connect;
    std::function<void()> on_disconnect;
    std::function<void(const ws_message&)> on_message;

    event_counter connected;
    collector<kept_close> closed;
    collector<kept_message> received;
    collector<std::error_code> errors;
    event_counter writable;

    ws_client_config config;
    messaging_ws_client client{"test-client"};
};

enum : std::uint8_t {
    op_continuation = 0,
    op_text = 1,
    op_binary = 2,
    op_close = 8,
    op_ping = 9,
    op_pong = 10,
};

struct wire_frame {
    unsigned opcode = 0;
    bool is_final = false;
    bytes payload;

    /// Of a close frame; 0 when it has none.
    [[nodiscard]] unsigned close_code() const {
        return payload.size() < 2 ? 0U : payload[0] * 256U + payload[1];
    }
};

/// A frame as it goes over the wire; `is_masked` as a client's has to be.
[[nodiscard]] inline bytes frame_bytes(unsigned opcode, std::span<const std::uint8_t> payload,
                                       bool is_final = true, bool is_masked = true) {
    const unsigned mask_bit = is_masked ? 0x80U : 0U;
    bytes frame{static_cast<std::uint8_t>((is_final ? 0x80U : 0U) | opcode)};
    const auto put = [&](std::size_t value, unsigned count) {
        for (unsigned i = count; i-- > 0;) {
            frame.push_back(static_cast<std::uint8_t>((value >> (8 * i)) & 0xFFU));
        }
    };
    if (payload.size() < 126) {
        put(mask_bit | payload.size(), 1);
    } else if (payload.size() < 65'536) {
        put(mask_bit | 126U, 1);
        put(payload.size(), 2);
    } else {
        put(mask_bit | 127U, 1);
        put(payload.size(), 8);
    }
    const std::uint8_t key[4] = {0x12, 0x34, 0x56, 0x78};
    if (is_masked) {
        frame.insert(frame.end(), std::begin(key), std::end(key));
    }
    for (std::size_t i = 0; i < payload.size(); ++i) {
        frame.push_back(static_cast<std::uint8_t>(payload[i] ^ (is_masked ? key[i % 4] : 0)));
    }
    return frame;
}

[[nodiscard]] inline bytes close_payload(unsigned code, std::string_view reason = {}) {
    bytes payload{static_cast<std::uint8_t>(code >> 8U), static_cast<std::uint8_t>(code & 0xFFU)};
    payload.insert(payload.end(), reason.begin(), reason.end());
    return payload;
}

/// A correct request to open a WebSocket, with more header fields if wanted ("A: b\r\n").
[[nodiscard]] inline std::string upgrade_request(std::string_view path = "/",
                                                 std::string_view fields = {}) {
    return "GET " + std::string(path) +
           " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
           std::string(fields) + "\r\n";
}

/// A socket that speaks HTTP and WebSocket byte by byte, as a client or (see `accept`) a server.
class ws_peer : public raw_peer {
public:
    explicit ws_peer(raw_peer&& connected) : raw_peer(std::move(connected)) {}
    [[nodiscard]] static ws_peer connect(std::uint16_t port, int receive_buffer = 0) {
        return ws_peer(raw_peer::connect(port, receive_buffer));
    }
    /// One whose WebSocket is open.
    [[nodiscard]] static ws_peer open(std::uint16_t port, std::string_view path = "/",
                                      std::string_view fields = {}) {
        ws_peer peer = connect(port);
        EXPECT_EQ(peer.ask(upgrade_request(path, fields)), 101U);
        return peer;
    }

    bool say(std::string_view text) const { return send(bytes_of(text)); }
    /// The status of the answer, 0 for none (or a request); see `head`.
    [[nodiscard]] unsigned ask(std::string_view request) {
        EXPECT_TRUE(say(request));
        return receive_head();
    }
    [[nodiscard]] unsigned receive_head() {
        head_.clear();
        while (!head_.ends_with("\r\n\r\n")) {
            const bytes next = receive(1);
            if (next.empty()) {
                return 0;
            }
            head_.push_back(static_cast<char>(next[0]));
        }
        return head_.starts_with("HTTP/1.1 ")
                   ? static_cast<unsigned>(std::stoul(head_.substr(9, 3)))
                   : 0U;
    }
    /// The value of a field of the head; names are compared as they are written here.
    [[nodiscard]] std::string field(const std::string& name) const {
        const auto at = head_.find("\r\n" + name + ": ");
        if (at == std::string::npos) {
            return {};
        }
        const auto begin = at + name.size() + 4;
        return head_.substr(begin, head_.find("\r\n", begin) - begin);
    }
    [[nodiscard]] const std::string& head() const { return head_; }
    /// The body of an answer that says how long it is.
    [[nodiscard]] std::string body() {
        return text_of(receive(static_cast<std::size_t>(std::stoul(field("Content-Length")))));
    }

    /// The server's side of a good handshake.
    void accept_websocket() {
        EXPECT_EQ(receive_head(), 0U);
        EXPECT_TRUE(say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
                        network_system::websocket::accept_value(field("Sec-WebSocket-Key")) +
                        "\r\n\r\n"));
    }

    bool send_frame(unsigned opcode, std::span<const std::uint8_t> payload = {},
                    bool is_final = true) const {
        return send(frame_bytes(opcode, payload, is_final));
    }
    [[nodiscard]] std::optional<wire_frame> receive_ws_frame() {
        const bytes start = receive(2);
        if (start.size() < 2) {
            return std::nullopt;
        }
        std::size_t size = start[1] & 0x7FU;
        if (size >= 126) {
            const bytes longer = receive(size == 126 ? 2 : 8);
            size = 0;
            for (const std::uint8_t each : longer) {
                size = size * 256 + each;
            }
        }
        const bytes key = (start[1] & 0x80U) != 0 ? receive(4) : bytes{0, 0, 0, 0};
        wire_frame frame{start[0] & 0x0FU, (start[0] & 0x80U) != 0, receive(size)};
        for (std::size_t i = 0; i < frame.payload.size(); ++i) {
            frame.payload[i] = static_cast<std::uint8_t>(frame.payload[i] ^ key[i % 4]);
        }
        return frame.payload.size() == size ? std::optional(std::move(frame)) : std::nullopt;
    }
    /// The code of the close frame that comes next; 0 when something else does.
    [[nodiscard]] unsigned receive_close() {
        const auto frame = receive_ws_frame();
        return frame && frame->opcode == op_close ? frame->close_code() : 0U;
    }

private:
    std::string head_;
};

}  // namespace ws

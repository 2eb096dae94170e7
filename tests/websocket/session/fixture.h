// A WebSocket over a scripted stream: the handshake as the peer sees it, and frames cut by hand.
#pragma once

#include "session/session_fixture.h"
#include "support/websocket_frames.h"
#include "websocket/session.h"

#include <network_system/internal/websocket_handshake.h>

#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::testing {

using session::websocket_session;

/// The first byte of a frame.
inline constexpr std::uint8_t text_frame = 0x81;
inline constexpr std::uint8_t binary_frame = 0x82;
inline constexpr std::uint8_t close_frame = 0x88;
inline constexpr std::uint8_t ping_frame = 0x89;
inline constexpr std::uint8_t pong_frame = 0x8A;

/// The request of RFC 6455 section 1.3.
inline constexpr std::string_view upgrade_request =
    "GET /chat?room=1 HTTP/1.1\r\n"
    "Host: server.example.com\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Origin: http://example.com\r\n"
    "Sec-WebSocket-Protocol: chat, superchat\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n";
inline constexpr std::string_view sample_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

inline std::string to_text(const byte_string& bytes) {
    return {bytes.begin(), bytes.end()};
}

/// Frames with short lengths and long ones; a rest that is no whole frame is a failure.
inline std::vector<wire_piece> parse_ws(const byte_string& bytes, bool is_masked,
                                        std::vector<byte_string>* keys = nullptr) {
    std::vector<wire_piece> pieces;
    std::size_t at = 0;
    while (at < bytes.size()) {
        std::size_t size = 2;
        std::size_t length = bytes.at(at + 1) % 128U;
        EXPECT_EQ(bytes.at(at + 1) >= 128, is_masked);
        const std::size_t extended = length == 126 ? 2U : length == 127 ? 8U : 0U;
        if (extended > 0) {
            length = 0;
        }
        for (std::size_t i = 0; i < extended; ++i) {
            length = length * 256 + bytes.at(at + size++);
        }
        const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at + size);
        const byte_string key = is_masked ? byte_string(begin, begin + 4) : byte_string(4);
        at += size + (is_masked ? 4U : 0U);
        if (at + length > bytes.size()) {
            ADD_FAILURE() << "the stream ends inside a frame";
            break;
        }
        wire_piece piece{bytes[at - size - (is_masked ? 4U : 0U)], 0, {}};
        for (std::size_t i = 0; i < length; ++i) {
            piece.payload.push_back(static_cast<std::uint8_t>(bytes[at + i] ^ key[i % 4]));
        }
        if (keys != nullptr) {
            keys->push_back(key);
        }
        pieces.push_back(std::move(piece));
        at += length;
    }
    return pieces;
}

class websocket_fixture : public session_fixture {
protected:
    websocket_fixture() { settings.asks.host = "server.example.com"; }

    void make_session() override {
        socket = std::make_shared<websocket_session>(
            over, host, *host, setup,
            std::make_shared<const session::websocket_settings>(settings));
        use(socket);
    }
    /// A server session that has been opened.
    void open_server() {
        start(connection_role::server);
        feed(text_bytes(upgrade_request));
        answer = to_text(script->take_written());
        ASSERT_EQ(host->opened, 1);
    }
    /// A client session that has been accepted.
    void open_client(std::string_view more = {}) {
        start(connection_role::client);
        feed(text_bytes(accept_response(to_text(script->take_written()), more)));
        ASSERT_EQ(host->opened, 1);
    }
    void open(connection_role role) {
        role == connection_role::server ? open_server() : open_client();
    }
    static std::string accept_response(const std::string& request, std::string_view more = {}) {
        constexpr std::string_view field = "Sec-WebSocket-Key: ";
        const std::size_t begin = request.find(field) + field.size();
        const std::string key = request.substr(begin, request.find('\r', begin) - begin);
        return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: " +
               websocket::accept_value(key) + "\r\n" + std::string(more) + "\r\n";
    }
    /// As the peer of the session's role sends it.
    byte_string frame(std::uint8_t first, const byte_string& payload = {}) const {
        return ws_frame(first, payload, {setup.role == connection_role::server, {}});
    }
    byte_string frame(std::uint8_t first, std::string_view payload) const {
        return frame(first, text_bytes(payload));
    }
    std::vector<wire_piece> sent_frames() {
        return parse_ws(script->take_written(), setup.role == connection_role::client, &keys);
    }
    void expect_sent(const std::vector<wire_piece>& frames) { EXPECT_EQ(sent_frames(), frames); }
    /// The close frame is the last word, and the stream is shut.
    void expect_failed_with(unsigned code, errc reason) {
        const auto said = sent_frames();
        ASSERT_FALSE(said.empty());
        ASSERT_EQ(said.back().type, close_frame);
        ASSERT_GE(said.back().payload.size(), 2U);
        EXPECT_EQ(said.back().payload[0] * 256U + said.back().payload[1], code);
        EXPECT_TRUE(script->was_shut_down);
        feed_end();
        expect_closed(reason);
    }

    session::websocket_settings settings;
    std::shared_ptr<websocket_session> socket;
    std::string answer;
    std::vector<byte_string> keys;
};

/// For what holds on both sides.
class websocket_both_sides : public websocket_fixture,
                             public ::testing::WithParamInterface<connection_role> {};

inline std::string role_name(const ::testing::TestParamInfo<connection_role>& info) {
    return info.param == connection_role::server ? "server" : "client";
}

}  // namespace network_system::testing

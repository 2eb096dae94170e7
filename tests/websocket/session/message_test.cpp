// Messages of a WebSocket session: what is sent, what arrives, and the limits on both.
#include "websocket/session/fixture.h"

#include <cstddef>
#include <initializer_list>
#include <set>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;
using sizes = std::initializer_list<std::size_t>;

class websocket_message : public websocket_both_sides {
protected:
    void echo() {
        host->when_message = [this](const session_ptr&, byte_span data) {
            const auto sent =
                host->kinds.back() == message_kind::text
                    ? socket->send_text({reinterpret_cast<const char*>(data.data()), data.size()})
                    : socket->send_binary(data);
            EXPECT_TRUE(sent.is_ok());
        };
    }
};

TEST_P(websocket_message, are_echoed_whatever_their_size) {
    for (const std::size_t size :
         sizes{0, 1, 125, 126, 127, 4000, 12'271, 12'288, 20'000, 65'535, 65'536, 200'000}) {
        make_parts();
        echo();
        open(GetParam());
        feed(concat({frame(binary_frame, pattern(size)), frame(text_frame, "x")}));
        expect_sent({{binary_frame, 0, pattern(size)}, {text_frame, 0, text_bytes("x")}});
        EXPECT_EQ(host->kinds,
                  (std::vector<message_kind>{message_kind::binary, message_kind::text}));
    }
}

TEST_P(websocket_message, arrive_in_any_pieces) {
    for (const std::size_t limit : sizes{1, 2, 3, 5, 8, 1000}) {
        make_parts();
        script->read_limit = limit;
        open(GetParam());
        feed(concat({frame(0x01, "frag"), frame(ping_frame, "p"), frame(0x00, ""),
                     frame(0x80, "ment"), frame(binary_frame, pattern(300))}));
        EXPECT_EQ(host->messages, (std::vector<byte_string>{text_bytes("fragment"), pattern(300)}));
        EXPECT_EQ(host->kinds,
                  (std::vector<message_kind>{message_kind::text, message_kind::binary}));
        expect_sent({{pong_frame, 0, text_bytes("p")}});
    }
}

TEST_P(websocket_message, are_read_into_their_place) {
    open(GetParam());
    script->read_limit = 6000;
    feed(frame(binary_frame, pattern(1'000'000)));
    EXPECT_EQ(host->messages, std::vector<byte_string>{pattern(1'000'000)});
}

TEST_P(websocket_message, every_way_to_send_makes_the_same_frame) {
    open(GetParam());
    for (const std::size_t size : sizes{0, 3, 3000, 20'000}) {
        loop.in_batch([&] {
            EXPECT_TRUE(socket->send_packet(byte_span(pattern(size))).is_ok());
            EXPECT_TRUE(socket->send_packet(byte_span(pattern(size)), record()).is_ok());
            EXPECT_TRUE(socket->send_binary(pattern(size)).is_ok());
            EXPECT_TRUE(socket->send_binary(pattern(size), record()).is_ok());
        });
        EXPECT_TRUE(socket->send_binary(byte_span(pattern(size))).is_ok());  // another thread
        EXPECT_TRUE(socket->send_binary(pattern(size)).is_ok());
        loop.run();
        expect_sent(std::vector<wire_piece>(6, {binary_frame, 0, pattern(size)}));
    }
    EXPECT_EQ(outcomes, std::vector(8, std::vector{0}));
}

TEST_P(websocket_message, a_client_masks_each_with_another_key) {
    open(GetParam());
    for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(socket->send_binary({1, 2, 3}).is_ok());
        EXPECT_TRUE(socket->send_ping({}).is_ok());
    }
    loop.run();
    EXPECT_EQ(sent_frames().size(), 100U);
    const std::set<byte_string> different(keys.begin(), keys.end());
    EXPECT_EQ(different.size(), GetParam() == connection_role::client ? 100U : 1U);
}

TEST_P(websocket_message, the_limit_holds_both_ways) {
    config.max_message_size = 1000;
    open(GetParam());
    EXPECT_EQ(send(pattern(1000)), 0);
    EXPECT_EQ(send(pattern(1001)), static_cast<int>(errc::message_too_large));
    feed(frame(binary_frame, pattern(1000)));
    feed(ws_header(binary_frame, 1001, {GetParam() == connection_role::server, {}}));
    expect_failed_with(1009, errc::message_too_large);
    EXPECT_EQ(host->messages.size(), 1U);
}

TEST_P(websocket_message, backpressure_is_that_of_all_sessions) {
    config.high_watermark = 1000;
    config.low_watermark = 100;
    script->write_budget = unlimited;
    open(GetParam());
    script->write_budget = 0;
    EXPECT_EQ(send_in_batch(pattern(900)), 0);
    EXPECT_EQ(send_in_batch(pattern(900)), static_cast<int>(errc::send_buffer_full));
    EXPECT_EQ(session->metrics().sends_rejected, 1U);
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(host->writable, 1);
    expect_sent({{binary_frame, 0, pattern(900)}});
}

TEST_P(websocket_message, newer_ones_take_the_place_of_older_ones) {
    config.policy = send_policy::conflate;
    open(GetParam());
    script->write_budget = 0;
    loop.in_batch([&] { EXPECT_EQ(send(pattern(70'000)), 0); });
    const auto conflate = [&](std::uint8_t value) {
        loop.in_batch([&] {
            EXPECT_TRUE(session->send_conflated("key", byte_span(&value, 1), record()).is_ok());
        });
    };
    conflate(1);
    conflate(2);
    script->write_budget = unlimited;
    loop.run();
    expect_sent({{binary_frame, 0, pattern(70'000)}, {binary_frame, 0, {2}}});
    EXPECT_EQ(session->metrics().messages_dropped, 1U);
}

TEST_P(websocket_message, a_flood_pauses_reading) {
    config.max_messages_per_second = 2;
    open(GetParam());
    feed(concat({frame(binary_frame, "1"), frame(binary_frame, "2"), frame(binary_frame, "3"),
                 frame(binary_frame, "4")}));
    EXPECT_EQ(host->messages.size(), 4U);
    feed(frame(binary_frame, "5"));
    EXPECT_EQ(host->messages.size(), 4U);
    loop.advance(milliseconds{2000});
    EXPECT_EQ(host->messages.size(), 5U);
    EXPECT_GT(session->metrics().rate_pauses, 0U);
}

TEST_P(websocket_message, a_paused_session_reads_nothing) {
    open(GetParam());
    ASSERT_TRUE(session->pause_receiving().is_ok());
    loop.run();
    feed(frame(text_frame, "late"));
    EXPECT_TRUE(host->messages.empty());
    ASSERT_TRUE(session->resume_receiving().is_ok());
    loop.run();
    EXPECT_EQ(host->messages.size(), 1U);
}

using websocket_broadcast = websocket_fixture;

TEST_F(websocket_broadcast, a_shared_frame_goes_to_many) {
    open_server();
    auto shared = std::make_shared<const byte_string>(ws_frame(text_frame, "all", {false, {}}));
    EXPECT_EQ(offer(shared, 3), 0);
    loop.run();
    expect_sent({{text_frame, 0, text_bytes("all")}});
}

TEST_P(websocket_message, there_are_no_requests) {
    open(GetParam());
    const auto asked =
        session->request(std::string_view("?"), milliseconds{1}, [](const Result<byte_span>&) {});
    EXPECT_EQ(code_of(asked), static_cast<int>(errc::not_supported));
}

TEST_P(websocket_message, are_counted) {
    open(GetParam());
    feed(concat({frame(text_frame, "a"), frame(0x02, "b"), frame(0x80, "c"), frame(ping_frame)}));
    EXPECT_EQ(send_in_batch(pattern(5)), 0);
    const auto sums = session->metrics();
    EXPECT_EQ(sums.messages_received, 2U);
    EXPECT_EQ(sums.messages_sent, 1U);
    EXPECT_EQ(sums.messages_dropped, 0U);
}

INSTANTIATE_TEST_SUITE_P(roles, websocket_message,
                         ::testing::Values(connection_role::server, connection_role::client),
                         role_name);

}  // namespace
}  // namespace network_system::session

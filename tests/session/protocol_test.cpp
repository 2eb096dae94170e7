// What a session says and answers on the wire, frame by frame.
#include "session_fixture.h"
#include "transport/stream_transport_impl.h"

namespace network_system::inline v0_1::transport {

template class stream_transport<network_system::testing::scripted_stream>;

}  // namespace network_system::transport

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class session_protocol : public session_fixture {};

TEST_F(session_protocol, a_server_says_hello_first) {
    config.max_message_size = 0x01020304;
    start(connection_role::server);
    // Version 1, the limit, no pipeline, and that it knows what draining is.
    EXPECT_EQ(script->written,
              wire_frame(4, 0, concat({{0, 1, 1, 2, 3, 4}, byte_string(8, 0), {0, 0, 0, 1}})));
    EXPECT_EQ(host->opened, 1);
}

TEST_F(session_protocol, a_client_opens_with_the_hello) {
    start(connection_role::client);
    EXPECT_EQ(host->opened, 0);
    EXPECT_TRUE(script->written.empty());
    feed(hello_frame());
    EXPECT_EQ(host->opened, 1);
    EXPECT_TRUE(script->written.empty());
    feed(wire_data(pattern(3)));
    EXPECT_EQ(host->messages, std::vector<byte_string>{pattern(3)});
}

TEST_F(session_protocol, hello_and_data_in_one_read) {
    start(connection_role::client);
    feed(concat({hello_frame(), wire_data(pattern(3)), wire_data({})}));
    EXPECT_EQ(host->messages, (std::vector<byte_string>{pattern(3), {}}));
}

TEST_F(session_protocol, a_longer_hello_is_a_later_version_of_the_same) {
    start(connection_role::client);
    byte_string payload = concat({big_endian(1, 2), big_endian(500, 4), big_endian(0, 8)});
    payload += pattern(30);
    feed(wire_frame(4, 0, payload));
    EXPECT_EQ(host->opened, 1);
    EXPECT_EQ(code_of(session->send_packet(pattern(501))),
              static_cast<int>(errc::message_too_large));
}

TEST_F(session_protocol, the_lower_of_both_limits_holds) {
    config.max_message_size = 1000;
    start(connection_role::client);
    feed(hello_frame(5000));
    const auto too_large = session->send_packet(pattern(1001));
    EXPECT_EQ(code_of(too_large), static_cast<int>(errc::message_too_large));
    EXPECT_NE(too_large.error().message.find("192.0.2.1:80"), std::string::npos);
    loop.in_batch([this] { EXPECT_TRUE(session->send_packet(pattern(1000))); });
    EXPECT_EQ(written().size(), 1U);
}

TEST_F(session_protocol, broken_hellos) {
    const std::vector<std::pair<byte_string, errc>> rows{
        {hello_frame(100, 0), errc::protocol_error},
        {hello_frame(100, 2), errc::protocol_error},
        {hello_frame(100, 1, 7), errc::pipeline_mismatch},
        {wire_frame(4, 0, {}), errc::protocol_error},
        {wire_frame(4, 0, pattern(13)), errc::protocol_error},
    };
    for (const auto& [bytes, code] : rows) {
        make_parts();
        start(connection_role::client);
        feed(concat({bytes, wire_data(pattern(3))}));
        EXPECT_EQ(host->opened, 0);
        expect_violation(code);
        EXPECT_TRUE(host->messages.empty());
    }
}

TEST_F(session_protocol, anything_before_the_hello_is_a_violation) {
    for (const byte_string& early :
         {wire_data(pattern(3)), wire_frame(1, 0, pattern(8)), wire_frame(2, 0, pattern(8)),
          wire_frame(6, 0, pattern(8)), wire_frame(7, 0, {}), wire_frame(8, 0, {})}) {
        make_parts();
        start(connection_role::client);
        feed(early);
        EXPECT_TRUE(host->messages.empty());
        EXPECT_EQ(host->opened, 0);
        expect_violation(errc::protocol_error);
    }
}

TEST_F(session_protocol, a_full_server_says_goodbye_instead) {
    start(connection_role::client);
    feed(goodbye_frame(-663));
    feed_end();
    expect_closed(errc::server_full);
    EXPECT_EQ(host->opened, 0);
}

TEST_F(session_protocol, the_hello_has_a_deadline) {
    setup.handshake_deadline = loop.now() + milliseconds{500};
    start(connection_role::client);
    loop.advance(milliseconds{499});
    EXPECT_EQ(host->closed, 0);
    loop.advance(milliseconds{3});
    expect_closed(errc::connection_timeout);

    make_parts();
    setup.handshake_deadline = loop.now() + milliseconds{500};
    start(connection_role::client);
    loop.advance(milliseconds{499});
    feed(hello_frame());
    loop.advance(milliseconds{10'000});
    EXPECT_EQ(host->closed, 0);
    EXPECT_EQ(host->opened, 1);
}

TEST_F(session_protocol, unexpected_hellos) {
    start_server();
    feed(hello_frame());
    expect_violation(errc::protocol_error);

    make_parts();
    start_client();
    feed(hello_frame());
    expect_violation(errc::protocol_error);
}

TEST_F(session_protocol, malformed_frames) {
    std::vector<std::pair<byte_string, errc>> rows{
        {{0xA0, 0, 0, 0, 0}, errc::protocol_error},
        {{0x91, 0, 0, 0, 0}, errc::protocol_error},
        {wire_frame(9, 0, pattern(2000)), errc::protocol_error},
        {wire_frame(4, 0, pattern(3)), errc::protocol_error},
        {wire_frame(4, 0, {0, 0, 0, 1, 7, 0, 2, 9}), errc::protocol_error},
        {{0xF0, 0, 0, 0, 0}, errc::protocol_error},
        {{0x08, 0, 0, 0, 0}, errc::protocol_error},
        {{0x11, 0, 0, 0, 8}, errc::protocol_error},
        {wire_frame(1, 0, pattern(2000)), errc::protocol_error},
        {wire_frame(3, 0, pattern(3)), errc::protocol_error},
        {wire_frame(3, 0, {}), errc::protocol_error},
        {goodbye_frame(5), errc::protocol_error},
        {goodbye_frame(-5000), errc::protocol_error},
        {wire_frame(7, 0, pattern(3)), errc::protocol_error},
        {wire_frame(8, 0, pattern(3)), errc::protocol_error},
        {wire_frame(0, 1, pattern(9)), errc::pipeline_mismatch},
        {wire_frame(0, 2, pattern(9)), errc::pipeline_mismatch},
        {wire_frame(0, 4, pattern(7)), errc::protocol_error},
        // Nothing was said about messages with ids, of either side.
        {wire_frame(0, 4, pattern(9)), errc::protocol_error},
        {wire_frame(6, 0, pattern(8)), errc::protocol_error},
        {{0x00, 0xFF, 0xFF, 0xFF, 0xFF}, errc::message_too_large},
    };
    for (const unsigned type : {1U, 2U, 6U}) {
        for (const std::size_t size : {0U, 7U, 9U, 1024U}) {
            rows.emplace_back(wire_frame(type, 0, pattern(size)), errc::protocol_error);
        }
    }
    for (const auto& [bytes, code] : rows) {
        SCOPED_TRACE(::testing::PrintToString(byte_string(bytes.begin(), bytes.begin() + 5)));
        make_parts();
        start_server();
        // In pieces, and with more behind it that must not be looked at.
        script->read_limit = 3;
        feed(concat({wire_data(pattern(2)), bytes, wire_data(pattern(4))}));
        EXPECT_EQ(host->messages, std::vector<byte_string>{pattern(2)});
        expect_violation(code);
        EXPECT_GT(host->totals.bytes_discarded, 0U);
    }
}

TEST_F(session_protocol, the_message_limit_is_exact) {
    config.max_message_size = 100;
    start_server();
    feed(wire_data(pattern(100)));
    EXPECT_EQ(host->messages.size(), 1U);
    feed(wire_data(pattern(101)));
    expect_violation(errc::message_too_large);
}

TEST_F(session_protocol, pings_are_answered_in_order) {
    start_server();
    feed(concat(
        {wire_frame(1, 0, pattern(8, 1)), wire_data(pattern(2)), wire_frame(1, 0, pattern(8, 2))}));
    EXPECT_EQ(written(), (std::vector<wire_piece>{{2, 0, pattern(8, 1)}, {2, 0, pattern(8, 2)}}));
}

TEST_F(session_protocol, a_late_pong_does_no_harm) {
    start_server();
    feed(wire_frame(2, 0, pattern(8)));
    EXPECT_FALSE(session->is_stopped());
}

TEST_F(session_protocol, a_goodbye_is_a_clean_end) {
    start_server();
    feed(concat({wire_data(pattern(2)), goodbye_frame(), wire_data(pattern(3))}));
    EXPECT_TRUE(script->was_shut_down);
    EXPECT_TRUE(script->written.empty()) << "nobody listens any more";
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->messages.size(), 1U);
    EXPECT_EQ(host->totals.bytes_discarded, 8U);
}

TEST_F(session_protocol, a_goodbye_carries_its_reason) {
    start_client();
    feed(goodbye_frame(-621));
    feed_end();
    expect_closed(errc::session_expired);
}

TEST_F(session_protocol, a_goodbye_drops_what_was_queued_and_counts_it) {
    start_server();
    script->write_budget = 12;
    loop.in_batch([this] {
        EXPECT_TRUE(session->send_packet(pattern(5), record()));
        EXPECT_TRUE(session->send_packet(pattern(5), record()));
        EXPECT_TRUE(session->send_packet(pattern(50'000), record()));
    });
    loop.run();
    EXPECT_EQ(outcomes[0], std::vector<int>{0});
    feed(goodbye_frame());
    EXPECT_TRUE(script->was_shut_down) << "nothing is left to wait for";
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->totals.messages_sent, 1U);
    EXPECT_EQ(host->totals.messages_dropped, 2U);
    const int closed = static_cast<int>(errc::connection_closed);
    EXPECT_EQ(outcomes, (std::vector<std::vector<int>>{{0}, {closed}, {closed}}));
}

TEST_F(session_protocol, an_error_frame_closes_with_its_code) {
    const std::vector<std::pair<byte_string, errc>> rows{
        {concat({reason_bytes(-642), text_bytes("too\nlarge")}), errc::message_too_large},
        {reason_bytes(0), errc::protocol_error},
        {reason_bytes(77), errc::protocol_error},
        {{1, 2}, errc::protocol_error},
    };
    for (const auto& [payload, code] : rows) {
        make_parts();
        start_client();
        feed(wire_frame(5, 0, payload));
        EXPECT_EQ(written(),
                  (std::vector<wire_piece>{{3, 0, reason_bytes(static_cast<int>(code))}}));
        feed_end();
        expect_closed(code);
    }
}

TEST_F(session_protocol, an_end_without_a_goodbye_says_so) {
    start_server();
    feed(wire_data(pattern(2)));
    feed_end();
    expect_closed(errc::connection_closed);
}

TEST_F(session_protocol, an_end_inside_a_frame_is_a_truncation) {
    const byte_string frame = wire_data(pattern(3));
    for (std::size_t cut = 1; cut < frame.size(); ++cut) {
        make_parts();
        start_server();
        feed(byte_string(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(cut)));
        feed_end();
        expect_closed(errc::connection_truncated);
    }
}

TEST_F(session_protocol, stopping_says_goodbye_after_what_was_queued) {
    start_server();
    loop.in_batch([this] {
        EXPECT_TRUE(session->send_packet(pattern(3), record()));
        EXPECT_TRUE(session->stop_session());
        EXPECT_TRUE(session->stop_session());
    });
    EXPECT_EQ(written(), (std::vector<wire_piece>{{0, 0, pattern(3)}, {3, 0, reason_bytes(0)}}));
    EXPECT_TRUE(script->was_shut_down);
    feed_end();
    expect_closed({});
    EXPECT_EQ(outcomes, std::vector<std::vector<int>>{{0}});
}

TEST_F(session_protocol, a_peer_that_never_ends_is_cut_off_at_the_drain_deadline) {
    start_server();
    loop.in_batch([this] { EXPECT_TRUE(session->stop_session()); });
    loop.advance(milliseconds{999});
    EXPECT_EQ(host->closed, 0);
    loop.advance(milliseconds{3});
    expect_closed(errc::connection_timeout);
}

TEST_F(session_protocol, other_framings_have_no_control_frames) {
    for (const framing frames : {framing::length_prefixed, framing::raw}) {
        for (const connection_role role : {connection_role::server, connection_role::client}) {
            make_parts();
            config.frames = frames;
            start(role);
            EXPECT_EQ(host->opened, 1) << "no hello to wait for";
            EXPECT_TRUE(script->written.empty());
            EXPECT_EQ(code_of(session->ping([](Result<std::chrono::microseconds>) { FAIL(); })),
                      static_cast<int>(errc::not_supported));
            const byte_string sent =
                frames == framing::raw ? pattern(5) : concat({big_endian(5, 4), pattern(5)});
            feed(sent);
            EXPECT_EQ(host->messages, std::vector<byte_string>{pattern(5)});
            loop.in_batch([this] { EXPECT_TRUE(session->send_packet(pattern(5))); });
            EXPECT_EQ(script->take_written(), sent);
            feed_end();
            EXPECT_TRUE(script->written.empty()) << "no goodbye";
            expect_closed({});
        }
    }
}

TEST_F(session_protocol, a_truncated_length_prefixed_stream) {
    config.frames = framing::length_prefixed;
    start(connection_role::server);
    feed({0, 0, 0, 9, 1});
    feed_end();
    expect_closed(errc::connection_truncated);
}

TEST_F(session_protocol, a_length_prefix_over_the_limit_ends_without_a_word) {
    config.frames = framing::length_prefixed;
    start(connection_role::server);
    feed({0xFF, 0, 0, 0});
    EXPECT_TRUE(script->written.empty());
    feed_end();
    expect_closed(errc::message_too_large);
}

}  // namespace
}  // namespace network_system::session

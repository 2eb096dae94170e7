// Peers that break the protocol, stall or vanish: each gets its error, and nobody else notices.
#include "support/loopback.h"

#include <algorithm>
#include <atomic>
#include <ostream>

namespace loopback {
namespace {

constexpr std::size_t size_limit = 1000;

[[nodiscard]] bytes text_frame(std::string_view text) {
    return {text.begin(), text.end()};
}

[[nodiscard]] bytes reason(int value, std::size_t size = 4) {
    bytes payload;
    put_length(payload, static_cast<std::uint32_t>(value));
    payload.resize(size);
    return payload;
}

/// What a peer says after the hello, and what the server makes of it.
struct bad_words {
    const char* name;
    bytes words;
    errc error;

    friend void PrintTo(const bad_words& bad, std::ostream* out) { *out << bad.name; }
};

[[nodiscard]] std::vector<bad_words> all_bad_words() {
    const errc broken = errc::protocol_error;
    return {
        {"UnknownType", frame_of(10, pattern(3)), broken},
        {"LastUnknownType", frame_of(15, {}), broken},
        {"ReservedRequest", frame_of(7, pattern(3)), broken},
        {"ReservedResponse", frame_of(8, {}), broken},
        {"ExtensionFlag", frame_of(type_data, pattern(3), 8), broken},
        {"Compressed", frame_of(type_data, pattern(3), 1), errc::pipeline_mismatch},
        {"Encrypted", frame_of(type_data, pattern(3), 2), errc::pipeline_mismatch},
        {"FlagOnPing", frame_of(type_ping, pattern(8), 1), broken},
        {"FlagOnGoodbye", frame_of(type_goodbye, reason(0), 4), broken},
        {"ShortMessageId", frame_of(type_data, pattern(7), 4), broken},
        {"ShortPing", frame_of(type_ping, pattern(7)), broken},
        {"LongPong", frame_of(type_pong, pattern(9)), broken},
        {"EmptyAcknowledgement", frame_of(type_acknowledgement, {}), broken},
        {"HelloToAServer", hello_frame(), broken},
        {"ShortGoodbye", frame_of(type_goodbye, reason(0, 3)), broken},
        {"GoodbyeOfNoReason", frame_of(type_goodbye, reason(17)), broken},
        {"EmptyError", frame_of(type_error, {}), broken},
        {"Error", frame_of(type_error, reason(-641)), errc::receive_failed},
        {"LongControlFrame", header_of(type_error, 0, 1025), broken},
        {"MessageTooLarge", header_of(type_data, 0, size_limit + 1), errc::message_too_large},
        {"LargestLength", header_of(type_data, 0, 0xFFFFFFFF), errc::message_too_large},
        {"WithIdTooLarge", header_of(type_data, 4, size_limit + 9), errc::message_too_large},
        {"Http", text_frame("GET / HTTP/1.1\r\n\r\n"), broken},
        {"TlsClientHello", {0x16, 0x03, 0x01, 0x02, 0x00, 0x01}, broken},
    };
}

class bad_words_test : public testing::TestWithParam<std::tuple<bad_words, readiness>> {};

TEST_P(bad_words_test, close_their_connection_only) {
    const auto& [bad, method] = GetParam();
    server_options options;
    options.readiness_method = method;
    options.session.max_message_size = size_limit;
    test_server server(options);
    const auto port = server.start();
    test_client well;
    ASSERT_TRUE(is_ok(well.connect(port)));
    raw_peer peer = raw_peer::connect(port);
    ASSERT_TRUE(peer.receive_frame_of(type_hello));
    ASSERT_TRUE(peer.send(frame_of(type_data, pattern(size_limit))));
    ASSERT_TRUE(peer.receive_frame_of(type_data)) << "well until now";
    ASSERT_TRUE(peer.send(bad.words));
    const auto goodbye = peer.receive_frame_of(type_goodbye);
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(reason_of(goodbye->payload), static_cast<int>(bad.error)) << "the peer is told";
    EXPECT_EQ(peer.drain(), stream_end::orderly);
    peer.close();
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_EQ(server.errors.size(), 1U);
    EXPECT_TRUE(server.errors.at(0).has_session);
    EXPECT_EQ(server.errors.at(0).code, make_error_code(bad.error));
    EXPECT_TRUE(eventually([&] { return server.server.metrics().session_errors == 1; }));
    EXPECT_TRUE(well.exchange("others are served"));
    EXPECT_EQ(well.errors.size(), 0U);
}

/// The same words from a server.
TEST_P(bad_words_test, end_a_clients_connection) {
    const auto& [bad, method] = GetParam();
    const raw_listener listener;
    client_options options;
    options.readiness_method = method;
    options.session.max_message_size = size_limit;
    test_client client(options);
    std::thread server([&, words = bad.words] {
        raw_peer peer = listener.accept();
        (void)peer.send(hello_frame());
        // Once connected, it says so; only then it is bad words, before that a failed start.
        (void)peer.receive_frame_of(type_data);
        (void)peer.send(words);
        (void)peer.drain();
    });
    ASSERT_TRUE(is_ok(client.connect(listener.port())));
    ASSERT_TRUE(is_ok(client.client.send_packet("ready")));
    ASSERT_TRUE(client.disconnected.wait_for(1));
    server.join();
    ASSERT_EQ(client.errors.size(), 1U);
    EXPECT_EQ(client.errors.at(0), make_error_code(bad.error));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_FALSE(client.client.is_connected());
}

INSTANTIATE_TEST_SUITE_P(words, bad_words_test,
                         testing::Combine(testing::ValuesIn(all_bad_words()), both_methods()),
                         [](const auto& chosen) {
                             return std::string(std::get<0>(chosen.param).name) + "_" +
                                    readiness_name(std::get<1>(chosen.param));
                         });

class bad_peer_test : public BothReadiness {
protected:
    struct greeted {
        explicit greeted(test_server& server)
            : peer(raw_peer::connect(server.server.local_port())) {
            EXPECT_TRUE(peer.receive_frame_of(type_hello));
        }
        raw_peer peer;
    };
    /// One session failed with the error, and others are served.
    static void expect_one_failure(test_server& server, errc error) {
        ASSERT_TRUE(server.closed.wait_for(1));
        ASSERT_EQ(server.errors.size(), 1U);
        EXPECT_EQ(server.errors.at(0).code, make_error_code(error));
        test_client well(for_client());
        ASSERT_TRUE(is_ok(well.connect(server.server.local_port())));
        EXPECT_TRUE(well.exchange("served"));
    }
};
INSTANTIATE_TEST_SUITE_P(method, bad_peer_test, both_methods(), method_of);

TEST_P(bad_peer_test, a_truncated_frame_is_an_error) {
    const bytes whole = frame_of(type_data, pattern(100));
    for (const std::size_t cut : {1U, 4U, 5U, 104U}) {
        test_server server(for_server());
        (void)server.start();
        greeted bad(server);
        ASSERT_TRUE(bad.peer.send(std::span(whole).first(cut)));
        bad.peer.half_close();
        EXPECT_EQ(bad.peer.drain(), stream_end::orderly);
        bad.peer.close();
        ASSERT_NO_FATAL_FAILURE(expect_one_failure(server, errc::connection_truncated)) << cut;
        EXPECT_EQ(server.received.count(), 1U) << "the other's only";
    }
}

TEST_P(bad_peer_test, an_end_without_a_goodbye_is_an_error) {
    test_server server(for_server());
    (void)server.start();
    greeted bad(server);
    ASSERT_TRUE(bad.peer.send(frame_of(type_data, pattern(100))));
    ASSERT_TRUE(bad.peer.receive_frame_of(type_data));
    bad.peer.half_close();
    bad.peer.close();
    ASSERT_NO_FATAL_FAILURE(expect_one_failure(server, errc::connection_closed));
}

TEST_P(bad_peer_test, a_half_closed_peer_still_gets_its_answers) {
    test_server server(for_server());
    (void)server.start();
    greeted bad(server);
    const bytes large = pattern(1'000'000);
    ASSERT_TRUE(bad.peer.send(frame_of(type_data, large)));
    bad.peer.half_close();
    const auto answer = bad.peer.receive_frame_of(type_data);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->payload, large);
    EXPECT_EQ(bad.peer.drain(), stream_end::orderly);
    bad.peer.close();
    ASSERT_NO_FATAL_FAILURE(expect_one_failure(server, errc::connection_closed));
}

TEST_P(bad_peer_test, a_goodbye_is_no_error) {
    test_server server(for_server());
    (void)server.start();
    greeted good(server);
    ASSERT_TRUE(good.peer.send(frame_of(type_goodbye, reason(0))));
    good.peer.half_close();
    EXPECT_EQ(good.peer.drain(), stream_end::orderly);
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST_P(bad_peer_test, a_reset_in_the_middle_of_a_frame) {
    test_server server(for_server());
    (void)server.start();
    greeted bad(server);
    const bytes whole = frame_of(type_data, pattern(100'000));
    ASSERT_TRUE(bad.peer.send(std::span(whole).first(50'000)));
    // Read already: the reset must not overtake what makes it a reset in the middle.
    ASSERT_TRUE(
        eventually([&] { return server.sessions.at(0)->metrics().bytes_received == 50'000; }));
    bad.peer.reset();
    ASSERT_NO_FATAL_FAILURE(expect_one_failure(server, errc::connection_closed));
}

TEST_P(bad_peer_test, a_silent_peer_expires) {
    server_options options = for_server();
    options.session.idle_timeout = 50ms;
    options.session.ping_interval = 0ms;
    test_server server(options);
    (void)server.start();
    greeted bad(server);
    const auto goodbye = bad.peer.receive_frame_of(type_goodbye);
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(reason_of(goodbye->payload), static_cast<int>(errc::session_expired));
    EXPECT_EQ(bad.peer.drain(), stream_end::orderly);
    bad.peer.close();
    ASSERT_NO_FATAL_FAILURE(expect_one_failure(server, errc::session_expired));
}

TEST_P(bad_peer_test, a_peer_that_answers_no_ping_times_out) {
    server_options options = for_server();
    options.session.ping_interval = 20ms;
    options.session.max_missed_pings = 2;
    test_server server(options);
    (void)server.start();
    greeted bad(server);
    ASSERT_TRUE(bad.peer.receive_frame_of(type_ping));
    ASSERT_TRUE(bad.peer.receive_frame_of(type_ping)) << "a second chance";
    EXPECT_NE(bad.peer.drain(), stream_end::none);
    ASSERT_NO_FATAL_FAILURE(expect_one_failure(server, errc::connection_timeout));
}

TEST_P(bad_peer_test, a_ping_flood_that_is_not_read_costs_little) {
    constexpr std::size_t high = 32 * 1024;
    constexpr std::size_t allowance = 64 * 1024;
    server_options options = for_server();
    options.session.high_watermark = high;
    options.session.low_watermark = 1024;
    options.socket.send_buffer_size = 4096;
    options.drain_timeout = 50ms;
    test_server server(options);
    raw_peer bad = raw_peer::connect(server.start(), 4096);
    ASSERT_TRUE(server.sessions.wait_for(1));
    const auto session = server.sessions.at(0);
    bytes pings;
    for (int i = 0; i < 1000; ++i) {
        const bytes one = frame_of(type_ping, pattern(8));
        pings.insert(pings.end(), one.begin(), one.end());
    }
    std::size_t most = 0;
    for (int i = 0; i < 2000 && bad.send(pings); ++i) {
        most = std::max(most, session->queued_bytes());
    }
    // One answer may cross the line; the goodbye follows it.
    EXPECT_LE(most, high + allowance + 64);
    ASSERT_NO_FATAL_FAILURE(expect_one_failure(server, errc::send_buffer_full));
}

TEST_P(bad_peer_test, a_slow_peer_is_served_while_others_are) {
    test_server server(for_server());
    (void)server.start();
    greeted slow(server);
    slow.peer.set(IPPROTO_TCP, TCP_NODELAY, 1);
    test_client well(for_client());
    ASSERT_TRUE(is_ok(well.connect(server.server.local_port())));
    const bytes frame = frame_of(type_data, pattern(60));
    for (const std::uint8_t& each : frame) {
        ASSERT_TRUE(slow.peer.send(std::span(&each, 1)));
        ASSERT_TRUE(well.exchange("between two bytes"));
    }
    const auto answer = slow.peer.receive_frame();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->payload, pattern(60));
}

TEST_P(bad_peer_test, a_repeated_hello_ends_a_clients_connection) {
    const raw_listener listener;
    test_client client(for_client());
    std::thread server([&] {
        raw_peer peer = listener.accept();
        (void)peer.send(hello_frame());
        (void)peer.send(hello_frame());
        (void)peer.drain();
    });
    (void)client.connect(listener.port());
    server.join();
    ASSERT_TRUE(client.disconnected.wait_for(1));
    ASSERT_EQ(client.errors.size(), 1U);
    EXPECT_EQ(client.errors.at(0), make_error_code(errc::protocol_error));
}

TEST_P(bad_peer_test, many_bad_peers_at_once_do_not_disturb_one) {
    test_server server(for_server());
    const auto port = server.start();
    test_client well(for_client());
    ASSERT_TRUE(is_ok(well.connect(port)));
    const auto words = all_bad_words();
    std::vector<std::thread> crowd;
    const std::size_t rounds = scaled(40);
    for (std::size_t t = 0; t < 3; ++t) {
        crowd.emplace_back([&, t] {
            for (std::size_t i = 0; i < rounds; ++i) {
                raw_peer peer = raw_peer::connect(port);
                (void)peer.send(words[(i * 3 + t) % words.size()].words);
                if (i % 3 == 0) {
                    peer.reset();
                } else {
                    peer.half_close();
                    (void)peer.drain();
                }
            }
        });
    }
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(well.exchange(pattern(100, static_cast<std::uint32_t>(i))));
    }
    for (auto& each : crowd) {
        each.join();
    }
    EXPECT_TRUE(well.exchange("still here"));
    EXPECT_TRUE(eventually([&] { return server.server.connection_count() == 1; }));
}

}  // namespace
}  // namespace loopback

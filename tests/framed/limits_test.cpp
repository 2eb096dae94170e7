// Too many connections, too few descriptors: refused with a word, and served again later.
#include "support/loopback.h"
#include "support/no_descriptors.h"

#include <atomic>

namespace loopback {
namespace {

using network_system::testing::no_descriptors;

class limits_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, limits_test, both_methods(), method_of);

[[nodiscard]] int first_word(raw_peer& peer) {
    const auto frame = peer.receive_frame();
    EXPECT_TRUE(frame);
    if (!frame) {
        return -1;
    }
    if (frame->type == type_goodbye) {
        EXPECT_EQ(reason_of(frame->payload), static_cast<int>(errc::server_full));
        EXPECT_EQ(peer.drain(), stream_end::orderly) << "told, and closed";
    }
    return static_cast<int>(frame->type);
}

TEST_P(limits_test, a_crowd_gets_exactly_the_room_there_is) {
    for (const std::size_t threads : {1U, 3U}) {
        server_options options = for_server();
        options.max_connections = 10;
        options.io_threads = threads;
        test_server server(options);
        const auto port = server.start();
        std::vector<raw_peer> crowd;
        for (int i = 0; i < 40; ++i) {
            crowd.push_back(raw_peer::connect(port));
        }
        std::vector<raw_peer> inside;
        for (auto& peer : crowd) {
            if (first_word(peer) == type_hello) {
                inside.push_back(std::move(peer));
            }
        }
        EXPECT_EQ(inside.size(), 10U);
        EXPECT_EQ(server.server.metrics().connections_refused, 30U);
        EXPECT_EQ(server.server.metrics().connections_accepted, 40U);
        EXPECT_EQ(server.sessions.size(), 10U) << "the refused run no callback";
        EXPECT_EQ(server.errors.size(), 0U);
        // Everyone who leaves makes room for one.
        inside.erase(inside.begin(), inside.begin() + 4);
        ASSERT_TRUE(eventually([&] { return server.server.connection_count() == 6; }));
        for (int i = 0; i < 5; ++i) {
            raw_peer next = raw_peer::connect(port);
            EXPECT_EQ(first_word(next), i < 4 ? type_hello : type_goodbye);
            inside.push_back(std::move(next));
        }
    }
}

TEST_P(limits_test, a_client_is_told_that_the_server_is_full) {
    server_options options = for_server();
    options.max_connections_per_address = 1;
    test_server server(options);
    const auto port = server.start();
    test_client first(for_client());
    ASSERT_TRUE(is_ok(first.connect(port)));
    test_client second(for_client());
    for (int i = 0; i < 3; ++i) {
        const auto result = second.connect(port);
        ASSERT_TRUE(fails_with(result, errc::server_full));
        EXPECT_NE(result.error().message.find(std::to_string(port)), std::string::npos);
    }
    EXPECT_EQ(second.client.metrics().connect_failures, 3U);
    EXPECT_EQ(second.disconnected.count(), 0U);
    EXPECT_TRUE(is_ok(first.client.stop_client()));
    EXPECT_TRUE(eventually([&] { return second.connect(port).is_ok(); }));
    EXPECT_TRUE(second.exchange("there is room"));
}

TEST_P(limits_test, other_framings_are_refused_without_a_word) {
    server_options options = for_server();
    options.max_connections = 1;
    options.session.frames = framing::length_prefixed;
    test_server server(options);
    const auto port = server.start();
    raw_peer first = raw_peer::connect(port);
    ASSERT_TRUE(server.sessions.wait_for(1));
    raw_peer second = raw_peer::connect(port);
    EXPECT_TRUE(second.receive_some().empty());
    EXPECT_EQ(second.end(), stream_end::orderly);
    ASSERT_TRUE(first.send(length_prefixed(pattern(20))));
    EXPECT_EQ(first.receive(24), length_prefixed(pattern(20)));
}

TEST_P(limits_test, without_descriptors_the_server_waits_and_recovers) {
    test_server server(for_server());
    const auto port = server.start();
    test_client well(for_client());
    ASSERT_TRUE(is_ok(well.connect(port)));
    std::vector<raw_peer> peers;
    for (int i = 0; i < 3; ++i) {
        peers.push_back(raw_peer::unconnected());
    }
    {
        const no_descriptors left;
        for (const auto& peer : peers) {
            ASSERT_TRUE(peer.connect_to(port)) << "the kernel's queue takes it";
        }
        ASSERT_TRUE(server.errors.wait_for(2)) << "tried more than once";
        EXPECT_TRUE(well.exchange("connections go on meanwhile"));
    }
    for (auto& peer : peers) {
        EXPECT_EQ(first_word(peer), type_hello);
    }
    for (const recorded_error& error : server.errors.all()) {
        EXPECT_FALSE(error.has_session);
        EXPECT_EQ(error.code, make_error_code(errc::server_full));
    }
    EXPECT_EQ(server.server.metrics().accept_errors, server.errors.size());
    EXPECT_EQ(server.server.metrics().session_errors, 0U);
}

TEST_P(limits_test, a_server_that_cannot_accept_stops) {
    test_server server(for_server());
    const auto port = server.start();
    const raw_peer peer = raw_peer::unconnected();
    {
        const no_descriptors left;
        ASSERT_TRUE(peer.connect_to(port));
        ASSERT_TRUE(server.errors.wait_for(1));
        EXPECT_TRUE(is_ok(server.server.stop_server())) << "while it waits to try again";
    }
    EXPECT_TRUE(is_ok(server.server.start_server(0)));
}

TEST_P(limits_test, without_descriptors_start_fails_and_says_so) {
    test_server server(for_server());
    const auto port = server.start();
    test_client warm(for_client());
    ASSERT_TRUE(is_ok(warm.connect(port))) << "the clients' pool has its descriptors";
    test_client client(for_client());
    messaging_server second("second", for_server());
    {
        const no_descriptors left;
        const auto connected = client.connect(port);
        ASSERT_TRUE(fails_with(connected, errc::connection_failed));
        EXPECT_NE(connected.error().details, "") << "the system's words";
        EXPECT_TRUE(fails_with(second.start_server(0), errc::bind_failed));
    }
    EXPECT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(is_ok(second.start_server(0)));
}

TEST_P(limits_test, the_first_client_without_descriptors_fails_too) {
    test_client client(for_client());
    {
        const no_descriptors left;
        EXPECT_TRUE(
            fails_with(client.client.start_client("127.0.0.1", 1), errc::connection_failed));
    }
    test_server server(for_server());
    EXPECT_TRUE(is_ok(client.connect(server.start())));
}

}  // namespace
}  // namespace loopback

// What the log says of servers, clients and connections; what it does not say; and that health
// checks are no failures.
#include "support/heard_log.h"
#include "support/loopback.h"

#include <network_system/utils/thread_pool.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace loopback {
namespace {

using network_system::log_level;
using network_system::testing::heard_line;
using network_system::testing::heard_log;

bool begins_with(const std::string& text, std::string_view beginning) {
    return text.rfind(beginning, 0) == 0;
}

/// The beginnings of the texts, in order and nothing else.
testing::AssertionResult are(const std::vector<std::string>& texts,
                             const std::vector<std::string_view>& beginnings) {
    const bool is_same =
        std::equal(texts.begin(), texts.end(), beginnings.begin(), beginnings.end(), begins_with);
    auto result = is_same ? testing::AssertionSuccess() : testing::AssertionFailure();
    for (const std::string& each : texts) {
        result << "\n  " << each;
    }
    return result;
}

server_options with(framing frames) {
    server_options options;
    options.session.frames = frames;
    return options;
}

void connect_and_go(std::uint16_t port, bool resets) {
    raw_peer checker = raw_peer::unconnected();
    ASSERT_TRUE(checker.connect_to(port));
    if (resets) {
        checker.reset();
    } else {
        checker.close();
    }
}

TEST(field_faults_log, a_health_check_is_no_session_error_and_no_warning) {
    for (const framing frames : {framing::message, framing::length_prefixed, framing::raw}) {
        for (const bool resets : {false, true}) {
            const heard_log heard(log_level::info);
            test_server server(with(frames));
            connect_and_go(server.start(), resets);
            ASSERT_TRUE(server.closed.wait_for(1));
            ASSERT_TRUE(is_ok(server.server.stop_server()));
            EXPECT_EQ(server.server.metrics().connections_accepted, 1U);
            EXPECT_EQ(server.server.metrics().session_errors, 0U)
                << static_cast<int>(frames) << resets;
            EXPECT_TRUE(are(heard.warnings(), {}));
        }
    }
}

TEST(field_faults_log, a_health_check_on_a_callback_pool_ends_like_one_without) {
    const auto pool = std::make_shared<network_system::thread_pool>(1);
    server_options options = with(framing::message);
    options.callback_pool = pool;
    test_server server(options);
    connect_and_go(server.start(), false);
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().session_errors, 0U);
    ASSERT_EQ(server.errors.size(), 1U) << "the callbacks hear of it";
    EXPECT_EQ(server.errors.at(0).code, errc::connection_closed);
}

TEST(field_faults_log, a_peer_that_has_said_something_and_goes_is_a_session_error) {
    test_server server(with(framing::message));
    raw_peer peer = raw_peer::connect(server.start());
    ASSERT_TRUE(peer.receive_frame());
    ASSERT_TRUE(peer.send(bytes{0}));
    peer.close();
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().session_errors, 1U);
}

TEST(field_faults_log, a_listener_only_that_was_sent_messages_and_goes_is_a_session_error) {
    test_server server(with(framing::raw));
    server.on_connect = [](const session_ptr& session) {
        EXPECT_TRUE(is_ok(session->send_packet("news")));
    };
    raw_peer peer = raw_peer::connect(server.start());
    EXPECT_EQ(peer.receive(4).size(), 4U);
    peer.reset();
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().session_errors, 1U);
}

TEST(field_faults_log, a_callback_that_throws_for_a_silent_peer_is_a_session_error) {
    test_server server(with(framing::raw));
    server.on_connect = [](const session_ptr&) { throw std::runtime_error("on purpose"); };
    raw_peer peer = raw_peer::connect(server.start());
    ASSERT_TRUE(server.closed.wait_for(1));
    peer.close();
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().session_errors, 1U);
}

TEST(field_faults_log, a_health_check_where_a_proxy_header_belongs_is_no_error_and_no_warning) {
    const heard_log heard(log_level::debug);
    server_options options;
    options.proxy_protocol.trusted = {"127.0.0.1"};
    test_server server(options);
    const auto port = server.start();
    connect_and_go(port, false);
    connect_and_go(port, true);
    ASSERT_TRUE(eventually([&] {
        const auto told = heard.texts_of("messaging_server");
        return std::count(told.begin(), told.end(), "ended without a byte, as health checks do") ==
               2;
    }));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().proxy_errors, 0U);
    EXPECT_EQ(server.server.metrics().session_errors, 0U);
    EXPECT_EQ(server.errors.size(), 0U);
    EXPECT_TRUE(are(heard.warnings(), {}));
}

TEST(field_faults_log, debug_shows_the_life_of_a_connection_in_its_order) {
    const heard_log heard(log_level::debug);
    test_server server(with(framing::message));
    const auto port = server.start();
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(client.exchange("three bytes and more"));
    const std::string id = server.sessions.at(0)->id();
    const std::string peer = server.sessions.at(0)->remote_endpoint().to_string();
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    const auto of_session = heard.texts([&](const heard_line& each) {
        return each.component == "messaging_server" && each.session_id == id;
    });
    EXPECT_TRUE(are(of_session, {"accepted on 127.0.0.1:" + std::to_string(port), "open",
                                 "closed; received 1 messages, "}));
    const auto all = heard.lines();
    const auto last = std::find_if(all.rbegin(), all.rend(),
                                   [&](const heard_line& each) { return each.session_id == id; });
    ASSERT_NE(last, all.rend());
    const heard_line& closed = *last;
    EXPECT_EQ(closed.level, log_level::debug);
    EXPECT_EQ(closed.object_id, "test-server");
    EXPECT_EQ(closed.peer, peer);
    EXPECT_FALSE(closed.error);
    EXPECT_NE(closed.text.find("sent 1 messages"), std::string::npos) << closed.text;
}

TEST(field_faults_log, info_shows_the_lives_of_servers_and_clients_and_no_connections) {
    const heard_log heard(log_level::info);
    test_server server(with(framing::length_prefixed));
    const auto port = server.start();
    client_options options;
    options.session.frames = framing::length_prefixed;
    test_client client(options);
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(client.exchange("hello"));
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    // Its callback runs before the server forgets it.
    ASSERT_TRUE(eventually([&] { return server.server.get_sessions().empty(); }));
    ASSERT_TRUE(is_ok(server.server.stop_accepting()));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(are(heard.texts_of("messaging_server"),
                    {"listening on ", "no more connections are accepted",
                     "stop begun, of 0 sessions", "stopped after 1 connections"}));
    EXPECT_NE(heard.find("listening on")
                  .text.find(":" + std::to_string(port) + ", framing::length_prefixed"),
              std::string::npos);
    EXPECT_TRUE(
        are(heard.texts_of("messaging_client"),
            {"connecting to 127.0.0.1 port ", "connected", "stop begun", "disconnected", "ended"}));
    for (const heard_line& each : heard.lines()) {
        EXPECT_EQ(each.level, log_level::info) << each.text;
    }
}

TEST(field_faults_log, what_peers_cause_without_limit_is_logged_with_one) {
    constexpr std::size_t peers = 300;
    const heard_log heard(log_level::warning);
    const auto begun = std::chrono::steady_clock::now();
    test_server server(with(framing::message));
    const auto port = server.start();
    for (std::size_t i = 0; i < peers; ++i) {
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(peer.send(frame_of(99, pattern(3))));
        EXPECT_NE(peer.drain(), stream_end::none);
    }
    ASSERT_TRUE(server.closed.wait_for(peers));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    const auto seconds =
        std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - begun);
    const std::string_view sum = "violations of the protocol: and ";
    std::size_t told = 0;
    std::size_t counted = 0;
    for (const std::string& each : heard.warnings()) {
        if (begins_with(each, sum)) {
            counted += std::stoul(each.substr(sum.size()));
        } else if (begins_with(each, "closing: ")) {
            ++told;
        }
    }
    EXPECT_EQ(told + counted, peers) << "none is lost";
    EXPECT_LE(told, 10 * (static_cast<std::size_t>(seconds.count()) + 2));
}

TEST(field_faults_log, a_server_without_room_says_so_with_a_limit) {
    const heard_log heard(log_level::warning);
    server_options options = with(framing::message);
    options.max_connections = 1;
    test_server server(options);
    const auto port = server.start();
    raw_peer first = raw_peer::connect(port);
    ASSERT_TRUE(first.receive_frame());
    for (int i = 0; i < 3; ++i) {
        raw_peer next = raw_peer::connect(port);
        EXPECT_NE(next.drain(), stream_end::none);
    }
    const heard_line told = heard.find("turned away");
    EXPECT_EQ(told.level, log_level::warning);
    EXPECT_EQ(told.object_id, "test-server");
    EXPECT_EQ(told.peer.rfind("127.0.0.1:", 0), 0U);
}

}  // namespace
}  // namespace loopback

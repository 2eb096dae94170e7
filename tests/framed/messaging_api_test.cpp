// The public calls when all is well: sends, broadcast, sessions, counters, addresses, restart.
#include "support/loopback.h"

#include <atomic>
#include <set>

namespace loopback {
namespace {

class api_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, api_test, both_methods(), method_of);

TEST_P(api_test, every_form_of_send_arrives) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    bytes owned = pattern(100);
    bytes large = pattern(50'000);
    const bytes spanned = pattern(30, 2);
    EXPECT_TRUE(is_ok(client.client.send_packet(std::move(owned))));
    EXPECT_TRUE(owned.empty());  // NOLINT(bugprone-use-after-move): documented
    EXPECT_TRUE(is_ok(client.client.send_packet(std::move(large))));
    EXPECT_TRUE(large.empty());  // NOLINT(bugprone-use-after-move): documented
    EXPECT_TRUE(is_ok(client.client.send_packet(std::span<const std::uint8_t>(spanned))));
    EXPECT_TRUE(is_ok(client.client.send_packet("text")));
    EXPECT_TRUE(is_ok(client.client.send_packet({1, 2, 3})));
    ASSERT_TRUE(client.received.wait_for(5));
    EXPECT_EQ(client.received.at(0), pattern(100));
    EXPECT_EQ(client.received.at(1), pattern(50'000));
    EXPECT_EQ(client.received.at(2), spanned);
    EXPECT_EQ(text_of(client.received.at(3)), "text");
    EXPECT_EQ(client.received.at(4), (bytes{1, 2, 3}));
}

TEST_P(api_test, send_callbacks_run_exactly_once_in_order) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    collector<std::size_t> done;
    const std::size_t count = scaled(400);
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet(pattern(i % 7 == 0 ? 40'000 : 10),
                                                    [&done, i](VoidResult result) {
                                                        EXPECT_TRUE(is_ok(result));
                                                        done.add(i);
                                                    })));
        if (i % 50 == 49) {
            ASSERT_TRUE(done.wait_for(i + 1));
        }
    }
    ASSERT_TRUE(done.wait_for(count));
    ASSERT_TRUE(client.received.wait_for(count));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    const auto order = done.all();
    ASSERT_EQ(order.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(order[i], i);
    }
}

TEST_P(api_test, a_receive_callback_may_take_a_vector) {
    messaging_server server("vector", for_server());
    ASSERT_TRUE(is_ok(server.set_receive_callback(
        [](const session_ptr& session, const std::vector<std::uint8_t>& data) {
            (void)session->send_packet(std::vector<std::uint8_t>(data));
        })));
    ASSERT_TRUE(is_ok(server.start_server(0)));
    messaging_client client("vector", for_client());
    collector<bytes> received;
    ASSERT_TRUE(is_ok(client.set_receive_callback(
        [&](const std::vector<std::uint8_t>& data) { received.add(data); })));
    ASSERT_TRUE(is_ok(client.start_client("localhost", server.local_port())));
    ASSERT_TRUE(is_ok(client.send_packet("as a vector")));
    ASSERT_TRUE(received.wait_for(1));
    EXPECT_EQ(text_of(received.at(0)), "as a vector");
}

TEST_P(api_test, broadcast_reaches_every_receiver_and_counts_them) {
    test_server server(for_server());
    const auto port = server.start();
    std::vector<std::unique_ptr<test_client>> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(std::make_unique<test_client>(for_client()));
        ASSERT_TRUE(is_ok(clients.back()->connect(port)));
    }
    ASSERT_TRUE(server.sessions.wait_for(5));
    for (const std::size_t size : {1U, 2000U, 100'000U}) {
        const bytes data = pattern(size);
        const auto sent = server.server.broadcast(data);
        ASSERT_TRUE(is_ok(sent));
        EXPECT_EQ(sent.value().receivers, 5U);
        EXPECT_EQ(sent.value().queued, 5U);
    }
    for (const auto& client : clients) {
        ASSERT_TRUE(client->received.wait_for(3));
        EXPECT_EQ(client->received.at(0), pattern(1));
        EXPECT_EQ(client->received.at(1), pattern(2000));
        EXPECT_EQ(client->received.at(2), pattern(100'000));
    }
}

TEST_P(api_test, broadcast_accounts_for_full_and_closing_receivers) {
    server_options options = for_server();
    options.session.high_watermark = 64 * 1024;
    options.session.low_watermark = 1024;
    options.socket.send_buffer_size = 4096;
    options.drain_timeout = 200ms;
    test_server server(options);
    const auto port = server.start();
    std::vector<raw_peer> deaf;
    for (int i = 0; i < 4; ++i) {
        deaf.push_back(raw_peer::connect(port, 4096));
    }
    ASSERT_TRUE(server.sessions.wait_for(4));
    const bytes data = pattern(8000);
    std::size_t dropped = 0;
    for (int round = 0; round < 200 && dropped == 0; ++round) {
        const auto sent = server.server.broadcast(data);
        ASSERT_TRUE(is_ok(sent));
        const auto& count = sent.value();
        EXPECT_EQ(count.queued + count.dropped + count.closed, count.receivers);
        dropped += count.dropped;
    }
    EXPECT_GT(dropped, 0U) << "nobody reads, and every broadcast was queued";
    (void)server.sessions.at(0)->stop_session();
    const auto sent = server.server.broadcast(data);
    ASSERT_TRUE(is_ok(sent));
    EXPECT_EQ(sent.value().queued + sent.value().dropped + sent.value().closed,
              sent.value().receivers);
    // The closing one is reported as such unless its drain has ended already.
    EXPECT_TRUE(sent.value().closed == 1 || sent.value().receivers == 3);
}

TEST_P(api_test, sessions_are_found_by_their_unique_ids) {
    test_server server(for_server());
    const auto port = server.start();
    test_client first(for_client());
    test_client second(for_client());
    ASSERT_TRUE(is_ok(first.connect(port)));
    ASSERT_TRUE(is_ok(second.connect(port)));
    ASSERT_TRUE(server.sessions.wait_for(2));
    std::set<std::string> ids;
    for (const auto& session : server.server.get_sessions()) {
        ids.insert(session->id());
        const auto found = server.server.get_session(session->id());
        ASSERT_TRUE(is_ok(found));
        EXPECT_EQ(found.value(), session);
        EXPECT_EQ(session->remote_endpoint().address(), "127.0.0.1");
        EXPECT_EQ(session->local_endpoint().port(), port);
    }
    EXPECT_EQ(ids.size(), 2U);
    EXPECT_TRUE(fails_with(server.server.get_session("nobody"), errc::session_not_found));
    const auto of_client = first.client.get_session();
    ASSERT_TRUE(is_ok(of_client));
    EXPECT_FALSE(ids.contains(of_client.value()->id())) << "unique in the process";
    EXPECT_EQ(of_client.value()->remote_endpoint().port(), port);

    EXPECT_TRUE(is_ok(first.client.stop_client()));
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_TRUE(ids.contains(server.closed.at(0)));
    EXPECT_TRUE(eventually([&] { return server.server.connection_count() == 1; }));
    EXPECT_TRUE(
        fails_with(server.server.get_session(server.closed.at(0)), errc::session_not_found));
    EXPECT_TRUE(fails_with(of_client.value()->send_packet("late"), errc::connection_closed));
}

TEST_P(api_test, user_data_lives_as_long_as_the_session) {
    std::weak_ptr<int> watched;
    {
        test_server server(for_server());
        server.on_connect = [&](const session_ptr& session) {
            auto data = std::make_shared<int>(0);
            watched = data;
            session->set_user_data(std::move(data));
        };
        server.on_receive = [](const session_ptr& session, std::span<const std::uint8_t>) {
            const auto count = session->user_data_as<int>();
            ASSERT_TRUE(count);
            (void)session->send_packet(std::to_string(++*count));
        };
        test_client client(for_client());
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        ASSERT_TRUE(is_ok(client.client.send_packet("a")));
        ASSERT_TRUE(is_ok(client.client.send_packet("b")));
        ASSERT_TRUE(client.received.wait_for(2));
        EXPECT_EQ(text_of(client.received.at(1)), "2");
        EXPECT_FALSE(watched.expired());
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        server.sessions.clear();
        EXPECT_TRUE(eventually([&] { return watched.expired(); }));
    }
}

TEST_P(api_test, counters_count_messages_and_bytes_on_the_wire) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(client.exchange(pattern(100)));
    }
    const auto session = server.sessions.at(0);
    EXPECT_TRUE(eventually([&] { return session->metrics().messages_sent == 10; }));
    EXPECT_EQ(session->metrics().messages_received, 10U);
    // With the hello of each, which says what it understands.
    const std::size_t of_client_hello = 5 + 4;
    const std::size_t of_server_hello = hello_frame().size() + 4 + 8;
    EXPECT_TRUE(
        eventually([&] { return session->metrics().bytes_received == 1050 + of_client_hello; }));
    EXPECT_EQ(session->metrics().bytes_sent, 1050U + of_server_hello);
    EXPECT_EQ(session->queued_bytes(), 0U);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(server.closed.wait_for(1));
    EXPECT_TRUE(is_ok(server.server.stop_server()));

    const auto of_server = server.server.metrics();
    EXPECT_EQ(of_server.connections_accepted, 1U);
    EXPECT_EQ(of_server.connections_active, 0U);
    EXPECT_EQ(of_server.connections_refused, 0U);
    EXPECT_EQ(of_server.session_errors, 0U);
    EXPECT_EQ(of_server.totals.messages_received, 10U) << "those of closed sessions included";
    EXPECT_EQ(of_server.totals.messages_sent, 10U);
    EXPECT_EQ(of_server.totals.messages_dropped, 0U);
    const auto of_client = client.client.metrics();
    EXPECT_EQ(of_client.connects, 1U);
    EXPECT_EQ(of_client.connect_failures, 0U);
    EXPECT_EQ(of_client.totals.messages_sent, 10U);
    EXPECT_EQ(of_client.totals.messages_received, 10U);
    EXPECT_EQ(of_client.totals.bytes_sent, of_server.totals.bytes_received);
    EXPECT_EQ(of_client.totals.bytes_received, of_server.totals.bytes_sent);
}

TEST_P(api_test, session_stats_follow_the_sessions) {
    test_server server(for_server());
    const auto port = server.start();
    EXPECT_EQ(server.server.session_stats().active, 0U);
    {
        test_client first(for_client());
        test_client second(for_client());
        ASSERT_TRUE(is_ok(first.connect(port)));
        ASSERT_TRUE(is_ok(second.connect(port)));
        ASSERT_TRUE(eventually([&] { return server.server.session_stats().active == 2; }));
    }
    ASSERT_TRUE(eventually([&] { return server.server.session_stats().active == 0; }));
    const auto stats = server.server.session_stats();
    EXPECT_EQ(stats.peak, 2U);
    EXPECT_EQ(stats.total_added, 2U);
    EXPECT_EQ(stats.total_removed, 2U);
}

TEST_P(api_test, ping_measures_a_round_trip) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    const auto blocking = client.client.ping();
    ASSERT_TRUE(is_ok(blocking));
    EXPECT_GE(blocking.value().count(), 0);
    collector<bool> answers;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(is_ok(client.client.ping(
            [&](Result<std::chrono::microseconds> result) { answers.add(result.is_ok()); })));
    }
    ASSERT_TRUE(server.sessions.wait_for(1));
    ASSERT_TRUE(is_ok(server.sessions.at(0)->ping(
        [&](Result<std::chrono::microseconds> result) { answers.add(result.is_ok()); })));
    ASSERT_TRUE(answers.wait_for(4));
    EXPECT_EQ(answers.all(), (std::vector<bool>(4, true)));
}

TEST_P(api_test, other_framings_have_no_ping) {
    for (const framing frames : {framing::length_prefixed, framing::raw}) {
        server_options options = for_server();
        options.session.frames = frames;
        client_options mine = for_client();
        mine.session.frames = frames;
        test_server server(options);
        test_client client(mine);
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        EXPECT_TRUE(fails_with(client.client.ping(), errc::not_supported));
        EXPECT_TRUE(fails_with(client.client.ping([](auto) { FAIL(); }), errc::not_supported));
        EXPECT_TRUE(client.exchange("still there"));
    }
}

TEST_P(api_test, paused_receiving_delivers_nothing_until_resumed) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(client.exchange("before"));
    ASSERT_TRUE(is_ok(client.client.pause_receiving()));
    // What the pause says is in force once the client's own thread has done something later.
    event_counter turned;
    ASSERT_TRUE(is_ok(client.client.send_packet("x", [&](VoidResult) { turned.add(); })));
    ASSERT_TRUE(turned.wait_for(1));
    ASSERT_TRUE(server.received.wait_for(2));
    EXPECT_FALSE(client.received.wait_for(2, 100ms));
    ASSERT_TRUE(is_ok(client.client.resume_receiving()));
    EXPECT_TRUE(client.received.wait_for(2));
}

}  // namespace
}  // namespace loopback

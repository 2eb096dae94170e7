// Broadcast and topics over real connections, with exact accounting.
#include "support/loopback.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace loopback {
namespace {

using network_system::core::broadcast_result;

class topics : public testing::Test {
protected:
    void start(std::size_t clients, server_options options = {}) {
        server = std::make_unique<test_server>(std::move(options));
        const auto port = server->start();
        for (std::size_t i = 0; i < clients; ++i) {
            all.push_back(std::make_unique<test_client>());
            ASSERT_TRUE(is_ok(all.back()->connect(port)));
            ASSERT_TRUE(server->sessions.wait_for(i + 1));
        }
    }
    messaging_server& the_server() { return server->server; }
    session_ptr session(std::size_t index) { return server->sessions.at(index); }
    static void expect_result(const Result<broadcast_result>& result, std::size_t queued,
                              std::size_t dropped = 0) {
        ASSERT_TRUE(is_ok(result));
        EXPECT_EQ(result.value().queued, queued);
        EXPECT_EQ(result.value().dropped, dropped);
        EXPECT_EQ(result.value().receivers,
                  result.value().queued + result.value().dropped + result.value().closed);
    }

    std::unique_ptr<test_server> server;
    std::vector<std::unique_ptr<test_client>> all;
};

TEST_F(topics, a_message_reaches_the_subscribers_and_nobody_else) {
    start(3);
    EXPECT_TRUE(is_ok(the_server().subscribe(session(0), "news")));
    EXPECT_TRUE(is_ok(the_server().subscribe(session(2), "news")));
    EXPECT_TRUE(is_ok(the_server().subscribe(session(2), "news"))) << "again changes nothing";
    EXPECT_TRUE(is_ok(the_server().subscribe(session(1), "sport")));
    EXPECT_EQ(the_server().subscriber_count("news"), 2U);
    EXPECT_EQ(the_server().metrics().topics, 2U);

    expect_result(the_server().publish("news", "one"), 2);
    expect_result(the_server().publish("news", "two", session(0)), 1);
    expect_result(the_server().publish("weather", "nobody"), 0);
    expect_result(the_server().broadcast("all"), 3);

    ASSERT_TRUE(all[2]->received.wait_for(3));
    EXPECT_EQ(text_of(all[2]->received.at(0)), "one");
    EXPECT_EQ(text_of(all[2]->received.at(1)), "two");
    EXPECT_EQ(text_of(all[2]->received.at(2)), "all");
    ASSERT_TRUE(all[0]->received.wait_for(2));
    EXPECT_EQ(text_of(all[0]->received.at(1)), "all");
    ASSERT_TRUE(all[1]->received.wait_for(1));
    EXPECT_EQ(text_of(all[1]->received.at(0)), "all");

    EXPECT_TRUE(is_ok(the_server().unsubscribe(session(2), "news")));
    EXPECT_TRUE(fails_with(the_server().unsubscribe(session(2), "news"), errc::session_not_found));
    expect_result(the_server().publish("news", "three"), 1);
}

TEST_F(topics, the_end_of_a_session_ends_its_subscriptions) {
    start(2);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_TRUE(is_ok(the_server().subscribe(session(i), "a")));
    }
    EXPECT_TRUE(is_ok(the_server().subscribe(session(0), "b")));
    EXPECT_TRUE(is_ok(all[0]->client.stop_client()));
    EXPECT_TRUE(eventually([&] { return the_server().subscriber_count("a") == 1; }));
    EXPECT_TRUE(eventually([&] { return the_server().metrics().topics == 1; }));
    EXPECT_TRUE(fails_with(the_server().subscribe(session(0), "a"), errc::session_not_found));
    EXPECT_EQ(the_server().subscriber_count("a"), 1U);
}

TEST_F(topics, wrong_use_says_so) {
    server_options options;
    options.max_subscriptions_per_session = 2;
    start(1, options);
    EXPECT_TRUE(fails_with(the_server().subscribe(nullptr, "a"), errc::invalid_argument));
    EXPECT_TRUE(fails_with(the_server().subscribe(session(0), ""), errc::invalid_argument));
    EXPECT_TRUE(fails_with(the_server().subscribe(session(0), std::string(1025, 'x')),
                           errc::invalid_argument));
    EXPECT_TRUE(fails_with(the_server().publish("a", ""), errc::invalid_argument));
    EXPECT_TRUE(is_ok(the_server().subscribe(session(0), "a")));
    EXPECT_TRUE(is_ok(the_server().subscribe(session(0), "b")));
    EXPECT_TRUE(fails_with(the_server().subscribe(session(0), "c"), errc::rate_limited));

    test_server other;
    (void)other.start();
    EXPECT_TRUE(fails_with(other.server.subscribe(session(0), "a"), errc::session_not_found));
    EXPECT_TRUE(is_ok(other.server.stop_server()));
    EXPECT_TRUE(fails_with(other.server.publish("a", "x"), errc::server_not_started));
}

TEST_F(topics, every_receiver_is_accounted_for_under_load) {
    server_options options;
    options.io_threads = 2;
    options.session.high_watermark = std::size_t{64} * 1024;
    options.session.low_watermark = std::size_t{16} * 1024;
    start(8, options);
    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(is_ok(the_server().subscribe(session(i), "load")));
    }
    // One subscriber does not read: its share is dropped, the others get theirs.
    EXPECT_TRUE(is_ok(all[0]->client.pause_receiving()));
    const std::string text(1000, 'x');
    std::atomic<std::size_t> queued{0};
    std::atomic<std::size_t> dropped{0};
    std::vector<std::thread> publishers;
    for (int t = 0; t < 3; ++t) {
        publishers.emplace_back([&] {
            for (std::size_t i = 0; i < scaled(2000); ++i) {
                const auto result = the_server().publish("load", text);
                ASSERT_TRUE(is_ok(result));
                queued += result.value().queued;
                dropped += result.value().dropped;
                ASSERT_EQ(result.value().receivers, 8U);
                ASSERT_EQ(result.value().queued + result.value().dropped, 8U);
            }
        });
    }
    for (auto& each : publishers) {
        each.join();
    }
    EXPECT_TRUE(is_ok(all[0]->client.resume_receiving()));
    const auto received = [&] {
        std::size_t sum = 0;
        for (const auto& each : all) {
            sum += each->received.size();
        }
        return sum;
    };
    EXPECT_TRUE(eventually([&] { return received() == queued; }));
    // A message counts as sent after the system has it.
    EXPECT_TRUE(eventually([&] { return the_server().metrics().totals.messages_sent == queued; }));
    const auto totals = the_server().metrics().totals;
    EXPECT_EQ(totals.sends_rejected, dropped);
    EXPECT_EQ(totals.messages_dropped, 0U);
}

TEST_F(topics, a_slow_subscriber_gets_the_latest) {
    server_options options;
    options.session.policy = network_system::send_policy::conflate;
    options.socket.send_buffer_size = 4096;
    start(1, options);
    EXPECT_TRUE(is_ok(the_server().subscribe(session(0), "price")));
    EXPECT_TRUE(is_ok(all[0]->client.pause_receiving()));
    const std::size_t size = 50'000;
    constexpr std::size_t count = 2000;
    for (std::size_t i = 0; i < count; ++i) {
        bytes message(size, static_cast<std::uint8_t>(i % 251));
        expect_result(the_server().publish("price", message), 1);
    }
    EXPECT_LE(session(0)->queued_bytes(), std::size_t{4} * 1024 * 1024);
    EXPECT_TRUE(is_ok(all[0]->client.resume_receiving()));
    EXPECT_TRUE(eventually([&] {
        const auto totals = the_server().metrics().totals;
        return totals.messages_sent + totals.messages_dropped == count &&
               all[0]->received.size() == totals.messages_sent;
    }));
    EXPECT_EQ(all[0]->received.all().back().front(), (count - 1) % 251);
    EXPECT_GT(the_server().metrics().totals.messages_dropped, 0U);
}

TEST_F(topics, publishing_from_callbacks_and_threads_while_sessions_come_and_go) {
    server_options options;
    options.io_threads = 2;
    start(4, options);
    server->server.stop_server();
    server->on_connect = [this](const session_ptr& who) {
        EXPECT_TRUE(is_ok(the_server().subscribe(who, "all")));
    };
    server->on_receive = [this](const session_ptr&, std::span<const std::uint8_t> data) {
        (void)the_server().publish("all", data);
    };
    ASSERT_TRUE(is_ok(the_server().start_server(0)));
    const auto port = the_server().local_port();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (std::size_t i = 0; i < scaled(40); ++i) {
                test_client client;
                ASSERT_TRUE(is_ok(client.connect(port)));
                ASSERT_TRUE(is_ok(client.client.send_packet("hi")));
                ASSERT_TRUE(client.received.wait_for(1));
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    EXPECT_TRUE(eventually([&] { return the_server().metrics().topics == 0; }));
    EXPECT_TRUE(is_ok(the_server().stop_server()));
}

}  // namespace
}  // namespace loopback

// What is sent while a client has no connection, over real sockets.
#include "resilience/noting_server.h"

#include <network_system/resilience/resilient_client.h>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace resilient_client_test {
namespace {

using network_system::resilience::offline_policy;

TEST(resilient_client, keeps_messages_until_its_server_is_back) {
    noting_server server;
    resilient_client client("test", options_to({server.port()}));
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    collector<std::string> answers;
    (void)client.set_receive_callback(
        [&](std::span<const std::uint8_t> data) { answers.add(text_of(data)); });
    ASSERT_TRUE(is_ok(client.connect()));
    EXPECT_TRUE(client.is_connected());
    EXPECT_TRUE(is_ok(client.send_with_retry("one")));
    ASSERT_TRUE(answers.wait_for(1));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    EXPECT_FALSE(client.is_connected());
    event_counter done;
    EXPECT_TRUE(is_ok(client.send_with_retry("two", [&](const VoidResult& result) {
        EXPECT_TRUE(is_ok(result));
        done.add();
    })));
    EXPECT_TRUE(is_ok(client.send_with_retry(std::vector<std::uint8_t>{'3'})));
    EXPECT_EQ(client.metrics().queued, 2U);
    EXPECT_TRUE(adds_up(client));
    server.start_again();
    ASSERT_TRUE(answers.wait_for(3));
    EXPECT_TRUE(done.wait_for(1));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"one", "two", "3"}));
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_EQ(client.metrics().sent, 3U);
    EXPECT_TRUE(adds_up(client));
}

TEST(resilient_client, drops_what_waits_when_it_is_disconnected_and_says_so) {
    noting_server server;
    resilient_client client("test", options_to({server.port()}));
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    collector<VoidResult> results;
    EXPECT_TRUE(is_ok(client.send_with_retry(
        "never", [&](VoidResult result) { results.add(std::move(result)); })));
    EXPECT_TRUE(is_ok(client.disconnect()));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_TRUE(fails_with(results.at(0), errc::connection_closed));
    EXPECT_EQ(client.metrics().dropped, 1U);
    EXPECT_TRUE(adds_up(client));
}

TEST(resilient_client, rejects_what_its_queue_has_no_room_for) {
    auto options = options_to({});
    options.offline_messages = 2;
    noting_server server;
    options.endpoints = {{"127.0.0.1", server.port()}};
    resilient_client client("test", options);
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    EXPECT_TRUE(is_ok(client.send_with_retry("1")));
    EXPECT_TRUE(is_ok(client.send_with_retry("2")));
    std::vector<std::uint8_t> kept{'3'};
    EXPECT_TRUE(fails_with(client.send_with_retry(std::move(kept)), errc::send_buffer_full));
    EXPECT_EQ(kept.size(), 1U) << "left intact";
    EXPECT_EQ(client.metrics().rejected, 1U);
    EXPECT_TRUE(adds_up(client));
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(resilient_client, drops_the_oldest_when_told_to) {
    noting_server server;
    auto options = options_to({server.port()});
    options.offline_messages = 2;
    options.when_full = offline_policy::drop_oldest;
    resilient_client client("test", options);
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    collector<VoidResult> results;
    EXPECT_TRUE(is_ok(
        client.send_with_retry("1", [&](VoidResult result) { results.add(std::move(result)); })));
    EXPECT_TRUE(is_ok(client.send_with_retry("2")));
    EXPECT_TRUE(is_ok(client.send_with_retry("3")));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_TRUE(fails_with(results.at(0), errc::message_superseded));
    server.start_again();
    ASSERT_TRUE(server.texts.wait_for(2));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"2", "3"}));
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_TRUE(adds_up(client));
}

TEST(resilient_client, waits_for_room_when_told_to) {
    noting_server server;
    auto options = options_to({server.port()});
    options.offline_messages = 1;
    options.when_full = offline_policy::wait;
    options.offline_wait = milliseconds::max();
    resilient_client client("test", options);
    event_counter lost;
    (void)client.set_disconnect_callback([&] {
        if (lost.count() == 0) {
            EXPECT_TRUE(is_ok(client.send_with_retry("1")));
            EXPECT_TRUE(
                fails_with(client.send_with_retry("on the I/O thread"), errc::send_buffer_full));
        }
        lost.add();
    });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    std::thread waiting([&] { EXPECT_TRUE(is_ok(client.send_with_retry("2"))); });
    server.start_again();
    waiting.join();
    ASSERT_TRUE(server.texts.wait_for(2));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"1", "2"}));
    EXPECT_TRUE(is_ok(client.disconnect()));
}

/// Many threads send while the server comes and goes: everything that was accepted is counted.
TEST(resilient_client, keeps_its_books_while_many_threads_send) {
    noting_server server;
    auto options = options_to({server.port()});
    options.when_full = offline_policy::wait;
    options.offline_messages = 50;
    resilient_client client("test", options);
    ASSERT_TRUE(is_ok(client.connect()));
    const std::size_t each = scaled(2000);
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> succeeded{0};
    std::atomic<std::uint64_t> failed{0};
    std::vector<std::thread> senders;
    for (int thread = 0; thread < 4; ++thread) {
        senders.emplace_back([&] {
            for (std::size_t i = 0; i < each; ++i) {
                const auto sent = client.send_with_retry(
                    "message", [&](const VoidResult& result) { ++(result ? succeeded : failed); });
                accepted += sent ? 1 : 0;
            }
        });
    }
    for (int round = 0; round < 5; ++round) {
        server.stop();
        server.start_again();
    }
    for (auto& sender : senders) {
        sender.join();
    }
    EXPECT_TRUE(eventually([&] { return client.metrics().queued == 0; }));
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_EQ(accepted, client.metrics().accepted);
    EXPECT_EQ(succeeded + failed, accepted) << "every callback ran once";
    EXPECT_LE(server.texts.size(), accepted) << "at most once";
    EXPECT_TRUE(adds_up(client));
}

}  // namespace
}  // namespace resilient_client_test

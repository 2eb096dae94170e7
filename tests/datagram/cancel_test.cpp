// Cancelling starts and receives of datagrams: whatever the moment, the handler runs once, and
// `cancel` has said with what.
#include "datagram/support.h"
#include "support/scripted_names.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace udp {
namespace {

using network_system::session::cancel_operation;
using network_system::session::next_operation_id;
using network_system::session::operation_id;
using network_system::testing::scripted_name;

constexpr int cancelled = static_cast<int>(errc::cancelled);
constexpr int closed = static_cast<int>(errc::connection_closed);

class udp_cancellation : public testing::Test {
protected:
    udp_cancellation() {
        udp_server_options options;
        options.datagrams.receiving = receive_mode::pull;
        server = std::make_unique<messaging_udp_server>("server", options);
        EXPECT_TRUE(is_ok(server->start_server(0)));
    }

    [[nodiscard]] auto record() {
        return [this](const auto& result) { codes.add(result.is_ok() ? 0 : result.error().code); };
    }
    void send_one() const { peer.send(pattern(1), server->local_port()); }
    raw_socket peer;
    collector<int> codes;
    const operation_id id = next_operation_id();
    std::unique_ptr<messaging_udp_server> server;
};

TEST_F(udp_cancellation, of_a_receive_takes_no_datagram) {
    EXPECT_FALSE(server->cancel(id)) << "it has not begun";
    ASSERT_TRUE(is_ok(server->receive_from(record(), id)));
    EXPECT_TRUE(fails_with(server->receive_from(record(), id), errc::already_exists));
    EXPECT_TRUE(server->cancel(id));
    EXPECT_FALSE(server->cancel(id));
    ASSERT_TRUE(codes.wait_for(1));
    ASSERT_TRUE(is_ok(server->receive_from(record(), id)));
    send_one();
    ASSERT_TRUE(codes.wait_for(2));
    EXPECT_EQ(codes.all(), (std::vector<int>{cancelled, 0}));
    EXPECT_FALSE(server->cancel(id)) << "it has its datagram";
}

TEST_F(udp_cancellation, in_the_handler_of_a_receive_does_nothing) {
    collector<bool> pending;
    ASSERT_TRUE(
        is_ok(server->receive_from([&](const auto&) { pending.add(server->cancel(id)); }, id)));
    send_one();
    ASSERT_TRUE(pending.wait_for(1));
    EXPECT_FALSE(pending.at(0));
}

TEST_F(udp_cancellation, is_for_the_objects_own_operations) {
    messaging_udp_client client("client");
    EXPECT_FALSE(client.cancel(id)) << "it was never started";
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server->local_port())));
    ASSERT_TRUE(is_ok(server->receive_from(record(), id)));
    EXPECT_FALSE(client.cancel(id));
    EXPECT_TRUE(server->cancel(id));
    ASSERT_TRUE(codes.wait_for(1));
}

TEST_F(udp_cancellation, after_the_stop_or_the_end_of_the_object_does_nothing) {
    ASSERT_TRUE(is_ok(server->receive_from(record(), id)));
    EXPECT_TRUE(is_ok(server->stop_server()));
    EXPECT_EQ(codes.all(), std::vector<int>{closed});
    EXPECT_FALSE(server->cancel(id));
    ASSERT_TRUE(is_ok(server->start_server(0)));
    ASSERT_TRUE(is_ok(server->receive_from(record(), id)));
    server.reset();
    EXPECT_FALSE(cancel_operation(id));
}

TEST_F(udp_cancellation, races_with_datagrams) {
    std::atomic<std::uint64_t> current{0};
    std::atomic<std::size_t> was_cancelled{0};
    std::atomic<bool> is_over{false};
    std::thread canceller([&] {
        while (!is_over) {
            was_cancelled += server->cancel(operation_id{current.load()}) ? 1 : 0;
        }
    });
    const std::size_t rounds = scaled(2'000);
    for (std::size_t i = 0; i < rounds; ++i) {
        send_one();
        const auto next = next_operation_id();
        ASSERT_TRUE(is_ok(server->receive_from(record(), next)));
        current = static_cast<std::uint64_t>(next);
        ASSERT_TRUE(codes.wait_for(i + 1));
    }
    is_over = true;
    canceller.join();
    std::size_t ended[2] = {0, 0};
    for (const int each : codes.all()) {
        ++ended[each == cancelled ? 1 : 0];
    }
    EXPECT_EQ(codes.size(), rounds);
    EXPECT_EQ(ended[1], was_cancelled);
    // Each datagram was given to one receive, or waits.
    EXPECT_EQ(server->metrics().datagrams_received, ended[0]);
}

TEST_F(udp_cancellation, while_the_server_is_stopped) {
    const std::size_t rounds = scaled(100);
    for (std::size_t i = 0; i < rounds; ++i) {
        codes.clear();
        const auto next = next_operation_id();
        ASSERT_TRUE(is_ok(server->receive_from(record(), next)));
        bool was_pending = false;
        std::thread canceller([&] { was_pending = server->cancel(next); });
        EXPECT_TRUE(is_ok(server->stop_server()));
        canceller.join();
        EXPECT_EQ(codes.all(), std::vector<int>{was_pending ? cancelled : closed});
        ASSERT_TRUE(is_ok(server->start_server(0)));
    }
}

TEST_F(udp_cancellation, of_a_start_while_the_name_resolves) {
    scripted_name name("slow.test", {"127.0.0.1"});
    name.hold();
    messaging_udp_client client("client");
    EXPECT_FALSE(client.cancel(id));
    ASSERT_TRUE(is_ok(client.start_client(name.text(), 9, record(), id)));
    name.wait_until_asked();
    EXPECT_TRUE(client.cancel(id));
    EXPECT_FALSE(client.cancel(id));
    ASSERT_TRUE(codes.wait_for(1));
    EXPECT_EQ(codes.at(0), cancelled);
    name.release_self();
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", 9))) << "it is free for another start";
    EXPECT_FALSE(client.cancel(id));
    EXPECT_TRUE(client.is_running());
    EXPECT_EQ(codes.size(), 1U);
}

TEST_F(udp_cancellation, races_with_a_start) {
    const std::size_t rounds = scaled(400);
    for (std::size_t i = 0; i < rounds; ++i) {
        messaging_udp_client client("client");
        const auto next = next_operation_id();
        bool was_pending = false;
        std::atomic<bool> has_begun{false};
        std::thread canceller([&] {
            while (!has_begun) {}
            for (std::size_t waits = 0; waits < i && codes.size() == 0; ++waits) {
                std::this_thread::yield();
            }
            was_pending = client.cancel(next);
        });
        codes.clear();
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", 9, record(), next)));
        has_begun = true;
        canceller.join();
        ASSERT_TRUE(codes.wait_for(1));
        EXPECT_EQ(codes.all(), std::vector<int>{was_pending ? cancelled : 0});
        EXPECT_EQ(client.is_running(), !was_pending);
    }
}

}  // namespace
}  // namespace udp

// faults_test of sends that wait for room, and of those that hold others up meanwhile.
#include "framed/field_faults.h"

namespace loopback {
namespace {

constexpr std::size_t wait_mark = 100'000;
constexpr std::size_t message_size = 1000;
constexpr std::size_t frame_size = message_size + 5;

/// A server whose senders wait, with peers that read nothing unless they are told to.
class narrow_server {
public:
    narrow_server(server_options options, std::chrono::milliseconds wait)
        : server_(narrow(std::move(options), wait)), port_(server_.start()) {}

    struct connection {
        raw_peer peer;
        session_ptr session;
    };
    /// Its queue is full, the kernel's as well.
    [[nodiscard]] connection connect_full() {
        connection made = connect();
        // The kernel takes some more for a while.
        int still = 0;
        EXPECT_TRUE(eventually([&] {
            still = fill(made.session) == 0 ? still + 1 : 0;
            return still == 20;
        }));
        return made;
    }
    [[nodiscard]] connection connect() {
        const std::size_t before = server_.sessions.size();
        raw_peer peer = raw_peer::connect(port_, 4096);
        EXPECT_TRUE(peer.receive_frame_of(type_hello));
        EXPECT_TRUE(server_.sessions.wait_for(before + 1));
        return {std::move(peer), server_.sessions.at(before)};
    }
    [[nodiscard]] test_server& operator*() { return server_; }
    [[nodiscard]] test_server* operator->() { return &server_; }

private:
    [[nodiscard]] static server_options narrow(server_options options,
                                               std::chrono::milliseconds wait) {
        options.session.policy = send_policy::wait;
        options.session.send_wait_timeout = wait;
        options.session.high_watermark = wait_mark;
        options.session.low_watermark = 0;
        options.socket.send_buffer_size = 4096;
        options.drain_timeout = 0ms;
        return options;
    }
    /// On its own thread, where nobody waits; how many messages there was room for.
    [[nodiscard]] static std::size_t fill(const session_ptr& session) {
        collector<std::size_t> taken;
        EXPECT_TRUE(session->post([&] {
            std::size_t count = 0;
            while (session->send_packet(pattern(message_size))) {
                ++count;
            }
            taken.add(count);
        }));
        EXPECT_TRUE(taken.wait_for(1));
        return taken.at(0);
    }

    test_server server_;
    std::uint16_t port_;
};

TEST_P(field_faults, wait_that_sleeps_until_the_low_watermark) {
    narrow_server server(for_server(), patience);
    auto [peer, session] = server.connect_full();
    const auto refused = session->metrics().sends_rejected;
    collector<bool> sent;
    std::thread waiting(
        [&, &to = session] { sent.add(to->send_packet(pattern(message_size)).is_ok()); });
    // A part of what is queued, and the queue is far from empty.
    for (std::size_t read = 0; read < wait_mark / 2 && sent.size() == 0; read += frame_size) {
        EXPECT_TRUE(peer.receive_frame_of(type_data));
    }
    EXPECT_TRUE(sent.wait_for(1, patience / 2));
    waiting.join();
    EXPECT_EQ(sent.all(), std::vector{true});
    EXPECT_GT(session->queued_bytes(), wait_mark / 4);
    EXPECT_EQ(server->writable.count(), 0U) << "that is for the low watermark";
    EXPECT_EQ(session->metrics().sends_rejected, refused);
}

TEST_P(field_faults, broadcast_held_up_by_stalled_receivers) {
    constexpr auto wait = std::chrono::milliseconds{is_sanitized ? 4000 : 1500};
    narrow_server server(for_server(), wait);
    std::vector<narrow_server::connection> stalled;
    for (int i = 0; i < 3; ++i) {
        stalled.push_back(server.connect_full());
    }
    auto slow = server.connect_full();
    auto healthy = server.connect();
    std::vector<std::uint64_t> refused;
    for (const auto& each : stalled) {
        refused.push_back(each.session->metrics().sends_rejected);
    }
    const auto refused_slow = slow.session->metrics().sends_rejected;
    std::atomic<bool> is_over{false};
    std::chrono::milliseconds took{};
    std::thread sends([&] {
        took = time_of([&] {
            const auto result = server->server.broadcast(pattern(message_size, 2));
            ASSERT_TRUE(is_ok(result));
            EXPECT_EQ(result.value().receivers, 5U);
            EXPECT_EQ(result.value().queued, 2U);
            EXPECT_EQ(result.value().dropped, 3U);
            EXPECT_EQ(result.value().closed, 0U);
        });
        is_over = true;
    });
    const auto arrived = healthy.peer.receive_frame_of(type_data);
    EXPECT_TRUE(arrived && arrived->payload == pattern(message_size, 2));
    EXPECT_FALSE(is_over) << "it does not wait for the others";
    // Behind what it had in its queue.
    auto frame = slow.peer.receive_frame_of(type_data);
    while (frame && frame->payload == pattern(message_size)) {
        frame = slow.peer.receive_frame_of(type_data);
    }
    EXPECT_TRUE(frame && frame->payload == pattern(message_size, 2));
    EXPECT_FALSE(is_over) << "nor does one that only had to make room";
    sends.join();
    EXPECT_GE(took, wait);
    EXPECT_LT(took, 2 * wait) << "one time for all";
    EXPECT_EQ(slow.session->metrics().sends_rejected, refused_slow);
    for (std::size_t i = 0; i < stalled.size(); ++i) {
        EXPECT_EQ(stalled[i].session->metrics().sends_rejected, refused[i] + 1);
        EXPECT_GT(stalled[i].session->queued_bytes(), wait_mark - frame_size);
    }
}

TEST_P(field_faults, broadcast_that_waits_for_the_dead) {
    narrow_server server(for_server(), patience);
    auto first = server.connect_full();
    auto second = server.connect_full();
    auto healthy = server.connect();
    collector<Result<network_system::core::broadcast_result>> results;
    std::thread sends([&] { results.add(server->server.broadcast(pattern(message_size, 2))); });
    EXPECT_TRUE(healthy.peer.receive_frame_of(type_data)) << "it has begun";
    first.peer.reset();
    EXPECT_TRUE(server->closed.wait_for(1));
    EXPECT_EQ(results.size(), 0U) << "the other one may still read";
    EXPECT_TRUE(is_ok(second.session->stop_session()));
    EXPECT_TRUE(results.wait_for(1, patience / 2));
    sends.join();
    ASSERT_TRUE(is_ok(results.at(0)));
    const auto result = results.at(0).value();
    EXPECT_EQ(result.receivers, 3U);
    EXPECT_EQ(result.closed, 2U);
    EXPECT_EQ(result.queued, 1U);
    EXPECT_EQ(result.dropped, 0U);
}

}  // namespace
}  // namespace loopback

// Faults of sends that wait for room, and of those that hold others up meanwhile.
#include "loopback/field_faults.h"

namespace loopback {
namespace {

constexpr std::size_t high_mark = 100'000;
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
        options.session.high_watermark = high_mark;
        options.session.low_watermark = 0;
        options.socket.send_buffer_size = 4096;
        options.drain_timeout = 0ms;
        return options;
    }
    /// On its own thread, where nobody waits; how many messages there was room for.
    [[nodiscard]] static std::size_t fill(const session_ptr& session) {
        collector<std::size_t> taken;
        session->post([&] {
            std::size_t count = 0;
            while (session->send_packet(pattern(message_size))) {
                ++count;
            }
            taken.add(count);
        });
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
    for (std::size_t read = 0; read < high_mark / 2 && sent.size() == 0; read += frame_size) {
        EXPECT_TRUE(peer.receive_frame_of(type_data));
    }
    EXPECT_TRUE(sent.wait_for(1, patience / 2));
    waiting.join();
    EXPECT_EQ(sent.all(), std::vector{true});
    EXPECT_GT(session->queued_bytes(), high_mark / 4);
    EXPECT_EQ(server->writable.count(), 0U) << "that is for the low watermark";
    EXPECT_EQ(session->metrics().sends_rejected, refused);
}

}  // namespace
}  // namespace loopback

// After a storm the memory goes back to the system: what is resident falls to within twice of what
// it was before.
#include "storms/storm.h"

namespace storms {
namespace {

/// A frame of so many bytes of payload, fewer than 65,536.
[[nodiscard]] bytes message_of(std::size_t size) {
    bytes frame{0, 0, 0, static_cast<std::uint8_t>(size >> 8U), static_cast<std::uint8_t>(size)};
    frame.resize(frame.size() + size, 7);
    return frame;
}

TEST_F(storm_test, of_peers_that_never_read_small_messages) {
    EXPECT_TRUE(succeeds_in_child([] {
        expect_memory_back([](test_server& server) {
            for (const auto& session : server.sessions.all()) {
                send_until_full(session, 1000);
            }
        });
    }));
}

TEST_F(storm_test, of_peers_that_never_read_messages_sent_in_callbacks) {
    EXPECT_TRUE(succeeds_in_child([] {
        auto options = for_storms();
        options.io_threads = 2;
        test_server server(options);
        server.on_connect = [](const session_ptr& session) { send_until_full(session, 1000); };
        const auto port = server.start();
        expect_memory_back_after(
            server, peers_that_never_read,
            [port] { return connected(port, peers_that_never_read, 4096); },
            [](memory_watch& memory) {
                memory.record_peak();
                EXPECT_GE(memory.peak(), 20 * memory.start()) << "no storm";
            });
    }));
}

TEST_F(storm_test, of_peers_that_never_read_large_messages) {
    EXPECT_TRUE(succeeds_in_child([] {
        expect_memory_back([](test_server& server) {
            for (const auto& session : server.sessions.all()) {
                while (session->send_packet(std::vector<std::uint8_t>(60'000, 7))) {}
            }
        });
    }));
}

TEST_F(storm_test, of_peers_that_never_read_superseded_messages) {
    EXPECT_TRUE(succeeds_in_child([] {
        auto options = for_storms();
        options.session.policy = send_policy::drop_oldest;
        expect_memory_back(
            [](test_server& server) {
                const std::vector<std::uint8_t> message(1000, 7);
                for (const auto& session : server.sessions.all()) {
                    for (int i = 0; i < 4000; ++i) {
                        ASSERT_TRUE(session->send_packet(std::span(message)));
                    }
                }
            },
            options);
    }));
}

TEST_F(storm_test, of_peers_that_never_read_broadcasts) {
    EXPECT_TRUE(succeeds_in_child([] {
        expect_memory_back([](test_server& server) {
            const std::vector<std::uint8_t> small(500, 7);
            const std::vector<std::uint8_t> large(50'000, 7);
            for (int i = 0; i < 4000; ++i) {
                ASSERT_TRUE(server.server.broadcast(std::span(small)));
            }
            for (int i = 0; i < 1000; ++i) {
                ASSERT_TRUE(server.server.broadcast(std::span(large)));
            }
        });
    }));
}

TEST_F(storm_test, of_messages_that_nobody_asks_for) {
    EXPECT_TRUE(succeeds_in_child([] {
        auto options = for_storms();
        options.session.receiving = network_system::receive_mode::pull;
        test_server server(options);
        const auto port = server.start();
        constexpr std::size_t count = 100;
        const auto peers = [&] {
            auto all = connected(port, count);
            const bytes message = message_of(1000);
            for (const auto& each : all) {
                for (int i = 0; i < 950; ++i) {
                    EXPECT_TRUE(each.send(message));
                }
            }
            return all;
        };
        expect_memory_back_after(server, count, peers, wait_for_much);
    }));
}

// What is counted is payload with headers; what is held for it is little more.
TEST_F(storm_test, of_messages_that_come_one_by_one_to_peers_that_never_read) {
    EXPECT_TRUE(succeeds_in_child([] {
        test_server server(for_storms());
        const auto port = server.start();
        const memory_watch memory;
        const crowd peers([&] { return connected(port, 1, 4096); });
        ASSERT_TRUE(server.sessions.wait_for(1));
        const auto session = server.sessions.at(0);
        const std::vector<std::uint8_t> message(100, 7);
        ASSERT_TRUE(eventually([&] {
            // So slowly that the session takes each by itself.
            (void)session->send_packet(std::span<const std::uint8_t>(message));
            return session->queued_bytes() > 300'000;
        }));
        EXPECT_LT(resident(), memory.start() + 4000) << "KiB for a third of a megabyte";
    }));
}

TEST_F(storm_test, of_messages_that_never_end) {
    EXPECT_TRUE(succeeds_in_child([] {
        test_server server(for_storms());
        const auto port = server.start();
        constexpr std::size_t count = 30;
        const auto peers = [&] {
            auto all = connected(port, count);
            bytes part{0, 0x00, 0xF0, 0x00, 0x00};
            part.resize(12'000'000);
            for (const auto& each : all) {
                EXPECT_TRUE(each.send(part));
            }
            return all;
        };
        expect_memory_back_after(server, count, peers, wait_for_much);
    }));
}

TEST_F(storm_test, of_connects) {
    EXPECT_TRUE(succeeds_in_child([&] {
        test_server server(for_storms());
        const auto port = server.start();
        const std::size_t count = most_connections;
        expect_memory_back_after(
            server, count, [&] { return connected(port, count); }, [](memory_watch&) {});
    }));
}

}  // namespace
}  // namespace storms

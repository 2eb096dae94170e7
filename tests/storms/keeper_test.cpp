// When the memory is given back, and by whom.
#include "storms/storm.h"
#include "utils/memory_return.h"

#include <optional>

namespace storms {
namespace {

TEST_F(storm_test, that_a_stop_ends) {
    EXPECT_TRUE(succeeds_in_child([] {
        auto options = for_storms();
        options.drain_timeout = 0ms;
        std::optional<test_server> server(options);
        const auto port = server->start();
        memory_watch memory;
        const crowd peers([&] { return connected(port, peers_that_never_read, 4096); });
        ASSERT_TRUE(peers.is_ready());
        ASSERT_TRUE(server->sessions.wait_for(peers_that_never_read));
        for (const auto& session : server->sessions.all()) {
            send_until_full(session, 1000);
        }
        memory.record_peak();
        server.reset();
        EXPECT_GE(memory.peak(), 20 * memory.start()) << "no storm";
        EXPECT_TRUE(memory.falls_back());
    }));
}

TEST_F(storm_test, in_a_child_of_a_process_that_just_had_one) {
    EXPECT_TRUE(succeeds_in_child([] {
        const auto storm = [] {
            expect_memory_back([](test_server& server) {
                for (const auto& session : server.sessions.all()) {
                    send_until_full(session, 1000);
                }
            });
        };
        {
            const test_server server(for_storms());
            network_system::detail::record_freed(std::size_t{100} * 1024 * 1024);
        }
        EXPECT_TRUE(succeeds_in_child(storm));
        storm();
    }));
}

TEST_F(storm_test, is_nothing_that_is_taken_and_freed_for_ever) {
    EXPECT_TRUE(succeeds_in_child([] {
        using network_system::detail::record_freed;
        using network_system::detail::record_taken;
        constexpr std::size_t mebibyte = std::size_t{1024} * 1024;
        const std::size_t threads = running_threads();
        for (int i = 0; i < 10'000; ++i) {
            record_taken(mebibyte);
            record_freed(mebibyte);
        }
        EXPECT_EQ(running_threads(), threads);
        // Unlike this, whose thread ends when it has nothing left to do.
        record_taken(100 * mebibyte);
        record_freed(100 * mebibyte);
        EXPECT_TRUE(eventually([&] { return running_threads() == threads + 1; }));
        EXPECT_TRUE(eventually([&] { return running_threads() == threads; }));
    }));
}

TEST_F(storm_test, leaves_a_thread_that_an_exit_waits_for) {
    EXPECT_TRUE(succeeds_in_child(
        [] { network_system::detail::record_freed(std::size_t{100} * 1024 * 1024); },
        network_system::testing::child_end::in_order));
}

}  // namespace
}  // namespace storms

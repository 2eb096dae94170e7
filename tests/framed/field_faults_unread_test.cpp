// faults_test of a stop with peers that never read.
#include "framed/field_faults.h"

#include <sys/resource.h>

#include <cstdio>

namespace loopback {
namespace {

/// Both ends of so many connections, and some more.
[[nodiscard]] bool allows_connections(std::size_t count) {
    ::rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return false;
    }
    const ::rlim_t wanted = 2 * count + 200;
    limit.rlim_cur = std::max(limit.rlim_cur, std::min(wanted, limit.rlim_max));
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted;
}

TEST_P(field_faults, stop_with_a_thousand_peers_that_never_read) {
    const std::size_t count = scaled(1000);
    constexpr std::size_t messages = 4;
    if (!allows_connections(count)) {
        GTEST_SKIP() << count
                     << " connections need a higher hard limit of descriptors (ulimit -Hn)";
    }
    server_options options = for_server();
    options.drain_timeout = 200ms;
    // As much in the kernel as makes it slow, and not so much that the machine is.
    options.socket.send_buffer_size = 128 * 1024;
    test_server server(options);
    const auto port = server.start();
    std::vector<raw_peer> peers;
    for (std::size_t i = 0; i < count; ++i) {
        peers.push_back(raw_peer::connect(port, 2048));
    }
    ASSERT_TRUE(server.sessions.wait_for(count));
    const bytes message = pattern(256 * 1024);
    for (std::size_t i = 0; i < messages; ++i) {
        const auto sent = server.server.broadcast(message);
        ASSERT_TRUE(is_ok(sent));
        ASSERT_EQ(sent.value().queued, count);
    }
    // Nothing more fits into the kernel.
    std::uint64_t written = 0;
    ASSERT_TRUE(eventually([&] {
        const auto before = std::exchange(written, server.server.metrics().totals.bytes_sent);
        std::this_thread::sleep_for(20ms);
        return written > 0 && before == written;
    }));

    const auto took = time_of([&] {
        if (options.io_context == nullptr) {
            EXPECT_TRUE(is_ok(server.server.stop_server()));
            return;
        }
        // Where others run the loop, only this waits for the end however long it takes.
        event_counter over;
        EXPECT_TRUE(is_ok(server.server.stop_server([&](VoidResult) { over.add(); })));
        EXPECT_TRUE(over.wait_for(1));
        EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
    });
    EXPECT_GE(took, options.drain_timeout);
    std::printf("stopped %lld ms after the drain time, with %llu KiB in the kernel\n",
                static_cast<long long>((took - options.drain_timeout).count()),
                static_cast<unsigned long long>(written / 1024));
    EXPECT_EQ(server.closed.size(), count);
    EXPECT_EQ(server.errors.size(), count);
    for (const auto& each : server.errors.all()) {
        EXPECT_EQ(each.code, make_error_code(errc::connection_timeout));
    }
    const auto metrics = server.server.metrics();
    EXPECT_EQ(metrics.session_errors, count);
    EXPECT_EQ(metrics.totals.messages_sent + metrics.totals.messages_dropped, count * messages);
    EXPECT_EQ(metrics.totals.queued_bytes, 0U);
    EXPECT_EQ(server.server.connection_count(), 0U);
    // And every descriptor is closed.
    for (auto& each : peers) {
        EXPECT_EQ(each.drain(), stream_end::reset);
    }
    EXPECT_TRUE(is_ok(server.server.start_server(0))) << "as good as new";
}

}  // namespace
}  // namespace loopback

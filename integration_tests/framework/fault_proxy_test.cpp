// Every fault of the proxy, as both sides see it.
#include "framework/fault_proxy.h"

#include "framework/numbered_message.h"
#include "support/spawned_process.h"

#include <cerrno>
#include <thread>

namespace integration {
namespace {

class fault_proxy_test : public testing::Test {
protected:
    struct ends {
        raw_peer client;
        raw_peer server;
    };
    /// Through the proxy.
    [[nodiscard]] ends connect() const {
        raw_peer client = raw_peer::connect(proxy.port());
        return {std::move(client), listener.accept()};
    }
    static void expect_exchange(ends& both, std::size_t size = 1'000) {
        expect_passes(both.client, both.server, size);
        expect_passes(both.server, both.client, size);
    }
    static void expect_passes(const raw_peer& from, raw_peer& to, std::size_t size) {
        const bytes data = pattern(size, static_cast<std::uint32_t>(size));
        EXPECT_TRUE(from.send(data));
        EXPECT_EQ(to.receive(size), data);
    }
    static void expect_silence(const raw_peer& at) {
        std::uint8_t one = 0;
        EXPECT_EQ(::recv(at.handle(), &one, 1, MSG_DONTWAIT), -1);
        EXPECT_EQ(errno, EAGAIN);
    }
    [[nodiscard]] bool has_open(std::size_t count) const {
        return proxy.wait_for([&](const proxy_counts& counts) { return counts.open == count; });
    }
    [[nodiscard]] bool has_swallowed(std::uint64_t count) const {
        return proxy.wait_for(
            [&](const proxy_counts& counts) { return counts.swallowed >= count; });
    }

    raw_listener listener{64};
    fault_proxy proxy{listener.port()};
};

TEST_F(fault_proxy_test, passes_everything_on) {
    ends both = connect();
    expect_exchange(both);
    both.client.half_close();
    EXPECT_EQ(both.server.drain(), stream_end::orderly);
    expect_passes(both.server, both.client, 500);
    both.server.close();
    EXPECT_EQ(both.client.drain(), stream_end::orderly);
    EXPECT_TRUE(has_open(0));
    const proxy_counts counts = proxy.counts();
    EXPECT_EQ(counts.accepted, 1U);
    EXPECT_EQ(counts.bytes[index_of(way::to_server)], 1'000U);
    EXPECT_EQ(counts.bytes[index_of(way::to_client)], 1'500U);
    EXPECT_EQ(counts.swallowed, 0U);
    EXPECT_EQ(counts.resets, 0U);
    EXPECT_EQ(proxy.accepted_at().size(), 1U);
}

TEST_F(fault_proxy_test, passes_resets_on) {
    for (const bool is_by_client : {true, false}) {
        ends both = connect();
        expect_exchange(both);
        (is_by_client ? both.client : both.server).reset();
        EXPECT_EQ((is_by_client ? both.server : both.client).drain(), stream_end::reset);
    }
    EXPECT_TRUE(has_open(0));
}

TEST_F(fault_proxy_test, waits_for_a_slow_reader) {
    constexpr std::size_t size = std::size_t{8} << 20U;
    ends both = connect();
    std::thread sender([&] {
        EXPECT_TRUE(both.client.send(pattern(size)));
        both.client.half_close();
    });
    // It holds no more than its share of what nobody reads.
    EXPECT_TRUE(proxy.wait_for([](const proxy_counts& counts) { return counts.bytes[0] > 0; }));
    EXPECT_EQ(both.server.receive(size), pattern(size));
    EXPECT_EQ(both.server.drain(), stream_end::orderly);
    sender.join();
}

TEST_F(fault_proxy_test, delays_each_direction_for_itself) {
    constexpr auto late = 60ms;
    proxy.shape(way::to_server, {.delay = late});
    ends both = connect();
    expect_passes(both.server, both.client, 100);
    const auto before = std::chrono::steady_clock::now();
    expect_passes(both.client, both.server, 100);
    EXPECT_GE(std::chrono::steady_clock::now() - before, late);
    const auto later = std::chrono::steady_clock::now();
    both.client.half_close();
    EXPECT_EQ(both.server.drain(), stream_end::orderly);
    EXPECT_GE(std::chrono::steady_clock::now() - later, late);
}

TEST_F(fault_proxy_test, throttles) {
    constexpr std::size_t size = 6'000;
    proxy.shape({.bytes_per_second = 100'000});
    ends both = connect();
    const auto before = std::chrono::steady_clock::now();
    expect_passes(both.client, both.server, size);
    // The first hundredth of a second's bytes go at once.
    EXPECT_GE(std::chrono::steady_clock::now() - before, 50ms);
    EXPECT_GE(proxy.counts().writes[index_of(way::to_server)], 6U);
}

TEST_F(fault_proxy_test, splits) {
    constexpr std::size_t size = 3'000;
    proxy.shape(way::to_client, {.largest_piece = 3});
    ends both = connect();
    expect_exchange(both, size);
    EXPECT_GE(proxy.counts().writes[index_of(way::to_client)], size / 3);
    EXPECT_LT(proxy.counts().writes[index_of(way::to_server)], size / 3);
}

TEST_F(fault_proxy_test, resets_all_connections_at_once) {
    ends one = connect();
    ends other = connect();
    expect_exchange(one);
    proxy.reset_all();
    for (ends* each : {&one, &other}) {
        EXPECT_EQ(each->client.drain(), stream_end::reset);
        EXPECT_EQ(each->server.drain(), stream_end::reset);
    }
    EXPECT_EQ(proxy.counts().resets, 2U);
    EXPECT_EQ(proxy.counts().open, 0U);
    ends next = connect();
    expect_exchange(next);
}

TEST_F(fault_proxy_test, resets_after_a_number_of_bytes) {
    ends old = connect();
    proxy.reset_after(way::to_client, 700);
    ends fresh = connect();
    for (ends* each : {&old, &fresh}) {
        expect_passes(each->client, each->server, 2'000);
        expect_passes(each->server, each->client, 699);
        EXPECT_TRUE(each->server.send(pattern(100)));
        EXPECT_LE(each->client.receive(100).size(), 1U);
        EXPECT_EQ(each->client.end(), stream_end::reset);
        EXPECT_EQ(each->server.drain(), stream_end::reset);
    }
    EXPECT_EQ(proxy.counts().bytes[index_of(way::to_client)], 1'400U);
    proxy.pass();
    ends whole = connect();
    expect_exchange(whole, 2'000);
}

TEST_F(fault_proxy_test, truncates_after_a_number_of_bytes) {
    proxy.truncate_after(way::to_client, 700);
    ends both = connect();
    EXPECT_TRUE(both.server.send(pattern(1'000)));
    const bytes whole = pattern(1'000);
    EXPECT_EQ(both.client.receive(1'000), bytes(whole.begin(), whole.begin() + 700));
    EXPECT_EQ(both.client.drain(), stream_end::orderly);
    EXPECT_EQ(both.server.drain(), stream_end::orderly);
    EXPECT_EQ(proxy.counts().swallowed, 300U);
    // It is over once both have heard of it.
    both.client.close();
    both.server.close();
    EXPECT_TRUE(has_open(0));
}

TEST_F(fault_proxy_test, is_a_black_hole) {
    ends old = connect();
    expect_exchange(old);
    proxy.black_hole();
    raw_peer fresh = raw_peer::connect(proxy.port());
    for (const raw_peer* each : {&old.client, &old.server, &fresh}) {
        EXPECT_TRUE(each->send(pattern(100)));
    }
    EXPECT_TRUE(has_swallowed(300));
    expect_silence(old.client);
    expect_silence(old.server);
    expect_silence(fresh);
    // Ends and resets are lost as well.
    old.client.reset();
    EXPECT_TRUE(old.server.send(pattern(50)));
    EXPECT_TRUE(has_swallowed(350));
    expect_silence(old.server);
    fresh.half_close();

    proxy.pass();
    ends next = connect();
    expect_exchange(next);
    expect_silence(fresh);
    expect_silence(old.server);
    proxy.reset_all();
    EXPECT_EQ(fresh.drain(), stream_end::reset);
    EXPECT_EQ(old.server.drain(), stream_end::reset);
}

TEST_F(fault_proxy_test, refuses_and_listens_again_at_the_same_port) {
    ends old = connect();
    const auto before = proxy.port();
    for (int i = 0; i < 3; ++i) {
        proxy.refuse();
        const raw_peer refused = raw_peer::unconnected();
        EXPECT_FALSE(refused.connect_to(proxy.port()));
        EXPECT_EQ(errno, ECONNREFUSED);
        expect_exchange(old);
        proxy.pass();
        ends next = connect();
        expect_exchange(next);
    }
    EXPECT_EQ(proxy.port(), before);
    EXPECT_EQ(proxy.counts().accepted, 4U);
}

TEST_F(fault_proxy_test, rejects_new_connections) {
    ends old = connect();
    proxy.reject();
    raw_peer rejected = raw_peer::connect(proxy.port());
    EXPECT_EQ(rejected.drain(), stream_end::reset);
    EXPECT_EQ(proxy.counts().rejected, 1U);
    EXPECT_EQ(proxy.accepted_at().size(), 2U);
    expect_exchange(old);
}

TEST_F(fault_proxy_test, half_closes) {
    for (const way each : {way::to_server, way::to_client}) {
        ends both = connect();
        expect_exchange(both);
        raw_peer& sender = each == way::to_server ? both.client : both.server;
        raw_peer& receiver = each == way::to_server ? both.server : both.client;
        proxy.half_close(each);
        EXPECT_EQ(receiver.drain(), stream_end::orderly);
        expect_passes(receiver, sender, 100);
        const auto before = proxy.counts().swallowed;
        EXPECT_TRUE(sender.send(pattern(100)));
        EXPECT_TRUE(has_swallowed(before + 100));
        receiver.half_close();
        EXPECT_EQ(sender.drain(), stream_end::orderly);
        sender.close();
        EXPECT_TRUE(has_open(0));
    }
}

TEST_F(fault_proxy_test, holds_everything_and_lets_it_go) {
    ends both = connect();
    expect_exchange(both);
    proxy.hold();
    EXPECT_TRUE(both.client.send(pattern(5'000)));
    both.client.half_close();
    expect_silence(both.server);
    proxy.pass();
    EXPECT_EQ(both.server.receive(5'000), pattern(5'000));
    EXPECT_EQ(both.server.drain(), stream_end::orderly);
}

TEST_F(fault_proxy_test, goes_to_another_server) {
    ends old = connect();
    const raw_listener second;
    proxy.set_server(second.port());
    raw_peer client = raw_peer::connect(proxy.port());
    raw_peer server = second.accept();
    expect_passes(client, server, 100);
    expect_exchange(old);
}

TEST_F(fault_proxy_test, resets_whom_it_cannot_connect) {
    const refusing_port nobody;
    std::uint64_t failed = 0;
    for (const std::uint16_t port : {nobody.number(), std::uint16_t{0}}) {
        proxy.set_server(port);
        raw_peer client = raw_peer::connect(proxy.port());
        EXPECT_EQ(client.drain(), stream_end::reset);
        EXPECT_EQ(proxy.counts().failed_connects, ++failed);
    }
}

TEST_F(fault_proxy_test, takes_a_thousand_connections_and_ends_with_all_of_them) {
    constexpr std::size_t count = 1'000;
    if (!allows_descriptors(4 * count + 200)) {
        GTEST_SKIP() << "a thousand connections need 4,200 descriptors (ulimit -n)";
    }
    auto own = std::make_unique<fault_proxy>(listener.port());
    std::vector<ends> all;
    for (std::size_t i = 0; i < count; ++i) {
        raw_peer client = raw_peer::connect(own->port());
        all.push_back({std::move(client), listener.accept()});
    }
    for (const ends& each : all) {
        EXPECT_TRUE(each.client.send(pattern(10)));
    }
    for (ends& each : all) {
        EXPECT_EQ(each.server.receive(10), pattern(10));
    }
    EXPECT_EQ(own->counts().open, count);
    EXPECT_EQ(own->accepted_at().size(), count);
    own.reset();
    for (ends& each : all) {
        EXPECT_EQ(each.client.drain(), stream_end::reset);
        EXPECT_EQ(each.server.drain(), stream_end::reset);
    }
}

}  // namespace
}  // namespace integration

// faults_test of a stop with clients that wait in the queue of the listener.
#include "framed/field_faults.h"
#include "support/proxy_headers.h"

#include <network_system/core/listener.h>

#include <latch>
#include <optional>
#include <tuple>

namespace loopback {
namespace {

constexpr std::size_t crowd_size = 5;

/// A server whose loop is held up while others connect, and is stopped then.
class busy_server {
public:
    explicit busy_server(server_options options) : server(std::move(options)) {
        server.on_receive = [this](const session_ptr&, std::span<const std::uint8_t>) {
            is_busy_.add();
            goes_on_.wait();
        };
        port = server.start();
    }
    busy_server(const busy_server&) = delete;
    busy_server& operator=(const busy_server&) = delete;
    ~busy_server() { go_on(); }

    /// By a connection's receive callback; `first` is what the connection says.
    void hold_up(const bytes& first) {
        busy_peer_ = raw_peer::connect(port);
        ASSERT_TRUE(busy_peer_.send(first));
        ASSERT_TRUE(is_busy_.wait_for(1));
    }
    /// Connected as far as they know.
    [[nodiscard]] std::vector<raw_peer> connect_many(std::size_t count) const {
        std::vector<raw_peer> peers;
        for (std::size_t i = 0; i < count; ++i) {
            peers.push_back(raw_peer::unconnected());
            EXPECT_TRUE(peers.back().connect_to(port));
        }
        return peers;
    }
    /// Begins the stop, and only then lets the loop go on.
    void stop() {
        std::thread stops([&] { EXPECT_TRUE(is_ok(server.server.stop_server())); });
        EXPECT_TRUE(eventually([&] { return !server.server.is_running(); }));
        go_on();
        busy_peer_.close();
        stops.join();
    }

    test_server server;
    std::uint16_t port = 0;

private:
    void go_on() {
        if (!std::exchange(has_gone_on_, true)) {
            goes_on_.count_down();
        }
    }

    event_counter is_busy_;
    std::latch goes_on_{1};
    bool has_gone_on_ = false;
    raw_peer busy_peer_;
};

/// The goodbye's reason, if the connection ends in order after it.
[[nodiscard]] std::optional<int> reason_of_end(raw_peer& peer) {
    const auto goodbye = peer.receive_frame_of(type_goodbye);
    if (!goodbye || peer.drain() != stream_end::orderly) {
        return std::nullopt;
    }
    return reason_of(goodbye->payload);
}

TEST_P(field_faults, stop_that_resets_the_accept_queue) {
    server_options options = for_server();
    options.drain_timeout = patience;
    busy_server busy(options);
    busy.hold_up(frame_of(type_data, pattern(1)));
    auto peers = busy.connect_many(crowd_size);
    std::thread reads([&] {
        for (auto& each : peers) {
            EXPECT_EQ(reason_of_end(each), 0);
            each.close();
        }
    });
    busy.stop();
    reads.join();
    const auto metrics = busy.server.server.metrics();
    EXPECT_EQ(metrics.connections_accepted, 1 + crowd_size);
    EXPECT_EQ(metrics.connections_refused, 0U);
    EXPECT_EQ(busy.server.closed.size(), busy.server.sessions.size());
}

TEST_P(field_faults, stop_that_resets_the_accept_queue_without_goodbyes) {
    for (const framing frames : {framing::raw, framing::length_prefixed}) {
        server_options options = for_server();
        options.session.frames = frames;
        options.drain_timeout = patience;
        busy_server busy(options);
        busy.hold_up(length_prefixed(pattern(1)));
        auto peers = busy.connect_many(crowd_size);
        for (const auto& each : peers) {
            EXPECT_TRUE(each.send(length_prefixed(pattern(100)))) << "which nobody will read";
        }
        std::thread reads([&] {
            for (auto& each : peers) {
                EXPECT_EQ(each.drain(), stream_end::orderly);
                each.close();
            }
        });
        busy.stop();
        reads.join();
        EXPECT_EQ(busy.server.server.metrics().connections_accepted, 1 + crowd_size);
    }
}

TEST_P(field_faults, stop_that_forgets_its_limits_for_the_accept_queue) {
    server_options options = for_server();
    options.drain_timeout = patience;
    options.max_connections = 1;
    busy_server busy(options);
    busy.hold_up(frame_of(type_data, pattern(1)));
    auto peers = busy.connect_many(crowd_size);
    busy.stop();
    for (auto& each : peers) {
        EXPECT_EQ(reason_of_end(each), static_cast<int>(errc::server_full));
    }
    EXPECT_EQ(busy.server.server.metrics().connections_refused, crowd_size);
}

TEST_P(field_faults, stop_that_takes_the_queue_of_who_listens_on) {
    server_options options = for_server();
    options.drain_timeout = 50ms;  // for peers that say nothing
    busy_server busy(options);
    busy.hold_up(frame_of(type_data, pattern(1)));
    auto shared = busy.server.server.share_listener();
    ASSERT_TRUE(is_ok(shared));
    auto peers = busy.connect_many(crowd_size);
    busy.stop();
    // Asio may look at the listener once more before it runs what ends it.
    const bool is_exact = GetParam() == std::tuple(readiness::automatic, driver::own_threads);
    const auto taken = busy.server.server.metrics().connections_accepted - 1;
    EXPECT_TRUE(taken == 0 || !is_exact);
    options.drain_timeout = 0ms;
    test_server next(options);
    ASSERT_TRUE(is_ok(next.server.start_server(std::move(shared).value())));
    std::size_t served = 0;
    for (auto& each : peers) {
        EXPECT_TRUE(each.receive_frame_of(type_hello));
        (void)each.send(frame_of(type_data, pattern(10)));
        const auto answer = each.receive_frame();
        served += answer && answer->type == type_data ? 1U : 0U;
    }
    EXPECT_EQ(served + taken, crowd_size);
}

TEST_P(field_faults, stop_that_resets_proxied_connections) {
    using namespace network_system::testing;
    const auto header = proxy_wire(proxy_proxy, proxy_tcp4, proxy_tcp4_block(1));
    server_options options = for_server();
    options.drain_timeout = patience;
    options.proxy_protocol.trusted = {"127.0.0.1"};
    busy_server busy(options);
    auto first = header;
    const auto message = frame_of(type_data, pattern(1));
    first.insert(first.end(), message.begin(), message.end());
    busy.hold_up(first);
    auto peers = busy.connect_many(3);
    EXPECT_TRUE(peers[0].send(header));
    EXPECT_TRUE(peers[1].send(std::span(header).first(header.size() / 2)));
    std::thread reads([&] {
        EXPECT_EQ(reason_of_end(peers[0]), 0) << "it is known whose it is";
        peers[0].close();
    });
    busy.stop();
    reads.join();
    EXPECT_EQ(peers[1].drain(), stream_end::orderly);
    EXPECT_EQ(peers[2].drain(), stream_end::orderly);
    EXPECT_EQ(busy.server.server.metrics().proxy_errors, 0U);
}

TEST_P(field_faults, stop_that_a_connect_storm_holds_open) {
    server_options options = for_server();
    options.drain_timeout = 100ms;
    options.backlog = 16;
    busy_server busy(options);
    busy.hold_up(frame_of(type_data, pattern(1)));
    std::atomic<bool> is_over{false};
    std::thread storm([&] {
        while (!is_over) {
            (void)raw_peer::unconnected().connect_to(busy.port);
        }
    });
    EXPECT_LT(time_of([&] { busy.stop(); }), options.drain_timeout + slack);
    is_over = true;
    storm.join();
    // The one that is busy, those whom the queue holds at the stop, and the batch that is taken
    // where Asio looks at the listener once more before it runs what ends it.
    constexpr std::size_t batch = 64;
    EXPECT_LE(busy.server.server.metrics().connections_accepted, 1 + 17 + batch);
}

}  // namespace
}  // namespace loopback

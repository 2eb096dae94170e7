// Peers that vanish without a word are found in time, and peers that are there are left alone.
#include "testing/echo_pair.h"

#include <network_system/resilience/health_monitor.h>
#include <network_system/resilience/resilient_client.h>
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace network_system::inline v0_1::testing {
namespace {

using resilience::health;
using resilience::health_monitor;
using resilience::health_options;
using resilience::health_report;

#ifdef NETWORK_SIMULATION_FEWER_SEEDS
constexpr std::uint64_t health_seeds = 40;
#else
constexpr std::uint64_t health_seeds = 400;
#endif
/// There and back at most, and what the threads on the way take.
constexpr milliseconds round_trip{6};

[[nodiscard]] health_options drawn_options(std::uint64_t seed) {
    simulation dice(seed);
    return {.interval = milliseconds(100 + dice.random_below(5'000)),
            .max_missed = 1 + static_cast<unsigned>(dice.random_below(5))};
}

/// Without pings of its own, which would find it, too.
[[nodiscard]] client_options without_pings() {
    client_options options;
    options.session.ping_interval = milliseconds{0};
    return options;
}

/// A client that watches its connection.
class watched_pair {
public:
    explicit watched_pair(std::uint64_t seed)
        : options(drawn_options(seed)), pair({}, seed, {}, without_pings()), monitor(options) {
        monitor.set_health_callback([this](const health_report& now) {
            changes += now.state == health::healthy ? 0 : 1;
            if (now.state == health::dead) {
                died_at = pair.sim.now();
            }
        });
        pair.client.set_connected_callback([this](const messaging_client::session_ptr& session) {
            is_watched = monitor.start(session).is_ok();
        });
    }
    [[nodiscard]] nanoseconds bound() const {
        return options.interval * options.max_missed + round_trip;
    }

    const health_options options;
    int changes = 0;
    bool is_watched = false;
    std::optional<nanoseconds> died_at;
    echo_pair pair;
    health_monitor monitor;
};

/// What went wrong, or nothing.
[[nodiscard]] std::string lose_the_server(std::uint64_t seed) {
    watched_pair watched(seed);
    echo_pair& pair = watched.pair;
    if (!pair.start_and_wait() || !watched.is_watched) {
        return "not watched";
    }
    (void)pair.sim.run_for(milliseconds(pair.sim.random_below(20'000)));
    if (watched.changes != 0) {
        return "a false alarm";
    }
    const auto lost_at = pair.sim.now();
    pair.sim.partition("server", "client", minutes{60});
    if (pair.sim.random_below(2) == 0) {
        pair.sim.crash("server");
    }
    if (pair.sim.random_below(2) == 0) {
        pair.send(5, 1'000);  // which nobody takes
    }
    (void)pair.sim.run_for(watched.bound());
    if (!watched.died_at || *watched.died_at - lost_at > watched.bound()) {
        return "not found in time";
    }
    (void)pair.sim.run_for(seconds{1});
    const bool is_told = pair.is_disconnected && pair.failure == errc::connection_timeout;
    return is_told ? "" : "the connection was not ended: " + pair.failure.message();
}

/// One that is up again at once answers the next probe with a reset.
[[nodiscard]] std::string restart_the_server(std::uint64_t seed) {
    watched_pair watched(seed);
    echo_pair& pair = watched.pair;
    if (!pair.start_and_wait() || !watched.is_watched) {
        return "not watched";
    }
    (void)pair.sim.run_for(milliseconds(pair.sim.random_below(20'000)));
    pair.sim.crash("server");
    (void)pair.sim.run_for(watched.options.interval + round_trip);
    return pair.is_disconnected ? "" : "not found with the next probe";
}

[[nodiscard]] std::string lose_nothing(std::uint64_t seed) {
    watched_pair watched(seed);
    echo_pair& pair = watched.pair;
    if (!pair.start_and_wait() || !watched.is_watched) {
        return "not watched";
    }
    for (int turn = 0; turn < 20; ++turn) {
        (void)pair.sim.run_for(milliseconds(pair.sim.random_below(60'000)));
        pair.send(pair.sim.random_below(20), 1 + pair.sim.random_below(20'000));
    }
    (void)pair.sim.run_for(minutes{10});
    const auto report = watched.monitor.report();
    if (watched.changes != 0 || pair.is_disconnected || report.state != health::healthy) {
        return "a false alarm";
    }
    const bool are_all_answered = report.probes_missed == 0 &&
                                  report.probes_answered + 1 >= report.probes_sent &&
                                  report.probes_sent > 100;
    return are_all_answered && report.min_rtt <= round_trip ? "" : "wrong numbers";
}

/// A resilient client goes to the next server as soon as the first has been found dead.
[[nodiscard]] std::string lose_the_first_of_two(std::uint64_t seed) {
    simulation sim(seed);
    std::vector<std::string> received;
    messaging_server first("first", sim.on_host("first"));
    messaging_server second("second", sim.on_host("second"));
    second.set_receive_callback([&](std::span<const std::uint8_t> data) {
        received.emplace_back(data.begin(), data.end());
    });
    resilience::resilient_client_options options;
    options.endpoints = {{"first", echo_pair::port}, {"second", echo_pair::port}};
    options.delivery = seed % 2 == 0 ? resilience::delivery_mode::at_least_once
                                     : resilience::delivery_mode::at_most_once;
    options.connection.client = sim.on_host("client", without_pings());
    options.connection.client.reconnect.initial_delay = milliseconds{10};
    options.health = drawn_options(seed);
    resilience::resilient_client client("client", options);
    if (!first.start_server(echo_pair::port) || !second.start_server(echo_pair::port) ||
        !client.connect([](const VoidResult&) {}) ||
        !sim.run_until([&] { return client.is_connected(); }, seconds{5})) {
        return "not connected";
    }
    (void)sim.run_for(milliseconds(sim.random_below(20'000)));
    sim.partition("first", "client", minutes{60});
    sim.crash("first");
    // Until it is found dead it may get messages, and those at most once are lost with it.
    (void)sim.run_for(options.health->interval * options.health->max_missed + round_trip);
    if (!client.send_with_retry("hello")) {
        return "not accepted";
    }
    // The pause before the next attempt has begun when the first connection ended.
    (void)sim.run_for(milliseconds{50});
    if (received != std::vector<std::string>{"hello"}) {
        return "not delivered by the second";
    }
    return client.metrics().failovers == 1 ? "" : "the failover was not counted";
}

class health_seeds_test : public ::testing::Test {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};

TEST_F(health_seeds_test, a_peer_that_vanishes_is_found_in_time) {
    EXPECT_EQ(try_seeds(seeds_to_try({1, health_seeds}), lose_the_server), "");
}

TEST_F(health_seeds_test, a_peer_that_was_restarted_is_found_with_the_next_probe) {
    EXPECT_EQ(try_seeds(seeds_to_try({1, health_seeds}), restart_the_server), "");
}

TEST_F(health_seeds_test, a_peer_that_is_there_is_left_alone) {
    EXPECT_EQ(try_seeds(seeds_to_try({1, health_seeds / 10}), lose_nothing), "");
}

TEST_F(health_seeds_test, the_next_server_gets_the_messages_in_time) {
    EXPECT_EQ(try_seeds(seeds_to_try({1, health_seeds}), lose_the_first_of_two), "");
}

}  // namespace
}  // namespace network_system::testing

// Every fault that can be asked for occurs, and does what is said of it, and no more.
#include "testing/echo_pair.h"

#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace network_system::inline v0_1::testing {
namespace {

using std::chrono::microseconds;

class Quietly : public ::testing::Test {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};

/// A fault that makes things late, and breaks nothing.
struct harmless {
    const char* name;
    std::function<void(simulation_options&)> ask_for;
    std::uint64_t simulation_counts::*count;
};

class harmless_fault : public ::testing::TestWithParam<harmless> {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};

TEST_P(harmless_fault, occurs_and_loses_nothing) {
    simulation_options options;
    options.segment = {1, 4'096};
    std::uint64_t without = 0;
    std::uint64_t with = 0;
    for (const bool is_asked : {false, true}) {
        if (is_asked) {
            GetParam().ask_for(options);
        }
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            core::client_options patient;
            patient.connect_timeout = minutes(10);
            echo_pair pair(options, seed, {}, patient);
            ASSERT_TRUE(pair.start_and_wait()) << pair.sim.trace();
            pair.send(20, 3'000);
            ASSERT_TRUE(pair.wait_for_all()) << pair.sim.trace();
            (is_asked ? with : without) += pair.sim.counts().*GetParam().count;
        }
    }
    EXPECT_EQ(without, 0U);
    EXPECT_GT(with, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    all, harmless_fault,
    ::testing::Values(
        harmless{"Stall", [](auto& options) { options.stall = 0.1; }, &simulation_counts::stalls},
        harmless{"ShortTransfer", [](auto& options) { options.short_transfer = 0.5; },
                 &simulation_counts::short_transfers},
        harmless{"SpuriousWakeup", [](auto& options) { options.spurious_wakeup = 0.5; },
                 &simulation_counts::spurious_wakeups},
        harmless{"FullBuffer", [](auto& options) { options.buffer = 1'000; },
                 &simulation_counts::full_buffers},
        harmless{"LostConnect", [](auto& options) { options.lose_connect = 0.5; },
                 &simulation_counts::lost_connects},
        harmless{"FailedAccept", [](auto& options) { options.accept_failure = 0.5; },
                 &simulation_counts::failed_accepts},
        harmless{"Partition",
                 [](auto& options) {
                     options.partition_every = {milliseconds(1), milliseconds(20)};
                     options.partition_time = {milliseconds(1), milliseconds(100)};
                 },
                 &simulation_counts::held_up},
        harmless{"ThreadStall", [](auto& options) { options.thread_stall = 0.1; },
                 &simulation_counts::thread_stalls}),
    [](const auto& each) { return each.param.name; });

using faults_test = Quietly;

TEST_F(faults_test, refused_connects) {
    simulation_options options;
    options.refuse = 1;
    echo_pair pair(options);
    EXPECT_EQ(code_of(pair.start_and_wait()), number(errc::connection_refused));
    EXPECT_EQ(pair.sim.counts().refused_connects, 2U);  // one of each family
}

TEST_F(faults_test, connects_that_are_never_answered) {
    simulation_options options;
    options.lose_connect = 1;
    echo_pair pair(options);
    EXPECT_EQ(code_of(pair.start_and_wait()), number(errc::connection_timeout));
    EXPECT_EQ(pair.sim.counts().connections, 0U);
}

TEST_F(faults_test, names_that_do_not_resolve) {
    simulation_options options;
    options.resolve_failure = 1;
    echo_pair pair(options);
    EXPECT_EQ(code_of(pair.start_and_wait()), number(errc::resolve_failed));
    EXPECT_EQ(pair.sim.counts().failed_resolves, 1U);
}

TEST_F(faults_test, names_that_take_too_long) {
    simulation_options options;
    options.resolve_time = {seconds(60), seconds(60)};
    echo_pair pair(options);
    EXPECT_EQ(code_of(pair.start_and_wait()), number(errc::connection_timeout));
    EXPECT_LT(pair.sim.now(), seconds(11));
}

TEST_F(faults_test, resets) {
    simulation_options options;
    options.reset = 1;
    options.reset_after = {seconds(1), seconds(2)};
    echo_pair pair(options);
    ASSERT_TRUE(pair.start_and_wait());
    EXPECT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, seconds(3)));
    EXPECT_EQ(pair.failure, errc::connection_closed);
    EXPECT_EQ(pair.sim.counts().resets, 1U);
    EXPECT_TRUE(
        pair.sim.run_until([&] { return pair.server.connection_count() == 0; }, seconds(3)));
}

TEST_F(faults_test, resets_that_a_test_asks_for) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.reset_connections("server", "somebody else");
    EXPECT_TRUE(pair.sim.run_for(seconds(1)));
    EXPECT_TRUE(pair.client.is_connected());
    pair.sim.reset_connections("server", "client");
    EXPECT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, seconds(1)));
    EXPECT_EQ(pair.failure, errc::connection_closed);
    ASSERT_TRUE(pair.connect());
    EXPECT_TRUE(pair.wait_for_start());
}

TEST_F(faults_test, partitions_hold_up_what_is_on_its_way) {
    simulation_options slow;
    slow.latency = {milliseconds(10), milliseconds(10)};
    echo_pair pair(slow);
    ASSERT_TRUE(pair.start_and_wait());
    EXPECT_TRUE(pair.sim.run_until_idle(seconds(1)));
    pair.send(1, 100);
    EXPECT_TRUE(pair.sim.run_for(milliseconds(5)));
    pair.sim.partition("client", "server", seconds(20));
    EXPECT_TRUE(pair.sim.run_for(seconds(20)));
    EXPECT_TRUE(pair.received.empty());
    EXPECT_TRUE(pair.sim.run_for(milliseconds(100)));
    EXPECT_TRUE(pair.has_all());

    // Healed before its time; what was held up is still due when the partition was to end.
    pair.sim.partition("client", "server", seconds(20));
    pair.sim.partition("client", "server", seconds(0));
    pair.send(1, 100);
    EXPECT_TRUE(pair.sim.run_for(milliseconds(100)));
    EXPECT_TRUE(pair.has_all());
}

TEST_F(faults_test, partitions_of_one_direction) {
    echo_pair pair;
    std::size_t arrived = 0;
    pair.server.set_receive_callback([&](const core::messaging_server::session_ptr& session,
                                         std::span<const std::uint8_t> data) {
        ++arrived;
        (void)session->send_packet(data);
    });
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.partition_one_way("server", "client", seconds(10));
    pair.send(1, 100);
    EXPECT_TRUE(pair.sim.run_for(seconds(9)));
    EXPECT_EQ(arrived, 1U);
    EXPECT_TRUE(pair.received.empty());
    EXPECT_TRUE(pair.sim.run_for(seconds(2)));
    EXPECT_TRUE(pair.has_all());
}

TEST_F(faults_test, partitions_that_last_are_noticed_by_pings) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.partition("client", "server", minutes(60));
    EXPECT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, minutes(5)));
    EXPECT_EQ(pair.failure, errc::connection_timeout);
}

TEST_F(faults_test, full_accept_queues) {
    simulation_options options;
    options.accept_queue = 1;
    options.thread_stall = 1;
    options.thread_stall_time = {milliseconds(500), milliseconds(500)};
    echo_pair pair(options);
    ASSERT_TRUE(pair.server.start_server(echo_pair::port));
    std::vector<std::unique_ptr<core::messaging_client>> all;
    std::size_t connected = 0;
    for (int i = 0; i < 5; ++i) {
        all.push_back(std::make_unique<core::messaging_client>("c", pair.sim.on_host("clients")));
        EXPECT_TRUE(
            all.back()->start_client("server", echo_pair::port, [&](const VoidResult& result) {
                connected += result ? 1 : 0;
            }));
    }
    EXPECT_TRUE(pair.sim.run_until([&] { return connected == 5; }, minutes(1)));
    EXPECT_GT(pair.sim.counts().lost_connects, 0U);
}

TEST_F(faults_test, latency_is_what_is_asked_for) {
    simulation_options options;
    options.latency = {milliseconds(100), milliseconds(100)};
    options.resolve_time = {};
    options.batch_time = {};
    echo_pair pair(options);
    ASSERT_TRUE(pair.start_and_wait());
    // The first packet goes there; its answer and the hello come back together.
    EXPECT_EQ(pair.sim.now(), milliseconds(200));
    std::chrono::microseconds measured{0};
    EXPECT_TRUE(pair.client.ping(
        [&](Result<microseconds> time) { measured = time.value_or(microseconds(0)); }));
    EXPECT_TRUE(pair.sim.run_for(seconds(1)));
    EXPECT_EQ(measured, milliseconds(200));
}

TEST_F(faults_test, are_drawn_from_the_seed) {
    const auto one = simulation_options::faulty(3);
    const auto same = simulation_options::faulty(3);
    EXPECT_EQ(one.buffer, same.buffer);
    EXPECT_EQ(one.stall, same.stall);
    // Over many seeds each is there, and each is missing.
    int with_resets = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        with_resets += simulation_options::faulty(seed).reset > 0 ? 1 : 0;
    }
    EXPECT_GT(with_resets, 20);
    EXPECT_LT(with_resets, 80);
}

/// Reads some 100 KiB in a second.
client_options slow_reader() {
    client_options options;
    options.session.max_messages_per_second = 25;
    options.session.ping_interval = milliseconds(0);
    return options;
}

TEST_F(faults_test, a_slow_reader_is_not_taken_for_one_that_is_gone) {
    simulation_options narrow;
    narrow.buffer = 16 * 1024;
    server_options options;
    options.session.ping_interval = milliseconds(1000);
    options.session.max_missed_pings = 1;
    options.drain_timeout = milliseconds(1000);
    echo_pair pair(narrow, 1, options, slow_reader());
    ASSERT_TRUE(pair.start_and_wait());
    const auto session = pair.server.get_sessions().front();
    for (int i = 0; i < 256; ++i) {
        pair.sent.emplace_back(4096, 'x');
        ASSERT_TRUE(session->send_packet(pair.sent.back()));
    }
    ASSERT_TRUE(pair.sim.run_until([&] { return pair.received.size() >= 128; }, minutes(1)));
    // The end of one connection is as patient.
    ASSERT_TRUE(session->stop_session());
    EXPECT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, minutes(1)));
    EXPECT_TRUE(pair.has_all()) << pair.received.size();
    EXPECT_FALSE(pair.failure) << pair.failure.message();
}

TEST_F(faults_test, a_slow_reader_does_not_hold_up_the_stop_of_a_server) {
    simulation_options narrow;
    narrow.buffer = 16 * 1024;
    server_options options;
    options.drain_timeout = milliseconds(1000);
    echo_pair pair(narrow, 1, options, slow_reader());
    ASSERT_TRUE(pair.start_and_wait());
    const auto session = pair.server.get_sessions().front();
    for (int i = 0; i < 256; ++i) {
        ASSERT_TRUE(session->send_packet(std::string(4096, 'x')));
    }
    ASSERT_TRUE(session->stop_session());
    ASSERT_TRUE(pair.sim.run_for(seconds(3)));
    EXPECT_FALSE(pair.is_disconnected);
    bool is_stopped = false;
    const auto begin = pair.sim.now();
    ASSERT_TRUE(pair.server.stop_server([&](VoidResult) { is_stopped = true; }));
    EXPECT_TRUE(pair.sim.run_until([&] { return is_stopped; }, minutes(1)));
    EXPECT_LE(pair.sim.now() - begin, milliseconds(1100)) << "virtual time";
}

TEST_F(faults_test, impossible_options_are_taken_as_the_nearest) {
    simulation_options options;
    options.latency = {milliseconds(5), milliseconds(1)};
    options.segment = {0, 0};
    options.buffer = 0;
    options.accept_queue = 0;
    options.stall = -1;
    options.short_transfer = 7;
    options.batch_time = {milliseconds(-5), milliseconds(-1)};
    echo_pair pair(options);
    ASSERT_TRUE(pair.start_and_wait());
    pair.send(2, 20);
    EXPECT_TRUE(pair.wait_for_all());
    EXPECT_EQ(pair.sim.counts().stalls, 0U);
}

}  // namespace
}  // namespace network_system::testing

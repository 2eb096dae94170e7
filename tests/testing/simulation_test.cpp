// The kit itself: time, replay, and what does not work in it.
#include "testing/echo_pair.h"

#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

TEST(simulation, runs_a_server_and_a_client) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    pair.send(3, 100);
    EXPECT_TRUE(pair.wait_for_all());
    EXPECT_EQ(pair.sim.counts().connections, 1U);

    std::optional<VoidResult> stopped;
    ASSERT_TRUE(pair.server.stop_server([&](VoidResult result) { stopped = std::move(result); }));
    EXPECT_TRUE(pair.sim.run_until([&] { return stopped && pair.is_disconnected; }, minutes(1)));
    EXPECT_FALSE(pair.failure) << pair.failure.message();
    EXPECT_EQ(pair.server.metrics().totals.messages_received, 3U);
    EXPECT_EQ(pair.client.metrics().totals.messages_received, 3U);
}

TEST(simulation, passes_the_time_it_is_told) {
    simulation sim(1);
    EXPECT_EQ(sim.now(), nanoseconds{0});
    EXPECT_TRUE(sim.run_for(seconds(3)));
    EXPECT_EQ(sim.now(), seconds(3));
    std::vector<int> order;
    sim.after(milliseconds(20), [&] { order.push_back(2); });
    sim.at(seconds(3) + milliseconds(10), [&] { order.push_back(1); });
    sim.at(seconds(1), [&] { order.push_back(0); });  // in the past: now
    EXPECT_TRUE(sim.step());
    EXPECT_EQ(sim.now(), seconds(3));
    EXPECT_TRUE(sim.run_until([&] { return order.size() == 3; }, seconds(1)));
    EXPECT_EQ(order, (std::vector{0, 1, 2}));
    EXPECT_EQ(sim.now(), seconds(3) + milliseconds(20));
    EXPECT_FALSE(sim.step());
    EXPECT_FALSE(sim.run_until([] { return false; }, seconds(5)));
    EXPECT_EQ(sim.now(), seconds(8) + milliseconds(20));
}

TEST(simulation, is_idle_when_only_timers_are_left) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    pair.send(1, 10);
    EXPECT_TRUE(pair.sim.run_until_idle(minutes(1)));
    EXPECT_TRUE(pair.has_all());
    EXPECT_LT(pair.sim.now(), seconds(10));  // no ping was waited for
    // They come all the same, every 30 s from each side.
    const auto before = pair.sim.counts().segments;
    EXPECT_TRUE(pair.sim.run_for(minutes(2)));
    EXPECT_GT(pair.sim.counts().segments, before);
    EXPECT_TRUE(pair.client.is_connected());
}

TEST(simulation, replays_a_seed_and_not_another) {
    const auto run = [](std::uint64_t seed) {
        echo_pair pair(simulation_options::faulty(7), seed);
        (void)pair.start_and_wait();
        pair.send(10, 1'000);
        (void)pair.wait_for_all();
        return std::pair(pair.sim.fingerprint(), pair.sim.trace());
    };
    EXPECT_EQ(run(1), run(1));
    EXPECT_NE(run(1).first, run(2).first);
}

TEST(simulation, makes_notes_part_of_what_happened) {
    simulation one(1);
    simulation other(1);
    EXPECT_EQ(one.fingerprint(), other.fingerprint());
    one.note("this one only");
    EXPECT_NE(one.fingerprint(), other.fingerprint());
    EXPECT_NE(one.trace().find("note: this one only"), std::string::npos);
    simulation_options silent;
    silent.trace_length = 0;
    simulation without(1, silent);
    without.note("unheard");
    EXPECT_TRUE(without.trace().empty());
}

TEST(simulation, keeps_the_latest_of_the_trace) {
    simulation_options options;
    options.trace_length = 2;
    simulation sim(1, options);
    for (const char* each : {"one", "two", "three"}) {
        sim.note(each);
    }
    const std::string trace = sim.trace();
    EXPECT_EQ(trace.find("one"), std::string::npos);
    EXPECT_LT(trace.find("two"), trace.find("three"));
}

TEST(simulation, does_not_run_inside_itself) {
    simulation sim(1);
    std::vector<bool> inside;
    sim.after(milliseconds(1), [&] {
        inside.push_back(sim.run_for(seconds(1)));
        inside.push_back(sim.run_until([] { return true; }, seconds(1)));
        inside.push_back(sim.step());
    });
    EXPECT_TRUE(sim.run_for(seconds(1)));
    EXPECT_EQ(inside, (std::vector{false, false, false}));
}

TEST(simulation, lets_exceptions_of_tasks_out) {
    simulation sim(1);
    sim.after(milliseconds(1), [] { throw std::runtime_error("from a task"); });
    EXPECT_THROW((void)sim.run_for(seconds(1)), std::runtime_error);
    EXPECT_TRUE(sim.run_for(seconds(1)));
}

TEST(simulation, never_blocks) {
    echo_pair pair;
    EXPECT_EQ(code_of(pair.client.start_client("server", echo_pair::port)),
              number(errc::would_block));
    ASSERT_TRUE(pair.start_and_wait());
    EXPECT_EQ(code_of(pair.client.ping()), number(errc::would_block));
    EXPECT_EQ(code_of(pair.client.request("question", seconds(1))), number(errc::would_block));
    EXPECT_EQ(code_of(pair.client.wait_for_stop()), number(errc::would_block));
    EXPECT_EQ(code_of(pair.server.wait_for_stop()), number(errc::would_block));
    EXPECT_TRUE(pair.server.stop_server());
    EXPECT_TRUE(pair.client.stop_client());
    EXPECT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, minutes(1)));
}

TEST(simulation, waits_nowhere_for_a_queue_to_drain) {
    server_options options;
    options.session.policy = send_policy::wait;
    options.session.high_watermark = 1'000;
    options.session.low_watermark = 100;
    simulation_options small;
    small.buffer = 100;
    echo_pair pair(small, 1, options);
    ASSERT_TRUE(pair.start_and_wait());
    const auto session = pair.server.get_sessions().front();
    const std::string message(400, 'x');
    EXPECT_TRUE(session->send_packet(message));
    EXPECT_TRUE(session->send_packet(message));
    EXPECT_EQ(code_of(session->send_packet(message)), number(errc::send_buffer_full));
}

TEST(simulation, a_stop_resets_nobody_that_waits_to_be_accepted) {
    echo_pair pair;
    ASSERT_TRUE(pair.start());
    ASSERT_TRUE(pair.sim.run_until([&] { return pair.sim.counts().connections == 1; }, minutes(1)));
    ASSERT_EQ(pair.server.metrics().connections_accepted, 0U);
    pair.server.stop_server();
    EXPECT_TRUE(pair.wait_for_start());
    EXPECT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, minutes(1)));
    EXPECT_FALSE(pair.failure) << pair.failure.message();
    EXPECT_EQ(pair.server.metrics().connections_accepted, 1U);
    EXPECT_EQ(pair.sim.counts().resets, 0U);
}

TEST(simulation, restarts_on_the_same_port) {
    echo_pair pair;
    for (int life = 0; life < 3; ++life) {
        ASSERT_TRUE(pair.start_and_wait());
        pair.send(1, 10);
        EXPECT_TRUE(pair.wait_for_all());
        EXPECT_EQ(code_of(pair.server.start_server(echo_pair::port)),
                  number(errc::server_already_running));
        pair.server.stop_server();
        EXPECT_TRUE(pair.sim.run_until_idle(minutes(1)));
    }
}

TEST(simulation, has_hosts_with_ports_of_their_own) {
    simulation sim(1);
    messaging_server one("one", sim.on_host("one"));
    messaging_server same("same", sim.on_host("one"));
    messaging_server other("other", sim.on_host("other"));
    EXPECT_TRUE(one.start_server(80));
    EXPECT_EQ(code_of(same.start_server(80)), number(errc::bind_failed));
    EXPECT_TRUE(other.start_server(80));
    EXPECT_TRUE(same.start_server(0));
    EXPECT_NE(same.local_port(), 0);
    one.stop_server();
    EXPECT_TRUE(sim.run_until_idle(minutes(1)));
    same.stop_server();
    EXPECT_TRUE(sim.run_until_idle(minutes(1)));
    EXPECT_TRUE(same.start_server(80));
}

TEST(simulation, knows_names_and_addresses) {
    simulation sim(1);
    server_options numeric;
    numeric.bind_address = "10.0.0.1";  // the first host's, of one family only
    messaging_server server("server", sim.on_host("server", numeric));
    ASSERT_TRUE(server.start_server(80));
    const auto reach = [&sim](std::string_view from, std::string_view host, std::uint16_t port) {
        messaging_client client("client", sim.on_host(from));
        std::optional<VoidResult> answer;
        EXPECT_TRUE(client.start_client(host, port,
                                        [&](VoidResult result) { answer = std::move(result); }));
        EXPECT_TRUE(sim.run_until([&] { return answer.has_value(); }, minutes(1)));
        return code_of(*answer);
    };
    EXPECT_EQ(reach("client", "server", 80), 0);
    EXPECT_EQ(reach("client", "server.", 80), 0);
    EXPECT_EQ(reach("client", "10.0.0.1", 80), 0);
    EXPECT_EQ(reach("client", "server", 81), number(errc::connection_refused));
    EXPECT_EQ(reach("client", "[fd00::1]", 80), number(errc::connection_refused));
    EXPECT_EQ(reach("client", "fd00::1", 80), number(errc::connection_refused));
    EXPECT_EQ(reach("client", "10.9.9.9", 80), number(errc::connection_timeout));
    EXPECT_EQ(reach("client", "nobody", 80), number(errc::resolve_failed));
    EXPECT_EQ(reach("client", "localhost", 80), number(errc::connection_refused));

    messaging_server local("local", sim.on_host("client"));
    ASSERT_TRUE(local.start_server(80));
    EXPECT_EQ(reach("client", "localhost", 80), 0);
    numeric.bind_address = "10.0.0.2";
    messaging_server elsewhere("elsewhere", sim.on_host("server", numeric));
    EXPECT_EQ(code_of(elsewhere.start_server(90)), number(errc::bind_failed));
}

TEST(simulation, serves_several_addresses_of_a_host) {
    simulation sim(1);
    server_options options;
    options.bind_address = "10.0.0.1";
    options.listen_addresses = {{"fd00::1"}, {"10.0.0.1", 81}};
    messaging_server server("server", sim.on_host("server", options));
    ASSERT_TRUE(server.start_server(80));
    EXPECT_EQ(server.local_endpoints().size(), 3U);
    const auto reach = [&sim](std::string_view host, std::uint16_t port) {
        messaging_client client("client", sim.on_host("client"));
        std::optional<VoidResult> answer;
        EXPECT_TRUE(client.start_client(host, port,
                                        [&](VoidResult result) { answer = std::move(result); }));
        EXPECT_TRUE(sim.run_until([&] { return answer.has_value(); }, minutes(1)));
        return code_of(*answer);
    };
    EXPECT_EQ(reach("10.0.0.1", 80), 0);
    EXPECT_EQ(reach("fd00::1", 80), 0);
    EXPECT_EQ(reach("10.0.0.1", 81), 0);
    EXPECT_EQ(reach("fd00::1", 81), number(errc::connection_refused));
    messaging_server again("again", sim.on_host("server", options));
    EXPECT_EQ(code_of(again.start_server(80)), number(errc::bind_failed));
    server.stop_server();
    EXPECT_TRUE(sim.run_until_idle(minutes(1)));
    EXPECT_EQ(reach("fd00::1", 80), number(errc::connection_refused));
    EXPECT_TRUE(again.start_server(80)) << "all of them are free again";
}

TEST(simulation, spreads_connections_over_loops) {
    server_options options;
    options.io_threads = 3;
    echo_pair pair({}, 1, options);
    ASSERT_TRUE(pair.start_and_wait());
    std::vector<std::unique_ptr<messaging_client>> more;
    for (int i = 0; i < 5; ++i) {
        more.push_back(std::make_unique<messaging_client>("more", pair.sim.on_host("client")));
        EXPECT_TRUE(more.back()->start_client("server", echo_pair::port, [](VoidResult) {}));
    }
    EXPECT_TRUE(
        pair.sim.run_until([&] { return pair.server.connection_count() == 6; }, minutes(1)));
    pair.send(3, 10);
    EXPECT_TRUE(pair.wait_for_all());
}

TEST(simulation, runs_callbacks_on_its_pools) {
    simulation sim(1);
    server_options options;
    options.callback_pool = sim.thread_pool(2);
    EXPECT_EQ(options.callback_pool->worker_count(), 2U);
    messaging_server server("server", sim.on_host("server", options));
    bool was_on_pool = false;
    server.set_connection_callback([&](const messaging_server::session_ptr&) {
        was_on_pool = options.callback_pool->runs_here();
    });
    ASSERT_TRUE(server.start_server(80));
    messaging_client client("client", sim.on_host("client"));
    EXPECT_TRUE(client.start_client("server", 80, [](VoidResult) {}));
    EXPECT_TRUE(sim.run_until([&] { return was_on_pool; }, minutes(1)));
    EXPECT_FALSE(options.callback_pool->runs_here());
}

TEST(simulation, does_without_what_is_not_simulated) {
    simulation sim(1);
    server_options options;
    options.bind_address = "unix:/tmp/simulated";
    messaging_server server("server", sim.on_host("server", options));
    EXPECT_EQ(code_of(server.start_server(0)), number(errc::not_supported));
    messaging_server other("other", sim.on_host("server"));
    ASSERT_TRUE(other.start_server(80));
    EXPECT_EQ(code_of(other.share_listener()), number(errc::not_supported));
    messaging_client client("client", sim.on_host("client"));
    std::optional<VoidResult> answer;
    ASSERT_TRUE(client.start_client("unix:/tmp/simulated", 0,
                                    [&](VoidResult result) { answer = std::move(result); }));
    EXPECT_TRUE(sim.run_until([&] { return answer.has_value(); }, minutes(1)));
    EXPECT_EQ(code_of(*answer), number(errc::connection_failed));
}

TEST(simulation, excludes_a_context_of_the_users) {
    simulation sim(1);
    asio::io_context context;
    server_options options;
    options.io_context = &context;
    messaging_server server("server", sim.on_host("server", options));
    EXPECT_EQ(code_of(server.start_server(80)), number(errc::invalid_argument));
    client_options client_side;
    client_side.io_context = &context;
    messaging_client client("client", sim.on_host("client", client_side));
    EXPECT_EQ(code_of(client.start_client("server", 80, [](VoidResult) {})),
              number(errc::invalid_argument));
}

}  // namespace
}  // namespace network_system::testing

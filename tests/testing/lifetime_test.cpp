// The kit itself: what outlives what, and where seeds come from.
#include "testing/echo_pair.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

TEST(simulation_lifetime, ends_without_its_servers_and_clients) {
    auto pair = std::make_unique<echo_pair>();
    ASSERT_TRUE(pair->start_and_wait());
    pair->send(5, 1'000);
    pair.reset();  // clients, servers, the simulation
}

TEST(simulation_lifetime, ends_before_its_servers_and_clients) {
    auto sim = std::make_unique<simulation>(1);
    int callbacks = 0;
    server_options options;
    options.callback_pool = sim->thread_pool(1);
    messaging_server server("server", sim->on_host("server", options));
    server.set_connection_callback([&](const messaging_server::session_ptr&) { ++callbacks; });
    server.set_disconnection_callback([&](const std::string&) { ++callbacks; });
    messaging_client client("client", sim->on_host("client"));
    client.set_disconnected_callback([&] { ++callbacks; });
    messaging_client starting("starting", sim->on_host("client"));
    messaging_server never("never", sim->on_host("server"));
    ASSERT_TRUE(server.start_server(80));
    ASSERT_TRUE(client.start_client("server", 80, [](VoidResult) {}));
    EXPECT_TRUE(sim->run_until([&] { return callbacks == 1; }, minutes(1)));
    EXPECT_TRUE(sim->run_until_idle(minutes(1)));
    const auto session = client.get_session();
    ASSERT_TRUE(session);
    // With what has only begun, too.
    ASSERT_TRUE(never.start_server(90));
    ASSERT_TRUE(starting.start_client("server", 80, [&](VoidResult) { ++callbacks; }));
    EXPECT_TRUE(client.send_packet("on its way"));
    sim.reset();

    EXPECT_EQ(callbacks, 1);
    EXPECT_FALSE(client.is_connected());
    EXPECT_FALSE(client.send_packet("too late"));
    EXPECT_FALSE(session.value()->ping([](Result<std::chrono::microseconds>) {}));
    EXPECT_TRUE(server.stop_server());
    EXPECT_EQ(code_of(messaging_server("new", options).start_server(0)),
              number(errc::invalid_argument));  // its pool has stopped
}

TEST(simulation_lifetime, starts_nothing_after_its_end) {
    auto sim = std::make_unique<simulation>(1);
    messaging_server server("server", sim->on_host("server"));
    messaging_client client("client", sim->on_host("client"));
    sim.reset();
    EXPECT_EQ(code_of(server.start_server(80)), number(errc::bind_failed));
    EXPECT_EQ(code_of(client.start_client("server", 80, [](VoidResult) {})),
              number(errc::connection_failed));
}

TEST(simulation_lifetime, lets_callbacks_destroy_their_objects) {
    simulation sim(1);
    auto server = std::make_unique<messaging_server>("server", sim.on_host("server"));
    auto client = std::make_unique<messaging_client>("client", sim.on_host("client"));
    server->set_receive_callback([&](const messaging_server::session_ptr&,
                                     std::span<const std::uint8_t>) { server.reset(); });
    client->set_disconnected_callback([&] { client.reset(); });
    ASSERT_TRUE(server->start_server(80));
    ASSERT_TRUE(client->start_client("server", 80, [&](VoidResult result) {
        EXPECT_TRUE(result);
        EXPECT_TRUE(client->send_packet("the last word"));
    }));
    EXPECT_TRUE(sim.run_until([&] { return !server && !client; }, minutes(1)));
    EXPECT_TRUE(sim.run_until_idle(minutes(1)));
}

class environment_variable {
public:
    environment_variable(const char* name, const char* value) : name_(name) {
        ::setenv(name, value, 1);
    }
    environment_variable(const environment_variable&) = delete;
    environment_variable& operator=(const environment_variable&) = delete;
    ~environment_variable() { ::unsetenv(name_); }

private:
    const char* name_;
};

TEST(simulation_seeds, name_the_first_that_fails) {
    std::vector<std::uint64_t> tried;
    const auto attempt = [&](std::uint64_t seed) -> std::string {
        tried.push_back(seed);
        return seed == 7 ? "wrong" : "";
    };
    EXPECT_EQ(try_seeds({1, 3}, attempt), "");
    EXPECT_EQ(tried, (std::vector<std::uint64_t>{1, 2, 3}));
    tried.clear();
    const std::string wrong = try_seeds({6, 5}, attempt);
    EXPECT_EQ(tried, (std::vector<std::uint64_t>{6, 7}));
    EXPECT_NE(wrong.find("seed 7: wrong"), std::string::npos);
    EXPECT_NE(wrong.find("NETWORK_SIMULATION_SEED=7"), std::string::npos);
}

TEST(simulation_seeds, come_from_the_environment) {
    const auto is = [](seed_range range, std::uint64_t first, std::uint64_t count) {
        return range.first == first && range.count == count;
    };
    ::unsetenv("NETWORK_SIMULATION_SEED");
    ::unsetenv("NETWORK_SIMULATION_SEEDS");
    EXPECT_TRUE(is(seeds_to_try({5, 10}), 5, 10));
    {
        const environment_variable seeds("NETWORK_SIMULATION_SEEDS", "20");
        EXPECT_TRUE(is(seeds_to_try({5, 10}), 5, 20));
        const environment_variable seed("NETWORK_SIMULATION_SEED", "99");
        EXPECT_TRUE(is(seeds_to_try({5, 10}), 99, 20));
    }
    const environment_variable seed("NETWORK_SIMULATION_SEED", "99");
    EXPECT_TRUE(is(seeds_to_try({5, 10}), 99, 1));
    const environment_variable nonsense("NETWORK_SIMULATION_SEED", "9x");
    EXPECT_TRUE(is(seeds_to_try({5, 10}), 5, 10));
}

}  // namespace
}  // namespace network_system::testing

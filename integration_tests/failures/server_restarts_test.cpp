// A thousand clients whose server is killed and restarted again and again: all come back each time,
// no faster than their pauses allow, and every message is accounted for.
#include "framework/reconnecting_client.h"
#include "framework/server_outages.h"

#include <array>
#include <chrono>
#include <memory>
#include <string>

namespace integration {
namespace {

constexpr std::size_t outages = is_sanitized ? 6 : 20;

struct crowd_case {
    protocol which;
    std::size_t clients;
    friend void PrintTo(const crowd_case& each, std::ostream* out) {
        PrintTo(each.which, out);
        *out << ", " << each.clients << " clients";
    }
};

[[nodiscard]] std::vector<crowd_case> crowds() {
    std::vector<crowd_case> all;
    for (const protocol each : all_protocols()) {
        all.push_back({each, scaled(each == protocol::tcp ? 1'000 : 100)});
    }
    return all;
}

class server_restarts : public testing::TestWithParam<crowd_case> {
protected:
    using bench = server_outages<reconnecting_client>;

    void SetUp() override {
        const std::size_t needed = bench::descriptors(GetParam().clients);
        if (!allows_descriptors(needed)) {
            GTEST_SKIP() << "so many connections need " << needed << " descriptors (ulimit -n)";
        }
    }
    void start_server() {
        world.start_server([this](any_server& server) {
            server.on_message = [this](auto data) { arrived.take(data); };
        });
    }

    arrivals arrived;
    bench world{GetParam().clients, GetParam().which, GetParam().which};
};
INSTANTIATE_TEST_SUITE_P(over, server_restarts, testing::ValuesIn(crowds()),
                         [](const auto& each) { return name_of(each.param.which); });

TEST_P(server_restarts, are_survived_by_all_clients) {
    start_server();
    ASSERT_TRUE(world.crowd.start(world.proxy.port()));
    ASSERT_TRUE(world.crowd.wait_until_back());
    for (std::size_t i = 0; i < outages; ++i) {
        ASSERT_TRUE(world.survive([&] { world.kill_server(all_kills.at(i % all_kills.size())); },
                                  [&] { start_server(); }))
            << "outage " << i;
    }
    EXPECT_TRUE(world.crowd.wait_until_quiet());
    EXPECT_EQ(world.server().messages_received(),
              world.crowd.size() * reconnecting_client::per_connection)
        << "of the last life";
    world.crowd.stop();
    world.crowd.expect_balanced(arrived, true);
    RecordProperty("attempts_of_expected", std::to_string(world.most_used()));
    EXPECT_TRUE(world.proxy.wait_for([](const proxy_counts& counts) { return counts.open == 0; }));
}

class killed_process : public server_restarts {};
INSTANTIATE_TEST_SUITE_P(over, killed_process,
                         testing::Values(crowd_case{protocol::tcp, scaled(1'000)}),
                         [](const auto& each) { return name_of(each.param.which); });

TEST_P(killed_process, is_survived_by_all_clients) {
    auto process = std::make_unique<server_process>(GetParam().which);
    world.proxy.set_server(process->port());
    ASSERT_TRUE(world.crowd.start(world.proxy.port()));
    ASSERT_TRUE(world.crowd.wait_until_back());
    for (std::size_t i = 0; i < outages; ++i) {
        ASSERT_TRUE(world.survive([&] { process.reset(); },
                                  [&] {
                                      process = std::make_unique<server_process>(GetParam().which);
                                      world.proxy.set_server(process->port());
                                  }))
            << "outage " << i;
    }
    EXPECT_TRUE(world.crowd.wait_until_quiet());
    world.crowd.stop();
    world.crowd.expect_balanced(arrived, false);
}

/// A server that accepts and drops is no success, however often it accepts: the pauses grow as if
/// it refused.
TEST(accepting_and_dropping, is_paced_like_refusing) {
    failure_settings settings;
    settings.reconnect.stable_after = std::chrono::milliseconds::max();
    for (const protocol which : all_protocols()) {
        const auto server = make_server(which, settings);
        fault_proxy proxy(server->start());
        const auto client = make_client(which, settings);
        event_counter connected;
        std::mutex mutex;
        std::vector<std::chrono::milliseconds> pauses;
        client->on_connect = [&] {
            connected.add();
            // An answer that is lost on its way ends the connection.
            (void)client->send(std::array<std::uint8_t, 4>{}, {});
        };
        client->on_attempt = [&](const reconnect_attempt& next) {
            const std::lock_guard lock(mutex);
            pauses.push_back(next.pause);
        };
        server->on_message = [&](const auto&) { proxy.reset_all(); };
        ASSERT_TRUE(is_ok(client->start("127.0.0.1", proxy.port())));
        ASSERT_TRUE(connected.wait_for(12));
        EXPECT_TRUE(is_ok(client->stop()));
        // Its callback uses the proxy, which is destroyed first.
        EXPECT_TRUE(is_ok(server->stop()));
        // 5, 10, 20, 40, 50, 50 … ms at most: a pause over the first ceiling is there, unless seven
        // draws in a row are the lowest tenth.
        const std::lock_guard lock(mutex);
        EXPECT_GT(*std::max_element(pauses.begin(), pauses.end()), 5ms) << name_of(which);
    }
}

}  // namespace

}  // namespace integration

int main(int argc, char** argv) {
    if (argc >= 3 && std::string_view(argv[1]) == "--server") {
        (void)integration::allows_descriptors(4'096);
        return integration::serve_until_killed(std::vector<std::string>(argv + 2, argv + argc));
    }
    testing::InitGoogleTest(&argc, argv);
    integration::this_program = argv[0];
    return RUN_ALL_TESTS();
}

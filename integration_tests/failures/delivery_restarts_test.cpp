// Resilient clients whose server is killed and restarted again and again: all come back, and every
// message is in the books once, whether it is sent once or until it is acknowledged.
#include "framework/delivering_client.h"
#include "framework/server_outages.h"
#include "support/dice.h"
#include "support/scratch_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace integration {
namespace {

using resilience::delivery_mode;

/// With NETWORK_FULL_LENGTH as many as the other clients survive.
[[nodiscard]] std::size_t delivery_outages() {
    if (number_from("NETWORK_FULL_LENGTH", 0) != 0) {
        return 20;
    }
    return is_sanitized ? 4 : 8;
}

struct delivery_case {
    protocol which;
    delivery_mode mode;
    std::size_t clients;

    [[nodiscard]] std::string name() const {
        return name_of(which) + (mode == delivery_mode::at_least_once ? "_at_least_once" : "");
    }
    friend void PrintTo(const delivery_case& each, std::ostream* out) { *out << each.name(); }
};

[[nodiscard]] std::vector<delivery_case> delivery_cases() {
    std::vector<delivery_case> all;
    for (const protocol each : all_protocols()) {
        const std::size_t clients = scaled(each == protocol::tcp ? 1'000 : 50);
        all.push_back({each, delivery_mode::at_most_once, clients});
        if (!is_websocket(each)) {
            all.push_back({each, delivery_mode::at_least_once, clients});
        }
    }
    return all;
}

class delivery_restarts : public testing::TestWithParam<delivery_case> {
protected:
    using bench = server_outages<delivering_client>;

    void SetUp() override {
        const std::size_t needed = bench::descriptors(GetParam().clients);
        if (!allows_descriptors(needed)) {
            GTEST_SKIP() << "so many connections need " << needed << " descriptors (ulimit -n)";
        }
    }
    void start_server() {
        world.start_server([this](any_server& server) {
            server.on_delivery = [this, life = ++lives_](auto data, const auto& info) {
                delivered.take(life, data, info);
            };
        });
    }

    /// From a thread that runs no callbacks, shortly before the server goes.
    void send_more() {
        world.crowd.for_each([](delivering_client& each) { each.send(); });
    }

    deliveries delivered;
    unsigned lives_ = 0;
    bench world{GetParam().clients, GetParam().which, {GetParam().which, GetParam().mode}};
};
INSTANTIATE_TEST_SUITE_P(over, delivery_restarts, testing::ValuesIn(delivery_cases()),
                         [](const auto& each) { return each.param.name(); });

TEST_P(delivery_restarts, lose_no_message_without_a_word) {
    start_server();
    ASSERT_TRUE(world.crowd.start(world.proxy.port()));
    ASSERT_TRUE(world.crowd.wait_until_back());
    for (std::size_t i = 0; i < delivery_outages(); ++i) {
        send_more();
        ASSERT_TRUE(world.survive([&] { world.kill_server(all_kills.at(i % all_kills.size())); },
                                  [&] { start_server(); }))
            << "outage " << i;
    }
    EXPECT_TRUE(world.crowd.wait_until_quiet());
    world.crowd.stop();
    world.crowd.expect_balanced(delivered);
    RecordProperty("attempts_of_expected", std::to_string(world.most_used()));
    EXPECT_TRUE(world.proxy.wait_for([](const proxy_counts& counts) { return counts.open == 0; }));
}

class killed_receiver : public delivery_restarts {
protected:
    void start_process() {
        process = std::make_unique<server_process>(
            GetParam().which, std::vector{std::to_string(++lives_), directory.file("delivered")});
        world.proxy.set_server(process->port());
    }

    loopback::scratch_directory directory;
    std::unique_ptr<server_process> process;
};
INSTANTIATE_TEST_SUITE_P(
    over, killed_receiver,
    testing::Values(delivery_case{protocol::tcp, delivery_mode::at_most_once, scaled(200)},
                    delivery_case{protocol::tcp, delivery_mode::at_least_once, scaled(200)}),
    [](const auto& each) { return each.param.name(); });

TEST_P(killed_receiver, loses_no_message_without_a_word) {
    start_process();
    ASSERT_TRUE(world.crowd.start(world.proxy.port()));
    ASSERT_TRUE(world.crowd.wait_until_back());
    for (std::size_t i = 0; i < delivery_outages() / 2; ++i) {
        send_more();
        ASSERT_TRUE(world.survive([&] { process.reset(); }, [&] { start_process(); }))
            << "outage " << i;
    }
    EXPECT_TRUE(world.crowd.wait_until_quiet());
    world.crowd.stop();
    delivered.take_file(directory.file("delivered"));
    world.crowd.expect_balanced(delivered);
}

}  // namespace

int serve_until_killed(const std::vector<std::string>& arguments) {
    const auto server =
        make_server(static_cast<protocol>(std::stoi(arguments.at(0))), failure_settings{});
    if (arguments.size() == 3) {
        const auto life = static_cast<unsigned>(std::stoul(arguments[1]));
        // What is written there outlives the process. Nothing closes it before that.
        const int file =
            ::open(arguments[2].c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        server->on_delivery = [life, file](auto data, const auto& info) {
            const auto record = deliveries::record_of(life, data, info);
            if (::write(file, &record, sizeof record) != sizeof record) {
                throw std::runtime_error("not written down");
            }
        };
    }
    std::cout << server->start() << std::endl;
    std::string line;
    std::getline(std::cin, line);
    return 0;
}

}  // namespace integration

// The kit itself: time, replay, and what its options promise.
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace network_system::testing {
namespace {

using core::client_options;
using core::messaging_client;
using core::messaging_server;
using core::server_options;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::string text_of(std::span<const std::uint8_t> data) {
    return {data.begin(), data.end()};
}

/// An echo server and a client that talk until the client has its answers.
class echo {
public:
    echo(std::uint64_t seed, const simulation_options& options, std::size_t messages = 3,
         std::size_t size = 1)
        : sim(seed, options), server("server", sim.on_host("server")),
          client("client", sim.on_host("client")), messages_(messages), size_(size) {
        server.set_receive_callback(
            [](const messaging_server::session_ptr& session, std::span<const std::uint8_t> data) {
                (void)session->send_packet(data);
            });
        client.set_receive_callback(
            [this](std::span<const std::uint8_t> data) { received.push_back(text_of(data)); });
        client.set_error_callback([this](std::error_code error) { failure = error; });
    }

    VoidResult start() {
        auto started = server.start_server(4000);
        return started ? client.start_client("server", 4000,
                                             [this](VoidResult result) { connected = result; })
                       : started;
    }
    void send() {
        for (std::size_t i = 0; i < messages_; ++i) {
            sent.push_back(std::string(size_, static_cast<char>('a' + i % 26)));
            EXPECT_TRUE(client.send_packet(sent.back()));
        }
    }
    /// From the start to the last answer.
    void run() {
        ASSERT_TRUE(start());
        ASSERT_TRUE(sim.run_until([this] { return connected.has_value(); }, minutes{5}));
        ASSERT_TRUE(*connected) << connected->error().message;
        send();
        ASSERT_TRUE(sim.run_until([this] { return received == sent; }, minutes{5})) << sim.trace();
    }

    simulation sim;
    messaging_server server;
    messaging_client client;
    std::optional<VoidResult> connected;
    std::error_code failure;
    std::vector<std::string> sent;
    std::vector<std::string> received;

private:
    std::size_t messages_;
    std::size_t size_;
};

TEST(Simulation, RunsAServerAndAClient) {
    echo pair(1, {});
    pair.run();
    EXPECT_EQ(pair.received, pair.sent);
    EXPECT_EQ(pair.sim.counts().connections, 1U);
    EXPECT_EQ(pair.sim.counts().resets, 0U);
    std::optional<VoidResult> stopped;
    EXPECT_TRUE(pair.server.stop_server([&](VoidResult result) { stopped = result; }));
    EXPECT_TRUE(pair.sim.run_until([&] { return stopped.has_value(); }, minutes{1}));
    EXPECT_FALSE(pair.failure) << pair.failure.message();
    EXPECT_EQ(pair.server.metrics().totals.messages_received, 3U);
}

}  // namespace
}  // namespace network_system::testing

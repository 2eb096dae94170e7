// What 10,000 idle connections cost the server's process. The clients are in a process of their
// own, so that memory and descriptors are the server's alone.
#include "framework/child_process.h"
#include "loopback/support.h"
#include "support/process_memory.h"

#include <iostream>

namespace integration {
namespace {

using namespace loopback;

constexpr std::size_t connections = scaled(10'000);
constexpr std::size_t spare_descriptors = 200;

// What is promised; the same in every build without a sanitizer.
constexpr double most_kib_per_connection = 1.0;

/// Connections that have carried a message each way, as those have that a server keeps idle.
class idle_clients {
public:
    /// Whether all of them work.
    [[nodiscard]] bool open(std::uint16_t port, std::size_t count) {
        const std::size_t before = answered_.count();
        while (clients_.size() < count) {
            auto& client = *clients_.emplace_back(std::make_unique<messaging_client>("idle"));
            (void)client.set_connected_callback([&client] { (void)client.send_packet("hello"); });
            (void)client.set_receive_callback(
                [this](std::span<const std::uint8_t>) { answered_.add(); });
            if (!client.start_client("127.0.0.1", port, [](const VoidResult&) {})) {
                return false;
            }
            // Fewer under way than any server's backlog holds.
            if (clients_.size() % 64 == 0 && !answered_.wait_for(before + clients_.size())) {
                return false;
            }
        }
        return answered_.wait_for(before + count);
    }
    /// Begins the end of all before it waits for each.
    void close() {
        for (const auto& each : clients_) {
            const auto session = each->get_session();
            if (session) {
                (void)session.value()->stop_session();
            }
        }
        clients_.clear();
    }

private:
    event_counter answered_;
    std::vector<std::unique_ptr<messaging_client>> clients_;
};

/// The other process: opens all connections at a line "open", closes them at any other.
int run_clients(std::uint16_t port) {
    if (!allows_descriptors(connections + spare_descriptors)) {
        return 2;
    }
    idle_clients clients;
    for (std::string line; std::getline(std::cin, line);) {
        if (line != "open") {
            clients.close();
        } else if (!clients.open(port, connections)) {
            return 1;
        }
        std::cout << "done" << std::endl;
    }
    return 0;
}

[[nodiscard]] bool exchange_once(std::uint16_t port) {
    idle_clients one;
    return one.open(port, 1);
}

[[nodiscard]] double resident_kib() {
    const auto memory = network_system::testing::read_process_memory();
    return memory ? static_cast<double>(memory->resident) : 0.0;
}

void serve_echo(messaging_server& server) {
    (void)server.set_receive_callback(
        [](const session_ptr& session, std::span<const std::uint8_t> data) {
            EXPECT_TRUE(is_ok(session->send_packet(data)));
        });
    ASSERT_TRUE(is_ok(server.start_server(0)));
}

TEST(IdleConnections, CostLittleAndLeaveNothingBehind) {
    if (!allows_descriptors(connections + spare_descriptors)) {
        GTEST_SKIP() << connections << " connections need a higher hard limit of descriptors "
                     << "(ulimit -Hn)";
    }
    messaging_server server("idle");
    serve_echo(server);
    const auto clients = start_clients(server.local_port());
    // What the first connection allocates once, such as the loop's buffer, is no connection's.
    ASSERT_TRUE(exchange_once(server.local_port()));
    ASSERT_TRUE(eventually([&] { return server.connection_count() == 0; }));
    const double before = resident_kib();

    double after_first = 0;
    for (const bool is_first : {true, false}) {
        clients->tell("open");
        ASSERT_EQ(clients->hear(), "done");
        EXPECT_EQ(server.connection_count(), connections);
        const double open = resident_kib();
        clients->tell("close");
        ASSERT_EQ(clients->hear(), "done");
        EXPECT_TRUE(eventually([&] { return server.connection_count() == 0; }));
        EXPECT_EQ(server.session_stats().active, 0U);
        const double per_connection = (open - before) / static_cast<double>(connections);
        std::cout << per_connection << " KiB resident per connection; " << before << " before, "
                  << open << " with " << connections << ", " << resident_kib() << " after\n";
        if (is_first) {
            after_first = open;
            testing::Test::RecordProperty("connections", std::to_string(connections));
            testing::Test::RecordProperty("kib_per_connection", std::to_string(per_connection));
        }
        if constexpr (!is_sanitized) {
            EXPECT_LE(per_connection, most_kib_per_connection);
            EXPECT_LE(open, after_first * 1.1) << "the same connections again cost nothing new";
        }
    }
    EXPECT_EQ(clients->wait(), 0);
    EXPECT_TRUE(exchange_once(server.local_port())) << "it still serves";
    EXPECT_TRUE(is_ok(server.stop_server()));
    const auto all = server.metrics();
    EXPECT_EQ(all.connections_accepted, 2 * connections + 2);
    EXPECT_EQ(all.totals.messages_received, 2 * connections + 2);
    EXPECT_EQ(all.session_errors, 0U);
}

}  // namespace
}  // namespace integration

int main(int argc, char** argv) {
    return integration::run_tests_or_clients(argc, argv, integration::run_clients);
}

// Timeouts of sessions of servers and clients in a simulated network.
#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>
#include <network_system/utils/session_timeout.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;
using std::chrono::hours;
using std::chrono::nanoseconds;
using session_ptr = session_timeout::session_ptr;

/// A server whose sessions are closed after a minute without a message, and a client that sends
/// five, 40 s apart, and no more.
template <typename Server, typename Client>
nanoseconds close_when_quiet(std::uint64_t seed) {
    simulation sim(seed);
    std::unique_ptr<session_timeout> quiet;
    std::optional<nanoseconds> closed;
    Server server("server", sim.on_host("server"));
    server.set_connection_callback([&](const session_ptr& who) {
        quiet = std::make_unique<session_timeout>(
            who, std::chrono::minutes{1}, [](const session_ptr& late) { late->stop_session(); });
    });
    server.set_receive_callback([&] { quiet->touch(); });
    server.set_disconnection_callback([&] { closed = sim.now(); });
    EXPECT_TRUE(server.start_server(4000));
    Client client("client", sim.on_host("client"));
    nanoseconds last{0};
    EXPECT_TRUE(client.start_client("server", 4000, [&](VoidResult started) {
        EXPECT_TRUE(started);
        for (int i = 1; i <= 5; ++i) {
            sim.after(std::chrono::seconds{40} * i, [&] {
                last = sim.now();
                EXPECT_TRUE(client.send_packet("still here"));
            });
        }
    }));
    EXPECT_TRUE(sim.run_until([&] { return closed.has_value(); }, hours{1}));
    return *closed - last;
}

TEST(session_timeout_simulated, closes_who_is_quiet) {
    const auto took = close_when_quiet<core::messaging_server, core::messaging_client>(7);
    EXPECT_GE(took, std::chrono::seconds{60});
    EXPECT_LE(took, std::chrono::seconds{61});
    EXPECT_EQ(took, (close_when_quiet<core::messaging_server, core::messaging_client>(7)));
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
TEST(session_timeout_simulated, runs_for_a_websocket) {
    simulation sim(7);
    core::messaging_ws_server server("server");
    std::unique_ptr<session_timeout> timeout;
    std::string told;
    server.set_connection_callback([&](const std::shared_ptr<ws_connection>& who) {
        timeout = std::make_unique<session_timeout>(who, std::chrono::minutes{1},
                                                    [&](const std::string& id) { told = id; });
        EXPECT_TRUE(timeout->is_active());
    });
    core::ws_server_config at_server = sim.on_host("server");
    at_server.port = 4000;
    ASSERT_TRUE(server.start_server(at_server));
    core::messaging_ws_client client("client");
    core::ws_client_config at_client = sim.on_host("client");
    at_client.host = "server";
    at_client.port = 4000;
    ASSERT_TRUE(client.start_client(at_client, [](VoidResult started) { EXPECT_TRUE(started); }));
    EXPECT_TRUE(sim.run_until([&] { return !told.empty(); }, hours{1}));
    EXPECT_GE(sim.now(), std::chrono::minutes{1});
    EXPECT_LE(sim.now(), std::chrono::seconds{62});
}
#endif

}  // namespace
}  // namespace network_system::session

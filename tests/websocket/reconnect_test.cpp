// Clients that come back: when, how often, and when not.
#include "core/ws_reconnection.h"
#include "websocket/support.h"

namespace ws {
namespace {

using network_system::core::ws_reconnect_config;
using network_system::core::ws_reconnection;

constexpr std::uint64_t largest = ~std::uint64_t{0};

TEST(Reconnection, IsNotTriedAfterAnEndThatWasMeant) {
    ws_reconnection after{ws_reconnect_config{}};
    EXPECT_FALSE(after.lost(true, ws_close_code::abnormal));
    EXPECT_FALSE(after.lost(false, ws_close_code::normal));
    EXPECT_TRUE(after.lost(false, ws_close_code::abnormal));
    EXPECT_TRUE(after.lost(false, ws_close_code::going_away));
}

TEST(Reconnection, IsNotTriedAfterARejectionUnlessWanted) {
    ws_reconnect_config config;
    ws_reconnection strict(config);
    EXPECT_FALSE(strict.failed(401));
    EXPECT_TRUE(strict.failed(500));
    EXPECT_TRUE(strict.failed(0));
    config.after_rejection = true;
    EXPECT_TRUE(ws_reconnection(config).failed(401));
}

TEST(Reconnection, PausesGrowAndBeginAgainAfterASuccess) {
    ws_reconnect_config config;
    config.initial_delay = 100ms;
    config.max_delay = 350ms;
    ws_reconnection after(config);
    const auto longest = [&] {
        EXPECT_TRUE(after.failed(0));
        // Uniform from 0 to the ceiling: a number whose rest is the ceiling draws it.
        std::chrono::milliseconds most{0};
        ws_reconnection copy = after;
        for (std::uint64_t random = 0; random < 400; ++random) {
            ws_reconnection drawing = copy;
            most = std::max(most, drawing.next_pause(random));
        }
        (void)after.next_pause(0);
        return most;
    };
    EXPECT_EQ(longest(), 100ms);
    EXPECT_EQ(longest(), 200ms);
    EXPECT_EQ(longest(), 350ms);
    EXPECT_EQ(longest(), 350ms);
    after.connected();
    EXPECT_EQ(longest(), 100ms);
}

TEST(Reconnection, HonoursARestartAndAnOverload) {
    ws_reconnect_config config;
    for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{12'345}, largest}) {
        ws_reconnection after(config);
        ASSERT_TRUE(after.lost(false, ws_close_code::service_restart));
        const auto restart = after.next_pause(random);
        EXPECT_GE(restart, 5s);
        EXPECT_LE(restart, 30s);
        ASSERT_TRUE(after.failed(0));
        EXPECT_LE(after.next_pause(random), config.initial_delay) << "the first pause only";

        for (const bool is_close : {true, false}) {
            ws_reconnection later(config);
            ASSERT_TRUE(is_close ? later.lost(false, ws_close_code::try_again_later)
                                 : later.failed(503));
            const auto pause = later.next_pause(random);
            EXPECT_GE(pause, 60s);
            EXPECT_LE(pause, 120s);
        }
    }
}

TEST(Reconnection, GivesUpAfterSoManyAttempts) {
    ws_reconnect_config config;
    config.max_attempts = 2;
    ws_reconnection after(config);
    EXPECT_TRUE(after.lost(false, ws_close_code::abnormal));
    EXPECT_TRUE(after.failed(0));
    EXPECT_FALSE(after.failed(0));
    after.connected();
    EXPECT_TRUE(after.lost(false, ws_close_code::abnormal));
}

/// A client that comes back quickly.
[[nodiscard]] ws_client_config reconnecting() {
    ws_client_config config;
    config.auto_reconnect = true;
    config.reconnect.initial_delay = 1ms;
    config.reconnect.max_delay = 20ms;
    config.reconnect.restart_delay_least = 1ms;
    config.reconnect.restart_delay_most = 20ms;
    config.reconnect.try_again_delay = 10ms;
    return config;
}

TEST(Reconnecting, ToAServerThatRestarts) {
    ws_test_server server;
    ws_test_client client(reconnecting());
    server.config.port = server.start();
    ASSERT_TRUE(is_ok(client.connect(server.config.port)));
    for (std::size_t round = 1; round <= 3; ++round) {
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        ASSERT_TRUE(client.closed.wait_for(round));
        EXPECT_EQ(client.closed.at(round - 1).code, ws_close_code::going_away);
        (void)server.start();
        ASSERT_TRUE(client.connected.wait_for(round + 1));
        EXPECT_TRUE(eventually([&] { return client.client.is_connected(); }));
        EXPECT_TRUE(client.exchange("round " + std::to_string(round)));
    }
    EXPECT_EQ(client.client.metrics().connects, 4U);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(client.closed.size(), 4U);
    EXPECT_FALSE(client.client.is_connected());
    ASSERT_TRUE(is_ok(client.connect(server.config.port))) << "and can be started again";
}

TEST(Reconnecting, FailsSendsMeanwhileAndTellsOfAttempts) {
    ws_test_server server;
    ws_test_client client(reconnecting());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    ASSERT_TRUE(client.closed.wait_for(1));
    EXPECT_TRUE(fails_with(client.client.send_text("nobody there"), errc::connection_closed));
    EXPECT_FALSE(client.client.is_connected());
    EXPECT_TRUE(fails_with(client.connect(1), errc::already_exists));
    ASSERT_TRUE(client.errors.wait_for(2)) << "each attempt that fails";
    EXPECT_EQ(client.errors.at(1), errc::connection_refused);
    EXPECT_GE(client.client.metrics().connect_failures, 2U);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(client.closed.size(), 1U) << "no connection, no end of it";
}

TEST(Reconnecting, EndsAtOnceWhenStoppedInAPause) {
    ws_client_config config = reconnecting();
    config.reconnect.initial_delay = 3'600'000ms;
    config.reconnect.max_delay = 3'600'000ms;
    ws_test_server server;
    ws_test_client client(config);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    ASSERT_TRUE(client.closed.wait_for(1));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
}

TEST(Reconnecting, EndsWithTheClientsDestruction) {
    ws_client_config config = reconnecting();
    config.reconnect.initial_delay = 3'600'000ms;
    config.reconnect.max_delay = 3'600'000ms;
    ws_test_server server;
    {
        ws_test_client client(config);
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        ASSERT_TRUE(client.closed.wait_for(1));
    }
}

TEST(Reconnecting, AfterTheCodesThatAskForIt) {
    for (const auto code : {ws_close_code::service_restart, ws_close_code::try_again_later,
                            ws_close_code::internal_error}) {
        ws_test_server server;
        ws_test_client client(reconnecting());
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        ASSERT_TRUE(server.connections.wait_for(1));
        EXPECT_TRUE(is_ok(server.connections.at(0)->close(code, "later")));
        ASSERT_TRUE(client.closed.wait_for(1));
        EXPECT_EQ(client.closed.at(0).code, code);
        EXPECT_TRUE(client.connected.wait_for(2));
    }
}

TEST(Reconnecting, NotAfterAnEndThatWasMeant) {
    ws_test_server server;
    ws_test_client client(reconnecting());
    const auto port = server.start();
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(server.connections.wait_for(1));
    EXPECT_TRUE(is_ok(server.connections.at(0)->close()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop())) << "the server closed with 1000";
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(is_ok(client.client.close(ws_close_code::going_away)));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop())) << "the application closed";
    EXPECT_EQ(client.connected.count(), 2U);
}

TEST(Reconnecting, NotAfterARejection) {
    ws_test_server server;
    std::atomic<bool> rejects{false};
    (void)server.server.set_handshake_callback(
        [&](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            if (rejects) {
                answer.reject(403);
            }
        });
    ws_test_client client(reconnecting());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    rejects = true;
    ASSERT_TRUE(server.connections.wait_for(1));
    EXPECT_TRUE(is_ok(server.connections.at(0)->close(ws_close_code::service_restart)));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    ASSERT_EQ(client.errors.size(), 1U);
    EXPECT_EQ(client.errors.at(0), errc::handshake_rejected);
}

TEST(Reconnecting, NotWhereTheFirstAttemptFails) {
    ws_test_client client(reconnecting());
    std::uint16_t port = 0;
    {
        const raw_listener gone;
        port = gone.port();
    }
    EXPECT_TRUE(fails_with(client.connect(port), errc::connection_refused));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_EQ(client.errors.size(), 0U) << "the result of the start says it";
}

TEST(Reconnecting, StopsFromItsCallbacks) {
    ws_test_server server;
    ws_test_client client(reconnecting());
    client.on_disconnect = [&] { EXPECT_TRUE(is_ok(client.client.stop_client())); };
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_EQ(client.connected.count(), 1U);
}

}  // namespace
}  // namespace ws

// A start is cancelled at every moment of its way: while the name resolves, while it connects,
// during the handshake, and when it is over.
#include "testing/echo_pair.h"

#include <network_system/config.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace network_system::inline v0_1::testing {
namespace {

using std::chrono::microseconds;

simulation_options slow_lookups() {
    simulation_options options;
    options.resolve_time = {milliseconds{3}, milliseconds{5}};
    return options;
}

/// What became of one start that was cancelled.
struct course {
    bool was_pending = false;
    int answers = 0;
    int code = 0;
    int connected = 0;
    int disconnected = 0;
    int received = 0;
    nanoseconds took{0};
};

class cancelled_start : public ::testing::TestWithParam<bool> {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }

    /// `begin` starts, with the id; `cancel` is called after `delay`.
    template <typename Begin, typename Cancel>
    static void run(simulation& sim, nanoseconds delay, course& seen, const Begin& begin,
                    const Cancel& cancel) {
        const auto id = session::next_operation_id();
        const nanoseconds begun = sim.now();
        ASSERT_TRUE(begin(
            [&seen, &sim, begun](const VoidResult& answer) {
                ++seen.answers;
                seen.code = code_of(answer);
                seen.took = sim.now() - begun;
            },
            id));
        sim.after(delay, [&seen, &cancel, id] { seen.was_pending = cancel(id); });
        ASSERT_TRUE(sim.run_until([&] { return seen.answers > 0; }, minutes(1)));
        sim.run_for(seconds(10));
        EXPECT_FALSE(cancel(id));
        EXPECT_FALSE(session::cancel_operation(id));
    }
    static void check(const course& seen, nanoseconds delay) {
        SCOPED_TRACE(delay.count());
        EXPECT_EQ(seen.answers, 1);
        EXPECT_EQ(seen.code, seen.was_pending ? number(errc::cancelled) : 0);
        EXPECT_EQ(seen.connected, seen.was_pending ? 0 : 1);
        EXPECT_EQ(seen.received, seen.was_pending ? 0 : 1);
        EXPECT_EQ(seen.disconnected, 0);
    }
    /// Runs `attempt(delay)` for delays from nothing to beyond the end of a start.
    static void sweep(const std::function<course(nanoseconds)>& attempt) {
        const course undisturbed = attempt(minutes(2));
        ASSERT_EQ(undisturbed.code, 0);
        const nanoseconds end = undisturbed.took + microseconds(200);
        int cancelled = 0;
        int finished = 0;
        for (nanoseconds delay{0}; delay < end; delay += microseconds(37)) {
            const course seen = attempt(delay);
            check(seen, delay);
            ++(seen.was_pending ? cancelled : finished);
        }
        EXPECT_GT(cancelled, 100);
        EXPECT_GT(finished, 2);
    }
};

TEST_P(cancelled_start, of_tcp_is_cancelled_or_done) {
    sweep([](nanoseconds delay) {
        course seen;
        simulation sim(7, slow_lookups());
        const auto pool = GetParam() ? sim.thread_pool(1) : nullptr;
        messaging_server server("server", sim.on_host("server"));
        // The message may come together with what makes the client connected.
        (void)server.set_connection_callback(
            [](const auto& made) { EXPECT_TRUE(made->send_packet("welcome")); });
        EXPECT_TRUE(server.start_server(4000));
        client_options options;
        options.callback_pool = pool;
        messaging_client client("client", sim.on_host("client", options));
        (void)client.set_connected_callback([&] { ++seen.connected; });
        (void)client.set_disconnected_callback([&] { ++seen.disconnected; });
        (void)client.set_receive_callback([&](std::span<const std::uint8_t>) { ++seen.received; });
        (void)client.set_error_callback([&](std::error_code) { ADD_FAILURE() << "an error"; });
        run(
            sim, delay, seen,
            [&](auto&& handler, auto id) {
                return client.start_client("server", 4000, std::move(handler), id);
            },
            [&](auto id) { return client.cancel(id); });
        EXPECT_EQ(client.is_connected(), !seen.was_pending);
        if (seen.was_pending) {
            const course before = seen;
            bool is_connected = false;
            EXPECT_TRUE(client.start_client(
                "server", 4000, [&](const VoidResult& answer) { is_connected = answer.is_ok(); }));
            EXPECT_TRUE(sim.run_until([&] { return is_connected; }, minutes(1)));
            seen = before;
        }
        return seen;
    });
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
TEST_P(cancelled_start, of_websocket_is_cancelled_or_done) {
    sweep([](nanoseconds delay) {
        course seen;
        simulation sim(7, slow_lookups());
        const auto pool = GetParam() ? sim.thread_pool(1) : nullptr;
        core::messaging_ws_server server("server");
        (void)server.set_connection_callback(
            [](const auto& made) { EXPECT_TRUE(made->send_text("welcome")); });
        core::ws_server_config listening = sim.on_host("server");
        listening.port = 4000;
        EXPECT_TRUE(server.start_server(listening));
        core::messaging_ws_client client("client");
        core::ws_client_config config = sim.on_host("client");
        config.host = "server";
        config.port = 4000;
        config.auto_reconnect = true;
        config.callback_pool = pool;
        (void)client.set_connected_callback([&] { ++seen.connected; });
        (void)client.set_disconnected_callback(
            [&](ws_close_code, std::string_view) { ++seen.disconnected; });
        (void)client.set_message_callback([&](const ws_message&) { ++seen.received; });
        (void)client.set_error_callback([&](std::error_code) { ADD_FAILURE() << "an error"; });
        run(
            sim, delay, seen,
            [&](auto&& handler, auto id) {
                return client.start_client(config, std::move(handler), id);
            },
            [&](auto id) { return client.cancel(id); });
        EXPECT_EQ(client.is_connected(), !seen.was_pending);
        return seen;
    });
}
#endif

INSTANTIATE_TEST_SUITE_P(callbacks_on, cancelled_start, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& row) {
                             return row.param ? "pool" : "io_thread";
                         });

}  // namespace
}  // namespace network_system::testing

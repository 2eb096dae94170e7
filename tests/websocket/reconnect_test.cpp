// Clients that come back: when, how often, and when not.
#include "support/websocket.h"
#include "websocket/reconnection.h"

#include <chrono>
#include <optional>
#include <string>
#include <thread>

namespace ws {
namespace {

using network_system::ws_rejection;
using network_system::core::reconnect_policy;
using network_system::core::ws_reconnect_config;
using network_system::core::ws_reconnection;

constexpr std::uint64_t largest = ~std::uint64_t{0};

using std::chrono::milliseconds;

constexpr std::chrono::steady_clock::time_point start{};

[[nodiscard]] ws_rejection answered(unsigned status,
                                    std::optional<std::chrono::seconds> after = {}) {
    return {status, {}, after};
}

/// What a client asks after an end.
class reconnecting_client {
public:
    explicit reconnecting_client(const ws_reconnect_config& config)
        : rules_(config), policy_(config) {}

    void connected() { policy_.connected(start); }
    [[nodiscard]] bool lost(ws_close_code code, milliseconds later = 0ms) {
        return policy_.failed(start + later, rules_.after_close(code));
    }
    [[nodiscard]] bool failed(const ws_rejection* answer) {
        return policy_.failed(start, rules_.after_failure(answer));
    }
    [[nodiscard]] milliseconds next_pause(std::uint64_t random) {
        return policy_.next_pause(random);
    }

private:
    const ws_reconnection rules_;
    reconnect_policy policy_;
};

TEST(reconnection, is_not_tried_after_an_end_that_was_meant) {
    reconnecting_client after{ws_reconnect_config{}};
    EXPECT_FALSE(after.lost(ws_close_code::normal));
    EXPECT_TRUE(after.lost(ws_close_code::abnormal));
    EXPECT_TRUE(after.lost(ws_close_code::going_away));
}

TEST(field_faults, an_http_status_is_not_one_number) {
    struct {
        unsigned status;
        bool is_tried_again;
        bool after_rejection;
    } const cases[] = {
        {200, false, false}, {204, false, false}, {301, false, false}, {302, false, false},
        {307, false, false}, {308, false, false}, {400, false, true},  {401, false, true},
        {403, false, true},  {404, false, true},  {407, false, true},  {408, true, true},
        {410, false, true},  {421, false, true},  {425, true, true},   {426, false, true},
        {429, true, true},   {431, false, true},  {500, true, true},   {502, true, true},
        {503, true, true},   {504, true, true},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.status);
        const ws_rejection answer = answered(each.status);
        ws_reconnect_config config;
        EXPECT_EQ(reconnecting_client(config).failed(&answer), each.is_tried_again);
        config.after_rejection = true;
        EXPECT_EQ(reconnecting_client(config).failed(&answer), each.after_rejection);
    }
    EXPECT_TRUE(reconnecting_client(ws_reconnect_config{}).failed(nullptr)) << "no answer";
}

TEST(field_faults, retry_after_is_heeded) {
    const ws_reconnect_config standard;
    struct {
        const char* name;
        ws_rejection answer;
        std::chrono::milliseconds limit;
        std::chrono::milliseconds least;
        std::chrono::milliseconds most;
    } const cases[] = {
        {"of 503", answered(503, 7s), 1h, 7s, 7s + standard.initial_delay},
        {"of 429", answered(429, 7s), 1h, 7s, 7s + standard.initial_delay},
        {"of 408", answered(408, 7s), 1h, 7s, 7s + standard.initial_delay},
        {"of 425", answered(425, 7s), 1h, 7s, 7s + standard.initial_delay},
        {"of 500", answered(500, 7s), 1h, 7s, 7s + standard.initial_delay},
        {"at most so long", answered(503, 7s), 3s, 3s, 3s + standard.initial_delay},
        {"at most a part of a second", answered(503, 7s), 300ms, 300ms,
         300ms + standard.initial_delay},
        {"of a thousand years", answered(503, std::chrono::seconds::max()), 1h, 1h,
         1h + standard.initial_delay},
        {"without a limit", answered(503, std::chrono::seconds::max()),
         std::chrono::milliseconds::max(), std::chrono::milliseconds::max(),
         std::chrono::milliseconds::max()},
        {"not if that is not wanted", answered(503, 7s), 0ms, 60s, 120s},
        {"503 without it", answered(503), 1h, 60s, 120s},
        {"429 without it", answered(429), 1h, 60s, 120s},
        {"408 without it", answered(408), 1h, 0s, standard.initial_delay},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.name);
        for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{12'345}, largest}) {
            ws_reconnect_config config;
            config.max_retry_after = each.limit;
            reconnecting_client after(config);
            ASSERT_TRUE(after.failed(&each.answer));
            const auto pause = after.next_pause(random);
            EXPECT_GE(pause, each.least);
            EXPECT_LE(pause, each.most);
            ASSERT_TRUE(after.failed(nullptr));
            EXPECT_LE(after.next_pause(random), 2 * config.initial_delay) << "once only";
        }
    }
}

TEST(reconnection, honours_a_restart_and_an_overload) {
    ws_reconnect_config config;
    for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{12'345}, largest}) {
        reconnecting_client after(config);
        ASSERT_TRUE(after.lost(ws_close_code::service_restart));
        const auto restart = after.next_pause(random);
        EXPECT_GE(restart, 5s);
        EXPECT_LE(restart, 30s);
        ASSERT_TRUE(after.failed(nullptr));
        EXPECT_LE(after.next_pause(random), config.initial_delay) << "the first pause only";

        reconnecting_client later(config);
        ASSERT_TRUE(later.lost(ws_close_code::try_again_later));
        const auto pause = later.next_pause(random);
        EXPECT_GE(pause, 60s);
        EXPECT_LE(pause, 120s);
    }
}

TEST(reconnection, gives_up_after_so_many_attempts) {
    ws_reconnect_config config;
    config.max_attempts = 2;
    reconnecting_client after(config);
    after.connected();
    EXPECT_TRUE(after.lost(ws_close_code::abnormal));
    EXPECT_TRUE(after.failed(nullptr));
    EXPECT_FALSE(after.failed(nullptr));
    after.connected();
    EXPECT_FALSE(after.lost(ws_close_code::abnormal)) << "it has not lasted";
    after.connected();
    EXPECT_TRUE(after.lost(ws_close_code::abnormal, config.stable_after));
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

TEST(reconnecting, to_a_server_that_restarts) {
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

TEST(reconnecting, fails_sends_meanwhile_and_tells_of_attempts) {
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

TEST(reconnecting, ends_at_once_when_stopped_in_a_pause) {
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

TEST(reconnecting, ends_with_the_clients_destruction) {
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

TEST(reconnecting, after_the_codes_that_ask_for_it) {
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

TEST(reconnecting, not_after_an_end_that_was_meant) {
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

TEST(reconnecting, not_after_a_rejection) {
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

TEST(reconnecting, not_where_the_first_attempt_fails) {
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

TEST(reconnecting, stops_from_its_callbacks) {
    ws_test_server server;
    ws_test_client client(reconnecting());
    client.on_disconnect = [&] { EXPECT_TRUE(is_ok(client.client.stop_client())); };
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_EQ(client.connected.count(), 1U);
}

TEST(field_faults, a_server_that_accepts_and_then_drops_is_given_up_after_max_attempts) {
    ws_client_config config = reconnecting();
    config.reconnect.max_attempts = 4;
    ws_test_server server;
    server.on_connect = [](const connection_ptr& made) {
        (void)made->close(ws_close_code::going_away, "not now");
    };
    ws_test_client client(config);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_EQ(client.connected.count(), 5U) << "the start, and four attempts";
    EXPECT_EQ(server.server.metrics().handshakes, 5U);
}

/// A server for byte-by-byte answers; the first connection is accepted and dropped.
[[nodiscard]] std::string answer_with(std::string_view status, std::string_view fields = {}) {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n" + std::string(fields) +
           "\r\n";
}

TEST(field_faults, a_redirect_ends_reconnecting_and_names_its_location) {
    const raw_listener listener;
    ws_test_client client(reconnecting());
    std::thread server([&] {
        {
            ws_peer first(listener.accept());
            first.accept_websocket();
        }
        ws_peer second(listener.accept());
        (void)second.receive_head();
        EXPECT_TRUE(second.say(answer_with("302 Found", "Location: ws://elsewhere/\r\n")));
        (void)second.receive(1);
    });
    ASSERT_TRUE(is_ok(client.connect(listener.port())));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop())) << "one attempt, which was final";
    server.join();
    ASSERT_NE(client.client.rejection(), nullptr);
    EXPECT_EQ(client.client.rejection()->status, 302U);
    EXPECT_EQ(client.client.rejection()->head.find("location"), "ws://elsewhere/");
}

TEST(field_faults, a_server_that_is_busy_is_asked_again) {
    for (const char* const status : {"408 Request Timeout", "425 Too Early",
                                     "429 Too Many Requests", "503 Service Unavailable"}) {
        SCOPED_TRACE(status);
        const raw_listener listener;
        ws_test_client client(reconnecting());
        std::optional<unsigned> seen;
        std::optional<std::chrono::seconds> pause;
        std::thread server([&] {
            {
                ws_peer first(listener.accept());
                first.accept_websocket();
            }
            {
                ws_peer second(listener.accept());
                (void)second.receive_head();
                EXPECT_TRUE(second.say(answer_with(status, "Retry-After: 0\r\n")));
                (void)second.receive(1);
            }
            ws_peer third(listener.accept());
            third.accept_websocket();
            (void)third.receive(1);
        });
        (void)client.client.set_error_callback([&](std::error_code why) {
            if (why == errc::handshake_rejected) {
                const auto answer = client.client.rejection();
                ASSERT_NE(answer, nullptr);
                seen = answer->status;
                pause = answer->retry_after;
            }
        });
        ASSERT_TRUE(is_ok(client.connect(listener.port())));
        EXPECT_TRUE(client.connected.wait_for(2));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        server.join();
        ASSERT_TRUE(seen.has_value());
        EXPECT_EQ(std::to_string(*seen), std::string(status).substr(0, 3));
        EXPECT_EQ(pause, 0s);
        EXPECT_EQ(client.client.rejection(), nullptr) << "the last handshake was accepted";
    }
}

TEST(field_faults, a_program_can_tell_401_from_403) {
    for (const unsigned status : {301U, 401U, 403U, 404U, 429U, 503U}) {
        ws_test_server server;
        (void)server.server.set_handshake_callback(
            [&](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
                answer.reject({status, {{"Retry-After", "17"}, {"X-Why", "because"}}, "no"});
            });
        ws_test_client client;
        EXPECT_EQ(client.client.rejection(), nullptr);
        EXPECT_TRUE(fails_with(client.connect(server.start()), errc::handshake_rejected));
        const auto answer = client.client.rejection();
        ASSERT_NE(answer, nullptr);
        EXPECT_EQ(answer->status, status);
        EXPECT_EQ(answer->retry_after, 17s);
        EXPECT_EQ(answer->head.find("X-Why"), "because");
    }
}

}  // namespace
}  // namespace ws

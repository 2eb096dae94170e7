// Clients of TCP (and of TLS, when these tests run over it) that come back, and starts that are
// tried again.
#include "support/bytes.h"
#include "support/loopback.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reconnect_test {
namespace {

using namespace loopback;
using network_system::core::reconnect_attempt;
using network_system::testing::text_bytes;
using std::chrono::milliseconds;

[[nodiscard]] client_options coming_back() {
    client_options options;
    options.auto_reconnect = true;
    options.reconnect.initial_delay = 1ms;
    options.reconnect.max_delay = 20ms;
    return options;
}

/// Of a server whose clients have lost it before, at the same port.
[[nodiscard]] bool restart(test_server& server, std::uint16_t port) {
    return static_cast<bool>(is_ok(server.server.start_server(port)));
}

TEST(reconnecting_client, comes_back_to_a_server_that_restarts) {
    test_server server;
    const auto port = server.start();
    test_client client(coming_back());
    ASSERT_TRUE(is_ok(client.connect(port)));
    for (std::size_t round = 1; round <= 3; ++round) {
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        ASSERT_TRUE(client.disconnected.wait_for(round));
        EXPECT_TRUE(fails_with(client.client.send_packet("nobody"), errc::connection_closed));
        ASSERT_TRUE(restart(server, port));
        ASSERT_TRUE(client.connected.wait_for(round + 1));
        EXPECT_TRUE(client.exchange(text_bytes("again")));
    }
    const auto counted = client.client.metrics();
    EXPECT_EQ(counted.connects, 4U);
    EXPECT_EQ(counted.reconnect_attempts, 3 + counted.connect_failures);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(client.disconnected.count(), 4U);
    ASSERT_TRUE(is_ok(client.connect(port))) << "and can be started again";
}

TEST(reconnecting_client, tells_each_attempt_before_its_pause) {
    test_server server;
    const auto port = server.start();
    test_client client(coming_back());
    collector<reconnect_attempt> attempts;
    (void)client.client.set_reconnecting_callback(
        [&](const reconnect_attempt& next) { attempts.add(next); });
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    ASSERT_TRUE(attempts.wait_for(3));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    unsigned number = 0;
    for (const reconnect_attempt& each : attempts.all()) {
        EXPECT_EQ(each.number, ++number);
        EXPECT_LE(each.pause, 20ms);
        EXPECT_EQ(each.reason,
                  number == 1 ? std::error_code{} : make_error_code(errc::connection_refused));
    }
    EXPECT_EQ(client.client.metrics().reconnect_attempts, number);
}

TEST(reconnecting_client, ends_when_its_own_application_ends_the_session) {
    test_server server;
    test_client client(coming_back());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.get_session().value()->stop_session()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_EQ(client.client.metrics().reconnect_attempts, 0U);
}

TEST(reconnecting_client, stops_from_the_callback_of_an_attempt) {
    test_server server;
    test_client client(coming_back());
    (void)client.client.set_reconnecting_callback(
        [&](unsigned) { EXPECT_TRUE(is_ok(client.client.stop_client())); });
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_EQ(client.connected.count(), 1U);
    EXPECT_EQ(client.client.metrics().connect_failures, 0U);
}

TEST(reconnecting_client, may_be_destroyed_in_the_callback_of_an_attempt) {
    test_server server;
    auto client = std::make_unique<messaging_client>("short-lived", coming_back());
    event_counter destroyed;
    (void)client->set_reconnecting_callback([&] {
        client.reset();
        destroyed.add();
    });
    ASSERT_TRUE(is_ok(client->start_client("127.0.0.1", server.start())));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(destroyed.wait_for(1));
}

TEST(reconnecting_client, gives_up_after_max_attempts) {
    client_options options = coming_back();
    options.reconnect.max_attempts = 3;
    test_server server;
    test_client client(options);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_EQ(client.client.metrics().reconnect_attempts, 3U);
    EXPECT_EQ(client.errors.size(), 3U) << "each of them";
}

TEST(retried_start, waits_for_a_server_that_comes_later) {
    std::uint16_t port = 0;
    {
        test_server gone;
        port = gone.start();
    }
    client_options options = coming_back();
    options.reconnect.retry_start_for = milliseconds::max();
    test_client client(options);
    event_counter attempts;
    test_server server;
    (void)client.client.set_reconnecting_callback([&](const reconnect_attempt& next) {
        EXPECT_EQ(next.reason, errc::connection_refused);
        if (next.number == 3) {
            (void)restart(server, port);
        }
        attempts.add();
    });
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_GE(attempts.count(), 3U);
    EXPECT_EQ(client.errors.size(), 0U);
    EXPECT_TRUE(client.exchange(text_bytes("at last")));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
}

TEST(retried_start, fails_with_its_last_failure) {
    std::uint16_t port = 0;
    {
        test_server gone;
        port = gone.start();
    }
    client_options options = coming_back();
    options.reconnect.retry_start_for = milliseconds::max();
    options.reconnect.max_attempts = 2;
    test_client client(options);
    const auto started = client.connect(port);
    EXPECT_TRUE(fails_with(started, errc::connection_refused));
    EXPECT_NE(started.error().message.find(" in 3 attempts"), std::string::npos)
        << started.error().message;
    EXPECT_EQ(client.errors.size(), 0U) << "the result of the start says it";
    EXPECT_EQ(client.client.metrics().connect_failures, 3U);

    options.reconnect.max_attempts = 0;
    options.reconnect.retry_start_for = 1ms;
    test_client hasty(options);
    EXPECT_TRUE(fails_with(hasty.connect(port), errc::connection_refused));
    EXPECT_LE(hasty.client.metrics().reconnect_attempts, 2U) << "and one at the end of its time";
}

TEST(retried_start, ends_when_it_is_stopped_or_cancelled) {
    std::uint16_t port = 0;
    {
        test_server gone;
        port = gone.start();
    }
    client_options options = coming_back();
    options.reconnect.retry_start_for = milliseconds::max();
    options.reconnect.initial_delay = options.reconnect.max_delay = 3'600'000ms;
    for (const bool is_cancelled : {false, true}) {
        test_client client(options);
        event_counter pausing;
        (void)client.client.set_reconnecting_callback([&] { pausing.add(); });
        const auto operation = network_system::session::next_operation_id();
        collector<VoidResult> results;
        ASSERT_TRUE(is_ok(client.client.start_client(
            "127.0.0.1", port, [&](VoidResult result) { results.add(std::move(result)); },
            operation)));
        ASSERT_TRUE(pausing.wait_for(1));
        EXPECT_FALSE(client.client.is_connected());
        if (is_cancelled) {
            EXPECT_TRUE(client.client.cancel(operation));
        } else {
            EXPECT_TRUE(is_ok(client.client.stop_client()));
        }
        ASSERT_TRUE(results.wait_for(1));
        EXPECT_TRUE(
            fails_with(results.at(0), is_cancelled ? errc::cancelled : errc::connection_closed));
        EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
        EXPECT_EQ(results.size(), 1U);
        EXPECT_EQ(client.client.metrics().connect_failures, 1U);
    }
}

TEST(retried_start, does_not_repeat_what_would_be_the_same_again) {
    for (const auto& [change, name] :
         {std::pair<void (*)(client_options&), const char*>{
              [](auto& all) { all.reconnect.initial_delay = 0ms; }, "reconnect.initial_delay"},
          {[](auto& all) { all.reconnect.max_delay = 0ms; }, "reconnect.max_delay"},
          {[](auto& all) { all.reconnect.factor = 0.5; }, "reconnect.factor"},
          {[](auto& all) { all.reconnect.stable_after = -1ms; }, "reconnect.stable_after"},
          {[](auto& all) { all.reconnect.retry_start_for = -1ms; }, "reconnect.retry_start_for"}}) {
        client_options options = coming_back();
        change(options);
        test_client client(options);
        const auto started = client.connect(1);
        EXPECT_TRUE(fails_with(started, errc::invalid_argument));
        EXPECT_NE(started.error().message.find(name), std::string::npos) << started.error().message;
    }
}

}  // namespace
}  // namespace reconnect_test

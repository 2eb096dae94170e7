// Calls at the wrong time or with the wrong arguments: each has its code, and does no harm.
#include "support/loopback.h"

namespace loopback {
namespace {

class misuse_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, misuse_test, both_methods(), method_of);

TEST_P(misuse_test, a_server_starts_only_once) {
    test_server server(for_server());
    const auto port = server.start();
    EXPECT_TRUE(fails_with(server.server.start_server(0), errc::server_already_running));
    EXPECT_EQ(server.server.local_port(), port) << "the first start is unharmed";
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(client.exchange("still serving"));
}

TEST_P(misuse_test, a_client_starts_only_once) {
    test_server server(for_server());
    const auto port = server.start();
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(fails_with(client.connect(port), errc::already_exists));
    EXPECT_TRUE(
        fails_with(client.client.start_client("127.0.0.1", port, [](VoidResult) { FAIL(); }),
                   errc::already_exists));
    EXPECT_TRUE(client.exchange("unharmed"));
}

TEST_P(misuse_test, stop_is_idempotent) {
    test_server server(for_server());
    test_client client(for_client());
    EXPECT_TRUE(is_ok(server.server.stop_server())) << "never started";
    EXPECT_TRUE(is_ok(client.client.stop_client())) << "never started";
    EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
    }
    EXPECT_EQ(client.disconnected.count(), 1U);
    EXPECT_EQ(server.closed.size(), 1U);
}

TEST_P(misuse_test, sends_before_start_and_after_stop_fail_and_leave_the_vector) {
    test_server server(for_server());
    test_client client(for_client());
    const auto fails_everywhere = [&] {
        bytes data = pattern(10'000);
        EXPECT_TRUE(
            fails_with(client.client.send_packet(std::move(data)), errc::connection_closed));
        EXPECT_EQ(data, pattern(10'000));  // NOLINT(bugprone-use-after-move): documented
        EXPECT_TRUE(fails_with(client.client.send_packet("text"), errc::connection_closed));
        EXPECT_TRUE(fails_with(client.client.send_packet({1}), errc::connection_closed));
        EXPECT_TRUE(fails_with(client.client.ping(), errc::connection_closed));
        EXPECT_TRUE(fails_with(client.client.get_session(), errc::connection_closed));
        EXPECT_TRUE(fails_with(client.client.pause_receiving(), errc::connection_closed));
        EXPECT_TRUE(fails_with(client.client.resume_receiving(), errc::connection_closed));
        EXPECT_TRUE(fails_with(server.server.broadcast("text"), errc::server_not_started));
        EXPECT_TRUE(fails_with(server.server.get_session("x"), errc::server_not_started));
        EXPECT_TRUE(server.server.get_sessions().empty());
        EXPECT_EQ(server.server.connection_count(), 0U);
        EXPECT_FALSE(client.client.is_connected());
        EXPECT_FALSE(server.server.is_running());
    };
    fails_everywhere();
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    const auto session = client.client.get_session();
    ASSERT_TRUE(is_ok(session));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    fails_everywhere();
    bytes data = pattern(10);
    EXPECT_TRUE(fails_with(session.value()->send_packet(std::move(data)), errc::connection_closed));
    EXPECT_EQ(data, pattern(10));  // NOLINT(bugprone-use-after-move): documented
    EXPECT_TRUE(session.value()->is_stopped());
    EXPECT_TRUE(is_ok(session.value()->stop_session()));
}

TEST_P(misuse_test, callbacks_cannot_be_set_while_running) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    messaging_server& s = server.server;
    EXPECT_TRUE(fails_with(s.set_connection_callback([](const auto&) {}), errc::invalid_argument));
    EXPECT_TRUE(
        fails_with(s.set_disconnection_callback([](const auto&) {}), errc::invalid_argument));
    EXPECT_TRUE(
        fails_with(s.set_receive_callback([](const session_ptr&, std::span<const std::uint8_t>) {}),
                   errc::invalid_argument));
    EXPECT_TRUE(fails_with(s.set_error_callback([](const auto&, auto) {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(s.set_writable_callback([](const auto&) {}), errc::invalid_argument));
    messaging_client& c = client.client;
    EXPECT_TRUE(fails_with(c.set_connected_callback([] {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(c.set_disconnected_callback([] {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(c.set_receive_callback([](std::span<const std::uint8_t>) {}),
                           errc::invalid_argument));
    EXPECT_TRUE(fails_with(c.set_error_callback([](auto) {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(c.set_writable_callback([] {}), errc::invalid_argument));
    EXPECT_TRUE(client.exchange("the old callbacks are in force"));
    EXPECT_TRUE(is_ok(c.stop_client()));
    EXPECT_TRUE(is_ok(c.set_connected_callback([] {}))) << "allowed again after stop";
}

TEST_P(misuse_test, bad_arguments_of_start_client) {
    test_client client(for_client());
    EXPECT_TRUE(fails_with(client.client.start_client("", 80), errc::invalid_argument));
    EXPECT_TRUE(fails_with(client.client.start_client("127.0.0.1", 0), errc::invalid_argument));
    EXPECT_TRUE(fails_with(client.client.start_client("", 80, [](VoidResult) { FAIL(); }),
                           errc::invalid_argument));
    EXPECT_EQ(client.client.metrics().connects, 0U);
}

TEST_P(misuse_test, contradictory_options_are_refused) {
    const auto refused = [](const auto& change) {
        server_options options;
        change(options);
        messaging_server server("contradictory", options);
        return fails_with(server.start_server(0), errc::invalid_argument);
    };
    EXPECT_TRUE(refused([](auto& o) { o.io_threads = 0; }));
    EXPECT_TRUE(refused([](auto& o) { o.io_threads = 257; }));
    EXPECT_TRUE(refused([](auto& o) { o.drain_timeout = -1ms; }));
    EXPECT_TRUE(refused([](auto& o) { o.backlog = -1; }));
    EXPECT_TRUE(refused([](auto& o) { o.address_prefix_v6 = 0; }));
    EXPECT_TRUE(refused([](auto& o) { o.address_prefix_v6 = 129; }));
    EXPECT_TRUE(refused([](auto& o) { o.session.max_message_size = 0; }));
    EXPECT_TRUE(refused([](auto& o) { o.session.max_message_size = std::size_t{1} << 31U; }));
    EXPECT_TRUE(refused([](auto& o) { o.session.high_watermark = 0; }));
    EXPECT_TRUE(refused([](auto& o) { o.session.low_watermark = o.session.high_watermark + 1; }));
    EXPECT_TRUE(refused([](auto& o) { o.session.max_missed_pings = 0; }));
    EXPECT_TRUE(refused([](auto& o) { o.session.idle_timeout = -1ms; }));
    EXPECT_TRUE(refused([](auto& o) { o.session.ping_interval = -1ms; }));
    client_options options;
    options.connect_timeout = 0ms;
    messaging_client client("hasty", options);
    EXPECT_TRUE(fails_with(client.start_client("127.0.0.1", 1), errc::invalid_argument));
}

TEST_P(misuse_test, empty_and_too_large_messages_are_refused_here) {
    client_options options = for_client();
    options.session.max_message_size = 1000;
    server_options of_server = for_server();
    of_server.session.max_message_size = 1000;
    test_server server(of_server);
    test_client client(options);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(fails_with(client.client.send_packet(""), errc::invalid_argument));
    EXPECT_TRUE(fails_with(client.client.send_packet(bytes{}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(server.server.broadcast(""), errc::invalid_argument));
    bytes large = pattern(1001);
    const auto refused = client.client.send_packet(std::move(large));
    EXPECT_TRUE(fails_with(refused, errc::message_too_large));
    EXPECT_NE(refused.error().message.find("1001"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("1000"), std::string::npos);
    EXPECT_EQ(large, pattern(1001));  // NOLINT(bugprone-use-after-move): documented
    EXPECT_TRUE(fails_with(server.server.broadcast(pattern(1001)), errc::message_too_large));
    EXPECT_TRUE(client.exchange(pattern(1000))) << "the connection goes on";
}

TEST_P(misuse_test, the_servers_announced_limit_is_kept) {
    server_options options = for_server();
    options.session.max_message_size = 500;
    test_server server(options);
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(fails_with(client.client.send_packet(pattern(501)), errc::message_too_large));
    EXPECT_TRUE(client.exchange(pattern(500)));
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST_P(misuse_test, a_refused_sends_callback_does_not_run) {
    test_server server(for_server());
    test_client client(for_client());
    const auto never = [](VoidResult) { ADD_FAILURE() << "ran"; };
    EXPECT_TRUE(fails_with(client.client.send_packet("early", never), errc::connection_closed));
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(fails_with(client.client.send_packet("", never), errc::invalid_argument));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(fails_with(client.client.send_packet("late", never), errc::connection_closed));
}

}  // namespace
}  // namespace loopback

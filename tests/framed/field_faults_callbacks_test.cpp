// Callbacks that are not there, and callbacks that come too late.
#include "support/heard_log.h"
#include "support/loopback.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

#include <string>
#include <string_view>

namespace loopback {
namespace {

using network_system::core::messaging_udp_client;
using network_system::core::messaging_udp_server;

using network_system::log_level;
using network_system::testing::heard_line;
using network_system::testing::heard_log;

/// How many lines of `who` begin with `words`.
std::size_t count(const heard_log& heard, std::string_view who, std::string_view words) {
    return heard
        .texts([&](const heard_line& each) {
            return each.object_id == who && each.text.rfind(words, 0) == 0;
        })
        .size();
}

TEST(field_faults, a_callback_that_is_set_after_the_start_is_told) {
    messaging_server server("late-server");
    messaging_client client("late-client");
    messaging_udp_server datagrams("late-udp-server");
    messaging_udp_client sender("late-udp-client");
    ASSERT_TRUE(is_ok(server.start_server(0)));
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    ASSERT_TRUE(is_ok(datagrams.start_server(0)));
    ASSERT_TRUE(is_ok(sender.start_client("127.0.0.1", datagrams.local_port())));
    const heard_log heard(log_level::warning);
    const auto is_late = [&](const VoidResult& set, std::string_view who) {
        EXPECT_TRUE(fails_with(set, errc::invalid_argument));
        EXPECT_EQ(count(heard, who, "a callback was set too late"), 1U);
    };
    is_late(server.set_writable_callback({}), "late-server");
    is_late(client.set_writable_callback({}), "late-client");
    is_late(datagrams.set_writable_callback({}), "late-udp-server");
    is_late(sender.set_writable_callback({}), "late-udp-client");
}

TEST(field_faults, a_message_without_a_receive_callback_is_unread_and_told_once) {
    messaging_server server("deaf-server");
    messaging_client client("deaf-client");
    ASSERT_TRUE(is_ok(server.start_server(0)));
    const heard_log heard(log_level::warning);
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(is_ok(client.send_packet("anybody?")));
    }
    ASSERT_TRUE(is_ok(server.broadcast("anybody?")));
    EXPECT_TRUE(fails_with(client.request("anybody?", 10'000ms), errc::not_supported));
    ASSERT_TRUE(eventually([&] { return client.metrics().totals.messages_unread == 1; }));
    ASSERT_TRUE(is_ok(client.stop_client()));
    ASSERT_TRUE(is_ok(server.stop_server()));
    const auto at_server = server.metrics().totals;
    EXPECT_EQ(at_server.messages_unread, 4U) << "three messages and a request";
    EXPECT_EQ(at_server.messages_received, 0U);
    EXPECT_EQ(at_server.requests_received, 1U);
    EXPECT_EQ(client.metrics().totals.messages_received, 1U) << "the answer to the request";
    EXPECT_EQ(count(heard, "deaf-server", "something has arrived"), 1U);
    EXPECT_EQ(count(heard, "deaf-client", "something has arrived"), 1U);
}

TEST(field_faults, a_datagram_without_a_receive_callback_is_unread_and_told_once) {
    messaging_udp_server server("deaf-server");
    messaging_udp_client client("client");
    ASSERT_TRUE(is_ok(server.start_server(0)));
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    const heard_log heard(log_level::warning);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(is_ok(client.send_packet("anybody?")));
    }
    ASSERT_TRUE(eventually([&] { return server.metrics().datagrams_unread == 3; }));
    EXPECT_EQ(server.metrics().datagrams_received, 0U);
    EXPECT_EQ(count(heard, "deaf-server", "something has arrived"), 1U);
}

}  // namespace
}  // namespace loopback

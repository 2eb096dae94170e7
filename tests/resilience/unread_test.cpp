// Messages that nobody takes: with a resilient_client and a pool they are what they are with a
// plain client.
#include "resilience/noting_server.h"
#include "resilience/pool_servers.h"
#include "support/heard_log.h"

#include <network_system/resilience/resilient_client.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>

namespace unread_test {
namespace {

using namespace loopback;
using network_system::log_level;
using network_system::resilience::connection_kind;
using network_system::resilience::resilient_client;
using network_system::testing::heard_line;
using network_system::testing::heard_log;

/// How many lines tell that something was unread.
[[nodiscard]] std::size_t count_notices(const heard_log& heard) {
    return heard
        .texts([](const heard_line& each) {
            return each.text.starts_with("something has arrived for which there is no");
        })
        .size();
}

TEST(unread, is_what_a_resilient_client_gets_without_a_receive_callback) {
    for (const connection_kind kind : pools::kinds()) {
        SCOPED_TRACE(static_cast<int>(kind));
        const auto server = pools::make_server(kind);
        auto options = resilient_client_test::options_to({server->start()});
        options.connection = pools::pool_to(0, kind).connection;
        resilient_client client("deaf", options);
        const heard_log heard(log_level::warning);
        const auto unread = [&] { return client.metrics().connections.totals.messages_unread; };
        ASSERT_TRUE(is_ok(client.connect()));
        ASSERT_TRUE(is_ok(client.send_with_retry("anybody?")));
        ASSERT_TRUE(is_ok(client.send_with_retry("anybody?")));
        ASSERT_TRUE(eventually([&] { return unread() == 2; }));
        EXPECT_EQ(count_notices(heard), 1U);
        ASSERT_TRUE(is_ok(client.disconnect()));

        event_counter taken;
        ASSERT_TRUE(is_ok(client.set_receive_callback([&] { taken.add(); })));
        ASSERT_TRUE(is_ok(client.connect()));
        EXPECT_TRUE(fails_with(client.set_receive_callback({}), errc::invalid_argument));
        ASSERT_TRUE(is_ok(client.send_with_retry("I am here")));
        ASSERT_TRUE(taken.wait_for(1));
        ASSERT_TRUE(is_ok(client.disconnect()));
        EXPECT_EQ(unread(), 2U);

        ASSERT_TRUE(is_ok(client.set_receive_callback({})));
        ASSERT_TRUE(is_ok(client.connect()));
        ASSERT_TRUE(is_ok(client.send_with_retry("not any more")));
        ASSERT_TRUE(eventually([&] { return unread() == 3; }));
        EXPECT_EQ(taken.count(), 1U);
    }
}

TEST(unread, is_what_a_pool_gets_without_a_receive_callback) {
    for (const connection_kind kind : pools::kinds()) {
        SCOPED_TRACE(static_cast<int>(kind));
        const auto server = pools::make_server(kind);
        const auto options = pools::pool_to(server->start(), kind);
        const heard_log heard(log_level::warning);
        pools::connection_pool deaf(options);
        auto held = deaf.acquire();
        ASSERT_TRUE(is_ok(held));
        ASSERT_TRUE(is_ok(held.value()->send_packet("anybody?")));
        ASSERT_TRUE(eventually([&] { return held.value()->metrics().messages_unread == 1; }));
        EXPECT_EQ(count_notices(heard), 1U);

        pools::received_messages_of_pool received;
        pools::connection_pool listening(options, received.callbacks());
        auto other = listening.acquire();
        ASSERT_TRUE(is_ok(other));
        ASSERT_TRUE(is_ok(other.value()->send_packet("anybody?")));
        ASSERT_TRUE(received.all.wait_for(1));
        EXPECT_EQ(other.value()->metrics().messages_unread, 0U);
    }
}

}  // namespace
}  // namespace unread_test

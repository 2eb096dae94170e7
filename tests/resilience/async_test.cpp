// Completion tokens of a resilient client.
#include "support/loopback.h"

#include <network_system/async.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/use_future.hpp>

namespace resilient_async_test {
namespace {

using namespace loopback;
using network_system::async_connect;
using network_system::async_disconnect;
using network_system::async_send_with_retry;
using network_system::resilience::resilient_client;
using network_system::resilience::resilient_client_options;

TEST(resilient_async, connects_sends_and_ends) {
    test_server server;
    resilient_client client("test", "127.0.0.1", server.start());
    EXPECT_TRUE(is_ok(async_connect(client, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_send_with_retry(client, "text", asio::use_future).get()));
    EXPECT_TRUE(server.received.wait_for(1));
    EXPECT_TRUE(is_ok(async_disconnect(client, asio::use_future).get()));
    EXPECT_TRUE(fails_with(async_send_with_retry(client, "late", asio::use_future).get(),
                           errc::connection_closed));
}

TEST(resilient_async, a_connect_can_be_cancelled) {
    resilient_client_options options;
    {
        const raw_listener gone;
        options.endpoints = {{"127.0.0.1", gone.port()}};
    }
    options.connection.client.reconnect.initial_delay = 1ms;
    resilient_client client("test", options);
    event_counter attempts;
    (void)client.set_reconnect_callback([&] { attempts.add(); });
    asio::cancellation_signal signal;
    collector<VoidResult> results;
    async_connect(client, asio::bind_cancellation_slot(signal.slot(), [&](VoidResult result) {
                      results.add(std::move(result));
                  }));
    ASSERT_TRUE(attempts.wait_for(1));
    signal.emit(asio::cancellation_type::all);
    ASSERT_TRUE(results.wait_for(1));
    EXPECT_TRUE(fails_with(results.at(0), errc::cancelled));
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_EQ(results.size(), 1U);
}

}  // namespace
}  // namespace resilient_async_test

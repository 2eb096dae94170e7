#include "support/child_process.h"
#include "support/loopback.h"

#include <network_system/integration/messaging_bridge.h>
#include <network_system/network_system.h>
#if NETWORK_SYSTEM_WITH_MESSAGING_BRIDGE
#include <network_system/compatibility.h>
#endif

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

using loopback::collector;
using loopback::event_counter;
using loopback::eventually;
using loopback::is_ok;

/// A server and a client of the bridge that have exchanged `count` messages each way.
struct pair {
    pair(messaging_bridge& bridge, std::size_t count)
        : server(bridge.create_server("server")), client(bridge.create_client("client")) {
        (void)server->set_receive_callback(
            [](const auto& session, std::span<const std::uint8_t> data) {
                EXPECT_TRUE(is_ok(session->send_packet(data)));
            });
        (void)client->set_receive_callback([this] { answers.add(); });
        EXPECT_TRUE(is_ok(server->start_server(0)));
        EXPECT_TRUE(is_ok(client->start_client("127.0.0.1", server->local_port())));
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_TRUE(is_ok(client->send_packet("hello")));
        }
        EXPECT_TRUE(answers.wait_for(count));
    }

    event_counter answers;
    std::shared_ptr<core::messaging_server> server;
    std::shared_ptr<core::messaging_client> client;
};

TEST(messaging_bridges, count_what_their_servers_and_clients_do) {
    messaging_bridge bridge;
    EXPECT_TRUE(bridge.is_initialized());
    EXPECT_EQ(bridge.get_metrics().messages_sent(), 0U);
    {
        const pair first(bridge, 3);
        const pair second(bridge, 2);
        const auto now = bridge.get_metrics();
        EXPECT_EQ(now.servers, 2U);
        EXPECT_EQ(now.clients, 2U);
        EXPECT_EQ(now.connections_active(), 2U);
        EXPECT_EQ(now.messages_received(), 10U);
        // A message counts as sent after the system has it, when its receiver may already know.
        EXPECT_TRUE(eventually([&] { return bridge.get_metrics().messages_sent() == 10; }));
        EXPECT_TRUE(eventually([&] {
            const auto settled = bridge.get_metrics();
            return settled.bytes_sent() == settled.bytes_received();
        }));
    }
    const auto after = bridge.get_metrics();
    EXPECT_EQ(after.servers, 0U);
    EXPECT_EQ(after.clients, 0U);
    EXPECT_EQ(after.connections_active(), 0U);
    EXPECT_EQ(after.messages_received(), 10U) << "what is gone is not forgotten";
    EXPECT_EQ(after.of_servers.connections_accepted, 2U);
    bridge.reset_metrics();
    EXPECT_EQ(bridge.get_metrics().messages_received(), 0U);
    const pair third(bridge, 1);
    EXPECT_EQ(bridge.get_metrics().messages_received(), 2U);
}

TEST(messaging_bridges, never_count_backwards) {
    messaging_bridge bridge;
    std::atomic<bool> is_over{false};
    std::thread reader([&] {
        std::uint64_t last = 0;
        while (!is_over) {
            const auto now = bridge.get_metrics().messages_received();
            EXPECT_GE(now, last);
            last = now;
        }
    });
    for (std::size_t i = 0; i < loopback::scaled(20); ++i) {
        const pair each(bridge, 1);
    }
    is_over = true;
    reader.join();
    EXPECT_EQ(bridge.get_metrics().messages_received(), 2 * loopback::scaled(20));
}

TEST(messaging_bridges, may_go_before_what_they_have_made) {
    auto bridge = std::make_unique<messaging_bridge>();
    const pair both(*bridge, 1);
    bridge.reset();
    EXPECT_TRUE(is_ok(both.client->send_packet("again")));
    EXPECT_TRUE(both.answers.wait_for(2));
}

TEST(messaging_bridges, give_their_pool_to_what_they_make) {
    messaging_bridge bridge;
    const auto pool = std::make_shared<basic_thread_pool>(1);
    bridge.set_thread_pool(pool);
    EXPECT_EQ(bridge.get_thread_pool(), pool);
    const auto server = bridge.create_server("server");
    collector<bool> on_pool;
    (void)server->set_receive_callback([&] { on_pool.add(pool->runs_here()); });
    ASSERT_TRUE(is_ok(server->start_server(0)));
    const auto client = bridge.create_client("client");
    ASSERT_TRUE(is_ok(client->start_client("127.0.0.1", server->local_port())));
    ASSERT_TRUE(is_ok(client->send_packet("hello")));
    ASSERT_TRUE(on_pool.wait_for(1));
    EXPECT_TRUE(on_pool.at(0));
    bridge.set_thread_pool(nullptr);
    EXPECT_EQ(bridge.get_thread_pool(), nullptr);
}

TEST(messaging_bridges, have_a_container) {
    messaging_bridge bridge;
    EXPECT_EQ(bridge.get_container(), container_manager::instance().get_default_container());
#if NETWORK_SYSTEM_WITH_MSGPACK
    const auto own = std::make_shared<const basic_container>();
    bridge.set_container(own);
    EXPECT_EQ(bridge.get_container(), own);
#endif
}

#ifndef NETWORK_TEST_NO_FORK

TEST(messaging_bridges, of_a_parent_are_not_a_childs) {
    const messaging_bridge bridge;
    EXPECT_TRUE(testing::succeeds_in_child([&] {
        EXPECT_FALSE(bridge.is_initialized());
        EXPECT_TRUE(messaging_bridge().is_initialized());
    }));
}

#endif

TEST(thread_integration, has_a_pool_without_being_asked_for_one) {
    auto& manager = thread_integration_manager::instance();
    manager.set_thread_pool(nullptr);
    EXPECT_FALSE(manager.get_metrics().is_running);
    event_counter run;
    ASSERT_TRUE(is_ok(manager.submit_task([&] { run.add(); })));
    ASSERT_TRUE(
        is_ok(manager.submit_delayed_task([&] { run.add(); }, std::chrono::milliseconds{1})));
    EXPECT_TRUE(run.wait_for(2));
    EXPECT_TRUE(manager.get_metrics().is_running);
    EXPECT_EQ(manager.get_metrics().worker_threads, manager.get_thread_pool()->worker_count());
    const auto own = std::make_shared<basic_thread_pool>(3);
    manager.set_thread_pool(own);
    EXPECT_EQ(manager.get_thread_pool(), own);
    EXPECT_EQ(manager.get_metrics().worker_threads, 3U);
    manager.set_thread_pool(nullptr);
}

TEST(initialization, may_come_any_number_of_times_and_not_at_all) {
    shutdown();
    EXPECT_FALSE(is_initialized());
    EXPECT_TRUE(initialize().is_ok());
    EXPECT_TRUE(initialize().is_ok());
    EXPECT_TRUE(is_initialized());
    const auto pool = std::make_shared<basic_thread_pool>(1);
    EXPECT_TRUE(initialize({.thread_pool = pool}).is_ok());
    EXPECT_EQ(thread_integration_manager::instance().get_thread_pool(), pool);
    shutdown();
    shutdown();
    EXPECT_NE(thread_integration_manager::instance().get_thread_pool(), pool);
    EXPECT_FALSE(is_initialized());
    thread_integration_manager::instance().set_thread_pool(nullptr);
}

#if NETWORK_SYSTEM_WITH_MESSAGING_BRIDGE

TEST(compatibility, has_the_names_of_messaging_system) {
    auto server = network_module::create_server("legacy");
    collector<std::size_t> sizes;
    (void)server->set_receive_callback(
        [&](const std::vector<std::uint8_t>& data) { sizes.add(data.size()); });
    server->start_server(0);
    auto client = messaging::create_client("legacy");
    client->start_client("127.0.0.1", server->local_port());
    std::vector<std::uint8_t> data{1, 2, 3};
    client->send_packet(data);
    client->send_packet({1, 2});
    client->send_packet("text");
    client->send_packet(std::move(data));
    EXPECT_TRUE(sizes.wait_for(4));
    const network_module::VoidResult again = client->start_client("127.0.0.1", 1);
    EXPECT_TRUE(again.is_err());
    client->stop_client();
    server->stop_server();
    EXPECT_NE(messaging::create_bridge(), nullptr);
    EXPECT_TRUE(network_system::compat::has_coroutines());
    EXPECT_STREQ(network_system::compat::version(), NETWORK_SYSTEM_VERSION);
}

#endif

}  // namespace
}  // namespace network_system::integration

// Each allocation fails in turn in what resilience/ is made of: whoever was not refused is told,
// and the books add up.
#include "memory/hearing.h"
#include "resilience/resilient.h"
#include "support/loopback.h"

#include <network_system/resilience/connection_pool.h>
#include <network_system/resilience/health_monitor.h>
#include <network_system/resilience/resilient_client.h>
#include <network_system/utils/session_timeout.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace {

using namespace loopback;
using namespace network_system::resilience;
using network_system::session_timeout;

using failing_heap::exempt;
using failing_heap::in_library;

class failing_memory_of_resilience : public ::testing::Test {
protected:
    failing_memory_of_resilience() {
        (void)server.set_receive_callback(
            [](const session_ptr& who, std::span<const std::uint8_t> data) {
                (void)who->send_packet(data);
            });
        EXPECT_TRUE(is_ok(server.start_server(0)));
    }

    /// Connections that are made again at once.
    [[nodiscard]] static connection_options eager() {
        connection_options options;
        options.client.drain_timeout = 20s;
        options.client.reconnect.initial_delay = 1ms;
        options.client.reconnect.max_delay = 1ms;
        return options;
    }
    void expect_service() {
        failing_heap::hearing heard;
        messaging_client client("served");
        (void)client.set_receive_callback(
            [&heard](std::span<const std::uint8_t> data) { heard.record_bytes(data.size()); });
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
        ASSERT_TRUE(is_ok(client.send_packet("hello")));
        EXPECT_TRUE(heard.wait_for(5));
        EXPECT_TRUE(is_ok(client.stop_client()));
    }
    template <typename Converse>
    void expect_survival(const Converse& converse) {
        const exempt own;
        failing_heap::fail_each_allocation(converse, [this] { expect_service(); });
    }

    messaging_server server{"server", for_server()};

private:
    static server_options for_server() {
        server_options options;
        options.bind_address = "127.0.0.1";
        options.drain_timeout = 20s;
        return options;
    }
};

class failing_memory_of_resilient_clients : public failing_memory_of_resilience,
                                            public ::testing::WithParamInterface<delivery_mode> {
protected:
    void converse() {
        event_counter told;
        std::size_t asked = 0;
        {
            resilient_client_options options;
            options.endpoints = {{"127.0.0.1", server.local_port()}};
            options.delivery = GetParam();
            options.connection = eager();
            resilient_client client("resilient", options);
            (void)in_library([&] { return client.connect(); });
            for (std::size_t i = 0; i < 4; ++i) {
                network_system::session::send_callback done = [&told](const auto&) {
                    const exempt own;
                    told.add();
                };
                asked += in_library(
                    [&] { return client.send_with_retry("hello", std::move(done)).is_ok(); });
            }
            (void)in_library([&] { return client.flush(20s); });
            (void)in_library([&] { return client.disconnect(); });
            EXPECT_TRUE(is_ok(client.disconnect()));
            EXPECT_TRUE(network_system::testing::adds_up(client));
            EXPECT_EQ(client.metrics().queued, 0U);
        }
        EXPECT_TRUE(told.wait_for(asked)) << told.count() << " of " << asked;
        EXPECT_EQ(told.count(), asked);
    }
};
INSTANTIATE_TEST_SUITE_P(delivery, failing_memory_of_resilient_clients,
                         ::testing::Values(delivery_mode::at_most_once,
                                           delivery_mode::at_least_once),
                         [](const auto& each) {
                             return each.param == delivery_mode::at_most_once ? "at_most_once"
                                                                              : "at_least_once";
                         });

TEST_P(failing_memory_of_resilient_clients, leaves_no_message_unaccounted_for) {
    expect_survival([this] { converse(); });
}

TEST_F(failing_memory_of_resilience, leaves_nobody_waiting_for_a_connection_of_a_pool) {
    expect_survival([this] {
        event_counter told;
        std::size_t asked = 0;
        {
            pool_options options;
            options.server = {"127.0.0.1", server.local_port()};
            options.min_size = 1;
            options.max_size = 2;
            options.connection = eager();
            connection_pool pool(options);
            (void)in_library([&] { return pool.initialize(); });
            for (std::size_t i = 0; i < 4; ++i) {
                connection_pool::acquire_handler handler = [&told](auto lent) {
                    if (lent) {
                        (void)lent.value()->send_packet("hello");
                    }
                    const exempt own;
                    told.add();
                };
                asked += in_library([&] { return pool.acquire(std::move(handler)).is_ok(); });
            }
            if (auto lent = in_library([&] { return pool.acquire(); })) {
                in_library([&] { lent.value().discard(); });
            }
            (void)in_library([&] { return pool.shutdown(); });
            EXPECT_TRUE(is_ok(pool.shutdown()));
            EXPECT_EQ(pool.active_count(), 0U);
            EXPECT_EQ(pool.pool_size(), 0U);
        }
        EXPECT_TRUE(told.wait_for(asked)) << told.count() << " of " << asked;
        EXPECT_EQ(told.count(), asked);
    });
}

TEST_F(failing_memory_of_resilience, expires_or_ends_what_has_a_timeout) {
    expect_survival([this] {
        failing_heap::hearing heard;
        const auto tell = [&heard](auto&&...) { heard.record_bytes(1); };
        messaging_client client("watched");
        (void)client.set_disconnected_callback([&heard](auto&&...) { heard.record_end(); });
        if (!client.start_client("127.0.0.1", server.local_port())) {
            return;  // it is told
        }
        const auto session = client.get_session();
        if (!session) {
            return;
        }
        session_timeout timeout(1ms, tell);
        health_monitor monitor({.interval = 10ms});
        (void)monitor.set_health_callback(tell);
        const bool is_timed = in_library([&] { return timeout.start(session.value()).is_ok(); });
        const bool is_watched = in_library([&] { return monitor.start(session.value()).is_ok(); });
        EXPECT_TRUE(heard.wait_for((is_timed ? 1U : 0U) + (is_watched ? 1U : 0U)))
            << "neither told nor ended";
        monitor.stop();
        (void)timeout.cancel();
        (void)in_library([&] { return client.stop_client(); });
    });
}

}  // namespace

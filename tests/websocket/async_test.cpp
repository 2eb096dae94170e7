// Clients and connections with Asio's completion tokens.
#include "support/websocket.h"

#include <network_system/async.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace ws {
namespace {

using network_system::async_ping;
using network_system::async_receive;
using network_system::async_receive_all;
using network_system::async_send;
using network_system::async_start;
using network_system::async_stop;
using network_system::receive_mode;
using network_system::received_ws_message;
using network_system::session_executor;

void rethrow(const std::exception_ptr& thrown) {
    if (thrown) {
        std::rethrow_exception(thrown);
    }
}

[[nodiscard]] testing::AssertionResult is_text(const Result<received_ws_message>& received,
                                               std::string_view expected) {
    if (auto good = is_ok(received); !good) {
        return good;
    }
    const auto& message = received.value();
    return message.is_text() && message.text() == expected
               ? testing::AssertionSuccess()
               : testing::AssertionFailure() << "another message: " << message.text();
}

/// Sends back what comes, until the connection ends.
asio::awaitable<void> echo_all(connection_ptr connection, std::atomic<int>& ended) {
    for (;;) {
        auto message = co_await async_receive(connection, asio::use_awaitable);
        EXPECT_TRUE(connection->runs_here());
        if (message.is_err()) {
            EXPECT_TRUE(fails_with(message, errc::connection_closed));
            break;
        }
        if (message.value().is_text()) {
            EXPECT_TRUE(is_ok(
                co_await async_send(connection, message.value().text(), asio::use_awaitable)));
        } else {
            EXPECT_TRUE(is_ok(co_await async_send(connection, std::move(message.value().data),
                                                  asio::use_awaitable)));
        }
    }
    ++ended;
}

asio::awaitable<void> converse(messaging_ws_client& client, const ws_client_config& config,
                               bool& done) {
    EXPECT_TRUE(is_ok(co_await async_start(client, config, asio::use_awaitable)));
    for (int i = 0; i < 100; ++i) {
        const std::string text = std::to_string(i);
        EXPECT_TRUE(is_ok(co_await async_send(client, text, asio::use_awaitable)));
        const auto back = co_await async_receive(client, asio::use_awaitable);
        EXPECT_TRUE(is_text(back, text));
    }
    EXPECT_TRUE(is_ok(co_await async_ping(client, asio::use_awaitable)));
    EXPECT_TRUE(is_ok(co_await async_stop(client, asio::use_awaitable)));
    done = true;
}

/// A server whose connections are served by coroutines.
class coroutine_websocket : public testing::Test {
protected:
    coroutine_websocket() {
        server_.config.receiving = receive_mode::pull;
        server_.on_connect = [this](const connection_ptr& connection) {
            asio::co_spawn(session_executor(connection), echo_all(connection, ended_), rethrow);
        };
        config_.host = "127.0.0.1";
        config_.port = server_.start();
        config_.receiving = receive_mode::pull;
    }

    void expect_the_server_to_end_its_coroutine() {
        EXPECT_TRUE(is_ok(server_.server.stop_server()));
        EXPECT_EQ(ended_, 1);
    }

    asio::io_context context_;
    ws_test_server server_;
    ws_client_config config_;
    bool is_done_ = false;

private:
    std::atomic<int> ended_{0};
};

TEST_F(coroutine_websocket, converses_on_the_context_of_the_client) {
    config_.io_context = &context_;
    messaging_ws_client client("coroutine");
    asio::co_spawn(context_, converse(client, config_, is_done_), rethrow);
    context_.run();
    EXPECT_TRUE(is_done_);
    expect_the_server_to_end_its_coroutine();
}

TEST_F(coroutine_websocket, converses_on_a_context_the_client_does_not_run_on) {
    messaging_ws_client client("coroutine");
    asio::co_spawn(context_, converse(client, config_, is_done_), rethrow);
    context_.run();
    EXPECT_TRUE(is_done_);
    expect_the_server_to_end_its_coroutine();
}

TEST(async_websocket, clients_converse) {
    ws_test_server server;
    messaging_ws_client client("client");
    ws_client_config config;
    config.host = "127.0.0.1";
    config.port = server.start();
    config.receiving = network_system::receive_mode::pull;
    EXPECT_TRUE(is_ok(async_start(client, config, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_send(client, "as text", asio::use_future).get()));
    EXPECT_TRUE(is_text(async_receive(client, asio::use_future).get(), "as text"));
    EXPECT_TRUE(is_ok(async_send(client, pattern(100'000), asio::use_future).get()));
    const auto data = async_receive(client, asio::use_future).get();
    ASSERT_TRUE(is_ok(data));
    EXPECT_FALSE(data.value().is_text());
    EXPECT_EQ(data.value().data, pattern(100'000));
    EXPECT_TRUE(is_ok(async_ping(client, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_stop(client, asio::use_future).get()));
    EXPECT_EQ(server.received.count(), 2U);
}

TEST(async_websocket, all_that_waits_is_received_at_once_and_knows_texts) {
    ws_test_server server;
    messaging_ws_client client("client");
    ws_client_config config;
    config.host = "127.0.0.1";
    config.port = server.start();
    config.receiving = network_system::receive_mode::pull;
    ASSERT_TRUE(is_ok(client.start_client(config)));
    ASSERT_TRUE(is_ok(client.send_text("as text")));
    ASSERT_TRUE(is_ok(client.send_binary(pattern(10'000))));
    std::size_t received = 0;
    network_system::received_messages messages;
    while (received < 2) {
        auto all = async_receive_all(client, std::move(messages), asio::use_future).get();
        ASSERT_TRUE(is_ok(all));
        messages = std::move(all).value();
        for (const network_system::message_view& message : messages) {
            EXPECT_EQ(message.is_text(), received == 0);
            if (message.is_text()) {
                EXPECT_EQ(message.text(), "as text");
            } else {
                EXPECT_EQ(copy_of(message.data), pattern(10'000));
            }
            ++received;
        }
    }
    EXPECT_TRUE(is_ok(client.stop_client()));
}

TEST(async_websocket, servers_and_connections_have_the_operations_too) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(server.connections.wait_for(1));
    const connection_ptr connection = server.connections.at(0);
    EXPECT_TRUE(is_ok(async_send(connection, "text", asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_send(connection, pattern(10), asio::use_future).get()));
    ASSERT_TRUE(client.received.wait_for(2));
    EXPECT_EQ(client.received.at(0).type, ws_message_type::text);
    EXPECT_EQ(client.received.at(1).type, ws_message_type::binary);
    EXPECT_TRUE(is_ok(async_ping(connection, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_stop(connection, asio::use_future).get()));
    EXPECT_TRUE(client.closed.wait_for(1));
    EXPECT_TRUE(is_ok(async_stop(server.server, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_stop(server.server, asio::use_future).get())) << "when stopped, too";
    EXPECT_FALSE(server.server.is_running());
}

TEST_F(coroutine_websocket, gives_up_a_receive) {
    config_.io_context = &context_;
    messaging_ws_client client("patient");
    asio::cancellation_signal signal;
    bool was_cancelled = false;
    const auto receive = [&] {
        async_receive(client, asio::bind_cancellation_slot(
                                  signal.slot(), asio::bind_executor(context_, [&](auto result) {
                                      was_cancelled = fails_with(result, errc::cancelled);
                                      EXPECT_TRUE(is_ok(client.stop_client()));
                                  })));
        signal.emit(asio::cancellation_type::terminal);
    };
    EXPECT_TRUE(is_ok(client.start_client(config_, [&](const VoidResult& started) {
        EXPECT_TRUE(is_ok(started));
        receive();
    })));
    context_.run();
    EXPECT_TRUE(was_cancelled);
    expect_the_server_to_end_its_coroutine();
}

TEST(field_faults, the_slot_of_a_websocket_start_that_fails_at_once_throws) {
    messaging_ws_client client("client");
    ws_client_config config;
    config.host = "127.0.0.1";
    config.path = "no slash";
    config.port = 1;
    asio::io_context context;
    asio::cancellation_signal signal;
    bool has_failed = false;
    async_start(client, config,
                asio::bind_cancellation_slot(
                    signal.slot(), asio::bind_executor(context, [&](const VoidResult& result) {
                        has_failed = fails_with(result, errc::invalid_argument);
                    })));
    EXPECT_NO_THROW(signal.emit(asio::cancellation_type::terminal));
    context.run();
    EXPECT_TRUE(has_failed);
}

TEST(async_websocket, a_start_that_fails_says_why) {
    messaging_ws_client client("client");
    ws_client_config config;
    config.host = "127.0.0.1";
    config.path = "no slash";
    config.port = 1;
    EXPECT_TRUE(
        fails_with(async_start(client, config, asio::use_future).get(), errc::invalid_argument));
    EXPECT_TRUE(
        fails_with(async_send(client, "x", asio::use_future).get(), errc::connection_closed));
    EXPECT_TRUE(fails_with(async_receive(client, asio::use_future).get(), errc::connection_closed));
}

TEST(async_websocket, starts_by_url_and_by_host) {
    ws_test_server server;
    const auto port = server.start();
    messaging_ws_client client("client");
    const std::string url = "ws://127.0.0.1:" + std::to_string(port);
    EXPECT_TRUE(is_ok(async_start(client, url, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_stop(client, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_start(client, "127.0.0.1", port, asio::use_future).get()));
    EXPECT_TRUE(fails_with(async_start(client, url, asio::use_future).get(), errc::already_exists));
    EXPECT_TRUE(fails_with(async_start(client, "http://127.0.0.1", asio::use_future).get(),
                           errc::invalid_argument));
}

}  // namespace
}  // namespace ws

// Coroutines on the threads of sessions.
#include "support/loopback.h"

#include <network_system/async.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace loopback {
namespace {

using network_system::async_receive;
using network_system::async_receive_all;
using network_system::async_send;
using network_system::message_view;
using network_system::receive_mode;
using network_system::received_messages;
using network_system::session_awaitable;
using network_system::session_executor;
using network_system::use_session_awaitable;

/// The coroutines that have not ended.
struct coroutine_count {
    std::atomic<int> running{0};
};
class counted_coroutine {
public:
    explicit counted_coroutine(coroutine_count& all) : all_(all) { ++all_.running; }
    counted_coroutine(const counted_coroutine&) = delete;
    counted_coroutine& operator=(const counted_coroutine&) = delete;
    ~counted_coroutine() { --all_.running; }

private:
    coroutine_count& all_;
};

template <typename Awaitable, typename Await>
Awaitable echo_each(session_ptr session, Await await, coroutine_count& all) {
    const counted_coroutine here(all);
    for (;;) {
        auto message = co_await async_receive(session, await);
        EXPECT_TRUE(session->runs_here());
        if (message.is_err()) {
            EXPECT_TRUE(fails_with(message, errc::connection_closed));
            co_return;
        }
        EXPECT_TRUE(is_ok(co_await async_send(session, std::move(message).value(), await)));
    }
}

session_awaitable<void> echo_all_of(session_ptr session, coroutine_count& all) {
    const counted_coroutine here(all);
    received_messages messages;
    for (;;) {
        auto received =
            co_await async_receive_all(session, std::move(messages), use_session_awaitable);
        if (received.is_err()) {
            EXPECT_TRUE(fails_with(received, errc::connection_closed));
            co_return;
        }
        messages = std::move(received).value();
        EXPECT_FALSE(messages.empty());
        for (const message_view& message : messages) {
            EXPECT_TRUE(is_ok(session->send_packet(message.data)));
        }
    }
}

class coroutines : public testing::Test {
protected:
    /// Runs `serve(session)` for each of several connections, which exchange messages.
    template <typename Serve>
    void expect_echo(const Serve& serve) {
        server_options options;
        options.io_threads = 2;
        options.session.receiving = receive_mode::pull;
        messaging_server server("echo", options);
        (void)server.set_connection_callback(serve);
        ASSERT_TRUE(is_ok(server.start_server(0)));
        std::vector<std::unique_ptr<test_client>> clients;
        for (int i = 0; i < 4; ++i) {
            clients.push_back(std::make_unique<test_client>());
            ASSERT_TRUE(is_ok(clients.back()->connect(server.local_port())));
        }
        for (int round = 0; round < 50; ++round) {
            for (auto& each : clients) {
                ASSERT_TRUE(each->exchange(std::to_string(round)));
            }
        }
        clients.clear();
        EXPECT_TRUE(is_ok(server.stop_server()));
        EXPECT_EQ(all.running, 0);
    }

    coroutine_count all;
};

TEST_F(coroutines, of_a_session_echo) {
    expect_echo([&](const session_ptr& session) {
        network_system::co_spawn(
            session, echo_each<session_awaitable<void>>(session, use_session_awaitable, all),
            asio::detached);
    });
}

TEST_F(coroutines, of_any_executor_echo) {
    expect_echo([&](const session_ptr& session) {
        network_system::co_spawn(
            session, echo_each<asio::awaitable<void>>(session, asio::use_awaitable, all),
            asio::detached);
    });
}

TEST_F(coroutines, may_be_spawned_by_asio_on_an_executor_that_keeps_the_session) {
    expect_echo([&](const session_ptr& session) {
        asio::co_spawn(session_executor(session),
                       echo_each<session_awaitable<void>>(session, use_session_awaitable, all),
                       asio::detached);
    });
}

TEST_F(coroutines, receive_all_messages_at_once) {
    expect_echo([&](const session_ptr& session) {
        network_system::co_spawn(session, echo_all_of(session, all), asio::detached);
    });
}

TEST_F(coroutines, receive_every_message_of_a_burst) {
    constexpr std::size_t messages = 5000;
    server_options options;
    options.session.receiving = receive_mode::pull;
    messaging_server server("burst", options);
    (void)server.set_connection_callback([&](const session_ptr& session) {
        network_system::co_spawn(session, echo_all_of(session, all), asio::detached);
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.local_port())));
    for (std::size_t i = 0; i < messages; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet(std::to_string(i))));
    }
    ASSERT_TRUE(client.received.wait_for(messages));
    for (std::size_t i = 0; i < messages; ++i) {
        ASSERT_EQ(text_of(client.received.at(i)), std::to_string(i));
    }
    EXPECT_TRUE(is_ok(server.stop_server()));
}

// The coroutine is all that has the session when it ends, and its end is told on that executor.
TEST_F(coroutines, keep_the_session_until_their_end_was_told) {
    server_options options;
    options.session.receiving = receive_mode::pull;
    messaging_server server("kept", options);
    std::promise<std::future<bool>> spawned;
    const auto wait_for_end = [](std::weak_ptr<network_system::session::messaging_session> weak)
        -> session_awaitable<bool> {
        const auto end = co_await async_receive(weak.lock(), use_session_awaitable);
        EXPECT_TRUE(fails_with(end, errc::connection_closed));
        co_return !weak.expired();
    };
    (void)server.set_connection_callback([&](const session_ptr& session) {
        spawned.set_value(
            network_system::co_spawn(session, wait_for_end(session), asio::use_future));
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.local_port())));
    auto end = spawned.get_future().get();
    EXPECT_TRUE(is_ok(server.stop_server()));
    ASSERT_EQ(end.wait_for(patience), std::future_status::ready);
    EXPECT_TRUE(end.get());
}

TEST_F(coroutines, wait_for_timers_and_go_on_where_they_were) {
    server_options options;
    options.session.receiving = receive_mode::pull;
    messaging_server server("timer", options);
    (void)server.set_connection_callback([&](const session_ptr& session) {
        const auto answer = [](session_ptr to, coroutine_count& in) -> session_awaitable<void> {
            const counted_coroutine here(in);
            asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
            co_await timer.async_wait(use_session_awaitable);
            EXPECT_TRUE(to->runs_here());
            EXPECT_TRUE(is_ok(to->send_packet("late")));
        };
        network_system::co_spawn(session, answer(session, all), asio::detached);
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.local_port())));
    ASSERT_TRUE(client.received.wait_for(1));
    EXPECT_EQ(text_of(client.received.at(0)), "late");
    EXPECT_TRUE(is_ok(server.stop_server()));
}

TEST_F(coroutines, without_pull_mode_are_told_so) {
    messaging_server server("callbacks");
    std::promise<std::future<void>> spawned;
    (void)server.set_connection_callback([&](const session_ptr& session) {
        const auto ask = [](session_ptr from) -> session_awaitable<void> {
            EXPECT_TRUE(fails_with(co_await async_receive(from, use_session_awaitable),
                                   errc::not_supported));
            EXPECT_TRUE(fails_with(co_await async_receive_all(from, use_session_awaitable),
                                   errc::not_supported));
        };
        spawned.set_value(network_system::co_spawn(session, ask(session), asio::use_future));
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.local_port())));
    auto end = spawned.get_future().get();
    EXPECT_EQ(end.wait_for(patience), std::future_status::ready);
    EXPECT_TRUE(is_ok(server.stop_server()));
}

TEST_F(coroutines, of_clients_receive_all) {
    test_server server;
    const auto port = server.start();
    client_options options;
    options.session.receiving = receive_mode::pull;
    messaging_client client("all", options);
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    ASSERT_TRUE(is_ok(client.send_packet("one")));
    auto received = async_receive_all(client, asio::use_future);
    ASSERT_EQ(received.wait_for(patience), std::future_status::ready);
    const auto messages = received.get();
    ASSERT_TRUE(is_ok(messages));
    ASSERT_EQ(messages.value().size(), 1U);
    EXPECT_EQ(messages.value()[0].text(), "one");
    EXPECT_TRUE(is_ok(client.stop_client()));
}

// As executors are compared and asked for properties.
TEST_F(coroutines, an_executor_keeps_its_session_where_work_is_tracked) {
    test_server server;
    const auto port = server.start();
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(server.sessions.wait_for(1));
    const session_ptr session = server.sessions.at(0);
    const auto references = session.use_count();
    const auto untracked = session_executor::untracked(*session);
    EXPECT_EQ(session.use_count(), references);
    {
        const auto tracked = asio::prefer(untracked, asio::execution::outstanding_work.tracked);
        EXPECT_EQ(session.use_count(), references + 1);
        EXPECT_EQ(tracked, untracked);
        EXPECT_EQ(tracked, session_executor(session));
    }
    EXPECT_EQ(session.use_count(), references);
    EXPECT_EQ(asio::any_io_executor(untracked), asio::any_io_executor(session_executor(session)));
}

}  // namespace
}  // namespace loopback

// Servers and clients on an io_context of the application's: who runs it, when, and whether at all.
#include "support/context_runner.h"

#include <asio/post.hpp>

#include <atomic>
#include <optional>

namespace loopback {
namespace {

class user_context_test : public BothReadiness {
protected:
    [[nodiscard]] static server_options server_on(asio::io_context& context) {
        server_options options = for_server();
        options.io_context = &context;
        return options;
    }
    [[nodiscard]] static client_options client_on(asio::io_context& context) {
        client_options options = for_client();
        options.io_context = &context;
        return options;
    }
};
INSTANTIATE_TEST_SUITE_P(method, user_context_test, both_methods(), method_of);

TEST_P(user_context_test, one_or_many_threads_serve_it) {
    for (const int threads : {1, 3}) {
        context_runner runner(threads);
        test_server server(server_on(runner.context));
        std::atomic<int> inside{0};
        std::atomic<bool> has_overlapped{false};
        server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
            has_overlapped = has_overlapped || inside.fetch_add(1) != 0;
            std::this_thread::yield();
            inside.fetch_sub(1);
            EXPECT_TRUE(is_ok(session->send_packet(data)));
        };
        const auto port = server.start();
        std::vector<std::unique_ptr<test_client>> clients;
        for (int i = 0; i < 6; ++i) {
            clients.push_back(std::make_unique<test_client>(client_on(runner.context)));
            ASSERT_TRUE(is_ok(clients.back()->connect(port)));
        }
        const std::uint32_t messages = static_cast<std::uint32_t>(scaled(100));
        for (std::uint32_t m = 0; m < messages; ++m) {
            for (const auto& client : clients) {
                ASSERT_TRUE(is_ok(client->client.send_packet(pattern(1 + m * 97 % 5000, m))));
            }
        }
        for (const auto& client : clients) {
            ASSERT_TRUE(client->received.wait_for(messages));
            for (std::uint32_t m = 0; m < messages; ++m) {
                ASSERT_EQ(client->received.at(m), pattern(1 + m * 97 % 5000, m));
            }
            EXPECT_TRUE(is_ok(client->client.stop_client()));
        }
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_FALSE(has_overlapped) << "one loop is one serial executor";
        EXPECT_TRUE(runner.comes_to_rest()) << "something is left pending";
    }
}

TEST_P(user_context_test, run_returns_when_all_has_stopped) {
    asio::io_context context;
    test_server server(server_on(context));
    test_client client(for_client());
    const auto port = server.start();
    event_counter returned;
    std::thread runner([&] {
        context.run();  // nothing but the server keeps it
        returned.add();
    });
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(client.exchange("served"));
    EXPECT_EQ(returned.count(), 0U);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(returned.wait_for(1)) << "something is left pending";
    context.stop();
    runner.join();
}

TEST_P(user_context_test, a_context_that_nobody_runs_holds_nothing_up) {
    asio::io_context context;
    client_options options = client_on(context);
    options.connect_timeout = 50ms;
    options.drain_timeout = 20ms;
    server_options of_server = server_on(context);
    of_server.drain_timeout = 20ms;
    test_server running(for_server());
    const auto port = running.start();
    {
        test_server server(of_server);
        test_client client(options);
        EXPECT_NE(server.start(), 0) << "it listens, though nobody accepts";
        const auto result = client.connect(port);
        ASSERT_TRUE(fails_with(result, errc::connection_timeout));
        EXPECT_NE(result.error().message.find("io_context"), std::string::npos)
            << result.error().message;
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_FALSE(server.server.is_running());
        EXPECT_TRUE(is_ok(client.client.start_client(
            "127.0.0.1", port, [](VoidResult) { ADD_FAILURE() << "nobody runs it"; })));
        EXPECT_NE(server.start(), 0);
    }
    // What was posted meanwhile finds nobody.
    context.run();
    EXPECT_EQ(running.sessions.size(), 0U);
}

TEST_P(user_context_test, a_stopped_context_holds_nothing_up) {
    std::optional<context_runner> runner(std::in_place, 1);
    server_options options = server_on(runner->context);
    options.drain_timeout = 20ms;
    client_options of_client = client_on(runner->context);
    of_client.drain_timeout = 20ms;
    test_server server(options);
    test_client client(of_client);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(client.exchange("once"));
    runner->stop();
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(client.disconnected.count(), 0U) << "nobody could run it, and nobody will";
}

TEST_P(user_context_test, a_context_that_the_last_callback_stops_holds_nothing_up) {
    test_server server(for_server());
    const auto port = server.start();
    asio::io_context context;
    auto options = client_on(context);
    options.drain_timeout = std::chrono::hours{1};
    messaging_client client("last", options);
    (void)client.set_disconnected_callback([&] { context.stop(); });
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port, [&](const VoidResult& result) {
        EXPECT_TRUE(is_ok(result));
        EXPECT_TRUE(is_ok(client.stop_client()));
    })));
    context.run();
    EXPECT_TRUE(is_ok(client.wait_for_stop()));
    EXPECT_TRUE(is_ok(client.stop_client()));
}

TEST_P(user_context_test, a_context_is_stopped_and_run_again) {
    context_runner runner(1);
    test_server server(server_on(runner.context));
    test_client client(client_on(runner.context));
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(client.exchange("running"));
        runner.stop();
        ASSERT_TRUE(is_ok(client.client.send_packet("while it stands still")));
        runner.context.restart();
        runner.run(1 + round);
        ASSERT_TRUE(client.received.wait_for(static_cast<std::size_t>(2 * round + 2)));
    }
}

TEST_P(user_context_test, the_context_may_end_first) {
    for (const int threads : {1, 3}) {
        std::optional<context_runner> runner(std::in_place, threads);
        test_server server(server_on(runner->context));
        test_client client(client_on(runner->context));
        test_client attempt(client_on(runner->context));
        const raw_listener silent;
        const auto port = server.start();
        ASSERT_TRUE(is_ok(client.connect(port)));
        ASSERT_TRUE(client.exchange("once"));
        const auto session = server.sessions.at(0);
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(server.sessions.wait_for(2));
        ASSERT_TRUE(is_ok(attempt.client.start_client("127.0.0.1", silent.port(), [](auto) {})));
        const raw_peer accepted = silent.accept();
        runner.reset();
        EXPECT_NE(peer.drain(), stream_end::none) << "its sockets went with it";
        EXPECT_FALSE(client.client.is_connected());
        EXPECT_TRUE(session->is_stopped());
        EXPECT_TRUE(fails_with(session->send_packet("late"), errc::connection_closed));
        EXPECT_TRUE(fails_with(client.client.send_packet("late"), errc::connection_closed));
        EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
        EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
        EXPECT_TRUE(is_ok(attempt.client.wait_for_stop()));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
    }
}

TEST_P(user_context_test, two_servers_share_one_context) {
    context_runner runner(2);
    test_server first(server_on(runner.context));
    test_server second(server_on(runner.context));
    test_client to_first(client_on(runner.context));
    test_client to_second(client_on(runner.context));
    ASSERT_TRUE(is_ok(to_first.connect(first.start())));
    ASSERT_TRUE(is_ok(to_second.connect(second.start())));
    ASSERT_TRUE(to_first.exchange("one"));
    ASSERT_TRUE(to_second.exchange("two"));
    EXPECT_TRUE(is_ok(first.server.stop_server()));
    EXPECT_TRUE(to_second.exchange("the other goes on"));
    EXPECT_TRUE(is_ok(to_first.client.wait_for_stop()));
    EXPECT_TRUE(is_ok(first.server.start_server(0)));
    EXPECT_TRUE(is_ok(to_first.connect(first.server.local_port())));
    EXPECT_TRUE(to_first.exchange("again"));
}

TEST_P(user_context_test, nothing_blocks_on_the_thread_that_runs_it) {
    context_runner runner(1);
    test_server server(server_on(runner.context));
    const auto port = server.start();
    test_client client(client_on(runner.context));
    test_client connected(client_on(runner.context));
    ASSERT_TRUE(is_ok(connected.connect(port)));
    event_counter done;
    asio::post(runner.context, [&] {
        // No callback of the library's, but it could not run one while this waits.
        EXPECT_TRUE(fails_with(client.connect(port), errc::would_block));
        EXPECT_TRUE(fails_with(connected.client.ping(), errc::would_block));
        EXPECT_TRUE(fails_with(connected.client.wait_for_stop(), errc::would_block));
        EXPECT_TRUE(fails_with(server.server.wait_for_stop(), errc::would_block));
        EXPECT_TRUE(is_ok(connected.client.stop_client())) << "begins only";
        EXPECT_TRUE(is_ok(server.server.stop_server())) << "begins only";
        done.add();
    });
    ASSERT_TRUE(done.wait_for(1));
    EXPECT_TRUE(is_ok(connected.client.wait_for_stop()));
    EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
}

TEST_P(user_context_test, objects_may_end_on_the_thread_that_runs_it) {
    context_runner runner(1);
    auto server = std::make_unique<messaging_server>("ends", server_on(runner.context));
    ASSERT_TRUE(is_ok(server->start_server(0)));
    auto client = std::make_unique<messaging_client>("ends", client_on(runner.context));
    ASSERT_TRUE(is_ok(client->start_client("127.0.0.1", server->local_port())));
    asio::post(runner.context, [&] {
        client.reset();
        server.reset();
    });
    EXPECT_TRUE(runner.comes_to_rest());
}

}  // namespace
}  // namespace loopback

// Starting, stopping and destroying: from everywhere, at any time; nothing runs afterwards.
#include "datagram/server_engine.h"
#include "datagram/support.h"
#include "support/context_runner.h"

namespace udp {
namespace {

class udp_life : public BothPaths {};
INSTANTIATE_TEST_SUITE_P(path, udp_life, both_methods(), method_of);

TEST_P(udp_life, starts_stops_and_starts_again) {
    test_server server(for_server());
    test_client client(for_client());
    for (int i = 0; i < 3; ++i) {
        const auto port = server.start();
        EXPECT_NE(port, 0);
        EXPECT_TRUE(server.server.is_running());
        EXPECT_TRUE(fails_with(server.server.start_server(0), errc::server_already_running));
        ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port)));
        EXPECT_TRUE(client.client.is_running());
        EXPECT_TRUE(
            fails_with(client.client.start_client("127.0.0.1", port), errc::already_exists));
        EXPECT_TRUE(client.exchange("hello"));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        EXPECT_TRUE(is_ok(client.client.stop_client())) << "twice";
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_TRUE(is_ok(server.server.stop_server())) << "twice";
        EXPECT_FALSE(server.server.is_running());
        EXPECT_FALSE(client.client.is_running());
        EXPECT_EQ(server.server.local_port(), 0);
        EXPECT_EQ(client.client.local_endpoint(), endpoint{});
    }
}

TEST_P(udp_life, a_connected_client_knows_where_its_datagrams_come_from) {
    test_server server(for_server());
    collector<endpoint> askers;
    server.on_receive = [&](byte_view, const endpoint& from) { askers.add(from); };
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    const endpoint own = client.client.local_endpoint();
    EXPECT_EQ(own.address(), "127.0.0.1");
    ASSERT_TRUE(is_ok(client.client.send_packet("x")));
    ASSERT_TRUE(askers.wait_for(1));
    EXPECT_EQ(askers.at(0), own);
}

TEST_P(udp_life, calls_before_the_start_and_after_the_stop_fail) {
    test_server server(for_server());
    test_client client(for_client());
    const auto never = [](VoidResult) { ADD_FAILURE() << "ran"; };
    const auto check = [&] {
        EXPECT_TRUE(fails_with(server.server.send_to("x", loopback_v4(9), never),
                               errc::server_not_started));
        EXPECT_TRUE(fails_with(client.client.send_packet("x", never), errc::connection_closed));
        EXPECT_TRUE(fails_with(client.client.set_target("127.0.0.1", 9), errc::connection_closed));
        EXPECT_TRUE(fails_with(server.server.stop_server(never), errc::server_not_started));
        EXPECT_TRUE(fails_with(client.client.stop_client(never), errc::connection_closed));
        EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
        EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    };
    check();
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    EXPECT_TRUE(client.exchange("hello"));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    check();
}

// A stop may come between a call's look at the server and its work.
TEST_P(udp_life, a_server_that_stops_refuses_as_one_that_is_not_started) {
    namespace core = network_system::core;
    const auto pool = std::make_shared<network_system::runtime::io_pool>(
        1, network_system::runtime::io_threads::settings{});
    auto options = for_server();
    options.datagrams.receiving = receive_mode::pull;
    const auto engine = std::make_shared<core::udp_server_engine>(
        "stopping", options, pool, std::make_shared<core::datagram_callbacks>());
    ASSERT_TRUE(is_ok(engine->start(0)));
    engine->begin_stop();
    engine->end().wait();
    network_system::session::send_callback nobody;
    EXPECT_TRUE(
        fails_with(engine->send(loopback_v4(9), pattern(1), nobody), errc::server_not_started));
    EXPECT_TRUE(fails_with(engine->receive([](Result<received_datagram>) {},
                                           network_system::session::operation_id::none),
                           errc::server_not_started));
    pool->stop();
}

TEST_P(udp_life, callbacks_are_set_before_the_start) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    messaging_udp_server& s = server.server;
    EXPECT_TRUE(fails_with(s.set_receive_callback([](byte_view) {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(s.set_error_callback([](auto) {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(s.set_writable_callback([] {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(s.set_new_peer_callback([](auto) {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(s.set_peer_expired_callback([](auto) {}), errc::invalid_argument));
    messaging_udp_client& c = client.client;
    EXPECT_TRUE(fails_with(c.set_receive_callback([](byte_view) {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(c.set_error_callback([](auto) {}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(c.set_writable_callback([] {}), errc::invalid_argument));
    EXPECT_TRUE(client.exchange("the old callbacks are in force"));
    EXPECT_TRUE(is_ok(c.stop_client()));
    EXPECT_TRUE(is_ok(c.set_receive_callback([](byte_view) {}))) << "allowed again after stop";
}

TEST_P(udp_life, blocking_calls_refuse_on_an_io_thread) {
    test_server server(for_server());
    messaging_udp_client other("other", for_client());
    event_counter done;
    server.on_receive = [&](byte_view, const endpoint& from) {
        EXPECT_TRUE(fails_with(other.start_client("127.0.0.1", from.port()), errc::would_block));
        EXPECT_TRUE(fails_with(server.server.wait_for_stop(), errc::would_block));
        EXPECT_TRUE(is_ok(server.server.stop_server())) << "begins";
        EXPECT_FALSE(server.server.is_running());
        done.add();
    };
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    ASSERT_TRUE(is_ok(client.client.send_packet("x")));
    ASSERT_TRUE(done.wait_for(1));
    EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
    EXPECT_TRUE(is_ok(server.server.start_server(0))) << "and starts again";
}

/// A port for a server that leaves it while datagrams still come: no other process can have it
/// then, and get them.
class kept_port {
public:
    kept_port() { socket_.hear_nobody(); }

    [[nodiscard]] std::uint16_t number() const { return socket_.port(); }
    [[nodiscard]] static udp_server_options shared_by(udp_server_options options) {
        options.bind_address = "127.0.0.1";
        options.reuse_port = true;
        return options;
    }

private:
    const raw_socket socket_{true};
};

TEST_P(udp_life, no_callback_after_a_stop_under_a_flood) {
    const kept_port port;
    for (int round = 0; round < 5; ++round) {
        watchman guard;
        test_server server(kept_port::shared_by(for_server()));
        std::uint64_t late = 0;
        server.on_receive = [&](byte_view data, const endpoint& from) {
            guard.pass();
            late += fails_with(server.server.send_to(data, from), errc::server_not_started) ? 1 : 0;
        };
        ASSERT_TRUE(is_ok(server.server.start_server(port.number())));
        std::atomic<bool> is_over{false};
        std::vector<std::thread> flood;
        for (int i = 0; i < 2; ++i) {
            flood.emplace_back([&] {
                const raw_socket socket;
                while (!is_over) {
                    socket.send(pattern(200), port.number());
                }
            });
        }
        EXPECT_TRUE(guard.wait_for(scaled(100)));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        guard.close();
        is_over = true;
        for (auto& each : flood) {
            each.join();
        }
        const auto counted = server.server.metrics();
        EXPECT_EQ(counted.queued_datagrams, 0U);
        EXPECT_EQ(counted.datagrams_sent + counted.datagrams_dropped + counted.send_failures +
                      counted.sends_rejected + late,
                  counted.datagrams_received);
    }
}

TEST_P(udp_life, a_server_may_end_in_its_own_callback) {
    const kept_port port;
    event_counter destroyed;
    auto server = std::make_unique<messaging_udp_server>("own", kept_port::shared_by(for_server()));
    ASSERT_TRUE(is_ok(server->set_receive_callback([&](byte_view) {
        server.reset();
        destroyed.add();
    })));
    ASSERT_TRUE(is_ok(server->start_server(port.number())));
    const raw_socket socket;
    for (int i = 0; i < 20; ++i) {
        socket.send(pattern(10), port.number());
    }
    EXPECT_TRUE(destroyed.wait_for(1));
    EXPECT_EQ(destroyed.count(), 1U);
}

TEST_P(udp_life, a_client_may_end_in_its_error_callback) {
    const raw_socket nobody;
    nobody.hear_nobody();
    event_counter destroyed;
    auto client = std::make_unique<messaging_udp_client>("own", for_client());
    ASSERT_TRUE(is_ok(client->set_error_callback([&](std::error_code) {
        client.reset();
        destroyed.add();
    })));
    ASSERT_TRUE(is_ok(client->start_client("127.0.0.1", nobody.port())));
    ASSERT_TRUE(is_ok(client->send_packet("x")));
    EXPECT_TRUE(destroyed.wait_for(1));
}

TEST_P(udp_life, stop_handlers_run_last) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    event_counter sent;
    event_counter stopped;
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet("x", [&](VoidResult) {
            EXPECT_EQ(stopped.count(), 0U);
            sent.add();
        })));
    }
    ASSERT_TRUE(is_ok(client.client.stop_client([&](VoidResult result) {
        EXPECT_TRUE(is_ok(result));
        EXPECT_EQ(sent.count(), 50U);
        stopped.add();
    })));
    EXPECT_TRUE(stopped.wait_for(1));
    event_counter server_stopped;
    ASSERT_TRUE(is_ok(server.server.stop_server([&](VoidResult) { server_stopped.add(); })));
    EXPECT_TRUE(server_stopped.wait_for(1));
}

TEST_P(udp_life, exceptions_are_counted_and_the_socket_goes_on) {
    test_server server(for_server());
    server.on_receive = [&](byte_view data, const endpoint& from) {
        if (text_of(data) == "throw") {
            throw std::runtime_error("out of a callback");
        }
        EXPECT_TRUE(is_ok(server.server.send_to(data, from)));
    };
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    ASSERT_TRUE(is_ok(client.client.send_packet("throw")));
    EXPECT_TRUE(client.exchange("hello"));
    EXPECT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0), errc::internal_error);
    EXPECT_EQ(server.server.metrics().callback_exceptions, 1U);
}

TEST_P(udp_life, runs_on_a_context_of_the_applications) {
    context_runner runner(2);
    auto server_options = for_server();
    server_options.io_context = &runner.context;
    auto client_options = for_client();
    client_options.io_context = &runner.context;
    test_server server(server_options);
    test_client client(client_options);
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(client.exchange("hello"));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(runner.comes_to_rest()) << "nothing is left in the context";
}

TEST_P(udp_life, a_context_may_end_first) {
    auto context = std::make_unique<asio::io_context>();
    auto options = for_server();
    options.io_context = context.get();
    options.drain_timeout = 0ms;
    test_server server(options);
    server.start();
    context->poll();
    event_counter done;
    ASSERT_TRUE(is_ok(server.server.send_to("x", loopback_v4(9), [&](VoidResult) { done.add(); })));
    context.reset();
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(done.count(), 0U);
}

TEST(udp_start, what_cannot_work_is_refused) {
    const auto server_refuses = [](errc code, const auto& change) {
        udp_server_options options;
        change(options);
        messaging_udp_server server("refused", options);
        return fails_with(server.start_server(0), code);
    };
    constexpr auto wrong = errc::invalid_argument;
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.bind_address = "no address"; }));
    EXPECT_TRUE(
        server_refuses(errc::not_supported, [](auto& o) { o.bind_address = "unix:/tmp/x"; }));
    EXPECT_TRUE(server_refuses(errc::bind_failed, [](auto& o) { o.bind_address = "192.0.2.1"; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.io_threads = 0; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.io_threads = 2; })) << "without reuse_port";
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.drain_timeout = -1ms; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.datagrams.max_datagram_size = 0; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.datagrams.max_datagram_size = 65'528; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.datagrams.batch_size = 0; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.datagrams.batch_size = 65; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.datagrams.high_watermark = 0; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.datagrams.policy = send_policy::close; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.datagrams.receive_buffer_size = -1; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.peers.max_datagrams_per_second = 1; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.multicast.hops = 256; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) { o.multicast.groups = {{"10.0.0.1", ""}}; }));
    EXPECT_TRUE(server_refuses(wrong, [](auto& o) {
        o.multicast.groups = {{"239.1.2.3", "no-such-if"}};
    }));
    messaging_udp_client client("refused");
    EXPECT_TRUE(fails_with(client.start_client("", 80), wrong));
    EXPECT_TRUE(fails_with(client.start_client("127.0.0.1", 0), wrong));
    EXPECT_TRUE(fails_with(client.start_client("unix:/tmp/x", 80), errc::not_supported));
    udp_client_options options;
    options.bind_address = "127.0.0.1";
    messaging_udp_client of_v4("v4", options);
    EXPECT_TRUE(fails_with(of_v4.start_client("::1", 80), errc::connection_failed));
    EXPECT_TRUE(is_ok(of_v4.start_client("127.0.0.1", 80))) << "and starts then";
}

TEST(udp_start, a_port_in_use_is_named) {
    const raw_socket taken;
    udp_server_options options;
    options.bind_address = "127.0.0.1";
    messaging_udp_server server("second", options);
    const auto refused = server.start_server(taken.port());
    ASSERT_TRUE(fails_with(refused, errc::bind_failed));
    EXPECT_NE(refused.error().message.find(std::to_string(taken.port())), std::string::npos);
}

TEST(udp_start, several_threads_have_a_socket_each) {
    udp_server_options options;
    options.io_threads = 3;
    options.reuse_port = true;
    test_server server(options);
    const auto port = server.start();
    std::vector<std::unique_ptr<test_client>> clients;
    for (int i = 0; i < 12; ++i) {
        clients.push_back(std::make_unique<test_client>());
        ASSERT_TRUE(is_ok(clients.back()->client.start_client("127.0.0.1", port)));
        EXPECT_TRUE(clients.back()->exchange(pattern(100, static_cast<std::uint32_t>(i))));
    }
    EXPECT_EQ(server.server.metrics().datagrams_received, 12U);
}

}  // namespace
}  // namespace udp

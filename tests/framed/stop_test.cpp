// Stopping: from everywhere, at any time, whatever the peers do; nothing runs afterwards.
#include "framed/callback_places.h"

#include <array>
#include <atomic>
#include <optional>

namespace loopback {
namespace {

class server_stop_places : public AnyPlace {};
INSTANTIATE_TEST_SUITE_P(place, server_stop_places, server_places(), place_of);

TEST_P(server_stop_places, stop_begins_in_a_callback_and_ends) {
    messaging_server server("stopped", for_server());
    const auto guest = std::make_shared<visitor>(where(), [&] {
        EXPECT_TRUE(is_ok(server.stop_server()));
        EXPECT_TRUE(is_ok(server.stop_server())) << "twice";
        EXPECT_FALSE(server.is_running());
        EXPECT_TRUE(fails_with(server.wait_for_stop(), errc::would_block));
    });
    receive_guest(server, guest);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    visit_server(server.local_port());
    ASSERT_TRUE(guest->wait());
    EXPECT_TRUE(is_ok(server.wait_for_stop()));
    EXPECT_TRUE(is_ok(server.stop_server()));
    EXPECT_EQ(server.connection_count(), 0U);
    EXPECT_TRUE(is_ok(server.start_server(0))) << "and starts again";
}

class client_stop_places : public AnyPlace {};
INSTANTIATE_TEST_SUITE_P(place, client_stop_places, client_places(), place_of);

TEST_P(client_stop_places, stop_begins_in_a_callback_and_ends) {
    const raw_listener listener;
    messaging_client client("stopped", for_client());
    const auto guest = std::make_shared<visitor>(where(), [&] {
        EXPECT_TRUE(is_ok(client.stop_client()));
        EXPECT_TRUE(is_ok(client.stop_client())) << "twice";
        EXPECT_TRUE(fails_with(client.wait_for_stop(), errc::would_block));
    });
    receive_guest(client, guest);
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", listener.port(),
                                          [guest](VoidResult) { guest->visit(place::started); })));
    visit_client(listener);
    ASSERT_TRUE(guest->wait());
    EXPECT_TRUE(is_ok(client.wait_for_stop()));
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_FALSE(client.is_connected());
}

class stop_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, stop_test, both_methods(), method_of);

TEST_P(stop_test, no_callback_of_a_server_runs_after_stop_returned) {
    for (const std::size_t threads : {1U, 3U}) {
        server_options options = for_server();
        options.io_threads = threads;
        options.drain_timeout = 20ms;
        expect_no_callback_after_stop(options);
    }
}

TEST_P(stop_test, no_callback_of_a_client_runs_after_stop_returned) {
    test_server server(for_server());
    server.on_receive = [](const session_ptr& session, std::span<const std::uint8_t> data) {
        for (int i = 0; i < 50 && session->send_packet(data); ++i) {}
    };
    const auto port = server.start();
    for (int round = 0; round < 10; ++round) {
        test_client client(for_client());
        watchman gate;
        client.on_disconnect = [&] { gate.pass(); };
        client.on_receive = [&](std::span<const std::uint8_t> data) {
            (void)client.client.send_packet(data, [&](VoidResult) { gate.pass(); });
            gate.pass();
        };
        ASSERT_TRUE(is_ok(client.connect(port)));
        ASSERT_TRUE(is_ok(client.client.send_packet(pattern(100))));
        ASSERT_TRUE(gate.wait_for(20));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        gate.close();
        EXPECT_EQ(client.disconnected.count(), 1U) << "before stop returned";
    }
}

TEST_P(stop_test, many_threads_may_stop_at_the_same_time) {
    for (int round = 0; round < 10; ++round) {
        test_server server(for_server());
        test_client client(for_client());
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        std::vector<std::thread> stoppers;
        for (int i = 0; i < 3; ++i) {
            stoppers.emplace_back([&] {
                EXPECT_TRUE(is_ok(server.server.stop_server()));
                EXPECT_EQ(server.closed.size(), 1U);
            });
            stoppers.emplace_back([&] {
                EXPECT_TRUE(is_ok(client.client.stop_client()));
                EXPECT_EQ(client.disconnected.count(), 1U);
            });
        }
        for (auto& stopper : stoppers) {
            stopper.join();
        }
        EXPECT_EQ(client.disconnected.count(), 1U);
    }
}

TEST_P(stop_test, the_servers_stop_sends_what_is_queued) {
    server_options options = for_server();
    options.drain_timeout = patience;
    test_server server(options);
    raw_peer peer = raw_peer::connect(server.start(), 4096);
    ASSERT_TRUE(server.sessions.wait_for(1));
    constexpr int count = 30;
    for (std::uint32_t i = 0; i < count; ++i) {
        ASSERT_TRUE(is_ok(server.sessions.at(0)->send_packet(pattern(100'000, i))));
    }
    std::thread stopper([&] { EXPECT_TRUE(is_ok(server.server.stop_server())); });
    ASSERT_TRUE(peer.receive_frame_of(type_hello));
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto frame = peer.receive_frame();
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->payload, pattern(100'000, i));
    }
    const auto goodbye = peer.receive_frame();
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->type, unsigned{type_goodbye});
    EXPECT_EQ(reason_of(goodbye->payload), 0);
    EXPECT_EQ(peer.drain(), stream_end::orderly);
    peer.close();
    stopper.join();
    EXPECT_EQ(server.errors.size(), 0U);
    EXPECT_EQ(server.server.metrics().totals.messages_dropped, 0U);
}

TEST_P(stop_test, the_clients_stop_sends_what_is_queued) {
    test_server server(for_server());
    collector<bytes> received;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t> data) {
        received.add(copy_of(data));
    };
    client_options options = for_client();
    options.drain_timeout = patience;
    test_client client(options);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (std::uint32_t i = 0; i < 30; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet(pattern(100'000, i))));
    }
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_EQ(received.size(), 30U);
    for (std::uint32_t i = 0; i < 30; ++i) {
        EXPECT_EQ(received.at(i), pattern(100'000, i));
    }
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST_P(stop_test, a_deaf_peer_cannot_hold_up_the_servers_stop) {
    for (const auto timeout : {0ms, 50ms}) {
        server_options options = for_server();
        options.drain_timeout = timeout;
        test_server server(options);
        raw_peer deaf = raw_peer::connect(server.start(), 4096);
        ASSERT_TRUE(server.sessions.wait_for(1));
        collector<int> results;
        for (int i = 0; i < 3; ++i) {
            ASSERT_TRUE(is_ok(
                server.sessions.at(0)->send_packet(pattern(1'000'000), [&](VoidResult result) {
                    results.add(result.is_ok() ? 0 : result.error().code);
                })));
        }
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_TRUE(server.sessions.at(0)->is_stopped());
        ASSERT_EQ(server.errors.size(), 1U);
        EXPECT_EQ(server.errors.at(0).code, make_error_code(errc::connection_timeout));
        ASSERT_EQ(results.size(), 3U) << "every completion, once";
        EXPECT_EQ(results.at(2), static_cast<int>(errc::connection_timeout));
        EXPECT_EQ(server.closed.size(), 1U);
    }
}

TEST_P(stop_test, a_deaf_server_cannot_hold_up_the_clients_stop) {
    const raw_listener listener;
    for (const auto timeout : {0ms, 50ms}) {
        client_options options = for_client();
        options.drain_timeout = timeout;
        options.socket.send_buffer_size = 4096;
        test_client client(options);
        std::optional<raw_peer> deaf;
        std::thread server([&] {
            deaf = listener.accept();
            (void)deaf->send(hello_frame());
        });
        ASSERT_TRUE(is_ok(client.connect(listener.port())));
        server.join();
        for (int i = 0; i < 3; ++i) {
            ASSERT_TRUE(is_ok(client.client.send_packet(pattern(1'000'000))));
        }
        ASSERT_TRUE(is_ok(client.client.send_packet(pattern(1'000'000))));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        ASSERT_EQ(client.errors.size(), 1U);
        EXPECT_EQ(client.errors.at(0), make_error_code(errc::connection_timeout));
        EXPECT_EQ(client.disconnected.count(), 1U);
    }
}

TEST_P(stop_test, a_slow_callback_costs_time_but_no_other_callback_and_no_count) {
    server_options options = for_server();
    options.drain_timeout = 0ms;
    test_server server(options);
    const event_counter never;
    server.on_disconnect = [&](const std::string&) {
        EXPECT_FALSE(never.wait_for(1, 150ms));  // longer than a stop goes beyond its deadline
    };
    const auto port = server.start();
    const std::array peers{raw_peer::connect(port), raw_peer::connect(port),
                           raw_peer::connect(port)};
    ASSERT_TRUE(server.sessions.wait_for(peers.size()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.closed.size(), peers.size());
    EXPECT_EQ(server.server.metrics().connections_accepted, peers.size());
}

TEST_P(stop_test, nothing_starts_while_it_is_still_stopping) {
    server_options options = for_server();
    options.drain_timeout = patience;
    test_server server(options);
    raw_peer holder = raw_peer::connect(server.start());
    ASSERT_TRUE(server.sessions.wait_for(1));
    std::thread stopper([&] { EXPECT_TRUE(is_ok(server.server.stop_server())); });
    EXPECT_EQ(holder.drain(), stream_end::orderly);
    const auto early = server.server.start_server(0);
    ASSERT_TRUE(fails_with(early, errc::server_already_running));
    EXPECT_NE(early.error().message.find("stopping"), std::string::npos);
    EXPECT_TRUE(fails_with(server.server.set_connection_callback([](const session_ptr&) {}),
                           errc::invalid_argument));
    holder.close();
    stopper.join();
    EXPECT_TRUE(is_ok(server.server.start_server(0)));
}

TEST_P(stop_test, many_threads_may_wait_for_the_end) {
    test_server server(for_server());
    test_client stopped(for_client());
    test_client disconnected(for_client());
    const auto port = server.start();
    ASSERT_TRUE(is_ok(stopped.connect(port)));
    ASSERT_TRUE(is_ok(disconnected.connect(port)));
    event_counter ended;
    std::vector<std::thread> waiters;
    const auto wait_with = [&](const auto& wait) {
        waiters.emplace_back([&ended, wait] {
            EXPECT_TRUE(is_ok(wait()));
            ended.add();
        });
    };
    for (int i = 0; i < 2; ++i) {
        wait_with([&] { return stopped.client.wait_for_stop(); });
        wait_with([&] { return disconnected.client.wait_for_stop(); });
        wait_with([&] { return server.server.wait_for_stop(); });
    }
    EXPECT_FALSE(ended.wait_for(1, 50ms));
    EXPECT_TRUE(is_ok(stopped.client.stop_client()));
    ASSERT_TRUE(ended.wait_for(2));
    EXPECT_TRUE(is_ok(server.server.stop_server())) << "this disconnects the second client";
    ASSERT_TRUE(ended.wait_for(6));
    for (auto& waiter : waiters) {
        waiter.join();
    }
}

TEST_P(stop_test, stop_on_a_foreign_callback_only_begins) {
    test_server first(for_server());
    test_server second(for_server());
    test_client client(for_client());
    event_counter begun;
    first.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        EXPECT_TRUE(is_ok(second.server.stop_server()));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        begun.add();
    };
    const auto port = first.start();
    (void)second.start();
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(is_ok(client.client.send_packet("stop the other")));
    ASSERT_TRUE(begun.wait_for(1));
    EXPECT_TRUE(is_ok(second.server.wait_for_stop()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_TRUE(first.server.is_running());
}

TEST_P(stop_test, stop_while_clients_keep_coming) {
    for (int round = 0; round < 5; ++round) {
        server_options options = for_server();
        options.io_threads = 2;
        options.drain_timeout = 500ms;
        test_server server(options);
        const auto port = server.start();
        std::atomic<bool> is_over{false};
        std::thread comers([&] {
            while (!is_over) {
                raw_peer peer = raw_peer::unconnected();
                if (peer.connect_to(port)) {
                    peer.encrypt(false);
                    (void)peer.drain();
                }
            }
        });
        ASSERT_TRUE(server.sessions.wait_for(1));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_EQ(server.server.connection_count(), 0U);
        EXPECT_EQ(server.closed.size(), server.sessions.size());
        is_over = true;
        comers.join();
    }
}

}  // namespace
}  // namespace loopback

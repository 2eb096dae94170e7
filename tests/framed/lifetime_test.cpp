// Objects that end anywhere, at any time: in their own callbacks, while busy, before their
// sessions.
#include "framed/callback_places.h"

#include <atomic>
#include <optional>

namespace loopback {
namespace {

class server_lifetime : public AnyPlace {};
INSTANTIATE_TEST_SUITE_P(place, server_lifetime, server_places(), place_of);

TEST_P(server_lifetime, the_last_reference_is_dropped_in_a_callback) {
    auto server = std::make_shared<messaging_server>("dropped", for_server());
    const auto guest = std::make_shared<visitor>(where(), [&] { server.reset(); });
    receive_guest(*server, guest);
    ASSERT_TRUE(is_ok(server->start_server(0)));
    visit_server(server->local_port());
    ASSERT_TRUE(guest->wait());
    EXPECT_EQ(guest->later_visits(), 0) << "the destructor silences every other callback";
}

TEST_P(server_lifetime, a_thread_may_destroy_it_while_a_callback_runs) {
    event_counter is_inside;
    auto server = std::make_unique<messaging_server>("destroyed", for_server());
    std::atomic<bool> has_left{false};
    const auto guest = std::make_shared<visitor>(where(), [&] {
        is_inside.add();
        std::this_thread::yield();
        has_left = true;
    });
    receive_guest(*server, guest);
    ASSERT_TRUE(is_ok(server->start_server(0)));
    std::thread peer([port = server->local_port()] { visit_server(port); });
    ASSERT_TRUE(is_inside.wait_for(1));
    server.reset();
    EXPECT_TRUE(has_left) << "the destructor waits for callbacks";
    const int visits = guest->later_visits();
    peer.join();
    EXPECT_EQ(guest->later_visits(), visits);
}

class client_lifetime : public AnyPlace {};
INSTANTIATE_TEST_SUITE_P(place, client_lifetime, client_places(), place_of);

TEST_P(client_lifetime, the_last_reference_is_dropped_in_a_callback) {
    const raw_listener listener;
    auto client = std::make_shared<messaging_client>("dropped", for_client());
    const auto guest = std::make_shared<visitor>(where(), [&] { client.reset(); });
    receive_guest(*client, guest);
    ASSERT_TRUE(is_ok(client->start_client("127.0.0.1", listener.port(),
                                           [guest](VoidResult) { guest->visit(place::started); })));
    visit_client(listener);
    ASSERT_TRUE(guest->wait());
    EXPECT_EQ(guest->later_visits(), 0) << "the destructor silences every other callback";
}

class lifetime_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, lifetime_test, both_methods(), method_of);

TEST_P(lifetime_test, others_may_end_in_a_callback) {
    test_server server(for_server());
    auto other_server = std::make_unique<messaging_server>("other", for_server());
    auto other_client = std::make_unique<messaging_client>("other", for_client());
    event_counter ended;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        other_client.reset();
        other_server.reset();
        ended.add();
    };
    const auto port = server.start();
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(is_ok(other_server->start_server(0)));
    ASSERT_TRUE(is_ok(other_client->start_client("127.0.0.1", other_server->local_port())));
    ASSERT_TRUE(is_ok(client.client.send_packet("now")));
    EXPECT_TRUE(ended.wait_for(1));
}

TEST_P(lifetime_test, the_callback_of_a_start_that_took_too_long_is_waited_for) {
    test_server server(for_server());
    client_options hasty = for_client();
    hasty.connect_timeout = 200ms;
    event_counter is_inside;
    event_counter may_leave;
    std::atomic<bool> has_left{false};
    auto client = std::make_unique<messaging_client>("hasty", hasty);
    (void)client->set_connected_callback([&] {
        is_inside.add();
        EXPECT_TRUE(may_leave.wait_for(1));
        std::this_thread::yield();
        has_left = true;
    });
    const auto result = client->start_client("127.0.0.1", server.start());
    EXPECT_TRUE(fails_with(result, errc::connection_timeout));
    may_leave.add();
    client.reset();
    // On a machine so busy that there was no connection in time, there was no callback.
    EXPECT_EQ(has_left, is_inside.count() == 1) << "the destructor waits for callbacks";
}

TEST_P(lifetime_test, destroyed_while_busy) {
    for (int round = 0; round < 10; ++round) {
        auto server = std::make_unique<test_server>(for_server());
        server->on_receive = [](const session_ptr& session, std::span<const std::uint8_t> data) {
            (void)session->send_packet(data);
        };
        const auto port = server->start();
        std::vector<std::unique_ptr<test_client>> clients;
        for (int i = 0; i < 4; ++i) {
            clients.push_back(std::make_unique<test_client>(for_client()));
            auto* const client = clients.back().get();
            client->on_receive = [client](std::span<const std::uint8_t> data) {
                (void)client->client.send_packet(data);
            };
            ASSERT_TRUE(is_ok(client->connect(port)));
            for (int m = 0; m < 5; ++m) {
                ASSERT_TRUE(is_ok(client->client.send_packet(pattern(500))));
            }
        }
        ASSERT_TRUE(server->received.wait_for(100));
        if (round % 2 == 0) {
            clients.clear();
            server.reset();
        } else {
            server.reset();
            for (const auto& client : clients) {
                EXPECT_TRUE(is_ok(client->client.wait_for_stop()));
            }
        }
    }
}

TEST_P(lifetime_test, a_session_outlives_its_server) {
    session_ptr kept;
    std::weak_ptr<int> data;
    {
        test_server server(for_server());
        server.on_connect = [&](const session_ptr& session) {
            auto made = std::make_shared<int>(7);
            data = made;
            session->set_user_data(std::move(made));
        };
        test_client client(for_client());
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        ASSERT_TRUE(client.exchange("once"));
        kept = server.sessions.at(0);
    }
    bytes message = pattern(10);
    EXPECT_TRUE(fails_with(kept->send_packet(std::move(message)), errc::connection_closed));
    EXPECT_EQ(message, pattern(10));  // NOLINT(bugprone-use-after-move): documented
    EXPECT_TRUE(fails_with(kept->pause_receiving(), errc::connection_closed));
    EXPECT_TRUE(fails_with(kept->resume_receiving(), errc::connection_closed));
    EXPECT_TRUE(fails_with(kept->ping([](auto) { FAIL(); }), errc::connection_closed));
    EXPECT_TRUE(is_ok(kept->stop_session()));
    EXPECT_TRUE(kept->is_stopped());
    EXPECT_EQ(kept->metrics().messages_sent, 1U);
    EXPECT_EQ(kept->queued_bytes(), 0U);
    EXPECT_EQ(*kept->user_data_as<int>(), 7);
    kept.reset();
    EXPECT_TRUE(data.expired()) << "freed with the session";
}

TEST_P(lifetime_test, a_session_outlives_its_client) {
    test_server server(for_server());
    const auto port = server.start();
    std::shared_ptr<network_system::session::messaging_session> kept;
    {
        test_client client(for_client());
        ASSERT_TRUE(is_ok(client.connect(port)));
        const auto current = client.client.get_session();
        ASSERT_TRUE(is_ok(current));
        kept = current.value();
        EXPECT_TRUE(is_ok(kept->send_packet("through the session")));
        ASSERT_TRUE(client.received.wait_for(1));
    }
    EXPECT_TRUE(fails_with(kept->send_packet("late"), errc::connection_closed));
}

TEST_P(lifetime_test, what_a_callback_holds_is_freed_with_the_object) {
    const auto held = std::make_shared<int>(1);
    {
        messaging_server server("holder", for_server());
        messaging_client client("holder", for_client());
        (void)server.set_receive_callback(
            [held](const session_ptr& session, std::span<const std::uint8_t> data) {
                (void)session->send_packet(data, [held](VoidResult) {});
            });
        event_counter answered;
        (void)client.set_receive_callback(
            [held, &answered](std::span<const std::uint8_t>) { answered.add(); });
        ASSERT_TRUE(is_ok(server.start_server(0)));
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
        ASSERT_TRUE(is_ok(client.send_packet("x", [held](VoidResult) {})));
        ASSERT_TRUE(answered.wait_for(1));
        EXPECT_GT(held.use_count(), 2);
    }
    // The last batch of the clients' shared threads may still hold the client's.
    EXPECT_TRUE(eventually([&] { return held.use_count() == 1; }));
}

TEST_P(lifetime_test, destroyed_immediately_after_start) {
    test_server reachable(for_server());
    const auto port = reachable.start();
    const raw_listener silent;
    client_options options = for_client();
    options.drain_timeout = 0ms;  // the silent server never answers a goodbye
    for (int i = 0; i < 20; ++i) {
        {
            messaging_server server("brief", for_server());
            ASSERT_TRUE(is_ok(server.start_server(0)));
        }
        std::atomic<int> answers{0};
        for (const auto to : {port, silent.port()}) {
            messaging_client client("brief", options);
            ASSERT_TRUE(
                is_ok(client.start_client("127.0.0.1", to, [&](VoidResult) { ++answers; })));
        }
        EXPECT_LE(answers, 2);
    }
}

TEST_P(lifetime_test, many_threads_create_and_destroy_clients) {
    server_options options = for_server();
    options.io_threads = 2;
    test_server server(options);
    const auto port = server.start();
    constexpr std::size_t threads = 4;
    const std::size_t rounds = scaled(40);
    std::vector<std::thread> users;
    for (std::size_t t = 0; t < threads; ++t) {
        users.emplace_back([&, t] {
            for (std::size_t i = 0; i < rounds; ++i) {
                test_client client(for_client());
                ASSERT_TRUE(is_ok(client.connect(port)));
                ASSERT_TRUE(client.exchange(pattern(1 + t * 1000 + i)));
                if (i % 2 == 0) {
                    EXPECT_TRUE(is_ok(client.client.stop_client()));
                }
            }
        });
    }
    for (auto& user : users) {
        user.join();
    }
    ASSERT_TRUE(server.closed.wait_for(threads * rounds));
    EXPECT_EQ(server.errors.size(), 0U);
    EXPECT_EQ(server.server.metrics().totals.messages_received, threads * rounds);
}

}  // namespace
}  // namespace loopback

// The lives of servers and clients as an application sees them: they come, go, restart and end in
// the middle of traffic, and whoever stays is not disturbed.
#include "framework/numbered_message.h"
#include "framework/system_fixture.h"

#include <atomic>
#include <set>

namespace integration {
namespace {

class connection_lifecycle : public system_fixture {};
INSTANTIATE_TEST_SUITE_P(method, connection_lifecycle, both_methods(), method_of);

TEST_P(connection_lifecycle, one_client_connects_again_and_again) {
    const auto port = make_server().start();
    test_client& client = make_client();
    const std::size_t rounds = scaled(400);
    for (std::size_t i = 1; i <= rounds; ++i) {
        ASSERT_TRUE(is_ok(client.connect(port)));
        ASSERT_TRUE(client.exchange(pattern(100, static_cast<std::uint32_t>(i))));
        if (i % 2 == 0) {
            // The other side ends it.
            EXPECT_TRUE(is_ok(server().sessions.at(i - 1)->stop_session()));
            EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
        } else {
            EXPECT_TRUE(is_ok(client.client.stop_client()));
        }
        EXPECT_EQ(client.disconnected.count(), i);
        EXPECT_FALSE(client.client.is_connected());
    }
    EXPECT_EQ(client.client.metrics().connects, rounds);
    EXPECT_EQ(client.client.metrics().totals.messages_received, rounds);
    EXPECT_EQ(client.errors.size(), 0U);
    ASSERT_TRUE(server().closed.wait_for(rounds));
    EXPECT_EQ(server().server.metrics().connections_accepted, rounds);
    EXPECT_EQ(server().errors.size(), 0U);
}

TEST_P(connection_lifecycle, a_restarted_server_is_found_again_by_its_clients) {
    auto port = make_server().start();
    make_clients(8);
    std::set<std::string> ids;
    const std::size_t lives = scaled(24);
    for (std::size_t life = 1; life <= lives; ++life) {
        connect_all(port);
        expect_all_exchange(static_cast<std::uint32_t>(life));
        for (const auto& session : server().server.get_sessions()) {
            EXPECT_TRUE(ids.insert(session->id()).second) << "ids are not used twice";
        }
        EXPECT_TRUE(is_ok(server().server.stop_server()));
        EXPECT_EQ(server().server.metrics().connections_accepted, client_count());
        EXPECT_EQ(server().server.local_port(), 0U);
        for (std::size_t i = 0; i < client_count(); ++i) {
            EXPECT_TRUE(is_ok(client(i).client.wait_for_stop()));
            EXPECT_EQ(client(i).disconnected.count(), life);
            EXPECT_TRUE(fails_with(client(i).client.send_packet("x"), errc::connection_closed));
            EXPECT_TRUE(fails_with(client(i).client.get_session(), errc::connection_closed));
        }
        ASSERT_TRUE(is_ok(server().server.start_server(port)));
        EXPECT_EQ(server().server.metrics().connections_accepted, 0U) << "counted since the start";
    }
    EXPECT_EQ(ids.size(), lives * client_count());
    EXPECT_EQ(server().errors.size(), 0U);
}

/// A client that, from inside its callbacks, connects again whenever its connection has ended.
class persistent_client {
public:
    persistent_client(std::uint16_t port, client_options options)
        : port_(port), client_("persistent", options) {
        (void)client_.set_connected_callback([this] {
            ++connects_;
            (void)client_.send_packet("here again");
        });
        (void)client_.set_receive_callback(
            [this](std::span<const std::uint8_t>) { answered_.add(); });
        (void)client_.set_disconnected_callback([this] { connect(); });
    }
    void connect() {
        if (is_over_) {
            return;
        }
        const auto begun =
            client_.start_client("127.0.0.1", port_, [this](const VoidResult& result) {
                if (result.is_err()) {
                    connect();
                }
            });
        EXPECT_TRUE(is_ok(begun));
    }
    void end() {
        is_over_ = true;
        EXPECT_TRUE(is_ok(client_.stop_client()));
    }
    [[nodiscard]] bool wait_for_answers(std::size_t count) const {
        return answered_.wait_for(count);
    }
    [[nodiscard]] std::size_t connects() const { return connects_; }

private:
    const std::uint16_t port_;
    std::atomic<bool> is_over_{false};
    std::atomic<std::size_t> connects_{0};
    event_counter answered_;
    messaging_client client_;
};

TEST_P(connection_lifecycle, clients_may_reconnect_in_their_callbacks) {
    const auto port = make_server().start();
    std::vector<std::unique_ptr<persistent_client>> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(std::make_unique<persistent_client>(port, for_client()));
        clients.back()->connect();
    }
    constexpr std::size_t lives = 5;
    for (std::size_t life = 1; life <= lives; ++life) {
        for (const auto& each : clients) {
            ASSERT_TRUE(each->wait_for_answers(life));
        }
        if (life < lives) {
            EXPECT_TRUE(is_ok(server().server.stop_server()));
            ASSERT_TRUE(is_ok(server().server.start_server(port)));
        }
    }
    for (const auto& each : clients) {
        each->end();
        EXPECT_GE(each->connects(), lives);
    }
}

TEST_P(connection_lifecycle, a_client_moves_from_server_to_server) {
    test_server first(for_server());
    test_server second(for_server());
    const std::array ports{first.start(), second.start()};
    test_client& client = make_client();
    for (std::uint32_t i = 0; i < 10; ++i) {
        ASSERT_TRUE(is_ok(client.connect(ports.at(i % 2))));
        ASSERT_TRUE(client.exchange(pattern(50, i)));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
    }
    EXPECT_EQ(first.server.metrics().totals.messages_received, 5U);
    EXPECT_EQ(second.server.metrics().totals.messages_received, 5U);
}

/// A flood in both directions, as fast as answers come back.
void keep_busy(test_client& client) {
    client.on_receive = [&client](std::span<const std::uint8_t> data) {
        (void)client.client.send_packet(data);
    };
}

void echo_to_all(test_server& server) {
    server.on_receive = [](const session_ptr& session, std::span<const std::uint8_t> data) {
        (void)session->send_packet(data);  // fails when the session is about to end
    };
}

TEST_P(connection_lifecycle, a_stopping_server_ends_every_client_without_an_error) {
    echo_to_all(make_server());
    const auto port = server().start();
    make_clients(32);
    connect_all(port);
    ASSERT_TRUE(server().sessions.wait_for(client_count()));
    // Half of them have something under way.
    for (std::size_t i = 0; i < client_count(); i += 2) {
        ASSERT_TRUE(is_ok(client(i).client.send_packet(pattern(10'000))));
    }
    EXPECT_TRUE(is_ok(server().server.stop_server()));
    EXPECT_EQ(server().closed.size(), client_count()) << "before stop returned";
    for (std::size_t i = 0; i < client_count(); ++i) {
        EXPECT_TRUE(is_ok(client(i).client.wait_for_stop()));
        EXPECT_EQ(client(i).disconnected.count(), 1U);
        EXPECT_EQ(client(i).errors.size(), 0U);
        EXPECT_TRUE(fails_with(client(i).connect(port), errc::connection_refused));
    }
}

TEST_P(connection_lifecycle, a_client_destroyed_in_the_middle_of_traffic_disturbs_nobody) {
    test_server& busy = make_server();
    echo_to_all(busy);
    const auto port = busy.start();
    test_client& witness = make_client();
    ASSERT_TRUE(is_ok(witness.connect(port)));
    const std::size_t rounds = scaled(60);
    for (std::size_t i = 0; i < rounds; ++i) {
        client_options options = for_client();
        options.drain_timeout = i % 2 == 0 ? 5000ms : 0ms;  // 0: it does not wait for its goodbye
        auto leaving = std::make_unique<test_client>(options);
        keep_busy(*leaving);
        ASSERT_TRUE(is_ok(leaving->connect(port)));
        for (std::uint32_t m = 0; m < 8; ++m) {
            ASSERT_TRUE(is_ok(leaving->client.send_packet(pattern(2000, m))));
        }
        ASSERT_TRUE(leaving->received.wait_for(20));
        leaving.reset();
        ASSERT_TRUE(witness.exchange(pattern(200, static_cast<std::uint32_t>(i))));
    }
    ASSERT_TRUE(busy.closed.wait_for(rounds));
    EXPECT_TRUE(eventually([&] { return busy.server.connection_count() == 1; })) << "the witness";
    EXPECT_EQ(witness.errors.size(), 0U);
}

TEST_P(connection_lifecycle, a_server_destroyed_in_its_own_callback_ends_its_clients) {
    const std::size_t rounds = scaled(16);
    for (std::size_t round = 0; round < rounds; ++round) {
        auto server = std::make_unique<messaging_server>("ends itself", for_server());
        event_counter destroyed;
        std::size_t received = 0;
        (void)server->set_receive_callback(
            [&](const session_ptr& session, std::span<const std::uint8_t> data) {
                (void)session->send_packet(data);
                if (++received == 100) {
                    server.reset();  // what runs here outlives its server
                    destroyed.add();
                }
            });
        ASSERT_TRUE(is_ok(server->start_server(0)));
        const auto port = server->local_port();
        std::vector<std::unique_ptr<test_client>> clients;
        for (int i = 0; i < 6; ++i) {
            clients.push_back(std::make_unique<test_client>(for_client()));
            keep_busy(*clients.back());
            ASSERT_TRUE(is_ok(clients.back()->connect(port)));
        }
        for (const auto& each : clients) {
            (void)each->client.send_packet(pattern(500));  // it may be over already
        }
        ASSERT_TRUE(destroyed.wait_for(1));
        for (const auto& each : clients) {
            EXPECT_TRUE(is_ok(each->client.wait_for_stop()));
            EXPECT_EQ(each->disconnected.count(), 1U);
        }
        // The destructor has only begun to close the port: who is let in is sent away.
        test_client late(for_client());
        EXPECT_TRUE(late.connect(port).is_err() || late.disconnected.wait_for(1));
    }
}

TEST_P(connection_lifecycle, clients_destroyed_in_the_servers_callback_end_their_sessions) {
    test_server& server = make_server();
    make_clients(10);
    event_counter destroyed;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t> data) {
        destroy_client(data[0]);
        destroyed.add();
    };
    connect_all(server.start());
    for (std::uint8_t i = 0; i < 10; ++i) {
        ASSERT_TRUE(is_ok(client(i).client.send_packet({i})));
        ASSERT_TRUE(destroyed.wait_for(std::size_t{i} + 1));
    }
    ASSERT_TRUE(server.closed.wait_for(10));
    EXPECT_TRUE(eventually([&] { return server.server.connection_count() == 0; }));
}

// Constructed before anything of the library has been used, and destroyed after everything else.
messaging_server resident_server("resident");
messaging_client resident_client("resident");

TEST(resident_objects, end_with_the_process_while_they_are_connected) {
    (void)resident_server.set_receive_callback(
        [](const session_ptr& session, std::span<const std::uint8_t> data) {
            (void)session->send_packet(data);
        });
    event_counter answered;
    (void)resident_client.set_receive_callback(
        [&answered](std::span<const std::uint8_t>) { answered.add(); });
    ASSERT_TRUE(is_ok(resident_server.start_server(0)));
    ASSERT_TRUE(is_ok(resident_client.start_client("127.0.0.1", resident_server.local_port())));
    ASSERT_TRUE(is_ok(resident_client.send_packet("once")));
    ASSERT_TRUE(answered.wait_for(1));
}

TEST_P(connection_lifecycle, a_relay_forwards_and_ends_in_both_directions) {
    const auto port = make_server().start();
    // One connection to the real server for each of the relay's own.
    test_server relay(for_server());
    relay.on_connect = [&](const session_ptr& session) {
        auto onward = std::make_shared<messaging_client>("onward", for_client());
        (void)onward->set_receive_callback([session](std::span<const std::uint8_t> data) {
            EXPECT_TRUE(is_ok(session->send_packet(data)));
        });
        (void)onward->set_disconnected_callback([session] { (void)session->stop_session(); });
        (void)session->pause_receiving();
        session->set_user_data(onward);
        EXPECT_TRUE(
            is_ok(onward->start_client("127.0.0.1", port, [session](const VoidResult& result) {
                EXPECT_TRUE(is_ok(result));
                (void)session->resume_receiving();
            })));
    };
    relay.on_receive = [](const session_ptr& session, std::span<const std::uint8_t> data) {
        EXPECT_TRUE(is_ok(session->user_data_as<messaging_client>()->send_packet(data)));
    };
    const auto entrance = relay.start();
    make_clients(6);
    connect_all(entrance);
    expect_all_exchange(1);
    expect_all_exchange(2);
    // From the far end: the server closes half of the connections, and their clients follow.
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(is_ok(server().sessions.at(i)->stop_session()));
    }
    EXPECT_TRUE(eventually([&] {
        std::size_t gone = 0;
        for (std::size_t i = 0; i < client_count(); ++i) {
            gone += client(i).disconnected.count();
        }
        return gone == 3;
    }));
    ASSERT_TRUE(relay.closed.wait_for(3));
    // From the near end.
    for (const session_ptr& session : relay.sessions.all()) {
        EXPECT_TRUE(is_ok(session->user_data_as<messaging_client>()->stop_client()));
        session->set_user_data(nullptr);
    }
    ASSERT_TRUE(server().closed.wait_for(6));
    EXPECT_TRUE(is_ok(relay.server.stop_server()));
    EXPECT_EQ(relay.errors.size(), 0U);
}

}  // namespace
}  // namespace integration

// faults_test of ending, and of user code that ends or breaks things.
#include "framed/field_faults.h"

#include "framed/callback_places.h"

#include <stdexcept>

namespace loopback {
namespace {

INSTANTIATE_TEST_SUITE_P(by, field_faults,
                         testing::Combine(both_methods(),
                                          testing::Values(driver::own_threads, driver::io_context)),
                         [](const auto& each) {
                             return readiness_name(std::get<readiness>(each.param)) +
                                    (std::get<driver>(each.param) == driver::own_threads
                                         ? "_own_threads"
                                         : "_io_context");
                         });

TEST_P(field_faults, stop_that_hangs) {
    constexpr auto drain = 50ms;
    const raw_listener silent;
    client_options hasty = for_client();
    hasty.drain_timeout = drain;
    test_client connecting(hasty);
    ASSERT_TRUE(
        is_ok(connecting.client.start_client("127.0.0.1", silent.port(), [](VoidResult) {})));
    const raw_listener deaf;
    test_client connected(hasty);
    raw_peer accepted;
    std::thread accepts([&] {
        accepted = deaf.accept();
        (void)accepted.send(hello_frame());
    });
    const auto started = connected.connect(deaf.port());
    accepts.join();
    ASSERT_TRUE(is_ok(started));

    server_options narrow = for_server();
    narrow.drain_timeout = drain;
    narrow.session.policy = send_policy::wait;
    narrow.session.send_wait_timeout = patience;
    narrow.session.high_watermark = 100'000;
    narrow.session.low_watermark = 10'000;
    narrow.socket.send_buffer_size = 4096;
    test_server server(narrow);
    const auto port = server.start();
    const raw_peer reads_nothing = raw_peer::connect(port, 4096);
    ASSERT_TRUE(server.sessions.wait_for(1));
    const raw_peer says_nothing = raw_peer::connect(port);
    const raw_peer stops_halfway = raw_peer::connect(port);
    ASSERT_TRUE(stops_halfway.send(header_of(type_data, 0, 1000)));
    const auto full = server.sessions.at(0);
    std::thread waiting([&] {
        while (full->send_packet(pattern(10'000))) {}
    });
    ASSERT_TRUE(eventually([&] { return full->queued_bytes() > 50'000; }));

    EXPECT_LT(time_of([&] { EXPECT_TRUE(is_ok(connected.client.stop_client())); }), drain + slack);
    EXPECT_LT(time_of([&] { EXPECT_TRUE(is_ok(connecting.client.stop_client())); }), drain + slack);
    EXPECT_LT(time_of([&] { EXPECT_TRUE(is_ok(server.server.stop_server())); }), drain + slack);
    waiting.join();
    EXPECT_EQ(server.closed.size(), server.sessions.size());
}

TEST_P(field_faults, stop_that_races) {
    for (std::size_t round = 0; round < scaled(24); ++round) {
        watchman of_server;
        watchman of_client;
        server_options options = for_server();
        options.io_threads = 2;
        test_server server(options);
        server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
            (void)session->send_packet(data, [&](VoidResult) { of_server.pass(); });
            of_server.pass();
        };
        server.on_disconnect = [&](const std::string&) { of_server.pass(); };
        test_client client(for_client());
        client.on_receive = [&](std::span<const std::uint8_t> data) {
            (void)client.client.send_packet(data);
            of_client.pass();
        };
        client.on_disconnect = [&] { of_client.pass(); };
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        ASSERT_TRUE(is_ok(client.client.send_packet(pattern(100))));
        ASSERT_TRUE(of_client.wait_for(round % 8));
        const auto session = server.sessions.at(0);
        std::vector<std::thread> racing;
        for (int i = 0; i < 2; ++i) {
            racing.emplace_back([&] {
                EXPECT_TRUE(is_ok(server.server.stop_server()));
                of_server.close();
            });
            racing.emplace_back([&] {
                EXPECT_TRUE(is_ok(client.client.stop_client()));
                of_client.close();
            });
        }
        racing.emplace_back([&] { (void)session->stop_session(); });
        for (auto& each : racing) {
            each.join();
        }
        EXPECT_EQ(client.disconnected.count(), 1U);
        EXPECT_EQ(server.closed.size(), 1U);
    }
}

TEST_P(field_faults, stop_from_a_callback) {
    for (const place where : places_of_server) {
        SCOPED_TRACE("server: " + name_of(where));
        server_options options = for_server();
        lower_marks(options.session);
        messaging_server server("stopped", options);
        const auto guest = std::make_shared<visitor>(
            where, [&] { EXPECT_TRUE(is_ok(server.stop_server())) << "begins only"; });
        receive_guest(server, guest);
        ASSERT_TRUE(is_ok(server.start_server(0)));
        visit_server(server.local_port());
        ASSERT_TRUE(guest->wait());
        EXPECT_TRUE(is_ok(server.wait_for_stop())) << "and ends by itself";
        EXPECT_EQ(server.connection_count(), 0U);
    }
    const raw_listener listener;
    for (const place where : places_of_client) {
        SCOPED_TRACE("client: " + name_of(where));
        client_options options = for_client();
        lower_marks(options.session);
        messaging_client client("stopped", options);
        const auto guest = std::make_shared<visitor>(
            where, [&] { EXPECT_TRUE(is_ok(client.stop_client())) << "begins only"; });
        receive_guest(client, guest);
        ASSERT_TRUE(is_ok(client.start_client(
            "127.0.0.1", listener.port(), [guest](VoidResult) { guest->visit(place::started); })));
        visit_client(listener);
        ASSERT_TRUE(guest->wait());
        EXPECT_TRUE(is_ok(client.wait_for_stop())) << "and ends by itself";
        EXPECT_FALSE(client.is_connected());
    }
}

TEST_P(field_faults, destructor_racing_the_loop) {
    for (std::size_t round = 0; round < scaled(24); ++round) {
        watchman of_server;
        watchman of_client;
        event_counter echoed;
        // Without a yield, which on a busy machine takes a time slice for each of many messages.
        const auto visit = [](watchman& at) {
            at.enter();
            at.leave();
        };
        auto server = std::make_unique<messaging_server>("raced", for_server());
        collector<session_ptr> sessions;
        (void)server->set_connection_callback([&](const session_ptr& each) { sessions.add(each); });
        (void)server->set_receive_callback(
            [&](const session_ptr& session, std::span<const std::uint8_t> data) {
                (void)session->send_packet(data, [&](VoidResult) { visit(of_server); });
                visit(of_server);
            });
        (void)server->set_disconnection_callback([&](const std::string&) { of_server.pass(); });
        ASSERT_TRUE(is_ok(server->start_server(0)));
        auto client = std::make_unique<messaging_client>("raced", for_client());
        (void)client->set_receive_callback([&](std::span<const std::uint8_t>) {
            visit(of_client);
            echoed.add();
        });
        (void)client->set_disconnected_callback([&] { of_client.pass(); });
        ASSERT_TRUE(is_ok(client->start_client("127.0.0.1", server->local_port())));
        const auto of_it = client->get_session().value();
        ASSERT_TRUE(sessions.wait_for(1));
        // Both loops have something for both objects at every moment.
        std::thread traffic([&, far_side = sessions.at(0)] {
            while (of_it->send_packet(pattern(100)) && far_side->send_packet(pattern(100))) {}
        });
        ASSERT_TRUE(echoed.wait_for(1 + round % 8));
        const auto end_client = [&] {
            client.reset();
            of_client.close();
        };
        const auto end_server = [&] {
            server.reset();
            of_server.close();
        };
        round % 2 == 0 ? end_client() : end_server();
        round % 2 == 0 ? end_server() : end_client();
        traffic.join();
    }
}

TEST_P(field_faults, exception_in_a_callback) {
    const auto throws = [] { throw std::runtime_error("on purpose"); };
    for (const place where : places_of_server) {
        SCOPED_TRACE("server: " + name_of(where));
        server_options options = for_server();
        lower_marks(options.session);
        messaging_server server("thrower", options);
        const auto guest = std::make_shared<visitor>(where, throws);
        receive_guest(server, guest);
        ASSERT_TRUE(is_ok(server.start_server(0)));
        visit_server(server.local_port());
        EXPECT_TRUE(eventually([&] {
            return server.metrics().callback_exceptions == 1 && server.connection_count() == 0;
        })) << "it ends its own session";
        raw_peer other = raw_peer::connect(server.local_port());
        EXPECT_TRUE(other.receive_frame_of(type_hello)) << "and no more than that";
    }
    const raw_listener listener;
    for (const place where : places_of_client) {
        SCOPED_TRACE("client: " + name_of(where));
        client_options options = for_client();
        lower_marks(options.session);
        messaging_client client("thrower", options);
        const auto guest = std::make_shared<visitor>(where, throws);
        receive_guest(client, guest);
        for (std::uint64_t connection = 0; connection < 2; ++connection) {
            const auto note = [guest](VoidResult) { guest->visit(place::started); };
            ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", listener.port(), note)))
                << "as good as new";
            visit_client(listener);
            EXPECT_TRUE(is_ok(client.wait_for_stop()));
            EXPECT_EQ(client.metrics().callback_exceptions, 1U);
        }
    }
}

}  // namespace
}  // namespace loopback

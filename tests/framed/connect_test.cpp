// start_client: success means it works, failure says why, and neither outlasts its deadline.
#include "support/loopback.h"

#include <fcntl.h>

#include <atomic>

namespace loopback {
namespace {

class connect_test : public BothReadiness {
protected:
    [[nodiscard]] static client_options with_timeout(std::chrono::milliseconds timeout) {
        client_options options = for_client();
        options.connect_timeout = timeout;
        return options;
    }
};
INSTANTIATE_TEST_SUITE_P(method, connect_test, both_methods(), method_of);

TEST_P(connect_test, the_connected_callback_runs_before_start_returns) {
    test_server server(for_server());
    const auto port = server.start();
    for (int i = 0; i < 20; ++i) {
        test_client client(for_client());
        ASSERT_TRUE(is_ok(client.connect(port)));
        EXPECT_EQ(client.connected.count(), 1U);
        EXPECT_TRUE(client.client.is_connected());
    }
}

TEST_P(connect_test, refused_says_so) {
    const refusing_port nobody;
    test_client client(for_client());
    const auto result = client.connect(nobody.number());
    ASSERT_TRUE(fails_with(result, errc::connection_refused));
    EXPECT_NE(result.error().message.find("127.0.0.1:" + std::to_string(nobody.number())),
              std::string::npos)
        << result.error().message;
    EXPECT_EQ(client.client.metrics().connect_failures, 1U);
    EXPECT_EQ(client.connected.count(), 0U);
    EXPECT_EQ(client.disconnected.count(), 0U) << "it never was connected";
    EXPECT_EQ(client.errors.size(), 0U) << "the result of start_client says it";
    // The object is as good as new.
    test_server server(for_server());
    EXPECT_TRUE(is_ok(client.connect(server.start())));
}

TEST_P(connect_test, a_connection_to_itself_is_a_refusal_and_leaves_the_port_to_the_server) {
    auto kept = std::make_unique<refusing_port>(true);
    const auto port = kept->number();
    client_options options = for_client();
    options.bind_port = port;
    test_client client(options);
    const auto result = client.connect(port);
    ASSERT_TRUE(fails_with(result, errc::connection_refused));
    EXPECT_NE(result.error().message.find("nobody listens there"), std::string::npos)
        << result.error().message;
    EXPECT_EQ(client.connected.count(), 0U);
    kept.reset();
    server_options at_once = for_server();
    at_once.bind_address = "127.0.0.1";
    at_once.socket.reuse_address = false;
    test_server server(at_once);
    EXPECT_TRUE(is_ok(server.server.start_server(port)));
}

TEST_P(connect_test, an_unresolvable_host_says_so) {
    test_client client(with_timeout(patience));
    // RFC 6761: "invalid" never resolves.
    const auto result = client.client.start_client("no-such-host.invalid", 80);
    ASSERT_TRUE(result.is_err());
    EXPECT_TRUE(fails_with(result, errc::resolve_failed));
    EXPECT_NE(result.error().message.find("no-such-host.invalid"), std::string::npos);
}

TEST_P(connect_test, a_silent_server_times_out) {
    const raw_listener silent;
    test_client client(with_timeout(150ms));
    const auto begin = std::chrono::steady_clock::now();
    const auto result = client.connect(silent.port());
    EXPECT_TRUE(fails_with(result, errc::connection_timeout));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 150ms + slack);
    EXPECT_FALSE(client.client.is_connected());
    // The attempt is over for the peer too.
    raw_peer accepted = silent.accept();
    EXPECT_NE(accepted.drain(), stream_end::none);
}

TEST_P(connect_test, a_full_backlog_times_out) {
    const raw_listener full(0);
    // Linux keeps one more than the backlog; beyond it the kernel drops connection requests.
    std::vector<raw_peer> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.push_back(raw_peer::unconnected());
        ASSERT_EQ(::fcntl(fillers.back().handle(), F_SETFL, O_NONBLOCK), 0);
        (void)fillers.back().connect_to(full.port());
    }
    test_client client(with_timeout(150ms));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(fails_with(client.connect(full.port()), errc::connection_timeout));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 150ms + slack);
}

TEST_P(connect_test, a_server_that_closes_at_once_is_no_success) {
    const raw_listener listener;
    std::thread server([&] { listener.accept().close(); });
    test_client client(for_client());
    const auto result = client.connect(listener.port());
    server.join();
    EXPECT_TRUE(fails_with(result, errc::connection_closed));
}

TEST_P(connect_test, a_server_of_another_protocol_is_no_success) {
    const raw_listener listener;
    for (const std::string_view greeting :
         {"HTTP/1.1 400 Bad Request\r\n\r\n", "220 mail.example ESMTP\r\n"}) {
        std::thread server([&] {
            raw_peer peer = listener.accept();
            (void)peer.send(
                {reinterpret_cast<const std::uint8_t*>(greeting.data()), greeting.size()});
            (void)peer.drain();
        });
        client_options options = for_client();
        options.drain_timeout = 200ms;
        test_client client(options);
        const auto result = client.connect(listener.port());
        EXPECT_TRUE(fails_with(result, errc::protocol_error));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        server.join();
    }
}

TEST_P(connect_test, a_hello_of_another_version_or_pipeline_is_refused) {
    const raw_listener listener;
    bytes other_version = hello_frame();
    other_version[6] = 9;
    bytes with_pipeline = hello_frame();
    with_pipeline.back() = 1;
    for (const auto& [hello, expected] :
         {std::pair{other_version, errc::protocol_error},
          std::pair{with_pipeline, errc::pipeline_mismatch},
          std::pair{frame_of(type_hello, pattern(3)), errc::protocol_error},
          std::pair{frame_of(type_data, pattern(3)), errc::protocol_error}}) {
        std::thread server([&, greeting = hello] {
            raw_peer peer = listener.accept();
            (void)peer.send(greeting);
            (void)peer.drain();
        });
        test_client client(for_client());
        EXPECT_TRUE(fails_with(client.connect(listener.port()), expected));
        server.join();
    }
}

TEST_P(connect_test, a_full_server_says_so_and_accepts_again_when_there_is_room) {
    server_options options = for_server();
    options.max_connections = 2;
    test_server server(options);
    const auto port = server.start();
    test_client first(for_client());
    test_client second(for_client());
    test_client third(for_client());
    ASSERT_TRUE(is_ok(first.connect(port)));
    ASSERT_TRUE(is_ok(second.connect(port)));
    EXPECT_TRUE(fails_with(third.connect(port), errc::server_full));
    EXPECT_EQ(server.server.metrics().connections_refused, 1U);
    EXPECT_TRUE(first.exchange("unharmed"));
    raw_peer raw = raw_peer::connect(port);
    const auto goodbye = raw.receive_frame();
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->type, unsigned{type_goodbye});
    EXPECT_EQ(reason_of(goodbye->payload), static_cast<int>(errc::server_full));
    EXPECT_EQ(raw.drain(), stream_end::orderly);

    EXPECT_TRUE(is_ok(first.client.stop_client()));
    ASSERT_TRUE(eventually([&] { return server.server.connection_count() == 1; }));
    EXPECT_TRUE(is_ok(third.connect(port)));
    EXPECT_TRUE(third.exchange("there is room"));
    EXPECT_EQ(server.server.metrics().connections_refused, 2U);
}

TEST_P(connect_test, one_address_cannot_take_all_the_room) {
    server_options options = for_server();
    options.max_connections_per_address = 1;
    test_server server(options);
    const auto port = server.start();
    test_client first(for_client());
    test_client second(for_client());
    ASSERT_TRUE(is_ok(first.connect(port)));
    EXPECT_TRUE(fails_with(second.connect(port), errc::server_full));
    // A peer from 127.0.0.9 is another address.
    raw_peer other = raw_peer::unconnected();
    ::sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7F000009);
    ASSERT_EQ(::bind(other.handle(), reinterpret_cast<const ::sockaddr*>(&from), sizeof from), 0);
    ASSERT_TRUE(other.connect_to(port));
    const auto hello = other.receive_frame();
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->type, unsigned{type_hello});
    EXPECT_TRUE(is_ok(first.client.stop_client()));
    ASSERT_TRUE(eventually([&] { return server.server.connection_count() == 1; }));
    EXPECT_TRUE(is_ok(second.connect(port)));
}

TEST_P(connect_test, start_with_a_handler_answers_exactly_once) {
    test_server server(for_server());
    const auto port = server.start();
    test_client client(for_client());
    collector<bool> answers;
    const auto answer = [&](VoidResult result) { answers.add(result.is_ok()); };
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port, answer)));
    ASSERT_TRUE(answers.wait_for(1));
    EXPECT_TRUE(answers.at(0));
    EXPECT_EQ(client.connected.count(), 1U);
    EXPECT_TRUE(client.exchange("works"));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port, answer)));
    ASSERT_TRUE(answers.wait_for(2));
    EXPECT_FALSE(answers.at(1));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(answers.size(), 2U);
}

TEST_P(connect_test, stop_ends_an_attempt_that_hangs) {
    const raw_listener silent;
    test_client client(with_timeout(patience));
    collector<int> answers;
    ASSERT_TRUE(
        is_ok(client.client.start_client("127.0.0.1", silent.port(), [&](VoidResult result) {
            answers.add(result.is_ok() ? 0 : result.error().code);
        })));
    raw_peer accepted = silent.accept();
    std::thread peer([&] {
        (void)accepted.drain();
        accepted.close();
    });
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    peer.join();
    ASSERT_EQ(answers.size(), 1U) << "before stop returned";
    EXPECT_EQ(answers.at(0), static_cast<int>(errc::connection_closed));
    EXPECT_EQ(client.disconnected.count(), 0U);
}

TEST_P(connect_test, a_blocked_start_returns_when_another_thread_stops) {
    const raw_listener silent;
    client_options options = with_timeout(patience);
    options.drain_timeout = 100ms;
    test_client client(options);
    collector<int> answers;
    std::thread starter([&] {
        const auto result = client.connect(silent.port());
        answers.add(result.is_ok() ? 0 : result.error().code);
    });
    raw_peer accepted = silent.accept();
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(answers.wait_for(1, 15s)) << "start_client outlived the stop";
    EXPECT_EQ(answers.at(0), static_cast<int>(errc::connection_closed));
    starter.join();
}

}  // namespace
}  // namespace loopback

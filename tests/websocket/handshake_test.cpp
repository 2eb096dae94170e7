// What servers answer to requests, good and bad, and what clients make of answers.
#include "support/websocket.h"

#include <latch>
#include <thread>

namespace ws {
namespace {

TEST(handshake, the_callback_sees_what_the_client_asked_for) {
    ws_test_server server;
    collector<std::string> seen;
    (void)server.server.set_handshake_callback(
        [&](const ws_request& request, const endpoint& remote, ws_handshake_answer&) {
            seen.add(std::string(request.method()));
            seen.add(std::string(request.path()));
            seen.add(std::string(request.query()));
            seen.add(std::string(request.origin()));
            seen.add(std::string(request.head().find("x-token").value_or("none")));
            seen.add(remote.address());
        });
    ws_client_config config;
    config.path = "/?room=1";
    config.headers = {{"Origin", "https://example.com"}, {"X-Token", "secret"}};
    ws_test_client client(config);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_EQ(seen.all(), (std::vector<std::string>{"GET", "/", "room=1", "https://example.com",
                                                    "secret", "127.0.0.1"}));
    ASSERT_TRUE(server.connections.wait_for(1));
    const auto connection = server.connections.at(0);
    EXPECT_EQ(connection->request().query(), "room=1");
    EXPECT_EQ(connection->request().head().find("X-TOKEN"), "secret");
    EXPECT_EQ(server.server.metrics().handshakes, 1U);
}

TEST(handshake, requests_are_kept_or_not) {
    ws_server_config config;
    config.keep_request = false;
    ws_test_server server(config);
    auto peer = ws_peer::open(server.start(), "/?q=1");
    ASSERT_TRUE(server.connections.wait_for(1));
    EXPECT_EQ(server.connections.at(0)->request().path(), "");
}

TEST(handshake, the_first_offered_subprotocol_of_the_servers_is_chosen) {
    ws_server_config config;
    config.subprotocols = {"chat.v1", "chat.v2"};
    ws_test_server server(config);
    const auto port = server.start();
    const auto agreed = [&](const std::vector<std::string>& offered) {
        ws_client_config asking;
        asking.subprotocols = offered;
        ws_test_client client(asking);
        EXPECT_TRUE(is_ok(client.connect(port)));
        const auto connection = client.client.get_connection();
        return connection ? std::string(connection.value()->subprotocol()) : "none";
    };
    EXPECT_EQ(agreed({"other", "chat.v2", "chat.v1"}), "chat.v2");
    EXPECT_EQ(agreed({"other"}), "");
    EXPECT_EQ(agreed({}), "");
}

TEST(handshake, the_callback_chooses_subprotocol_and_headers) {
    ws_test_server server;
    (void)server.server.set_handshake_callback(
        [](const ws_request& request, const endpoint&, ws_handshake_answer& answer) {
            answer.accept(request.subprotocols().back(), {{"Set-Cookie", "id=1"}});
        });
    auto peer = ws_peer::open(server.start(), "/", "Sec-WebSocket-Protocol: a, b\r\n");
    EXPECT_EQ(peer.field("Sec-WebSocket-Protocol"), "b");
    EXPECT_EQ(peer.field("Set-Cookie"), "id=1");
    EXPECT_EQ(peer.field("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    ASSERT_TRUE(server.connections.wait_for(1));
    EXPECT_EQ(server.connections.at(0)->subprotocol(), "b");
}

TEST(handshake, the_callback_rejects_with_status_headers_and_body) {
    ws_test_server server;
    (void)server.server.set_handshake_callback(
        [](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            answer.reject({401, {{"WWW-Authenticate", "Bearer"}}, "who are you?"});
        });
    const auto port = server.start();
    auto peer = ws_peer::connect(port);
    EXPECT_EQ(peer.ask(upgrade_request()), 401U);
    EXPECT_EQ(peer.field("WWW-Authenticate"), "Bearer");
    EXPECT_EQ(peer.field("Connection"), "close");
    EXPECT_EQ(peer.body(), "who are you?");
    EXPECT_EQ(peer.drain(), stream_end::orderly);

    ws_test_client client;
    const auto refused = client.connect(port);
    EXPECT_TRUE(fails_with(refused, errc::handshake_rejected));
    EXPECT_NE(refused.error().message.find("401"), std::string::npos) << refused.error().message;
    EXPECT_EQ(client.client.metrics().connect_failures, 1U);
    EXPECT_TRUE(eventually([&] { return server.server.metrics().rejected_by_callback == 2; }));
    EXPECT_EQ(server.server.metrics().handshakes, 0U);
    EXPECT_EQ(server.connections.size(), 0U);
    EXPECT_EQ(server.server.connection_count(), 0U);
}

TEST(handshake, an_exception_is_answered_with500) {
    ws_test_server server;
    (void)server.server.set_handshake_callback(
        [](const ws_request&, const endpoint&, ws_handshake_answer&) {
            throw std::runtime_error("no");
        });
    auto peer = ws_peer::connect(server.start());
    EXPECT_EQ(peer.ask(upgrade_request()), 500U);
    EXPECT_EQ(server.connections.size(), 0U);
    EXPECT_EQ(server.server.connection_count(), 0U);
}

struct wrong_request {
    const char* name;
    std::string text;
    unsigned status;
    std::uint64_t network_system::core::ws_server_metrics::*counter;
};

class wrong_requests : public testing::TestWithParam<wrong_request> {};

TEST_P(wrong_requests, are_answered_with_the_status_that_fits_and_counted) {
    ws_test_server server;
    auto peer = ws_peer::connect(server.start());
    EXPECT_EQ(peer.ask(GetParam().text), GetParam().status) << peer.head();
    EXPECT_NE(peer.field("Connection").find("close"), std::string::npos);
    EXPECT_NE(peer.field("Content-Length"), "");
    EXPECT_EQ(peer.drain(), stream_end::orderly);
    EXPECT_TRUE(eventually([&] { return server.server.metrics().*GetParam().counter == 1; }));
    EXPECT_EQ(server.connections.size(), 0U);
    EXPECT_EQ(server.server.metrics().handshakes, 0U);
    // The server serves others.
    EXPECT_EQ(ws_peer::connect(server.server.local_port()).ask(upgrade_request()), 101U);
}

using metrics = network_system::core::ws_server_metrics;

INSTANTIATE_TEST_SUITE_P(
    all, wrong_requests,
    testing::Values(
        wrong_request{"garbage", "hello\r\n\r\n", 400, &metrics::rejected_request},
        wrong_request{"no_host", "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 400,
                      &metrics::rejected_request},
        wrong_request{"post", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405,
                      &metrics::rejected_request},
        wrong_request{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426,
                      &metrics::rejected_upgrade},
        wrong_request{"version",
                      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                      "Sec-WebSocket-Version: 8\r\n\r\n",
                      426, &metrics::rejected_upgrade},
        wrong_request{"path", upgrade_request("/elsewhere"), 404, &metrics::rejected_path},
        wrong_request{"plain_path", "GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n", 404,
                      &metrics::rejected_path},
        wrong_request{"long", upgrade_request("/", "X: " + std::string(20'000, 'x') + "\r\n"), 431,
                      &metrics::rejected_size}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST(handshake, every_path_or_several_are_served) {
    ws_server_config several;
    several.path = "/a";
    several.more_paths = {"/b"};
    ws_test_server some(several);
    const auto port = some.start();
    EXPECT_EQ(ws_peer::connect(port).ask(upgrade_request("/a?x=1")), 101U);
    EXPECT_EQ(ws_peer::connect(port).ask(upgrade_request("/b")), 101U);
    EXPECT_EQ(ws_peer::connect(port).ask(upgrade_request("/")), 404U);
    ws_server_config every;
    every.path.clear();
    ws_test_server all(every);
    EXPECT_EQ(ws_peer::connect(all.start()).ask(upgrade_request("/any/where")), 101U);
}

TEST(handshake, plain_requests_are_answered_by_the_http_callback) {
    ws_test_server server;
    (void)server.server.set_http_callback(
        [](const ws_request& request, const endpoint& remote, http_response& response) {
            EXPECT_EQ(remote.address(), "127.0.0.1");
            if (request.path() == "/health") {
                response = {200, {{"Content-Type", "application/json"}}, "{\"ok\":true}"};
            }
        });
    const auto port = server.start();
    auto healthy = ws_peer::connect(port);
    EXPECT_EQ(healthy.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"), 200U);
    EXPECT_EQ(healthy.field("Content-Type"), "application/json");
    EXPECT_EQ(healthy.body(), "{\"ok\":true}");
    EXPECT_EQ(healthy.drain(), stream_end::orderly);
    auto head = ws_peer::connect(port);
    EXPECT_EQ(head.ask("HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n"), 200U);
    EXPECT_TRUE(head.receive_some().empty()) << "an answer to HEAD has no body";
    EXPECT_EQ(ws_peer::connect(port).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 426U);
    EXPECT_EQ(ws_peer::connect(port).ask("GET /no HTTP/1.1\r\nHost: a\r\n\r\n"), 404U);
    EXPECT_TRUE(eventually([&] { return server.server.metrics().http_answers == 4; }));
    EXPECT_EQ(ws_peer::connect(port).ask(upgrade_request()), 101U);
}

TEST(handshake, a_full_server_answers503_and_serves_again_when_there_is_room) {
    ws_server_config config;
    config.max_connections = 2;
    ws_test_server server(config);
    const auto port = server.start();
    auto first = ws_peer::open(port);
    auto second = ws_peer::open(port);
    auto third = ws_peer::connect(port);
    EXPECT_EQ(third.ask(upgrade_request()), 503U);
    EXPECT_EQ(third.drain(), stream_end::orderly);
    EXPECT_EQ(ws_peer::connect(port).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 503U);
    ws_test_client client;
    const auto refused = client.connect(port);
    EXPECT_TRUE(fails_with(refused, errc::handshake_rejected));
    EXPECT_NE(refused.error().message.find("503"), std::string::npos) << refused.error().message;
    EXPECT_TRUE(eventually([&] { return server.server.metrics().rejected_unavailable == 3; }));
    EXPECT_EQ(server.server.metrics().connections_refused, 3U);
    EXPECT_EQ(server.server.connection_count(), 2U);
    first.close();
    EXPECT_TRUE(eventually([&] { return client.connect(port).is_ok(); }));
    EXPECT_TRUE(client.exchange("there is room"));
}

TEST(handshake, many_beyond_the_limit_are_all_refused) {
    ws_server_config config;
    config.max_connections = 1;
    ws_test_server server(config);
    const auto port = server.start();
    auto only = ws_peer::open(port);
    std::vector<ws_peer> waiting;
    for (int i = 0; i < 80; ++i) {
        waiting.push_back(ws_peer::connect(port));
    }
    EXPECT_TRUE(eventually([&] { return server.server.metrics().connections_refused == 80; }));
    // More than are heard at the same time: the rest is told without being asked.
    EXPECT_EQ(waiting.back().receive_head(), 503U);
    EXPECT_EQ(waiting.front().ask(upgrade_request()), 503U);
    waiting.clear();
    EXPECT_TRUE(eventually([&] { return ws_peer::connect(port).ask(upgrade_request()) == 503U; }));
}

TEST(handshake, that_takes_too_long_is_answered_with408) {
    ws_server_config config;
    config.handshake_timeout = 50ms;
    ws_test_server server(config);
    auto peer = ws_peer::connect(server.start());
    EXPECT_EQ(peer.ask("GET / HTTP/1.1\r\n"), 408U);
    EXPECT_EQ(peer.drain(), stream_end::orderly);
    EXPECT_TRUE(eventually([&] { return server.server.metrics().rejected_timeout == 1; }));
}

TEST(handshake, in_progress_is_answered_with503_by_a_server_that_stops) {
    ws_test_server server;
    auto peer = ws_peer::connect(server.start());
    EXPECT_TRUE(peer.say("GET / HTTP/1.1\r\nHost: a\r\n"));
    EXPECT_TRUE(eventually([&] {
        return server.server.metrics().totals.bytes_received >= 25 ||
               server.server.metrics().connections_accepted == 1;
    }));
    std::thread stopping([&] { EXPECT_TRUE(is_ok(server.server.stop_server())); });
    EXPECT_EQ(peer.receive_head(), 503U);
    peer.close();
    stopping.join();
}

TEST(handshake, of_those_that_wait_to_be_accepted_is_answered_with503_by_a_server_that_stops) {
    ws_test_server server;
    event_counter is_busy;
    std::latch goes_on(1);
    server.on_message = [&](const connection_ptr&, const ws_message&) {
        is_busy.add();
        goes_on.wait();
    };
    const auto port = server.start();
    auto busy = ws_peer::open(port);
    EXPECT_TRUE(busy.send_frame(op_text, bytes_of("busy")));
    EXPECT_TRUE(is_busy.wait_for(1));
    std::vector<ws_peer> waiting;
    for (int i = 0; i < 5; ++i) {
        waiting.push_back(ws_peer::connect(port));
        EXPECT_TRUE(i % 2 == 0 || waiting.back().say(upgrade_request("/")));
    }
    std::thread stopping([&] { EXPECT_TRUE(is_ok(server.server.stop_server())); });
    EXPECT_TRUE(eventually([&] { return !server.server.is_running(); }));
    goes_on.count_down();
    busy.close();
    for (auto& each : waiting) {
        EXPECT_EQ(each.receive_head(), 503U);
        EXPECT_EQ(each.drain(), stream_end::orderly);
        each.close();
    }
    stopping.join();
    EXPECT_EQ(server.server.metrics().rejected_unavailable, 5U);
    EXPECT_EQ(server.connections.size(), 1U);
}

TEST(handshake, clients_refuse_what_is_no_right_answer) {
    const raw_listener listener;
    const auto answer = [&](std::string_view text) {
        ws_test_client client;
        VoidResult result = network_system::ok();
        std::thread connecting([&] { result = client.connect(listener.port()); });
        ws_peer peer(listener.accept());
        EXPECT_EQ(peer.receive_head(), 0U) << "a request has no status";
        EXPECT_TRUE(peer.say(text));
        peer.half_close();
        connecting.join();
        return result;
    };
    EXPECT_TRUE(fails_with(answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
                           errc::handshake_rejected));
    const auto other_key =
        answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    EXPECT_TRUE(other_key.is_err());
    EXPECT_TRUE(answer("SSH-2.0-OpenSSH_9.0\r\n\r\n").is_err());
    EXPECT_TRUE(answer("HTTP/1.1 101 Switch").is_err());
}

}  // namespace
}  // namespace ws

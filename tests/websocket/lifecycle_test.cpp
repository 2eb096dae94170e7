// Ends of connections, servers and clients: who says what, in which order, from where.
#include "support/websocket.h"

#include <memory>
#include <stdexcept>
#include <thread>

namespace ws {
namespace {

TEST(closing, the_clients_code_and_reason_reach_the_server_and_come_back) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.close(static_cast<ws_close_code>(4001), "that is all")));
    ASSERT_TRUE(client.closed.wait_for(1));
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.closed.at(0).code, static_cast<ws_close_code>(4001));
    EXPECT_EQ(server.closed.at(0).reason, "that is all");
    EXPECT_EQ(server.closed.at(0).id, server.connections.at(0)->id());
    EXPECT_EQ(client.closed.at(0).code, static_cast<ws_close_code>(4001));
    EXPECT_EQ(client.errors.size(), 0U);
    EXPECT_EQ(server.errors.size(), 0U);
    EXPECT_FALSE(client.client.is_connected());
    EXPECT_TRUE(fails_with(client.client.send_text("late"), errc::connection_closed));
}

TEST(closing, the_servers_code_and_reason_reach_the_client) {
    ws_test_server server;
    server.on_message = [](const connection_ptr& from, const ws_message&) {
        EXPECT_TRUE(is_ok(from->send_text("before the end")));
        EXPECT_TRUE(is_ok(from->close(ws_close_code::policy_violation, "no")));
    };
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.send_text("hello")));
    ASSERT_TRUE(client.closed.wait_for(1));
    EXPECT_EQ(client.closed.at(0).code, ws_close_code::policy_violation);
    EXPECT_EQ(client.closed.at(0).reason, "no");
    ASSERT_EQ(client.received.size(), 1U) << "what was queued before a close is sent";
    EXPECT_EQ(text_of(client.received.at(0).data), "before the end");
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_TRUE(server.closed.wait_for(1));
}

TEST(closing, an_empty_close_is_no_status_and_no_close_is_abnormal) {
    ws_test_server server;
    const auto port = server.start();
    auto polite = ws_peer::open(port);
    EXPECT_TRUE(polite.send_frame(op_close));
    const auto answer = polite.receive_ws_frame();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->opcode, op_close);
    EXPECT_TRUE(answer->payload.empty());
    EXPECT_EQ(polite.drain(), stream_end::orderly);
    polite.close();
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.closed.at(0).code, ws_close_code::no_status);

    auto rude = ws_peer::open(port);
    rude.close();
    ASSERT_TRUE(server.closed.wait_for(2));
    EXPECT_EQ(server.closed.at(1).code, ws_close_code::abnormal);
    EXPECT_NE(server.closed.at(1).reason, "") << "the cause";
    ASSERT_EQ(server.errors.size(), 1U);
    EXPECT_EQ(server.errors.at(0).id, server.closed.at(1).id);
}

TEST(closing, codes_and_reasons_that_must_not_be_sent_are_refused) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2999U, 5000U}) {
        EXPECT_TRUE(fails_with(client.client.close(static_cast<ws_close_code>(code)),
                               errc::invalid_argument))
            << code;
    }
    EXPECT_TRUE(fails_with(client.client.close(ws_close_code::normal, std::string(124, 'x')),
                           errc::invalid_argument));
    EXPECT_TRUE(
        fails_with(client.client.close(ws_close_code::normal, "\xFF"), errc::invalid_argument));
    EXPECT_TRUE(client.exchange("still here"));
    EXPECT_TRUE(is_ok(client.client.close(ws_close_code::normal, std::string(123, 'x'))));
}

TEST(closing, a_violation_is_answered_with_its_code) {
    ws_test_server server;
    const auto port = server.start();
    auto unmasked = ws_peer::open(port);
    EXPECT_TRUE(unmasked.send(frame_bytes(op_text, bytes_of("x"), true, false)));
    EXPECT_EQ(unmasked.receive_close(), 1002U);
    unmasked.close();
    auto not_text = ws_peer::open(port);
    EXPECT_TRUE(not_text.send_frame(op_text, bytes_of("\xC0\x80")));
    EXPECT_EQ(not_text.receive_close(), 1007U);
    not_text.close();
    EXPECT_TRUE(server.errors.wait_for(2));
}

TEST(closing, an_exception_closes_that_connection_with1011) {
    ws_test_server server;
    server.on_message = [](const connection_ptr& from, const ws_message& message) {
        if (message.text() == "throw") {
            throw std::runtime_error("as asked");
        }
        echo(from, message);
    };
    const auto port = server.start();
    ws_test_client bad;
    ws_test_client good;
    ASSERT_TRUE(is_ok(bad.connect(port)));
    ASSERT_TRUE(is_ok(good.connect(port)));
    EXPECT_TRUE(is_ok(bad.client.send_text("throw")));
    ASSERT_TRUE(bad.closed.wait_for(1));
    EXPECT_EQ(bad.closed.at(0).code, ws_close_code::internal_error);
    EXPECT_TRUE(good.exchange("not me"));
    EXPECT_EQ(server.server.metrics().callback_exceptions, 1U);
}

TEST(starting, a_connection_to_itself_is_a_refusal_and_no_handshake) {
    const loopback::refusing_port nobody(true);
    ws_test_client client;
    client.config.bind_port = nobody.number();
    EXPECT_TRUE(fails_with(client.connect(nobody.number()), errc::connection_refused));
}

TEST(stopping, a_server_says_going_away_and_clients_normal) {
    ws_test_server server;
    ws_test_client client;
    const auto port = server.start();
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.closed.size(), 1U) << "before stop_server returns";
    ASSERT_TRUE(client.closed.wait_for(1));
    EXPECT_EQ(client.closed.at(0).code, ws_close_code::going_away);
    EXPECT_FALSE(server.server.is_running());
    EXPECT_EQ(server.server.local_port(), 0U);

    const auto again = server.start();
    ASSERT_TRUE(is_ok(client.connect(again)));
    EXPECT_TRUE(client.exchange("restarted, both of us"));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(client.closed.size(), 2U) << "before stop_client returns";
    ASSERT_TRUE(server.closed.wait_for(2));
    EXPECT_EQ(server.closed.at(1).code, ws_close_code::normal);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
}

TEST(stopping, from_inside_callbacks_only_begins_it) {
    ws_test_server server;
    server.on_message = [&](const connection_ptr&, const ws_message&) {
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_TRUE(fails_with(server.server.wait_for_stop(), errc::would_block));
    };
    ws_test_client client;
    client.on_disconnect = [&] { EXPECT_TRUE(is_ok(client.client.stop_client())); };
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.send_text("stop")));
    EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
    EXPECT_TRUE(client.closed.wait_for(1));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
}

TEST(stopping, with_a_handler_tells_when_it_is_over) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    event_counter over;
    EXPECT_TRUE(is_ok(client.client.stop_client([&](const VoidResult& result) {
        EXPECT_TRUE(is_ok(result));
        EXPECT_EQ(client.closed.size(), 1U) << "last of all";
        over.add();
    })));
    EXPECT_TRUE(over.wait_for(1));
    EXPECT_TRUE(is_ok(server.server.stop_server([&](const VoidResult&) { over.add(); })));
    EXPECT_TRUE(over.wait_for(2));
}

TEST(lifetime, a_server_may_be_destroyed_in_its_callbacks) {
    for (const char* const where : {"connect", "message", "disconnect"}) {
        auto server = std::make_unique<messaging_ws_server>("server");
        event_counter destroyed;
        const auto destroy_if = [&](std::string_view here) {
            if (here == where) {
                server.reset();
                destroyed.add();
            }
        };
        (void)server->set_connection_callback(
            [&](const connection_ptr&) { destroy_if("connect"); });
        (void)server->set_message_callback(
            [&](const connection_ptr&, const ws_message&) { destroy_if("message"); });
        (void)server->set_disconnection_callback(
            [&](const std::string&, ws_close_code, std::string_view) { destroy_if("disconnect"); });
        ASSERT_TRUE(is_ok(server->start_server(0)));
        ws_test_client client;
        const auto connected = client.connect(server->local_port());
        if (connected) {
            (void)client.client.send_text("go");
            if (std::string_view(where) == "disconnect") {
                EXPECT_TRUE(is_ok(client.client.stop_client()));
            }
        }
        EXPECT_TRUE(destroyed.wait_for(1)) << where;
    }
}

TEST(lifetime, a_client_may_be_destroyed_in_its_callbacks) {
    ws_test_server server;
    const auto port = server.start();
    for (const char* const where : {"connect", "message", "disconnect"}) {
        auto client = std::make_unique<messaging_ws_client>("client");
        event_counter destroyed;
        const auto destroy_if = [&](std::string_view here) {
            if (here == where) {
                client.reset();
                destroyed.add();
            }
        };
        (void)client->set_connected_callback([&] { destroy_if("connect"); });
        (void)client->set_message_callback([&](const ws_message&) { destroy_if("message"); });
        (void)client->set_disconnected_callback(
            [&](ws_close_code, std::string_view) { destroy_if("disconnect"); });
        ws_client_config config;
        config.host = "127.0.0.1";
        config.port = port;
        auto* const started = client.get();
        ASSERT_TRUE(is_ok(started->start_client(config, [&](const VoidResult& result) {
            if (result && std::string_view(where) != "connect") {
                EXPECT_TRUE(is_ok(client->send_text("echo this")));
                if (std::string_view(where) == "disconnect") {
                    EXPECT_TRUE(is_ok(client->stop_client()));
                }
            }
        })));
        EXPECT_TRUE(destroyed.wait_for(1)) << where;
    }
}

TEST(lifetime, a_connection_that_is_kept_outlives_its_server) {
    connection_ptr kept;
    {
        ws_test_server server;
        ws_test_client client;
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        ASSERT_TRUE(server.connections.wait_for(1));
        kept = server.connections.at(0);
        kept->set_user_data(std::make_shared<int>(7));
    }
    EXPECT_TRUE(kept->is_stopped());
    EXPECT_EQ(*kept->user_data_as<int>(), 7);
    EXPECT_TRUE(fails_with(kept->send_text("late"), errc::connection_closed));
    EXPECT_EQ(kept->request().path(), "/");
    EXPECT_EQ(kept->remote_endpoint().address(), "127.0.0.1");
}

TEST(lifetime, many_come_and_go_while_the_server_stops) {
    for (int round = 0; round < 5; ++round) {
        ws_test_server server;
        server.on_message = [](const connection_ptr&, const ws_message&) {};
        const auto port = server.start();
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int j = 0; j < 5; ++j) {
                    ws_test_client client;
                    if (client.connect(port)) {
                        (void)client.client.send_text("x");
                    }
                }
            });
        }
        EXPECT_TRUE(server.connections.wait_for(3));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        for (auto& each : threads) {
            each.join();
        }
        EXPECT_EQ(server.closed.size(), server.connections.size());
        EXPECT_EQ(server.server.connection_count(), 0U);
    }
}

}  // namespace
}  // namespace ws

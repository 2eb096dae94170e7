// A WebSocket server and client under the names that those of TCP have, and URLs.
#include "support/websocket.h"

#include <network_system/core/ws_callbacks.h>

#include <memory>
#include <string>

namespace ws {
namespace {

using network_system::core::ws_client_callbacks;
using network_system::core::ws_server_callbacks;

TEST(dialect, the_names_of_messaging_server_are_there) {
    messaging_ws_server server("server");
    collector<std::string> texts;
    (void)server.set_receive_callback([&](const auto& session, std::span<const std::uint8_t> data) {
        texts.add(std::string(data.begin(), data.end()));
        EXPECT_TRUE(is_ok(server.subscribe(session, "all")));
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.local_port())));
    ASSERT_TRUE(is_ok(client.client.send_text("text")));
    ASSERT_TRUE(is_ok(client.client.send_packet("binary")));
    ASSERT_TRUE(texts.wait_for(2));
    EXPECT_EQ(texts.all(), (std::vector<std::string>{"text", "binary"}));

    ASSERT_EQ(server.session_count(), 1U);
    const messaging_ws_server::session_ptr session = server.get_sessions().at(0);
    EXPECT_EQ(server.get_session(session->id()).value(), session);
    EXPECT_TRUE(fails_with(server.get_session("nobody"), errc::session_not_found));

    EXPECT_EQ(server.broadcast("1").value().queued, 1U);
    EXPECT_EQ(server.broadcast({'2'}).value().queued, 1U);
    EXPECT_EQ(server.publish("all", "3").value().queued, 1U);
    EXPECT_EQ(server.publish("all", bytes_of("4")).value().queued, 1U);
    EXPECT_EQ(server.publish("all", "5", session).value().receivers, 0U);
    ASSERT_TRUE(client.received.wait_for(4));
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(client.received.at(i),
                  kept_message(ws_message_type::binary, bytes_of(std::to_string(i + 1))));
    }
}

TEST(dialect, the_names_of_messaging_client_are_there) {
    ws_test_server server;
    const auto port = server.start();
    messaging_ws_client client("client");
    collector<std::string> texts;
    (void)client.set_receive_callback([&](std::span<const std::uint8_t> data) {
        texts.add(std::string(data.begin(), data.end()));
    });
    EXPECT_EQ(client.remote_endpoint(), endpoint());
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    EXPECT_EQ(client.remote_endpoint().port(), port);
    EXPECT_EQ(client.local_endpoint(), server.connections.at(0)->remote_endpoint());
    EXPECT_EQ(client.get_session().value(), client.get_connection().value());
    ASSERT_TRUE(is_ok(client.send_packet("1")));
    ASSERT_TRUE(is_ok(client.send_packet({'2'})));
    ASSERT_TRUE(is_ok(client.send_packet(bytes{'3'})));
    ASSERT_TRUE(is_ok(client.send_packet(bytes_of("4"))));
    ASSERT_TRUE(texts.wait_for(4));
    EXPECT_EQ(texts.all(), (std::vector<std::string>{"1", "2", "3", "4"}));
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_EQ(client.remote_endpoint(), endpoint());
}

TEST(dialect, a_configuration_of_the_constructor_is_used_by_starts_without_one) {
    ws_server_config config;
    config.path = "/chat";
    config.subprotocols = {"one"};
    messaging_ws_server server("server", config);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    ws_client_config asks;
    asks.subprotocols = {"one"};
    asks.path = "/chat";
    messaging_ws_client client("client", asks);
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    EXPECT_EQ(client.get_session().value()->subprotocol(), "one");
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_TRUE(fails_with(client.start_client("127.0.0.1", server.local_port(), "/other"),
                           errc::handshake_rejected));
    event_counter answered;
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port(), [&](auto result) {
        EXPECT_TRUE(is_ok(result));
        answered.add();
    })));
    EXPECT_TRUE(answered.wait_for(1));
}

TEST(dialect, the_end_of_a_connection_is_told_in_the_forms_of_both) {
    for (const bool is_code_wanted : {false, true}) {
        messaging_ws_server server("server");
        messaging_ws_client client("client");
        collector<std::string> ended;
        (void)server.set_connection_callback(
            [](const auto& session) { session->set_user_data(std::make_shared<int>(7)); });
        if (is_code_wanted) {
            (void)server.set_disconnection_callback(
                [&](const auto& session, ws_close_code code, const auto& reason) {
                    EXPECT_EQ(*session->template user_data_as<int>(), 7);
                    EXPECT_EQ(code, ws_close_code::going_away);
                    ended.add("server " + std::string(reason));
                });
            (void)client.set_disconnected_callback([&](const connection_ptr&, ws_close_code,
                                                       std::string_view) { ended.add("client"); });
        } else {
            (void)server.set_disconnection_callback([&](const auto& session, std::error_code why) {
                EXPECT_EQ(*session->template user_data_as<int>(), 7);
                EXPECT_FALSE(why);
                ended.add("server bye");
            });
            (void)client.set_disconnected_callback([&](const auto& session, std::error_code why) {
                EXPECT_EQ(session->close_code(), ws_close_code::going_away);
                EXPECT_FALSE(why);
                ended.add("client");
            });
        }
        ASSERT_TRUE(is_ok(server.start_server(0)));
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
        EXPECT_TRUE(is_ok(client.close(ws_close_code::going_away, "bye")));
        ASSERT_TRUE(ended.wait_for(2));
        EXPECT_TRUE(ended.at(0) == "server bye" || ended.at(1) == "server bye");
    }
}

TEST(dialect, an_error_has_its_connection) {
    messaging_ws_server server("server");
    collector<std::string> failed;
    (void)server.set_error_callback([&](const connection_ptr& session, std::error_code why) {
        EXPECT_EQ(why, errc::connection_closed);
        failed.add(session->id());
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    std::string id;
    {
        const auto peer = ws_peer::open(server.local_port());
        ASSERT_TRUE(eventually([&] { return server.session_count() == 1; }));
        id = server.get_sessions().at(0)->id();
    }
    ASSERT_TRUE(failed.wait_for(1));
    EXPECT_EQ(failed.at(0), id);
}

TEST(dialect, callbacks_can_be_given_at_construction) {
    messaging_ws_server server("echo", ws_server_callbacks{.text = [](const connection_ptr& from,
                                                                      const std::string& text) {
                                   EXPECT_TRUE(is_ok(from->send_text(text)));
                               }});
    ASSERT_TRUE(is_ok(server.start_server(0)));
    collector<std::string> texts;
    messaging_ws_client client("client", ws_client_callbacks{.text = [&](std::string_view text) {
                                   texts.add(std::string(text));
                               }});
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    ASSERT_TRUE(is_ok(client.send_text("hello")));
    ASSERT_TRUE(texts.wait_for(1));
    EXPECT_EQ(texts.at(0), "hello");
}

TEST(dialect, a_client_connects_to_a_url) {
    ws_server_config config;
    config.path = "/chat";
    messaging_ws_server server("server", config);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    const std::string url =
        "ws://127.0.0.1:" + std::to_string(server.local_port()) + "/chat?room=1";
    messaging_ws_client client("client");
    ASSERT_TRUE(is_ok(client.start_client(url)));
    EXPECT_EQ(client.get_session().value()->request().target(), "/chat?room=1");
    EXPECT_TRUE(is_ok(client.stop_client()));
    event_counter answered;
    ASSERT_TRUE(is_ok(client.start_client(url, [&](const VoidResult& result) {
        EXPECT_TRUE(is_ok(result));
        answered.add();
    })));
    EXPECT_TRUE(answered.wait_for(1));
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_TRUE(fails_with(client.start_client("http://127.0.0.1/"), errc::invalid_argument));
    EXPECT_TRUE(fails_with(client.start_client("ws://127.0.0.1:0/"), errc::invalid_argument));
}

}  // namespace
}  // namespace ws

// What callbacks may take, callbacks given at construction, and where a client's connection ends.
#include "support/loopback.h"

#include <network_system/core/callbacks.h>

#include <memory>
#include <string>

namespace loopback {
namespace {

using network_system::core::client_callbacks;
using network_system::core::server_callbacks;

TEST(dialect, the_end_of_a_session_has_its_user_data_and_reason) {
    messaging_server server("server");
    collector<std::pair<std::string, std::error_code>> ended;
    (void)server.set_connection_callback(
        [](const auto& session) { session->set_user_data(std::make_shared<std::string>("Ada")); });
    (void)server.set_disconnection_callback([&](const auto& session, std::error_code why) {
        EXPECT_TRUE(session->is_stopped());
        ended.add({*session->template user_data_as<std::string>(), why});
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    {
        messaging_client client("leaves");
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
        EXPECT_TRUE(is_ok(client.stop_client()));
    }
    ASSERT_TRUE(ended.wait_for(1));
    EXPECT_EQ(ended.at(0).first, "Ada");
    EXPECT_FALSE(ended.at(0).second) << "a clean close";
    {
        raw_peer rude = raw_peer::connect(server.local_port());
        EXPECT_TRUE(rude.receive_frame_of(type_hello));
        EXPECT_TRUE(rude.send(frame_of(10, pattern(3))));
        ASSERT_TRUE(ended.wait_for(2));
    }
    EXPECT_EQ(ended.at(1).first, "Ada");
    EXPECT_EQ(ended.at(1).second, errc::protocol_error);
}

TEST(dialect, an_id_alone_is_enough_for_every_callback_of_a_server) {
    messaging_server server("server");
    collector<std::string> heard;
    const auto tell = [&heard](const char* what) {
        return [&heard, what](const std::string& id) { heard.add(what + (" " + id)); };
    };
    (void)server.set_connection_callback(tell("connected"));
    (void)server.set_disconnection_callback(tell("disconnected"));
    (void)server.set_receive_callback(
        [&](const std::string& id, const std::vector<std::uint8_t>& data) {
            heard.add("received " + id + std::string(data.begin(), data.end()));
        });
    (void)server.set_request_callback(
        [&](const std::string& id,
            std::span<const std::uint8_t>) -> Result<std::vector<std::uint8_t>> {
            heard.add("requested " + id);
            return std::vector<std::uint8_t>{1};
        });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    messaging_client client("client");
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    const std::string id = server.get_sessions().at(0)->id();
    ASSERT_TRUE(is_ok(client.send_packet("!")));
    EXPECT_TRUE(is_ok(client.request("?", 10s)));
    EXPECT_TRUE(is_ok(client.stop_client()));
    ASSERT_TRUE(heard.wait_for(4));
    EXPECT_EQ(heard.all(), (std::vector<std::string>{"connected " + id, "received " + id + "!",
                                                     "requested " + id, "disconnected " + id}));
}

TEST(dialect, the_callbacks_of_a_client_may_take_its_session) {
    test_server server;
    const auto port = server.start();
    messaging_client client("client");
    collector<std::string> heard;
    (void)client.set_connected_callback([&](const auto& session) {
        session->set_user_data(std::make_shared<int>(7));
        heard.add("connected " + session->id());
    });
    (void)client.set_receive_callback([&](const auto& session, auto data) {
        heard.add("received " + std::to_string(data.size()) + " " + session->id());
    });
    (void)client.set_error_callback([&](const session_ptr& session, std::error_code why) {
        heard.add(why.message() + " " + session->id());
    });
    (void)client.set_disconnected_callback([&](const session_ptr& session, std::error_code why) {
        EXPECT_EQ(*session->user_data_as<int>(), 7);
        heard.add("disconnected " + why.message() + " " + session->id());
    });
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    const std::string id = client.get_session().value()->id();
    ASSERT_TRUE(is_ok(client.send_packet("four")));
    ASSERT_TRUE(heard.wait_for(2));
    EXPECT_TRUE(is_ok(server.server.broadcast("!")));
    ASSERT_TRUE(heard.wait_for(3));
    EXPECT_TRUE(is_ok(client.stop_client()));
    const std::string clean = std::error_code().message();
    EXPECT_EQ(heard.all(),
              (std::vector<std::string>{"connected " + id, "received 4 " + id, "received 1 " + id,
                                        "disconnected " + clean + " " + id}));
}

TEST(dialect, a_disconnected_client_learns_why) {
    messaging_client client("client");
    collector<std::error_code> ended;
    (void)client.set_disconnected_callback([&](std::error_code why) { ended.add(why); });
    const raw_listener listener;
    std::thread peer([&] {
        raw_peer accepted = listener.accept();
        EXPECT_TRUE(accepted.send(hello_frame()));
        EXPECT_TRUE(accepted.send(frame_of(10, pattern(3))));
        (void)accepted.drain();
    });
    // What comes behind the hello may come with it.
    (void)client.start_client("127.0.0.1", listener.port());
    peer.join();
    ASSERT_TRUE(ended.wait_for(1));
    EXPECT_EQ(ended.at(0), make_error_code(errc::protocol_error));
}

TEST(dialect, callbacks_can_be_given_at_construction) {
    event_counter gone;
    network_system::core::messaging_server server(
        "echo", server_callbacks{.received =
                                     [](const auto& session, std::span<const std::uint8_t> data) {
                                         EXPECT_TRUE(is_ok(session->send_packet(data)));
                                     },
                                 .disconnected = [&gone](const std::string&) { gone.add(); }});
    ASSERT_TRUE(is_ok(server.start_server(0)));
    collector<std::string> answers;
    client_options options;
    options.connect_timeout = 5s;
    network_system::core::messaging_client client(
        "client",
        client_callbacks{.received =
                             [&answers](std::span<const std::uint8_t> data) {
                                 answers.add(std::string(data.begin(), data.end()));
                             }},
        options);
    for (std::size_t start = 1; start <= 2; ++start) {
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
        ASSERT_TRUE(is_ok(client.send_packet("hello")));
        ASSERT_TRUE(answers.wait_for(start));
        EXPECT_TRUE(is_ok(client.stop_client()));
        ASSERT_TRUE(gone.wait_for(start));
    }
    EXPECT_EQ(answers.at(1), "hello");
}

TEST(dialect, a_client_knows_both_ends_while_it_is_connected) {
    test_server server;
    const auto port = server.start();
    messaging_client client("client");
    EXPECT_EQ(client.local_endpoint(), network_system::endpoint());
    EXPECT_EQ(client.remote_endpoint(), network_system::endpoint());
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    EXPECT_EQ(client.remote_endpoint().to_string(), "127.0.0.1:" + std::to_string(port));
    EXPECT_EQ(client.local_endpoint(), server.sessions.at(0)->remote_endpoint());
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_EQ(client.remote_endpoint(), network_system::endpoint());
}

}  // namespace
}  // namespace loopback

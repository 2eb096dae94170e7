// Programs of messaging_system on their way to this library: old ends and new ones talk to each
// other at every step of docs/MIGRATION_GUIDE.md.
#include "support/loopback.h"
#include "support/raw_peer.h"

#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_MESSAGING_BRIDGE

#include <network_system/compatibility.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace integration {
namespace {

using namespace loopback;
using namespace network_system::integration;
using network_system::core::messaging_client;
using network_system::core::messaging_server;
using payload = std::vector<std::uint8_t>;

/// A server as messaging_system had it: callbacks with the id of the session and a vector, results
/// that nobody looks at. It echoes, and remembers who said what.
class legacy_server {
public:
    legacy_server() {
        server_->set_connection_callback([this](const std::string&) { ++connected_; });
        server_->set_disconnection_callback([this](const std::string& id) { gone_.add(id); });
        server_->set_receive_callback([this](const auto& session, const payload& data) {
            heard_.add(text_of(data));
            (void)session->send_packet(data);
        });
        server_->start_server(0);
    }
    ~legacy_server() { server_->stop_server(); }
    legacy_server(const legacy_server&) = delete;
    legacy_server& operator=(const legacy_server&) = delete;

    [[nodiscard]] std::uint16_t port() const { return server_->local_port(); }
    [[nodiscard]] int connected() const { return connected_; }
    collector<std::string>& heard() { return heard_; }
    collector<std::string>& gone() { return gone_; }

private:
    std::atomic<int> connected_{0};
    collector<std::string> heard_;
    collector<std::string> gone_;
    std::shared_ptr<network_module::messaging_server> server_ =
        network_module::create_server("legacy");
};

/// A client of the same kind.
class legacy_client {
public:
    explicit legacy_client(std::uint16_t port) {
        client_->set_receive_callback([this](const payload& data) { heard_.add(text_of(data)); });
        client_->start_client("127.0.0.1", port);
    }
    ~legacy_client() { client_->stop_client(); }
    legacy_client(const legacy_client&) = delete;
    legacy_client& operator=(const legacy_client&) = delete;

    void send(const std::string& text) { client_->send_packet(payload(text.begin(), text.end())); }
    collector<std::string>& heard() { return heard_; }

private:
    collector<std::string> heard_;
    std::shared_ptr<network_module::messaging_client> client_ = messaging::create_client("legacy");
};

TEST(migration_flows, an_old_program_goes_on_as_it_is) {
    legacy_server server;
    {
        legacy_client client(server.port());
        for (int i = 0; i < 100; ++i) {
            client.send("message " + std::to_string(i));
        }
        ASSERT_TRUE(client.heard().wait_for(100));
        EXPECT_EQ(client.heard().at(99), "message 99");
        EXPECT_EQ(server.connected(), 1);
    }
    EXPECT_TRUE(server.gone().wait_for(1));
}

TEST(migration_flows, what_is_sent_before_a_stop_arrives_without_a_pause) {
    legacy_server server;
    for (int i = 0; i < 20; ++i) {
        legacy_client(server.port()).send("last words");
    }
    EXPECT_TRUE(server.heard().wait_for(20));
}

TEST(migration_flows, a_new_client_talks_to_an_old_server) {
    legacy_server server;
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.port())));
    EXPECT_TRUE(client.exchange(pattern(100'000)));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
}

TEST(migration_flows, an_old_client_talks_to_a_new_server) {
    test_server server;
    legacy_client client(server.start());
    client.send("old");
    ASSERT_TRUE(client.heard().wait_for(1));
    EXPECT_EQ(client.heard().at(0), "old");
    EXPECT_TRUE(is_ok(server.server.stop_server()));
}

TEST(migration_flows, errors_that_nobody_looked_at_are_results) {
    const refusing_port nobody;
    auto legacy = network_module::create_client("legacy");
    legacy->start_client("127.0.0.1", nobody.number());  // says nothing
    EXPECT_FALSE(legacy->is_connected());
    legacy->send_packet(payload{1});  // is lost

    messaging_client modern("modern");
    EXPECT_TRUE(
        fails_with(modern.start_client("127.0.0.1", nobody.number()), errc::connection_refused));
    EXPECT_TRUE(fails_with(modern.send_packet({1}), errc::connection_closed));
}

/// A peer of messaging_system itself: plain bytes, with a length of its own in front.
TEST(migration_flows, old_peers_are_reached_with_their_own_format) {
    network_system::core::server_options options;
    options.session.frames = network_system::framing::length_prefixed;
    messaging_server server("bridged", options);
    collector<std::string> heard;
    server.set_receive_callback([&](const auto& session, std::span<const std::uint8_t> data) {
        heard.add(text_of(data));
        (void)session->send_packet(data);
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    raw_peer peer = raw_peer::connect(server.local_port());
    const bytes message{0, 0, 0, 3, 'o', 'l', 'd'};
    EXPECT_TRUE(peer.send(message));
    EXPECT_EQ(peer.receive(message.size()), message);
    EXPECT_EQ(heard.at(0), "old");
    EXPECT_TRUE(server.stop_server().is_ok());
}

#if NETWORK_SYSTEM_WITH_MSGPACK

TEST(migration_flows, values_take_the_place_of_containers_made_by_hand) {
    messaging_bridge bridge;
    const auto server = bridge.create_server("server");
    collector<std::string> names;
    on_value<std::map<std::string, value>>(
        *server, [&](const auto& session, const std::map<std::string, value>& fields) {
            names.add(fields.at("name").get<std::string>().value());
            EXPECT_TRUE(is_ok(send_value(session, value_map{{"state", "known"}})));
        });
    ASSERT_TRUE(is_ok(server->start_server(0)));

    // Half-way: a client that still packs its message itself, and one that does not.
    payload packed;
    const auto container = bridge.get_container();
    ASSERT_TRUE(is_ok(container->serialize(value_map{{"name", "by hand"}}, packed)));
    collector<std::string> states;
    const auto old_client = bridge.create_client("by hand");
    old_client->set_receive_callback([&](std::span<const std::uint8_t> data) {
        states.add(container->deserialize(data).value().get<std::string>("state").value());
    });
    const auto new_client = bridge.create_client("with values");
    on_value<value>(*new_client, [&](const value& answer) {
        states.add(answer.get<std::string>("state").value());
    });
    for (const auto& each : {old_client, new_client}) {
        ASSERT_TRUE(is_ok(each->start_client("127.0.0.1", server->local_port())));
    }
    ASSERT_TRUE(is_ok(old_client->send_packet(packed)));
    ASSERT_TRUE(is_ok(send_value(new_client, value_map{{"name", "with values"}})));
    ASSERT_TRUE(states.wait_for(2));
    ASSERT_TRUE(names.wait_for(2));
    EXPECT_EQ(bridge.get_metrics().messages_received(), 4U);
    EXPECT_EQ(bridge.get_metrics().connections_active(), 2U);
}

#endif

TEST(migration_flows, a_bridge_counts_the_same_as_its_parts) {
    messaging_bridge bridge;
    const auto pool = std::make_shared<basic_thread_pool>(2);
    bridge.set_thread_pool(pool);
    const auto server = bridge.create_server("server");
    server->set_receive_callback([](const auto& session, std::span<const std::uint8_t> data) {
        EXPECT_TRUE(is_ok(session->send_packet(data)));
    });
    ASSERT_TRUE(is_ok(server->start_server(0)));
    std::vector<std::shared_ptr<messaging_client>> clients;
    event_counter answers;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(bridge.create_client("client"));
        clients.back()->set_receive_callback([&] { answers.add(); });
        ASSERT_TRUE(is_ok(clients.back()->start_client("127.0.0.1", server->local_port())));
        for (int k = 0; k < 50; ++k) {
            ASSERT_TRUE(is_ok(clients.back()->send_packet("counted")));
        }
    }
    ASSERT_TRUE(answers.wait_for(200));
    const auto all = bridge.get_metrics();
    EXPECT_EQ(all.of_servers.totals.messages_received, server->metrics().totals.messages_received);
    std::uint64_t sent = 0;
    for (const auto& each : clients) {
        sent += each->metrics().totals.messages_sent;
    }
    EXPECT_EQ(all.of_clients.totals.messages_sent, sent);
    EXPECT_EQ(sent, 200U);
}

}  // namespace
}  // namespace integration

#endif

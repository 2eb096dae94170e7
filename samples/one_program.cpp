// One program over TCP, TLS, WebSocket and wss: the types of the server and the client are its only
// difference.

#include "sample.h"

#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>

#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif
#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>
#include <network_system/testing/certificates.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/secure_messaging_ws_client.h>
#include <network_system/core/secure_messaging_ws_server.h>
#endif
#endif

#include <future>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace {

// [readme:one_program]
/// What the server knows of one of its clients.
struct member {
    std::string name;
};

/// `Server` is messaging_server, secure_messaging_server, messaging_ws_server or
/// secure_messaging_ws_server.
template <typename Server>
void set_callbacks(Server& server, std::promise<std::string>& last) {
    server.set_accept_callback([](const network_system::endpoint& client, auto& answer) {
        if (client.address() != "127.0.0.1" && client.address() != "::1") {
            answer.reject();
        }
    });
    server.set_connection_callback(
        [](const auto& session) { session->set_user_data(std::make_shared<member>()); });
    server.set_receive_callback(
        [&server](const auto& session, std::span<const std::uint8_t> message) {
            const auto who = session->template user_data_as<member>();
            who->name.assign(message.begin(), message.end());
            (void)server.subscribe(session, "members");
            (void)server.publish("members", who->name + " is here");
        });
    server.set_disconnection_callback([&last](const auto& session, std::error_code error) {
        const auto who = session->template user_data_as<member>();
        last.set_value(who->name + (error ? ": " + error.message() : " has left"));
    });
    server.set_error_callback([](const std::string& id, std::error_code error) {
        std::cerr << (id.empty() ? "the listener" : id) << ": " << error.message() << '\n';
    });
}
// [/readme:one_program]

template <typename Server, typename Client>
void talk(std::string_view protocol, Server& server, Client& client) {
    std::promise<std::string> last;
    set_callbacks(server, last);
    sample::require(server.start_server(0), "start_server");

    std::promise<std::string> news;
    client.set_receive_callback([&news](std::span<const std::uint8_t> message) {
        news.set_value(sample::text_of(message));
    });
    sample::require(client.start_client("localhost", server.local_port()), "start_client");
    sample::require(client.send_packet("Ada"), "send_packet");
    const auto heard = sample::await(news.get_future(), "the news");
    sample::expect(heard == "Ada is here", "the news");
    sample::expect(client.remote_endpoint().port() == server.local_port(), "remote_endpoint");
    sample::expect(server.get_sessions().size() == 1 && server.session_count() == 1, "sessions");
    const auto round_trip = sample::require(client.ping(), "ping");

    sample::require(client.stop_client(), "stop_client");
    const auto end = sample::await(last.get_future(), "the end");
    sample::expect(end == "Ada has left", "the end");
    sample::require(server.stop_server(), "stop_server");
    std::cout << protocol << ": \"" << heard << "\", a round trip of " << round_trip.count()
              << " us, \"" << end << "\"\n";
}

#if NETWORK_SYSTEM_WITH_TLS
// Whom the clients trust, and who the server is. An application has files of its own.
const network_system::testing::certificate_authority& authority() {
    static const auto made = sample::require(
        network_system::testing::certificate_authority::create(), "certificate_authority");
    return made;
}

network_system::core::tls_config tls_of_server() {
    network_system::core::tls_config config;
    config.identity = sample::require(authority().issue_server(), "issue_server");
    return config;
}

network_system::core::tls_config tls_of_client() {
    network_system::core::tls_config config;
    config.ca_file = authority().ca_file();
    return config;
}
#endif

void talk_over_everything() {
    using namespace network_system::core;
    {
        messaging_server server("server");
        messaging_client client("client");
        talk("TCP", server, client);
    }
#if NETWORK_SYSTEM_WITH_TLS
    {
        secure_messaging_server server("server", tls_of_server());
        secure_messaging_client client("client", tls_of_client());
        talk("TLS", server, client);
    }
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
    {
        messaging_ws_server server("server");
        messaging_ws_client client("client");
        talk("ws", server, client);
    }
#if NETWORK_SYSTEM_WITH_TLS
    {
        secure_messaging_ws_server server("server", tls_of_server());
        secure_messaging_ws_client client("client", tls_of_client());
        talk("wss", server, client);
    }
#endif
#endif
}

}  // namespace

int main() {
    return sample::run([] { talk_over_everything(); });
}

// Messages over TLS: a server with a certificate, a client that verifies it, one that is refused,
// and mutual TLS. The certificates come from an authority that the sample makes for itself.

#include "sample.h"

#include <network_system/config.h>

#include <iostream>

#if NETWORK_SYSTEM_WITH_TLS

#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>
#include <network_system/testing/certificates.h>

#include <cctype>
#include <cstdint>
#include <future>
#include <span>
#include <string>
#include <string_view>

namespace {

using network_system::errc;
using network_system::core::client_certificates;
using network_system::core::secure_messaging_client;
using network_system::core::secure_messaging_server;
using network_system::core::tls_config;
using network_system::core::tls_identity;
using network_system::testing::certificate_authority;

void answer_in_capitals(secure_messaging_server& server) {
    server.set_receive_callback([](const auto& session, std::span<const std::uint8_t> message) {
        std::string text = sample::text_of(message);
        for (char& each : text) {
            each = static_cast<char>(std::toupper(static_cast<unsigned char>(each)));
        }
        (void)session->send_packet(text);  // the client waits for it
    });
}

std::string ask(secure_messaging_client& client, std::uint16_t port, std::string_view question) {
    std::promise<std::string> answer;
    client.set_receive_callback(
        [&](std::span<const std::uint8_t> message) { answer.set_value(sample::text_of(message)); });
    sample::require(client.start_client("localhost", port), "start_client");
    sample::require(client.send_packet(question), "send_packet");
    return sample::await(answer.get_future(), "the answer");
}

void show_verified(const certificate_authority& authority, std::uint16_t port) {
    // [readme:tls_client]
    tls_config config;
    config.ca_file = authority.ca_file();  // without one, what the system trusts
    secure_messaging_client client("client", config);
    // [/readme:tls_client]
    std::cout << "answer: " << ask(client, port, "over tls") << '\n';

    const auto session = sample::require(client.get_session(), "get_session");
    const auto agreed = sample::require(session->tls(), "tls");
    const auto certificate = sample::require(session->peer_certificate(), "peer_certificate");
    std::cout << "agreed on: " << agreed.protocol << ", " << agreed.cipher << '\n'
              << "server: " << certificate.subject << ", SHA-256 " << certificate.fingerprint
              << '\n';
    sample::require(client.stop_client(), "stop_client");
}

void show_refused(std::uint16_t port) {
    // It trusts what the system trusts, which the authority of this sample is not.
    secure_messaging_client client("stranger", true);
    const auto started = client.start_client("localhost", port);
    sample::expect(started.is_err() && started.error().code ==
                                           static_cast<int>(errc::certificate_verification_failed),
                   "an unknown authority is refused");
    std::cout << "refused: " << started.error().message << '\n';
}

void show_mutual(const certificate_authority& authority, const tls_identity& identity) {
    tls_config config;
    config.identity = identity;
    config.client_certificate_mode = client_certificates::required;
    config.ca_file = authority.ca_file();
    secure_messaging_server server("mutual", config);
    std::promise<std::string> peer;
    server.set_connection_callback([&](const auto& session) {
        peer.set_value(sample::require(session->peer_certificate(), "peer_certificate").subject);
    });
    answer_in_capitals(server);
    sample::require(server.start_server(0), "start_server");

    tls_config presenting;
    presenting.identity = sample::require(authority.issue_client("alice"), "issue_client");
    presenting.ca_file = authority.ca_file();
    secure_messaging_client client("alice", presenting);
    std::cout << "answer: " << ask(client, server.local_port(), "who am i") << '\n'
              << "the server knows: " << sample::await(peer.get_future(), "the connection") << '\n';
    sample::require(client.stop_client(), "stop_client");
    sample::require(server.stop_server(), "stop_server");
}

void show() {
    const auto authority = sample::require(certificate_authority::create(), "create");
    const tls_identity identity = sample::require(authority.issue_server(), "issue_server");
    // [readme:tls_server]
    tls_config config;
    config.identity = identity;  // the files of the certificate and of its key
    secure_messaging_server server("server", config);
    // [/readme:tls_server]
    answer_in_capitals(server);
    sample::require(server.start_server(0), "start_server");
    show_verified(authority, server.local_port());
    show_refused(server.local_port());
    sample::require(server.reload_certificates(), "reload_certificates");
    sample::require(server.stop_server(), "stop_server");
    const auto counted = server.metrics().tls;
    std::cout << "handshakes: " << counted.handshakes << " completed, " << counted.peer_alerts
              << " refused by the client\n";
    show_mutual(authority, identity);
}

}  // namespace

int main() {
    return sample::run(show);
}

#else

int main() {
    std::cout << "this build of network_system has no TLS\n";
    return 0;
}

#endif

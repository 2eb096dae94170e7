// What errors of TLS say: what was expected, what came, and where to look.
#include "support/other_server.h"
#include "support/secure.h"
#include "tls/alerts.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <thread>

namespace secure {
namespace {

using namespace std::string_view_literals;

TEST(field_faults, a_missing_certificate_file_is_a_missing_file) {
    const auto good = authority().issue_local("words");
    const std::string missing = "No such file or directory";
    const auto start_with = [](const tls_identity& identity) {
        tls_config config;
        config.identity = identity;
        return secure_server(config).server.start_server(0);
    };
    for (const tls_identity& identity :
         {tls_identity{"/does/not/exist.pem", good.key, "", ""},
          tls_identity{good.certificate, "/does/not/exist.key", "", ""},
          tls_identity{good.certificate, good.key, "", "/does/not/exist.der"}}) {
        const auto started = start_with(identity);
        ASSERT_TRUE(fails_with(started, errc::certificate_load_failed));
        EXPECT_EQ(started.error().details, missing) << started.error().message;
    }
    tls_config client = for_client();
    client.ca_file = "/does/not/exist.pem";
    const auto started = secure_client(client).client.start_client("localhost", 1);
    ASSERT_TRUE(fails_with(started, errc::certificate_load_failed));
    EXPECT_EQ(started.error().details, missing);
}

TEST(field_faults, a_certificate_directory_is_no_file) {
    tls_config config;
    config.identity = {"/", "/", "", ""};
    const auto started = secure_server(config).server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::certificate_load_failed));
    EXPECT_EQ(started.error().message.find("system lib"), std::string::npos)
        << started.error().message;
    EXPECT_NE(started.error().details, "unknown error");
}

TEST(field_faults, a_server_that_speaks_no_tls_is_described) {
    const loopback::other_server cases[] = {
        {"http",
         "HTTP/1.1 400 Bad Request\r\n\r\n",
         false,
         errc::tls_handshake_failed,
         {"received 'HTTP/1.1 400 Bad Request...', which is HTTP; check the port"}},
        {"ssh", "SSH-2.0-OpenSSH_9.2\r\n", false, errc::tls_handshake_failed, {"which is SSH"}},
        {"hello of ours",
         "\x40\0\0\0\x0E\0\x01\x01\0\0\0\0\0\0\0\0\0\0\0"sv,
         false,
         errc::tls_handshake_failed,
         {"which is the hello of framing::message"}},
        {"nothing", "", true, errc::tls_handshake_failed, {"nothing was received; check the port"}},
    };
    for (const auto& each : cases) {
        loopback::expect_description_of(
            each, [](raw_peer& peer) { (void)peer.receive(16); },
            [](std::uint16_t port, std::chrono::milliseconds timeout) {
                client_options options;
                options.connect_timeout = timeout;
                secure_client client(for_client(), options);
                return client.client.start_client("localhost", port);
            });
    }
}

TEST(field_faults, a_silent_server_is_asked_about_tls) {
    const raw_listener silent;
    client_options options;
    options.connect_timeout = 150ms;
    secure_client client(for_client(), options);
    const auto started = client.client.start_client("localhost", silent.port());
    ASSERT_TRUE(fails_with(started, errc::connection_timeout));
    EXPECT_NE(started.error().message.find("TLS"), std::string::npos) << started.error().message;
    EXPECT_EQ(started.error().message.find("no hello"), std::string::npos)
        << started.error().message;
}

TEST(field_faults, a_failed_start_over_tls_has_nothing_to_drain) {
    // Raw, so that it says no hello after the handshake.
    server_options raw;
    raw.session.frames = framing::raw;
    secure_server server(for_server(), raw);
    server.on_connect = [](const session_ptr& made) {
        (void)made->send_packet("HTTP/1.1 400 Bad Request\r\n\r\n");
    };
    server.on_receive = [](const session_ptr&, std::span<const std::uint8_t>) {};
    client_options options;
    options.drain_timeout = std::chrono::milliseconds::max();
    options.connect_timeout = is_sanitized ? 10'000ms : 3'000ms;
    secure_client client(for_client(), options);
    const auto started = client.client.start_client("localhost", server.start());
    ASSERT_TRUE(fails_with(started, errc::protocol_error));
    EXPECT_NE(started.error().message.find("which is HTTP"), std::string::npos)
        << started.error().message;
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
}

TEST(field_faults, every_alert_has_a_name) {
    struct {
        int number;
        std::string_view name;
    } const registered[] = {
        {0, "close notify"},
        {10, "unexpected message"},
        {20, "bad record MAC"},
        {21, "decryption failed"},
        {22, "record overflow"},
        {30, "decompression failure"},
        {40, "handshake failure"},
        {41, "no certificate"},
        {42, "bad certificate"},
        {43, "unsupported certificate"},
        {44, "certificate revoked"},
        {45, "certificate expired"},
        {46, "certificate unknown"},
        {47, "illegal parameter"},
        {48, "unknown CA"},
        {49, "access denied"},
        {50, "decode error"},
        {51, "decrypt error"},
        {52, "too many CIDs requested"},
        {60, "export restriction"},
        {70, "protocol version"},
        {71, "insufficient security"},
        {80, "internal error"},
        {86, "inappropriate fallback"},
        {90, "user canceled"},
        {100, "no renegotiation"},
        {109, "missing extension"},
        {110, "unsupported extension"},
        {111, "certificate unobtainable"},
        {112, "unrecognized name"},
        {113, "bad certificate status response"},
        {114, "bad certificate hash value"},
        {115, "unknown PSK identity"},
        {116, "certificate required"},
        {117, "general error"},
        {120, "no application protocol"},
        {121, "ECH required"},
    };
    for (int number = 0; number < 256; ++number) {
        const auto* const known =
            std::find_if(std::begin(registered), std::end(registered),
                         [&](const auto& each) { return each.number == number; });
        EXPECT_EQ(network_system::transport::name_of_tls_alert(number),
                  known != std::end(registered) ? known->name : "not a registered alert"sv)
            << number;
    }
}

TEST(field_faults, a_client_without_the_certificate_that_is_wanted_is_told_so) {
    tls_config config = for_server();
    config.client_certificate_mode = client_certificates::required;
    config.ca_file = authority().ca_file();
    secure_server server(config);
    secure_client client(for_client());
    const auto started = client.client.start_client("localhost", server.start());
    ASSERT_TRUE(fails_with(started, errc::tls_handshake_failed));
    EXPECT_NE(started.error().message.find("alert 116 (certificate required)"), std::string::npos)
        << started.error().message;
}

}  // namespace
}  // namespace secure

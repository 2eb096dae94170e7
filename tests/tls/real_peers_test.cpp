// Peers that others have written: the openssl program, curl, and Python's ssl. Each test runs where
// its program is.
#include "support/programs.h"
#include "support/secure.h"

namespace secure {
namespace {

using integration::child_process;
using integration::finished;
using integration::run;

std::string version_flag(tls_version version) {
    return version == tls_version::tls_1_2 ? "-tls1_2" : "-tls1_3";
}

/// A server that speaks without frames, and echoes.
server_options unframed_server() {
    server_options options;
    options.session.frames = framing::raw;
    return options;
}
client_options unframed_client() {
    client_options options;
    options.session.frames = framing::raw;
    return options;
}

struct peer_case {
    tls_version version;
    client_certificates mode;
};

class real_peers_test : public testing::TestWithParam<peer_case> {
protected:
    [[nodiscard]] static tls_config server_config() {
        tls_config config = for_server();
        config.min_version = config.max_version = GetParam().version;
        config.client_certificate_mode = GetParam().mode;
        if (GetParam().mode != client_certificates::none) {
            config.ca_file = authority().ca_file();
        }
        return config;
    }
    [[nodiscard]] static test_authority::files client_files() {
        certificate_wishes wishes;
        wishes.common_name = "real-client";
        return authority().issue("real-client", wishes);
    }
    [[nodiscard]] static bool presents() { return GetParam().mode != client_certificates::none; }
};

TEST_P(real_peers_test, openssl_as_client) {
    NEEDS_PROGRAM(openssl, "openssl")
    secure_server server(server_config(), unframed_server());
    std::vector<std::string> arguments{"s_client",
                                       "-connect",
                                       "127.0.0.1:" + std::to_string(server.start()),
                                       "-servername",
                                       "localhost",
                                       "-verify_hostname",
                                       "localhost",
                                       "-verify_return_error",
                                       "-CAfile",
                                       authority().ca_file(),
                                       "-quiet",
                                       "-verify_quiet",
                                       "-no_ign_eof",
                                       version_flag(GetParam().version)};
    if (presents()) {
        const auto files = client_files();
        arguments.insert(arguments.end(), {"-cert", files.certificate, "-key", files.key,
                                           "-cert_chain", files.certificate});
    }
    const finished result = run(openssl, arguments, "hello from openssl");
    EXPECT_NE(result.output.find("hello from openssl"), std::string::npos) << result.output;
    EXPECT_EQ(server.server.metrics().tls.handshakes, 1U);
    // It says goodbye in order.
    ASSERT_TRUE(eventually([&] { return server.closed.size() == 1; }));
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST_P(real_peers_test, openssl_as_server) {
    NEEDS_PROGRAM(openssl, "openssl")
    const auto files = authority().issue_local("openssl-server");
    std::vector<std::string> arguments{"s_server",
                                       "-accept",
                                       "127.0.0.1:0",
                                       "-cert",
                                       files.certificate,
                                       "-cert_chain",
                                       files.certificate,
                                       "-key",
                                       files.key,
                                       "-rev",
                                       version_flag(GetParam().version)};
    if (presents()) {
        arguments.insert(arguments.end(),
                         {GetParam().mode == client_certificates::required ? "-Verify" : "-verify",
                          "3", "-CAfile", authority().ca_file(), "-verify_return_error"});
    }
    child_process openssl_server(openssl, arguments);
    std::uint16_t port = 0;
    while (const auto line = openssl_server.hear()) {
        if (line->starts_with("ACCEPT")) {
            port = static_cast<std::uint16_t>(std::stoul(line->substr(line->rfind(':') + 1)));
            break;
        }
    }
    ASSERT_NE(port, 0);
    tls_config config = for_client();
    if (presents()) {
        config.identity = identity_of(client_files());
    }
    secure_client client(config, unframed_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", port)));
    ASSERT_TRUE(is_ok(client.client.send_packet("hello\n")));
    std::string answer;
    ASSERT_TRUE(eventually([&] {
        answer.clear();
        for (const bytes& each : client.received.all()) {
            answer += text_of(each);
        }
        return answer.size() >= 6;
    }));
    EXPECT_EQ(answer, "olleh\n");
    EXPECT_TRUE(is_ok(client.client.stop_client()));
}

TEST_P(real_peers_test, python_as_client) {
    NEEDS_PROGRAM(python, "python3")
    secure_server server(server_config(), unframed_server());
    const auto files = client_files();
    const std::string program = R"(
import socket, ssl, sys
port, ca, certificate, key = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)
data = bytes(range(256)) * 1000
with socket.create_connection(("127.0.0.1", port)) as tcp:
    with context.wrap_socket(tcp, server_hostname="localhost") as tls:
        print(tls.version())
        tls.sendall(data)
        got = b""
        while len(got) < len(data):
            got += tls.recv(65536)
        print(got == data)
        tls.unwrap()
)";
    const finished result = run(python, {"-c", program, std::to_string(server.start()),
                                         authority().ca_file(), files.certificate, files.key});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.output,
              GetParam().version == tls_version::tls_1_2 ? "TLSv1.2\nTrue\n" : "TLSv1.3\nTrue\n");
    ASSERT_TRUE(eventually([&] { return server.closed.size() == 1; }));
    EXPECT_EQ(server.errors.size(), 0U);
}

std::string peer_name(const testing::TestParamInfo<peer_case>& each) {
    const std::string version =
        each.param.version == tls_version::tls_1_2 ? "tls_1_2_" : "tls_1_3_";
    switch (each.param.mode) {
        case client_certificates::none: return version + "none";
        case client_certificates::optional: return version + "optional";
        case client_certificates::required: break;
    }
    return version + "required";
}

INSTANTIATE_TEST_SUITE_P(
    all, real_peers_test,
    testing::Values(peer_case{tls_version::tls_1_2, client_certificates::none},
                    peer_case{tls_version::tls_1_3, client_certificates::none},
                    peer_case{tls_version::tls_1_2, client_certificates::optional},
                    peer_case{tls_version::tls_1_3, client_certificates::optional},
                    peer_case{tls_version::tls_1_2, client_certificates::required},
                    peer_case{tls_version::tls_1_3, client_certificates::required}),
    peer_name);

TEST(real_peers_and_the_chain, curl_verifies_it) {
    NEEDS_PROGRAM(curl, "curl")
    secure_server server(for_server(), unframed_server());
    server.on_receive = [](const session_ptr& session, std::span<const std::uint8_t>) {
        (void)session->send_packet("HTTP/1.0 200 OK\r\n\r\nover tls\n");
        (void)session->stop_session();
    };
    const std::string url = "https://localhost:" + std::to_string(server.start()) + "/";
    const finished result =
        run(curl, {"--silent", "--noproxy", "*", "--cacert", authority().ca_file(), url});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.output, "over tls\n");
    // Without the root it does not.
    EXPECT_EQ(run(curl, {"--silent", "--noproxy", "*", url}).status, 60);
}

TEST(real_peers_and_the_end, a_truncated_stream_is_told_from_a_clean_end) {
    NEEDS_PROGRAM(python, "python3")
    secure_server server(for_server(), unframed_server());
    const std::uint16_t port = server.start();
    const std::string program = R"(
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
tcp = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
tls = context.wrap_socket(tcp, server_hostname="localhost")
tls.sendall(b"x")
tls.recv(1)
if sys.argv[3] == "in order":
    tls.unwrap().close()
else:
    tls.shutdown(socket.SHUT_WR)  # of the socket alone: no close_notify
    tcp.close()
)";
    for (const char* how : {"in order", "cut off"}) {
        EXPECT_EQ(
            run(python, {"-c", program, std::to_string(port), authority().ca_file(), how}).status,
            0);
    }
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::connection_truncated);
    ASSERT_TRUE(eventually([&] { return server.closed.size() == 2; }));
    EXPECT_EQ(server.errors.size(), 1U);
    EXPECT_EQ(server.server.metrics().tls.truncations, 1U);
}

}  // namespace
}  // namespace secure

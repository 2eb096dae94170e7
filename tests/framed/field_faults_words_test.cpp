// What errors say: what was expected, what came, and the option to look at.
#include "support/other_server.h"

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace loopback {
namespace {

using namespace std::string_view_literals;

[[nodiscard]] bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

const std::vector<other_server>& other_servers() {
    static const std::vector<other_server> all{
        {"silent",
         "",
         false,
         errc::connection_timeout,
         {"no hello", "nothing was received", "connect_timeout", "session.frames", "TLS"}},
        {"closing",
         "",
         true,
         errc::connection_closed,
         {"before the hello", "nothing was received", "session.frames"}},
        {"http",
         "HTTP/1.1 400 Bad Request\r\n\r\n",
         false,
         errc::protocol_error,
         {"received 'HTTP/1.1 400 Bad Request...', which is HTTP", "session.frames"}},
        {"http_that_closes",
         "HTTP/1.1 400 Bad Request\r\n\r\n",
         true,
         errc::protocol_error,
         {"which is HTTP"}},
        {"tls",
         "\x15\x03\x01\0\x02\x02\x28"sv,
         false,
         errc::protocol_error,
         {"received '\\x15\\x03\\x01", "which is TLS", "expects TLS"}},
        {"length_prefixed",
         "\0\0\0\x05hello"sv,
         false,
         errc::connection_timeout,
         {"no hello", "received '\\x00\\x00\\x00\\x05hello'", "session.frames"}},
        {"length_prefixed_that_closes",
         "\0\0\0\x05hello"sv,
         true,
         errc::connection_truncated,
         {"before the hello", "received '\\x00\\x00\\x00\\x05hello'"}},
        {"ssh", "SSH-2.0-OpenSSH_9.2\r\n", false, errc::protocol_error, {"which is SSH"}},
    };
    return all;
}

class other_server_test : public testing::TestWithParam<other_server> {};

INSTANTIATE_TEST_SUITE_P(field_faults, other_server_test, testing::ValuesIn(other_servers()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(other_server_test, a_peer_that_says_no_hello_is_described) {
    expect_description_of(
        GetParam(), [](raw_peer&) {},
        [](std::uint16_t port, std::chrono::milliseconds timeout) {
            client_options options;
            options.connect_timeout = timeout;
            return test_client(options).connect(port);
        });
}

TEST(field_faults, a_start_that_has_failed_has_nothing_to_drain) {
    for (const bool is_waiting : {true, false}) {
        const raw_listener listener;
        client_options options;
        options.drain_timeout = std::chrono::milliseconds::max();
        options.connect_timeout = 3'000ms;
        test_client client(options);
        raw_peer stays;  // whatever the client does
        std::thread speaking([&] {
            stays = listener.accept();
            (void)stays.send(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
        });
        if (is_waiting) {
            EXPECT_TRUE(fails_with(client.connect(listener.port()), errc::protocol_error));
        } else {
            collector<VoidResult> answers;
            ASSERT_TRUE(is_ok(
                client.client.start_client("127.0.0.1", listener.port(), [&](VoidResult answer) {
                    answers.add(std::move(answer));
                })));
            EXPECT_TRUE(answers.wait_for(1));
            EXPECT_TRUE(answers.size() == 1 && fails_with(answers.at(0), errc::protocol_error));
        }
        speaking.join();
        if (HasFailure()) {
            return;  // the client is still draining
        }
        EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
        EXPECT_EQ(client.client.metrics().connect_failures, 1U);
    }
}

/// Somebody else at the port of a server of ours.
TEST(field_faults, a_client_of_something_else_is_described) {
    struct {
        std::string_view says;
        std::string_view words;
    } const cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "received 'GET / HTTP/1.1\\x0d\\x0aHost: a"},
        {"\x16\x03\x01\x02\0\x01\0"sv, "which is TLS"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "which is SSH"},
    };
    test_server server;
    const auto port = server.start();
    for (const auto& each : cases) {
        SCOPED_TRACE(each.words);
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(peer.receive_frame_of(type_hello));
        ASSERT_TRUE(peer.send(bytes_of(each.says)));
        const auto error = peer.receive_frame_of(type_error);
        ASSERT_TRUE(error);
        const std::string text(error->payload.begin() + 4, error->payload.end());
        EXPECT_NE(text.find(each.words), std::string::npos) << text;
    }
}

TEST(field_faults, a_request_without_a_response_says_so) {
    std::vector<network_system::session::responder> kept;  // until the server's thread has ended
    test_server server;
    ASSERT_TRUE(is_ok(server.server.set_request_callback(
        [&](const session_ptr&, std::span<const std::uint8_t>,
            network_system::session::responder answers) { kept.push_back(std::move(answers)); })));
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    const auto answer = client.client.request("anybody there?", 50ms);
    ASSERT_TRUE(fails_with(answer, errc::connection_timeout));
    EXPECT_NE(answer.error().message.find("no response within 50 ms"), std::string::npos)
        << answer.error().message;
    EXPECT_EQ(answer.error().message.find("connection timed out"), std::string::npos)
        << answer.error().message;
}

}  // namespace
}  // namespace loopback

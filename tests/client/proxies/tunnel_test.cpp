// Clients on their way through a proxy that does what a test wants.
#include "client/proxies/scripted_proxy.h"
#include "support/heard_log.h"

#include <asio/io_context.hpp>

#include <cstdlib>
#include <optional>
#include <vector>

namespace loopback {
namespace {

using network_system::session::next_operation_id;
using network_system::testing::heard_lines;

INSTANTIATE_TEST_SUITE_P(method, tunnel_test, both_methods(), method_of);

/// What a server of messages says first, and a message right behind it.
bytes words_of_the_target() {
    return joined(hello_frame(), frame_of(type_data, bytes_of("at once")));
}

TEST_P(tunnel_test, http_leaves_what_is_behind_the_answer) {
    const bytes stream = joined(bytes_of(consent), words_of_the_target());
    for (std::size_t cut = 0; cut <= stream.size(); cut += cut < consent.size() + 8 ? 1 : 5) {
        started_.clear();
        test_client client(through_proxy());
        start(client);
        raw_peer proxy = listener_.accept();
        proxy.set(IPPROTO_TCP, TCP_NODELAY, 1);
        EXPECT_EQ(receive_head(proxy),
                  "CONNECT target.example:443 HTTP/1.1\r\nHost: target.example:443\r\n\r\n");
        ASSERT_TRUE(proxy.send(std::span(stream).first(cut)));
        std::this_thread::yield();
        ASSERT_TRUE(proxy.send(std::span(stream).subspan(cut)));
        ASSERT_TRUE(started_.wait_for(1));
        ASSERT_TRUE(is_ok(started_.at(0))) << "cut at " << cut;
        ASSERT_TRUE(client.received.wait_for(1));
        EXPECT_EQ(client.received.at(0), bytes_of("at once"));
        EXPECT_EQ(client.client.remote_endpoint().port(), listener_.port());
        ASSERT_TRUE(is_ok(client.client.send_packet("back")));
        const auto sent = proxy.receive_frame_of(type_data);
        ASSERT_TRUE(sent);
        EXPECT_EQ(sent->payload, bytes_of("back"));
    }
}

TEST_P(tunnel_test, socks_leaves_what_is_behind_the_answer) {
    for (const bytes& bound :
         {bytes{5, 0, 0, 1, 127, 0, 0, 1, 0, 80}, bytes{5, 0, 0, 3, 2, 'a', 'b', 0, 80}}) {
        started_.clear();
        proxy_options options = proxy_at(listener_.port(), proxy_kind::socks5h);
        options.user = "me";
        options.password = "secret";
        test_client client(through(options));
        start(client);
        raw_peer proxy = listener_.accept();
        EXPECT_EQ(proxy.receive(4), (bytes{5, 2, 0, 2}));
        ASSERT_TRUE(proxy.send(bytes{5, 2}));
        EXPECT_EQ(proxy.receive(11), joined({1, 2, 'm', 'e', 6}, bytes_of("secret")));
        ASSERT_TRUE(proxy.send(bytes{1, 0}));
        EXPECT_EQ(proxy.receive(21),
                  joined(joined({5, 1, 0, 3, 14}, bytes_of("target.example")), {1, 187}));
        ASSERT_TRUE(proxy.send(joined(bound, words_of_the_target())));
        ASSERT_TRUE(started_.wait_for(1));
        ASSERT_TRUE(is_ok(started_.at(0)));
        ASSERT_TRUE(client.received.wait_for(1));
        EXPECT_EQ(client.received.at(0), bytes_of("at once"));
    }
}

TEST_P(tunnel_test, sends_what_it_is_told) {
    proxy_options options = proxy_at(listener_.port());
    options.user = "me";
    options.password = "secret";
    options.headers = {{"X-Team", "7"}};
    test_client client(through(options));
    start(client, "2001:db8::1", 80);
    raw_peer proxy = listener_.accept();
    EXPECT_EQ(receive_head(proxy), "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n"
                                   "Proxy-Authorization: Basic bWU6c2VjcmV0\r\nX-Team: 7\r\n\r\n");
}

TEST_P(tunnel_test, says_what_the_proxy_refuses) {
    struct row {
        proxy_kind kind;
        bytes answer;
        errc code;
        std::string_view text;
    };
    const std::string way = "cannot connect to target.example:443 through the proxy 127.0.0.1:" +
                            std::to_string(listener_.port()) + ": ";
    using enum proxy_kind;
    for (const row& each :
         {row{http_connect, bytes_of("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=a\r\n\r\n"),
              errc::handshake_rejected,
              "407 Proxy Authentication Required (no user was given; the proxy asks for Basic)"},
          row{http_connect, bytes_of("HTTP/1.1 503 x\r\nContent-Length: 4\r\n\r\nbody"),
              errc::connection_failed, "503 Service Unavailable"},
          row{http_connect, joined(bytes_of("HTTP/1.1 200 x\r\nA: "), bytes(20'000, 'a')),
              errc::protocol_error, "the proxy's answer is malformed: header fields too large"},
          row{http_connect, bytes_of("SSH-2.0-OpenSSH_9.2p1\r\n\r\n"), errc::protocol_error,
              "the proxy does not speak HTTP/1.1"},
          row{socks5h,
              {5, 0, 5, 5},
              errc::connection_refused,
              "the proxy says: connection refused (reply 5)"},
          row{socks5h,
              {5, 0xFF},
              errc::handshake_rejected,
              "the proxy asks for authentication, and no user was given"}}) {
        started_.clear();
        test_client client(through_proxy(each.kind));
        start(client);
        raw_peer proxy = listener_.accept();
        (void)proxy.send(each.answer);
        EXPECT_TRUE(has_failed(each.code, {way, each.text}));
        EXPECT_NE(proxy.drain(), stream_end::none);
        EXPECT_EQ(client.connected.count(), 0U);
        EXPECT_EQ(client.client.metrics().connect_failures, 1U);
    }
}

TEST_P(tunnel_test, says_how_the_proxy_ends) {
    for (const std::size_t sent : {std::size_t{0}, std::size_t{20}, consent.size() - 1}) {
        started_.clear();
        test_client client(through_proxy());
        start(client);
        raw_peer proxy = listener_.accept();
        (void)receive_head(proxy);
        ASSERT_TRUE(proxy.send(bytes_of(consent.substr(0, sent))));
        proxy.half_close();
        EXPECT_TRUE(has_failed(errc::connection_truncated,
                               {sent == 0 ? "the proxy has closed the connection without an answer"
                                          : "the proxy has closed the connection within its"}));
    }
    started_.clear();
    test_client client(through_proxy());
    start(client);
    raw_peer proxy = listener_.accept();
    (void)receive_head(proxy);
    proxy.reset();
    EXPECT_TRUE(has_failed(errc::connection_closed, {"the connection to the proxy is lost: "}));
}

TEST_P(tunnel_test, ends_with_the_time_for_connecting) {
    for (const std::string& sent : {std::string(), std::string("HTTP/1.1 200 OK\r\n")}) {
        started_.clear();
        client_options options = through_proxy();
        options.connect_timeout = 50ms;
        test_client client(options);
        start(client);
        raw_peer proxy = listener_.accept();
        (void)receive_head(proxy);
        (void)proxy.send(bytes_of(sent));
        EXPECT_TRUE(has_failed(errc::connection_timeout, {"answer of the proxy's"}));
        EXPECT_NE(proxy.drain(), stream_end::none);
    }
}

TEST_P(tunnel_test, is_not_there_when_the_proxy_is_not) {
    const refusing_port nobody;
    test_client client(through(proxy_at(nobody.number())));
    start(client);
    EXPECT_TRUE(
        has_failed(errc::connection_refused, {"target.example:443 through the proxy 127.0.0.1:",
                                              "the proxy cannot be reached: Connection refused"}));
}

TEST_P(tunnel_test, can_be_cancelled) {
    test_client client(through_proxy());
    const auto operation = next_operation_id();
    ASSERT_TRUE(is_ok(client.client.start_client(
        "target.example", 443, [&](VoidResult result) { started_.add(std::move(result)); },
        operation)));
    raw_peer proxy = listener_.accept();
    (void)receive_head(proxy);
    EXPECT_TRUE(client.client.cancel(operation));
    EXPECT_TRUE(has_failed(errc::cancelled, {}));
    EXPECT_NE(proxy.drain(), stream_end::none);
    // And started again.
    started_.clear();
    start(client);
    raw_peer again = listener_.accept();
    (void)receive_head(again);
    ASSERT_TRUE(again.send(joined(bytes_of(consent), hello_frame())));
    ASSERT_TRUE(started_.wait_for(1));
    EXPECT_TRUE(is_ok(started_.at(0)));
}

TEST_P(tunnel_test, ends_with_a_stop) {
    for (const bool is_destroyed : {false, true}) {
        started_.clear();
        std::optional<test_client> client(std::in_place, through_proxy());
        start(*client);
        raw_peer proxy = listener_.accept();
        (void)receive_head(proxy);
        if (is_destroyed) {
            client.reset();
        } else {
            client->client.stop_client();
            EXPECT_TRUE(has_failed(errc::connection_closed, {}));
        }
        EXPECT_NE(proxy.drain(), stream_end::none);
    }
}

TEST_P(tunnel_test, ends_with_its_io_context) {
    std::optional<asio::io_context> context(std::in_place);
    client_options options = through_proxy();
    options.io_context = &*context;
    test_client client(options);
    start(client);
    raw_peer proxy;
    std::thread listening([&] {
        proxy = listener_.accept();
        (void)receive_head(proxy);
        context->stop();
    });
    context->run();
    listening.join();
    context.reset();
    EXPECT_NE(proxy.drain(), stream_end::none);
}

TEST_P(tunnel_test, needs_a_target_that_a_proxy_reaches) {
    test_client client(through_proxy());
    const auto refused = client.client.start_client("unix:/run/app", 0);
    ASSERT_TRUE(fails_with(refused, errc::invalid_argument));
    EXPECT_NE(refused.error().message.find("proxy: a Unix domain socket"), std::string::npos);
    client_options wrong = for_client();
    wrong.proxy.port = 3128;
    test_client other(wrong);
    EXPECT_TRUE(fails_with(other.client.start_client("target", 1), errc::invalid_argument));
}

TEST_P(tunnel_test, asks_the_environment_only_when_told) {
    const std::string url = "http://u:p@127.0.0.1:" + std::to_string(listener_.port());
    ASSERT_EQ(::setenv("ALL_PROXY", url.c_str(), 1), 0);  // NOLINT(concurrency-mt-unsafe)
    test_server server(for_server());
    const auto port = server.start();
    test_client direct(for_client());
    EXPECT_TRUE(is_ok(direct.connect(port)));

    proxy_options of_environment;
    of_environment.kind = proxy_kind::from_environment;
    test_client proxied(through(of_environment));
    start(proxied, "127.0.0.1", port);
    raw_peer proxy = listener_.accept();
    EXPECT_NE(receive_head(proxy).find("Proxy-Authorization: Basic dTpw\r\n"), std::string::npos);
    proxied.client.stop_client();

    ASSERT_EQ(::setenv("NO_PROXY", "127.0.0.0/8", 1), 0);  // NOLINT(concurrency-mt-unsafe)
    test_client excepted(through(of_environment));
    EXPECT_TRUE(is_ok(excepted.connect(port)));
    ASSERT_EQ(::setenv("ALL_PROXY", "http://u:p@x:y", 1), 0);  // NOLINT(concurrency-mt-unsafe)
    ASSERT_EQ(::unsetenv("NO_PROXY"), 0);                      // NOLINT(concurrency-mt-unsafe)
    test_client wrong(through(of_environment));
    const auto refused = wrong.connect(port);
    EXPECT_TRUE(fails_with(refused, errc::invalid_argument));
    EXPECT_NE(refused.error().message.find("ALL_PROXY"), std::string::npos);
    ASSERT_EQ(::unsetenv("ALL_PROXY"), 0);  // NOLINT(concurrency-mt-unsafe)
}

/// Where a secret could be seen: what is logged, and what a start answers.
TEST_P(tunnel_test, keeps_secrets) {
    const heard_lines heard;
    const auto log = std::make_shared<network_system::log_output>(heard.sink(),
                                                                  network_system::log_level::trace);
    std::vector<std::string> texts;
    // A proxy may repeat what it was sent: in plain text, or as it came.
    for (const std::string echoed : {"topsecret", "bXktdXNlcjp0b3BzZWNyZXQ="}) {
        for (const std::string& answer :
             {"HTTP/1.1 407 " + echoed + "\r\nProxy-Authenticate: " + echoed + " " + echoed +
                  "\r\nVia: " + echoed + "\r\n\r\n",
              "HTTP/1.1 403 " + echoed + "\r\n\r\n", echoed + "\r\n\r\n",
              "HTTP/1.1 200 " + echoed + "\n\n"}) {
            started_.clear();
            proxy_options proxy = proxy_at(listener_.port());
            proxy.user = "my-user";
            proxy.password = "topsecret";
            proxy.headers = {{"X-Token", "topsecret"}};
            client_options options = through(proxy);
            options.log = log;
            test_client client(options);
            start(client);
            raw_peer played = listener_.accept();
            EXPECT_NE(receive_head(played).find("bXktdXNlcjp0b3BzZWNyZXQ="), std::string::npos);
            ASSERT_TRUE(played.send(bytes_of(answer)));
            played.half_close();
            ASSERT_TRUE(started_.wait_for(1));
            ASSERT_TRUE(started_.at(0).is_err());
            texts.push_back(started_.at(0).error().message + started_.at(0).error().details);
        }
    }
    for (const auto& each : heard.lines()) {
        texts.push_back(each.text);
    }
    EXPECT_GT(texts.size(), 20U);
    for (const std::string& each : texts) {
        for (const char* const secret : {"topsecret", "my-user", "bXktdXNlcjp0b3BzZWNyZXQ"}) {
            EXPECT_EQ(each.find(secret), std::string::npos) << each;
        }
    }
}

}  // namespace
}  // namespace loopback

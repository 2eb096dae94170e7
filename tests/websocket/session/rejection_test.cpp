// What a client keeps of an answer that refuses, and how long it waits for the rest.
#include "websocket/session/fixture.h"

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class websocket_rejection : public websocket_fixture {
protected:
    void refuse(std::string_view response) {
        make_parts();
        setup.handshake_deadline = loop.now() + milliseconds{5000};
        start(connection_role::client);
        (void)script->take_written();
        feed(text_bytes(response));
    }
    /// The session is over, with this body.
    void expect_rejection(std::string_view body, bool is_truncated, std::string_view text) {
        loop.advance(milliseconds{5});  // nothing is drained
        expect_closed(errc::handshake_rejected);
        EXPECT_EQ(host->opened, 0);
        ASSERT_NE(socket->rejection(), nullptr);
        EXPECT_EQ(socket->rejection()->status, 403U);
        EXPECT_EQ(socket->rejection()->body, body);
        EXPECT_EQ(socket->rejection()->is_body_truncated, is_truncated);
        EXPECT_EQ(connection->failure_text(), text);
    }
};

constexpr std::string_view sized = "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\n";
constexpr std::string_view unsized = "HTTP/1.1 403 Forbidden\r\n\r\n";

TEST_F(websocket_rejection, has_its_body_in_any_pieces) {
    for (std::size_t limit = 1; limit < 60; limit += 3) {
        make_parts();
        script->read_limit = limit;
        start(connection_role::client);
        feed(text_bytes(std::string(sized) + "not at all, and more"));
        feed_end();
        expect_rejection("not at all", false, "HTTP 403 Forbidden: not at all");
    }
}

TEST_F(websocket_rejection, waits_for_the_end_of_a_body_that_has_no_other) {
    refuse(std::string(unsized) + "not");
    EXPECT_EQ(host->gone, 0);
    feed(text_bytes(" at all"));
    EXPECT_EQ(host->gone, 0);
    feed_end();
    expect_rejection("not at all", false, "HTTP 403 Forbidden: not at all");
}

TEST_F(websocket_rejection, waits_for_a_second_and_no_longer) {
    refuse(std::string(sized) + "not");
    loop.advance(milliseconds{999});
    EXPECT_EQ(host->gone, 0);
    EXPECT_EQ(socket->rejection(), nullptr);
    loop.advance(milliseconds{2});
    expect_rejection("not", true, "HTTP 403 Forbidden: not");
}

TEST_F(websocket_rejection, waits_no_longer_for_a_body_that_trickles) {
    refuse(unsized);
    for (int i = 0; i < 9; ++i) {
        loop.advance(milliseconds{100});
        feed(text_bytes("x"));
    }
    EXPECT_EQ(host->gone, 0);
    loop.advance(milliseconds{101});
    expect_rejection("xxxxxxxxx", true, "HTTP 403 Forbidden: xxxxxxxxx");
}

TEST_F(websocket_rejection, is_no_later_than_the_deadline_of_the_handshake) {
    make_parts();
    setup.handshake_deadline = loop.now() + milliseconds{300};
    start(connection_role::client);
    feed(text_bytes(sized));
    loop.advance(milliseconds{299});
    EXPECT_EQ(host->gone, 0);
    loop.advance(milliseconds{2});
    expect_rejection("", true, "HTTP 403 Forbidden");
}

TEST_F(websocket_rejection, keeps_no_more_than_16_kib) {
    refuse(unsized);
    for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(host->gone, 0);
        feed(byte_string(1024, 'x'));
    }
    EXPECT_EQ(host->gone, 0) << "it may end here";
    feed(text_bytes("y"));
    expect_rejection(std::string(std::size_t{16} * 1024, 'x'), true,
                     "HTTP 403 Forbidden: " + std::string(200, 'x') + "...");
}

TEST_F(websocket_rejection, is_what_counts_when_the_connection_breaks) {
    refuse(std::string(sized) + "not");
    script->failure = std::make_error_code(std::errc::connection_reset);
    feed(text_bytes(" at"));
    expect_rejection("not at", true, "HTTP 403 Forbidden: not at");
}

TEST_F(websocket_rejection, does_not_wait_when_it_is_stopped) {
    refuse(std::string(sized) + "not");
    loop.in_batch([this] { connection->begin_close({}); });
    feed_end();
    expect_closed({});
    ASSERT_NE(socket->rejection(), nullptr) << "the server has refused all the same";
    EXPECT_TRUE(socket->rejection()->is_body_truncated);
}

TEST_F(websocket_rejection, is_malformed_and_still_known) {
    refuse("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    expect_rejection("", true, "HTTP 403 Forbidden");
}

TEST_F(websocket_rejection, says_which_redirects_are_not_followed) {
    const auto text_of = [&](std::string_view fields, unsigned most, unsigned followed) {
        make_parts();
        settings.at = {true, "a.example", 443, "/x"};
        settings.redirects = {most, followed};
        start(connection_role::client);
        feed(text_bytes("HTTP/1.1 302 Found\r\n" + std::string(fields) +
                        "Content-Length: 0\r\n\r\n"));
        feed_end();
        expect_closed(errc::handshake_rejected);
        return connection->failure_text();
    };
    EXPECT_EQ(text_of("Location: /b\r\n", 0, 0),
              "HTTP 302 Found, Location: /b; redirects are not followed");
    EXPECT_EQ(text_of("Location: http://b/\r\n", 5, 0),
              "HTTP 302 Found, Location: http://b/; redirects from wss to ws are not followed");
    EXPECT_EQ(text_of("Location: /b\r\n", 2, 2),
              "HTTP 302 Found, Location: /b; no more than 2 are followed (max_redirects)");
    EXPECT_EQ(text_of("", 2, 0), "HTTP 302 Found");
    EXPECT_EQ(text_of("Location: /b\r\n", 2, 1), "HTTP 302 Found, Location: /b");
}

TEST_F(websocket_rejection, of_a_redirect_that_is_followed_does_not_wait) {
    make_parts();
    settings.at = {false, "a.example", 80, "/x"};
    settings.redirects = {1, 0};
    start(connection_role::client);
    feed(text_bytes("HTTP/1.1 307 Go\r\nLocation: https://b/y\r\nContent-Length: 9\r\n\r\n"));
    loop.advance(milliseconds{5});
    expect_closed(errc::handshake_rejected);
}

}  // namespace
}  // namespace network_system::session

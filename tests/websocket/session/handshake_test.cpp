// The opening handshake of a WebSocket session (RFC 6455 section 4), on both sides.
#include "websocket/session/fixture.h"

#include <stdexcept>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class websocket_handshake : public websocket_fixture {
protected:
    /// What the server said, when it ends with that.
    std::string refusal_of(std::string_view request) {
        make_parts();
        start(connection_role::server);
        feed(text_bytes(request));
        EXPECT_TRUE(script->was_shut_down);
        EXPECT_EQ(host->opened, 0);
        return to_text(script->take_written());
    }
    static bool begins_with(const std::string& text, std::string_view begin) {
        return text.compare(0, begin.size(), begin) == 0;
    }
};

TEST_F(websocket_handshake, a_server_accepts) {
    open_server();
    EXPECT_TRUE(begins_with(answer, "HTTP/1.1 101 "));
    EXPECT_NE(answer.find(sample_accept), std::string::npos);
    EXPECT_EQ(answer.find("Sec-WebSocket-Protocol"), std::string::npos);
    EXPECT_EQ(socket->request().path(), "/chat");
    EXPECT_EQ(socket->request().query(), "room=1");
    EXPECT_EQ(socket->request().origin(), "http://example.com");
    EXPECT_EQ(socket->subprotocol(), "");
}

TEST_F(websocket_handshake, a_server_hears_of_it_in_any_pieces) {
    for (std::size_t limit = 1; limit < upgrade_request.size(); limit += 13) {
        make_parts();
        script->read_limit = limit;
        start(connection_role::server);
        feed(concat({text_bytes(upgrade_request), ws_frame(text_frame, "early")}));
        ASSERT_EQ(host->opened, 1) << limit;
        ASSERT_EQ(host->messages, std::vector<byte_string>{text_bytes("early")}) << limit;
    }
}

TEST_F(websocket_handshake, a_client_takes_the_answer_in_any_pieces) {
    for (std::size_t limit = 1; limit < 200; limit += 13) {
        make_parts();
        script->read_limit = limit;
        start(connection_role::client);
        const std::string request = to_text(script->take_written());
        ASSERT_TRUE(begins_with(request, "GET / HTTP/1.1\r\n"));
        feed(concat({text_bytes(accept_response(request)), frame(text_frame, "early")}));
        ASSERT_EQ(host->opened, 1) << limit;
        ASSERT_EQ(host->messages, std::vector<byte_string>{text_bytes("early")}) << limit;
    }
}

TEST_F(websocket_handshake, the_host_chooses_the_subprotocol_and_adds_fields) {
    host->when_handshake = [](const session_ptr&, const ws_request& request,
                              ws_handshake_answer& reply) {
        EXPECT_EQ(request.subprotocols(), (std::vector<std::string_view>{"chat", "superchat"}));
        reply.accept("superchat", {{"Set-Cookie", "a=b"}});
    };
    open_server();
    EXPECT_NE(answer.find("Sec-WebSocket-Protocol: superchat\r\n"), std::string::npos);
    EXPECT_NE(answer.find("Set-Cookie: a=b\r\n"), std::string::npos);
    EXPECT_EQ(socket->subprotocol(), "superchat");
}

TEST_F(websocket_handshake, the_host_rejects) {
    make_parts();
    host->when_handshake = [](const session_ptr& who, const ws_request&,
                              ws_handshake_answer& reply) {
        EXPECT_TRUE(who->send_packet({1}).is_err()) << "nothing before the handshake is over";
        reply.reject({401, {{"WWW-Authenticate", "Basic"}}, "who are you?"});
    };
    start(connection_role::server);
    feed(text_bytes(upgrade_request));
    const std::string said = to_text(script->take_written());
    EXPECT_TRUE(begins_with(said, "HTTP/1.1 401 Unauthorized\r\n"));
    EXPECT_NE(said.find("WWW-Authenticate: Basic\r\n"), std::string::npos);
    EXPECT_NE(said.find("\r\n\r\nwho are you?"), std::string::npos);
    feed_end();
    expect_closed(errc::handshake_rejected);
    EXPECT_EQ(connection->failure_text(), "answered HTTP 401");
}

TEST_F(websocket_handshake, what_cannot_be_said_is_500) {
    host->when_handshake = [](const session_ptr&, const ws_request&, ws_handshake_answer& reply) {
        reply.accept("nobody offered this");
    };
    start(connection_role::server);
    feed(text_bytes(upgrade_request));
    EXPECT_TRUE(begins_with(to_text(script->take_written()), "HTTP/1.1 500 "));
}

TEST_F(websocket_handshake, a_host_that_throws_is_500) {
    host->when_handshake = [](const session_ptr&, const ws_request&, ws_handshake_answer&) {
        throw std::runtime_error("no");
    };
    start(connection_role::server);
    feed(text_bytes(upgrade_request));
    EXPECT_TRUE(begins_with(to_text(script->take_written()), "HTTP/1.1 500 "));
    feed_end();
    expect_closed(errc::internal_error);
    EXPECT_EQ(host->exceptions.size(), 1U);
}

TEST_F(websocket_handshake, bad_requests_are_refused_with_the_status_that_fits) {
    const auto request = [](std::string_view first_line, std::string_view fields) {
        return std::string(first_line) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
    };
    constexpr std::string_view upgrade =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n";
    EXPECT_TRUE(begins_with(refusal_of("nonsense\r\n\r\n"), "HTTP/1.1 400 "));
    EXPECT_TRUE(begins_with(refusal_of(request("GET /", "")), "HTTP/1.1 426 "));
    const std::string old =
        refusal_of(request("GET /", std::string(upgrade) + "Sec-WebSocket-Version: 8\r\n"));
    EXPECT_TRUE(begins_with(old, "HTTP/1.1 426 "));
    EXPECT_NE(old.find("Sec-WebSocket-Version: 13\r\n"), std::string::npos);
    EXPECT_TRUE(begins_with(
        refusal_of(request("GET /", "Long: " + std::string(settings.limits.max_head_bytes, 'x'))),
        "HTTP/1.1 431 "));
    feed_end();
    expect_closed(errc::handshake_rejected);
}

TEST_F(websocket_handshake, other_requests_are_answered_by_the_host) {
    const auto page = [](const ws_request& request, http_response& response) {
        EXPECT_EQ(response.status, 426U);
        if (request.path() == "/health") {
            response = {200, {}, "fine"};
        }
    };
    for (const bool is_head : {false, true}) {
        make_parts();
        host->when_http_request = page;
        start(connection_role::server);
        feed(text_bytes(is_head ? "HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n"
                                : "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"));
        const std::string said = to_text(script->take_written());
        EXPECT_TRUE(begins_with(said, "HTTP/1.1 200 OK\r\n"));
        EXPECT_NE(said.find("Content-Length: 4\r\n"), std::string::npos);
        EXPECT_NE(said.find("Connection: close\r\n"), std::string::npos);
        EXPECT_EQ(said.substr(said.find("\r\n\r\n") + 4), is_head ? "" : "fine");
        EXPECT_TRUE(script->was_shut_down);
        feed_end();
        expect_closed({});
        EXPECT_EQ(host->opened, 0);
    }
}

TEST_F(websocket_handshake, a_server_that_stops_says_503) {
    start(connection_role::server);
    feed(text_bytes("GET / HTTP/1.1\r\n"));
    loop.in_batch([this] { connection->begin_close({}); });
    EXPECT_TRUE(begins_with(to_text(script->take_written()), "HTTP/1.1 503 "));
    EXPECT_TRUE(script->was_shut_down);
    feed_end();
    expect_closed({});
}

TEST_F(websocket_handshake, has_a_deadline_on_both_sides) {
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        make_parts();
        setup.handshake_deadline = loop.now() + milliseconds{500};
        start(role);
        feed(text_bytes(role == connection_role::server ? "GET / HT" : "HTTP/1.1 1"));
        loop.advance(milliseconds{499});
        EXPECT_EQ(host->gone, 0);
        (void)script->take_written();
        loop.advance(milliseconds{2});
        if (role == connection_role::server) {
            EXPECT_TRUE(begins_with(to_text(script->take_written()), "HTTP/1.1 408 "));
            feed_end();
        } else {
            EXPECT_TRUE(begins_with(connection->failure_text(),
                                    "no answer to the HTTP request before connect_timeout: "
                                    "received 'HTTP/1.1 1', which is HTTP"));
        }
        expect_closed(errc::connection_timeout);
    }
}

TEST_F(websocket_handshake, a_client_says_why_it_was_rejected) {
    start(connection_role::client);
    feed(text_bytes("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_TRUE(script->was_shut_down);
    feed_end();
    expect_closed(errc::handshake_rejected);
    EXPECT_EQ(host->opened, 0);
    EXPECT_EQ(connection->failure_text(), "HTTP 401 Unauthorized");
    ASSERT_NE(socket->rejection(), nullptr);
    EXPECT_EQ(socket->rejection()->status, 401U);
}

TEST_F(websocket_handshake, a_client_checks_the_accept) {
    start(connection_role::client);
    feed(text_bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
                    std::string(sample_accept) + "\r\n\r\n"));
    feed_end();
    expect_closed(errc::handshake_rejected);
    EXPECT_EQ(host->opened, 0);
}

TEST_F(websocket_handshake, a_client_asks_for_what_it_is_told_to) {
    settings.asks = {"example.com:81", "/feed?x=1", {"v2", "v1"}, {{"Authorization", "Bearer t"}}};
    open_client("Sec-WebSocket-Protocol: v1\r\n");
    EXPECT_EQ(socket->subprotocol(), "v1");
    EXPECT_EQ(socket->request().path(), "/feed");
    EXPECT_EQ(socket->request().head().find("authorization"), "Bearer t");
}

TEST_F(websocket_handshake, keys_are_new_for_each_connection) {
    start(connection_role::client);
    const std::string first = to_text(script->take_written());
    make_parts();
    start(connection_role::client);
    EXPECT_NE(to_text(script->take_written()), first);
}

TEST_F(websocket_handshake, the_request_is_kept_only_if_wanted) {
    settings.keep_request = false;
    open_server();
    EXPECT_EQ(socket->request().path(), ws_request().path());
}

TEST_F(websocket_handshake, an_end_in_its_middle_is_told) {
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        for (const std::string_view begun : {"", "GET", "HTTP"}) {
            make_parts();
            start(role);
            (void)script->take_written();
            feed(text_bytes(begun));
            feed_end();
            EXPECT_EQ(script->take_written(), byte_string{});
            const std::error_code reason =
                begun.empty() ? errc::connection_closed : errc::connection_truncated;
            const bool is_visit = begun.empty() && role == connection_role::server;
            expect_closed(reason, is_visit ? std::error_code{} : reason);
        }
    }
}

}  // namespace
}  // namespace network_system::session

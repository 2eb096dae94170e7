// The end that waits for what is in progress: draining, answers, goodbye.
#include "session_fixture.h"

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

const byte_string draining = wire_frame(9, 0, {});
const byte_string client_hello = wire_frame(4, 0, {0, 0, 0, 1});

byte_string request_frame(std::uint64_t id, const byte_string& body) {
    return wire_frame(7, 0, concat({big_endian(id, 8), body}));
}
byte_string response_frame(std::uint64_t id, int code, const byte_string& body) {
    return wire_frame(
        8, 0, concat({big_endian(id, 8), big_endian(static_cast<std::uint32_t>(code), 4), body}));
}

class winding_down : public session_fixture {
protected:
    winding_down() {
        drain_timeout = milliseconds{4000};
        host->when_request = [this](detail::request_call& call) {
            responders.push_back(call.defer());
        };
    }
    /// A server with a request that nobody has answered yet, and that is asked to stop.
    void stop_with_a_request(const byte_string& says_first) {
        start_server();
        feed(concat({says_first, request_frame(6, pattern(4))}));
        ASSERT_EQ(responders.size(), 1U);
        EXPECT_EQ(session->metrics().requests_unanswered, 1U);
        stop();
    }
    void stop() {
        loop.in_batch([this] { EXPECT_TRUE(session->stop_session()); });
    }
    /// A client that waits for an answer.
    std::uint64_t ask() {
        loop.in_batch([this] {
            EXPECT_TRUE(session->request(byte_span(pattern(4)), milliseconds{0},
                                         [this](Result<std::vector<std::uint8_t>> answer) {
                                             answers.push_back(answer ? 0 : answer.error().code);
                                         }));
        });
        const auto said = written();
        EXPECT_EQ(said.back().type, 7U);
        return said.back().payload[7];
    }

    std::vector<responder> responders;
    std::vector<int> answers;
};

TEST_F(winding_down, a_request_in_progress_is_answered_before_the_goodbye) {
    stop_with_a_request(client_hello);
    EXPECT_EQ(script->take_written(), draining);
    EXPECT_TRUE(session->is_stopped());
    EXPECT_EQ(code_of(session->send_packet({1})), static_cast<int>(errc::connection_closed));
    loop.advance(milliseconds{3000});
    EXPECT_TRUE(script->written.empty());
    loop.in_batch([this] { EXPECT_TRUE(responders[0].respond("done")); });
    EXPECT_EQ(script->take_written(),
              concat({response_frame(6, 0, {'d', 'o', 'n', 'e'}), goodbye_frame()}));
    EXPECT_EQ(session->metrics().requests_unanswered, 0U);
    feed_end();
    expect_closed({});
}

TEST_F(winding_down, a_peer_that_does_not_know_the_word_is_not_told) {
    stop_with_a_request({});
    EXPECT_TRUE(script->take_written().empty());
    loop.in_batch([this] { EXPECT_TRUE(responders[0].respond("done")); });
    EXPECT_EQ(script->take_written(),
              concat({response_frame(6, 0, {'d', 'o', 'n', 'e'}), goodbye_frame()}));
    feed_end();
    expect_closed({});
}

TEST_F(winding_down, requests_that_cross_the_word_are_not_taken) {
    stop_with_a_request(client_hello);
    EXPECT_EQ(script->take_written(), draining);
    feed(request_frame(8, pattern(2)));
    EXPECT_EQ(responders.size(), 1U);
    const auto said = written();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].type, 8U);
    EXPECT_EQ(byte_string(said[0].payload.begin() + 8, said[0].payload.begin() + 12),
              reason_bytes(static_cast<int>(errc::connection_closed)));
    // Messages still arrive.
    feed(wire_data(pattern(3)));
    EXPECT_EQ(host->messages, std::vector<byte_string>{pattern(3)});
    loop.in_batch([this] { responders.clear(); });  // answered with an error
    EXPECT_EQ(written().back().type, 3U);
    feed_end();
    expect_closed({});
}

TEST_F(winding_down, is_over_shortly_before_the_deadline) {
    stop_with_a_request(client_hello);
    EXPECT_EQ(script->take_written(), draining);
    loop.advance(milliseconds{3700});
    EXPECT_TRUE(script->written.empty());
    loop.advance(milliseconds{51});
    EXPECT_EQ(script->take_written(), goodbye_frame());
    feed_end();
    expect_closed({});
    EXPECT_EQ(code_of(responders[0].respond("late")), static_cast<int>(errc::connection_closed));
    EXPECT_EQ(session->metrics().requests_unanswered, 0U) << "nobody waits any more";
}

TEST_F(winding_down, a_paused_session_is_over_in_time_too) {
    start_server();
    feed(request_frame(6, pattern(4)));
    loop.in_batch([this] { EXPECT_TRUE(session->pause_receiving()); });
    stop();
    loop.advance(milliseconds{3751});
    EXPECT_EQ(script->take_written(), goodbye_frame());
}

TEST_F(winding_down, without_anything_in_progress_the_goodbye_comes_at_once) {
    start_server();
    feed(concat({client_hello, request_frame(6, pattern(4))}));
    loop.in_batch([this] { EXPECT_TRUE(responders[0].respond("done")); });
    (void)script->take_written();
    stop();
    EXPECT_EQ(script->take_written(), goodbye_frame());
}

TEST_F(winding_down, a_fixed_end_comes_in_time) {
    start_server();
    feed(request_frame(6, pattern(4)));
    loop.in_batch([this] { connection->end_by(loop->now() + milliseconds{1000}); });
    loop.advance(milliseconds{751});
    EXPECT_EQ(script->take_written(), goodbye_frame());
    loop.advance(milliseconds{251});
    expect_closed(errc::connection_timeout);
}

TEST_F(winding_down, no_time_to_drain_is_no_time_to_answer) {
    drain_timeout = milliseconds{0};
    stop_with_a_request(client_hello);
    loop.advance(milliseconds{1});
    expect_closed(errc::connection_timeout);
}

TEST_F(winding_down, a_handler_that_stops_its_session_still_answers) {
    host->when_request = [this](detail::request_call& call) {
        EXPECT_TRUE(session->stop_session());
        call.answer(std::vector<std::uint8_t>{'y'});
    };
    start_server();
    feed(concat({client_hello, request_frame(6, pattern(4))}));
    EXPECT_EQ(script->take_written(),
              concat({draining, response_frame(6, 0, {'y'}), goodbye_frame()}));
}

TEST_F(winding_down, a_client_waits_for_its_answer) {
    for (const bool knows : {true, false}) {
        answers.clear();
        make_parts();
        start(connection_role::client);
        const byte_string version_1 = hello_frame();
        feed(wire_frame(4, 0,
                        concat({byte_string(version_1.begin() + 5, version_1.end()),
                                knows ? byte_string{0, 0, 0, 1} : byte_string{}})));
        (void)script->take_written();
        const auto id = ask();
        EXPECT_EQ(session->metrics().requests_pending, 1U);
        stop();
        EXPECT_EQ(script->take_written(), knows ? draining : byte_string{});
        feed(response_frame(id, 0, pattern(3)));
        EXPECT_EQ(answers, std::vector<int>{0});
        EXPECT_EQ(script->take_written(), goodbye_frame());
        feed_end();
        expect_closed({});
    }
}

TEST_F(winding_down, a_client_whose_request_is_given_up_waits_no_longer) {
    start_client();
    loop.in_batch([this] {
        EXPECT_TRUE(session->request(byte_span(pattern(4)), milliseconds{500},
                                     [this](Result<std::vector<std::uint8_t>> answer) {
                                         answers.push_back(answer ? 0 : answer.error().code);
                                     }));
    });
    (void)script->take_written();
    stop();
    EXPECT_TRUE(script->written.empty());
    loop.advance(milliseconds{501});
    EXPECT_EQ(answers, std::vector<int>{static_cast<int>(errc::connection_timeout)});
    EXPECT_EQ(script->take_written(), goodbye_frame());
}

TEST_F(winding_down, towards_a_peer_that_drains_there_are_no_new_requests) {
    start_client();
    const auto id = ask();
    EXPECT_TRUE(session->takes_requests());
    feed(draining);
    EXPECT_FALSE(session->takes_requests());
    loop.in_batch([this] {
        EXPECT_EQ(code_of(session->request(byte_span(pattern(4)), milliseconds{0},
                                           [](Result<std::vector<std::uint8_t>>) {})),
                  static_cast<int>(errc::connection_closed));
        EXPECT_TRUE(session->send_packet({1})) << "messages may still be sent";
    });
    feed(response_frame(id, 0, pattern(3)));
    EXPECT_EQ(answers, std::vector<int>{0});
    feed(goodbye_frame());
    feed_end();
    expect_closed({});
}

TEST_F(winding_down, a_client_answers_a_server_that_says_what_it_knows) {
    start(connection_role::client);
    const byte_string version_1 = hello_frame();
    feed(version_1);
    EXPECT_TRUE(script->take_written().empty()) << "older servers know no hello of a client";
    make_parts();
    start(connection_role::client);
    feed(wire_frame(
        4, 0, concat({byte_string(version_1.begin() + 5, version_1.end()), {0, 0, 0, 1, 99}})));
    EXPECT_EQ(script->take_written(), client_hello);
    EXPECT_EQ(host->opened, 1);
}

TEST_F(winding_down, a_client_says_hello_once) {
    start_server();
    feed(client_hello);
    EXPECT_FALSE(session->is_stopped());
    feed(client_hello);
    expect_violation(errc::protocol_error);
}

}  // namespace
}  // namespace network_system::session

// Requests and responses: who is answered, when, and with what.
#include "session/session_fixture.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

constexpr unsigned request_type = 7;
constexpr unsigned response_type = 8;

byte_string request_frame(std::uint64_t id, const byte_string& body) {
    return wire_frame(request_type, 0, concat({big_endian(id, 8), body}));
}
byte_string id_of(const wire_piece& frame) {
    return {frame.payload.begin(), frame.payload.begin() + 8};
}

/// What the peer answers to a request it got.
byte_string response_to(const wire_piece& request, int code = 0, const byte_string& body = {}) {
    return wire_frame(response_type, 0, concat({id_of(request), reason_bytes(code), body}));
}

/// What a response handler got: a body, or a code and a message.
struct answer {
    std::optional<byte_string> body;
    int code = 0;
    std::string message;
};

class requests : public session_fixture {
protected:
    session::response_handler record_answer() {
        const std::size_t index = answers.size();
        answers.emplace_back();
        return [this, index](Result<byte_span> result) {
            if (result) {
                answers[index].push_back({to_bytes(result.value()), 0, {}});
            } else {
                answers[index].push_back({{}, result.error().code, result.error().message});
            }
        };
    }
    int ask(const byte_string& body, milliseconds timeout = milliseconds{0}) {
        int code = 0;
        loop.in_batch(
            [&] { code = code_of(session->request(byte_span(body), timeout, record_answer())); });
        loop.run();
        if (code != 0) {
            answers.pop_back();
        }
        return code;
    }
    void expect_answer(std::size_t index, int code) {
        ASSERT_EQ(answers.at(index).size(), 1U);
        EXPECT_EQ(answers[index].front().code, code) << answers[index].front().message;
    }

    // One list per request: each must get exactly one answer.
    std::vector<std::vector<answer>> answers;
};

TEST_F(requests, travel_with_an_id_and_come_back_in_any_order) {
    start_client();
    for (std::uint8_t i = 0; i < 3; ++i) {
        ASSERT_EQ(ask({i}), 0);
    }
    const auto asked = written();
    ASSERT_EQ(asked.size(), 3U);
    for (const std::size_t i : {2U, 0U, 1U}) {
        EXPECT_EQ(asked[i].type, request_type);
        EXPECT_EQ(asked[i].payload.size(), 9U);
        const byte_string number{static_cast<std::uint8_t>(i)};
        EXPECT_EQ(asked[i].payload.back(), i);
        feed(response_to(asked[i], 0, number));
        expect_answer(i, 0);
        EXPECT_EQ(answers[i].front().body, number);
    }
    EXPECT_EQ(session->metrics().requests_sent, 3U);
    EXPECT_EQ(session->metrics().messages_sent, 3U);
    EXPECT_EQ(session->metrics().messages_received, 3U);
    EXPECT_TRUE(host->messages.empty());
}

TEST_F(requests, every_chunking_of_a_response_is_one_answer) {
    for (const std::size_t chunk : {1U, 2U, 3U, 5U, 13U}) {
        make_parts();
        answers.clear();
        start_client();
        ASSERT_EQ(ask(text_bytes("question")), 0);
        script->read_limit = chunk;
        feed(response_to(written().at(0), 0, pattern(50)));
        expect_answer(0, 0);
        EXPECT_EQ(answers[0].front().body, pattern(50));
    }
}

TEST_F(requests, are_answered_by_the_host) {
    start_server();
    feed(concat({request_frame(5, text_bytes("abc")), request_frame(6, {})}));
    const auto said = written();
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(said[0],
              (wire_piece{response_type, 0,
                          concat({big_endian(5, 8), reason_bytes(0), text_bytes("abc")})}));
    EXPECT_EQ(said[1], (wire_piece{response_type, 0, concat({big_endian(6, 8), reason_bytes(0)})}));
    EXPECT_EQ(session->metrics().requests_received, 2U);
}

TEST_F(requests, an_error_travels_as_code_and_text) {
    start_server();
    host->when_request = [](detail::request_call& call) {
        call.answer(error_info{-42, "no \x01 such key", {}, {}});
    };
    feed(request_frame(1, {}));
    EXPECT_EQ(written().at(0).payload,
              concat({big_endian(1, 8), reason_bytes(-42), text_bytes("no \x01 such key")}));

    make_parts();
    start_client();
    ASSERT_EQ(ask({}), 0);
    feed(response_to(written().at(0), -42, text_bytes("no \x01 such key")));
    expect_answer(0, -42);
    EXPECT_NE(answers[0].front().message.find("no ? such key"), std::string::npos);
}

TEST_F(requests, can_be_answered_later_from_another_thread) {
    start_server();
    std::optional<session::responder> later;
    host->when_request = [&](detail::request_call& call) { later.emplace(call.defer()); };
    feed(request_frame(9, {}));
    EXPECT_TRUE(written().empty());
    ASSERT_TRUE(later);
    std::thread([&] {
        EXPECT_TRUE(later->respond("done").is_ok());
        EXPECT_TRUE(later->is_answered());
        EXPECT_EQ(code_of(later->respond("again")), static_cast<int>(errc::invalid_argument));
    }).join();
    loop.run();
    EXPECT_EQ(written().at(0).payload,
              concat({big_endian(9, 8), reason_bytes(0), text_bytes("done")}));
}

TEST_F(requests, given_up_ones_are_answered_with_an_error) {
    start_server();
    host->when_request = [](detail::request_call& call) { (void)call.defer(); };
    feed(request_frame(3, {}));
    const auto said = written();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(byte_string(said[0].payload.begin() + 8, said[0].payload.begin() + 12),
              reason_bytes(static_cast<int>(errc::internal_error)));
}

TEST_F(requests, a_responder_that_takes_anothers_place_answers_for_it) {
    start_server();
    std::vector<session::responder> kept;
    host->when_request = [&](detail::request_call& call) { kept.push_back(call.defer()); };
    feed(concat({request_frame(1, {}), request_frame(2, {})}));
    kept[0] = std::move(kept[1]);
    kept.pop_back();
    loop.run();
    EXPECT_EQ(id_of(written().at(0)), big_endian(1, 8));
    EXPECT_TRUE(kept[0].fail(errc::session_not_found, "nobody").is_ok());
    loop.run();
    EXPECT_EQ(id_of(written().at(0)), big_endian(2, 8));
}

/// The code of a response, and what follows it.
std::pair<byte_string, std::string> code_and_text(const wire_piece& said) {
    return {{said.payload.begin() + 8, said.payload.begin() + 12},
            {said.payload.begin() + 12, said.payload.end()}};
}

TEST_F(requests, an_error_of_code_0_is_still_an_error) {
    start_server();
    // At once, later, and given up by a responder that nobody kept.
    std::vector<session::responder> kept;
    host->when_request = [&](detail::request_call& call) {
        if (host->requests.size() == 1) {
            call.answer(error<byte_string>(0, "no luck"));
        } else {
            kept.push_back(call.defer());
        }
    };
    feed(concat({request_frame(1, {}), request_frame(2, {})}));
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_TRUE(kept[0].fail(static_cast<errc>(0), "no luck").is_ok());
    loop.run();
    const auto said = written();
    ASSERT_EQ(said.size(), 2U);
    const std::pair expected(reason_bytes(static_cast<int>(errc::internal_error)),
                             std::string("no luck"));
    EXPECT_EQ(code_and_text(said[0]), expected);
    EXPECT_EQ(code_and_text(said[1]), expected);
}

TEST_F(requests, a_handler_that_throws_answers_and_closes) {
    start_server();
    host->when_request = [](detail::request_call&) { throw std::runtime_error("boom"); };
    feed(request_frame(3, {}));
    EXPECT_EQ(host->exceptions, std::vector<std::string>{"boom"});
    const auto said = written();
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(id_of(said[0]), big_endian(3, 8));
    EXPECT_EQ(said[1].type, 3U);
    feed_end();
    expect_closed(errc::internal_error);
}

TEST_F(requests, a_deadline_answers_and_a_late_response_is_counted) {
    start_client();
    ASSERT_EQ(ask({1}, milliseconds{50}), 0);
    ASSERT_EQ(ask({2}, milliseconds{0}), 0);
    const auto asked = written();
    loop.advance(milliseconds{49});
    EXPECT_TRUE(answers[0].empty());
    loop.advance(milliseconds{2});
    expect_answer(0, static_cast<int>(errc::connection_timeout));
    feed(response_to(asked[0], 0, {7}));
    EXPECT_EQ(answers[0].size(), 1U);
    loop.advance(std::chrono::hours{1});
    EXPECT_TRUE(answers[1].empty()) << "without a deadline it waits";
    const auto metrics = session->metrics();
    EXPECT_EQ(metrics.request_timeouts, 1U);
    EXPECT_EQ(metrics.late_responses, 1U);
    EXPECT_FALSE(session->is_stopped());
}

TEST_F(requests, fail_at_once_when_the_connection_ends) {
    start_client();
    ASSERT_EQ(ask({1}), 0);
    ASSERT_EQ(ask({2}, milliseconds{60'000}), 0);
    script->broken = std::make_error_code(std::errc::connection_reset);
    loop.run();
    expect_answer(0, static_cast<int>(errc::connection_closed));
    expect_answer(1, static_cast<int>(errc::connection_closed));
    expect_closed(errc::connection_closed);
    EXPECT_EQ(ask({3}), static_cast<int>(errc::connection_closed));
}

TEST_F(requests, can_be_cancelled) {
    start_client();
    const auto id = session::next_operation_id();
    loop.in_batch([&] {
        ASSERT_TRUE(session->request(byte_span{}, milliseconds{0}, record_answer(), id).is_ok());
        session->cancel(id);
        EXPECT_TRUE(answers[0].empty()) << "not inside the caller's callback";
    });
    loop.run();
    expect_answer(0, static_cast<int>(errc::cancelled));
    feed(response_to(written().at(0), 0));
    EXPECT_EQ(session->metrics().late_responses, 1U);
    session->cancel(id);
    session->cancel(session::operation_id::none);
    loop.run();
    EXPECT_EQ(answers[0].size(), 1U);
}

TEST_F(requests, from_other_threads_are_known_before_their_answer) {
    start_client();
    std::thread([&] {
        for (int i = 0; i < 3; ++i) {
            ASSERT_TRUE(session->request(byte_span{}, milliseconds{10}, record_answer()).is_ok());
        }
    }).join();
    loop.run();
    const auto asked = written();
    ASSERT_EQ(asked.size(), 3U);
    EXPECT_NE(id_of(asked[0]), id_of(asked[1]));
    feed(response_to(asked[1], 0));
    expect_answer(1, 0);
    loop.advance(milliseconds{12});
    expect_answer(0, static_cast<int>(errc::connection_timeout));
    expect_answer(2, static_cast<int>(errc::connection_timeout));
    EXPECT_EQ(session->metrics().requests_sent, 3U);
}

TEST_F(requests, are_bounded) {
    config.max_pending_requests = 2;
    start_client();
    EXPECT_EQ(ask({}), 0);
    EXPECT_EQ(ask({}), 0);
    EXPECT_EQ(ask({}), static_cast<int>(errc::send_buffer_full));
    feed(response_to(written().at(0), 0));
    EXPECT_EQ(ask({}), 0);
}

TEST_F(requests, meet_the_high_watermark) {
    config.high_watermark = config.low_watermark = 100;
    start_client();
    script->write_budget = 0;
    EXPECT_EQ(ask(pattern(80)), 0);
    EXPECT_EQ(ask(pattern(80)), static_cast<int>(errc::send_buffer_full));
    EXPECT_EQ(session->metrics().sends_rejected, 1U);
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(host->writable, 1);
}

TEST_F(requests, an_answer_there_is_no_room_for_becomes_an_error) {
    config.high_watermark = config.low_watermark = 100;
    start_server();
    script->write_budget = 0;
    feed(concat({request_frame(1, pattern(80)), request_frame(2, pattern(80))}));
    script->write_budget = unlimited;
    loop.run();
    const auto said = written();
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(said[0].payload.size(), 12U + 80U);
    EXPECT_EQ(said[1].payload,
              concat({big_endian(2, 8), reason_bytes(static_cast<int>(errc::send_buffer_full))}));
}

TEST_F(requests, a_peer_that_asks_and_never_reads_is_closed) {
    config.high_watermark = config.low_watermark = 100;
    start_server();
    script->write_budget = 0;
    for (std::uint64_t i = 0; i < 10'000 && !session->is_stopped(); ++i) {
        feed(request_frame(i, pattern(80)));
        ASSERT_LE(session->queued_bytes(), 100U + 64U * 1024U + 200U);
    }
    EXPECT_TRUE(session->is_stopped());
    loop.advance(milliseconds{1001});
    EXPECT_EQ(host->reason, std::error_code(errc::send_buffer_full));
}

TEST_F(requests, need_framing_and_sense) {
    config.frames = framing::length_prefixed;
    start(connection_role::client);
    EXPECT_EQ(ask({1}), static_cast<int>(errc::not_supported));
    config.frames = framing::message;
    config.max_message_size = 10;
    make_parts();
    start_client();
    EXPECT_EQ(ask(pattern(11)), static_cast<int>(errc::message_too_large));
    EXPECT_EQ(ask(pattern(10)), 0);
    EXPECT_EQ(ask({}, milliseconds{-1}), static_cast<int>(errc::invalid_argument));
    EXPECT_EQ(
        code_of(session->request("who listens?", milliseconds{0}, session::response_handler{})),
        static_cast<int>(errc::invalid_argument));
}

TEST_F(requests, malformed_ones_are_violations) {
    struct bad_frame {
        byte_string bytes;
        errc code;
    };
    const std::vector<bad_frame> table{
        {wire_frame(request_type, 0, pattern(7)), errc::protocol_error},
        {wire_frame(response_type, 0, pattern(11)), errc::protocol_error},
        {wire_frame(request_type, 4, pattern(20)), errc::protocol_error},
        {wire_frame(request_type, 8, pattern(20)), errc::protocol_error},
        {wire_frame(request_type, 1, pattern(20)), errc::pipeline_mismatch},
        {wire_frame(response_type, 2, pattern(20)), errc::pipeline_mismatch},
    };
    for (const bad_frame& each : table) {
        make_parts();
        start_server();
        feed(each.bytes);
        expect_violation(each.code);
    }
}

}  // namespace
}  // namespace network_system::testing

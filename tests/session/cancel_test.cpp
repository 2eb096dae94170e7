// Cancelling requests, pings and receives: whatever the moment, the handler runs once, and
// `cancel` has said with what.
#include "session/session_fixture.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

constexpr unsigned ping_type = 1;
constexpr unsigned pong_type = 2;
constexpr unsigned request_type = 7;
constexpr unsigned response_type = 8;

constexpr int cancelled = static_cast<int>(errc::cancelled);
constexpr int closed = static_cast<int>(errc::connection_closed);
constexpr int exists = static_cast<int>(errc::already_exists);

enum class kind : std::uint8_t { request, ping, receive };

std::string kind_name(const ::testing::TestParamInfo<kind>& info) {
    switch (info.param) {
        case kind::request: return "request";
        case kind::ping: return "ping";
        default: return "receive";
    }
}

class cancelling : public session_fixture, public ::testing::WithParamInterface<kind> {
protected:
    cancelling() {
        config.receiving = receive_mode::pull;
        start_client();
        (void)script->take_written();
    }

    /// Begins an operation on the calling thread. What it is told comes to `told` under the next
    /// number; `then` runs inside its handler.
    int begin(session::operation_id operation, const std::function<void()>& then = {}) {
        const std::size_t index = told.size();
        told.emplace_back();
        const auto note = [this, index, then](auto&& result) {
            told[index].push_back(result.is_ok() ? 0 : result.error().code);
            if (then) {
                then();
            }
        };
        const int code = code_of(begin_with(note, operation));
        if (code != 0) {
            told.pop_back();
        }
        return code;
    }
    int begin_on_other_thread(session::operation_id operation) {
        int code = 0;
        std::thread([&] { code = begin(operation); }).join();
        return code;
    }
    /// What gives the next operation its result: messages, or answers to what was written.
    byte_string next_result() {
        if (GetParam() == kind::receive) {
            return wire_data({1});
        }
        for (const wire_piece& each : written()) {
            if (each.type == request_type || each.type == ping_type) {
                asked.push_back(each);
            }
        }
        const wire_piece first = asked.at(0);
        asked.erase(asked.begin());
        return first.type == ping_type
                   ? wire_frame(pong_type, 0, first.payload)
                   : wire_frame(response_type, 0,
                                concat({{first.payload.begin(), first.payload.begin() + 8},
                                        reason_bytes(0)}));
    }
    /// What has arrived is read before anything that was posted runs.
    void read_first(const byte_string& bytes) {
        script->feed(bytes);
        EXPECT_TRUE(loop.poller().dispatch(*loop.get()));
        loop.run();
    }
    void expect_told(std::size_t index, int code) {
        EXPECT_EQ(told.at(index), std::vector<int>{code});
    }
    /// A result that nobody gets is in the books.
    void expect_unused_result() {
        const auto metrics = session->metrics();
        EXPECT_EQ(metrics.late_responses, GetParam() == kind::request ? 1U : 0U);
        EXPECT_EQ(metrics.messages_unread, GetParam() == kind::receive ? 1U : 0U);
    }

    std::vector<std::vector<int>> told;
    std::vector<wire_piece> asked;
    const session::operation_id id = session::next_operation_id();

private:
    template <typename Note>
    VoidResult begin_with(const Note& note, session::operation_id operation) {
        switch (GetParam()) {
            case kind::request:
                return session->request(byte_span{}, milliseconds{0},
                                        session::response_handler(note), operation);
            case kind::ping: return session->ping(note, operation);
            default: return session->receive_packet(note, operation);
        }
    }
};

TEST_P(cancelling, before_it_has_begun_does_nothing) {
    EXPECT_FALSE(session->cancel(id));
    EXPECT_EQ(begin(id), 0);
    loop.run();
    feed(next_result());
    expect_told(0, 0);
}

TEST_P(cancelling, on_the_own_thread_tells_the_handler_after_the_call) {
    loop.in_batch([&] {
        EXPECT_EQ(begin(id), 0);
        EXPECT_TRUE(session->cancel(id));
        EXPECT_TRUE(told[0].empty());
    });
    loop.run();
    expect_told(0, cancelled);
    feed(next_result());
    expect_told(0, cancelled);
    expect_unused_result();
}

TEST_P(cancelling, works_before_the_loop_knows_the_operation) {
    EXPECT_EQ(begin_on_other_thread(session::operation_id::none), 0);
    EXPECT_EQ(begin_on_other_thread(id), 0);
    std::thread([this] { EXPECT_TRUE(session->cancel(id)); }).join();
    loop.run();
    expect_told(1, cancelled);
    feed(next_result());
    expect_told(0, 0);
}

TEST_P(cancelling, a_second_time_does_nothing) {
    EXPECT_EQ(begin(id), 0);
    EXPECT_TRUE(session->cancel(id));
    EXPECT_FALSE(session->cancel(id));
    loop.run();
    EXPECT_FALSE(session->cancel(id));
    loop.run();
    expect_told(0, cancelled);
}

TEST_P(cancelling, after_the_result_does_nothing) {
    EXPECT_EQ(begin(id), 0);
    loop.run();
    feed(next_result());
    expect_told(0, 0);
    EXPECT_FALSE(session->cancel(id));
    loop.run();
    expect_told(0, 0);
}

TEST_P(cancelling, in_the_operations_own_handler_does_nothing) {
    bool was_pending = true;
    EXPECT_EQ(begin(id, [&] { was_pending = session->cancel(id); }), 0);
    loop.run();
    feed(next_result());
    EXPECT_FALSE(was_pending);
    expect_told(0, 0);
}

TEST_P(cancelling, keeps_the_result_from_the_handler_even_if_that_is_read_first) {
    EXPECT_EQ(begin(id), 0);
    loop.run();
    const byte_string result = next_result();
    EXPECT_TRUE(session->cancel(id));
    read_first(result);
    expect_told(0, cancelled);
    expect_unused_result();
}

TEST_P(cancelling, in_the_handler_before_it_in_the_same_read_leaves_the_others_alone) {
    bool was_pending = false;
    loop.in_batch([&] {
        EXPECT_EQ(begin(session::operation_id::none, [&] { was_pending = session->cancel(id); }),
                  0);
        EXPECT_EQ(begin(id), 0);
        EXPECT_EQ(begin(session::operation_id::none), 0);
    });
    loop.run();
    const byte_string first = next_result();
    const byte_string second = next_result();
    feed(concat({first, second, next_result()}));
    EXPECT_TRUE(was_pending);
    expect_told(0, 0);
    expect_told(1, cancelled);
    expect_told(2, 0);
    expect_unused_result();
}

TEST_P(cancelling, is_what_the_handler_is_told_if_the_connection_ends_meanwhile) {
    EXPECT_EQ(begin(id), 0);
    EXPECT_EQ(begin(session::operation_id::none), 0);
    loop.run();
    EXPECT_TRUE(session->cancel(id));
    loop.in_batch([this] { connection->abort(errc::connection_closed); });
    loop.run();
    expect_told(0, cancelled);
    expect_told(1, closed);
}

TEST_P(cancelling, is_for_the_sessions_own_operations) {
    EXPECT_EQ(begin(id), 0);
    const auto mine = session;
    const auto others = std::make_shared<framed_session>(
        std::make_shared<transport::stream_transport<scripted_stream>>(
            loop.get(), scripted_stream(std::make_shared<stream_script>())),
        std::make_shared<recording_host>(), setup);
    EXPECT_FALSE(others->cancel(id));
    EXPECT_TRUE(mine->cancel(id));
    loop.run();
    expect_told(0, cancelled);
}

TEST_P(cancelling, needs_an_id_of_one_operation_only) {
    EXPECT_EQ(begin(id), 0);
    EXPECT_EQ(begin(id), exists);
    EXPECT_EQ(begin_on_other_thread(id), exists);
    loop.run();
    feed(next_result());
    expect_told(0, 0);
    EXPECT_EQ(begin(id), 0) << "free again";
    EXPECT_TRUE(session->cancel(id));
    loop.run();
    expect_told(1, cancelled);
}

TEST_P(cancelling, needs_no_session_at_hand) {
    EXPECT_EQ(begin(id), 0);
    EXPECT_TRUE(session::cancel_operation(id));
    EXPECT_FALSE(session::cancel_operation(id));
    EXPECT_FALSE(session::cancel_operation(session::operation_id::none));
    loop.run();
    expect_told(0, cancelled);
}

TEST_P(cancelling, what_a_closed_session_refuses_leaves_the_id_free) {
    loop.in_batch([this] { connection->abort({}); });
    loop.run();
    EXPECT_EQ(begin(id), closed);
    EXPECT_FALSE(session->cancel(id));
    EXPECT_FALSE(session::cancel_operation(id));
}

TEST_P(cancelling, is_over_when_the_session_has_let_the_operation_go) {
    EXPECT_EQ(begin(id), 0);
    host->gate()->close();
    loop.in_batch([this] { connection->abort({}); });
    session.reset();
    loop.run();
    EXPECT_FALSE(session::cancel_operation(id));
    EXPECT_TRUE(told[0].empty()) << "the host takes no callbacks any more";
}

TEST_P(cancelling, many_in_any_order_tells_each_its_own) {
    constexpr std::size_t count = 200;
    std::vector<session::operation_id> ids;
    for (std::size_t i = 0; i < count; ++i) {
        ids.push_back(session::next_operation_id());
        ASSERT_EQ(begin(ids.back()), 0);
    }
    loop.run();
    for (std::size_t i = 0; i < count; i += 2) {
        ASSERT_TRUE(session->cancel(ids[(i * 7) % count]));
    }
    loop.run();
    for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(told[i].size(), i % 2 == 0 ? 1U : 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(kinds, cancelling,
                         ::testing::Values(kind::request, kind::ping, kind::receive), kind_name);

class cancelled_requests : public session_fixture {};

TEST_F(cancelled_requests, that_run_out_of_time_are_no_timeouts) {
    start_client();
    const auto id = session::next_operation_id();
    std::vector<int> told;
    ASSERT_EQ(code_of(session->request(byte_span{}, milliseconds{10},
                                       session::response_handler([&](Result<byte_span> result) {
                                           told.push_back(result.error().code);
                                       }),
                                       id)),
              0);
    loop.run();
    EXPECT_TRUE(session->cancel(id));
    // The deadline is looked at before what was posted.
    loop.hold_up(milliseconds{20});
    loop->run_deadlines();
    loop.run();
    EXPECT_EQ(told, std::vector<int>{cancelled});
    EXPECT_EQ(session->metrics().request_timeouts, 0U);
    EXPECT_EQ(session->metrics().requests_pending, 0U);
}

}  // namespace
}  // namespace network_system::testing

// Pull mode, for those who take every message at once.
#include "session/session_fixture.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

using batch = std::vector<byte_string>;

class pulling_all : public session_fixture {
protected:
    pulling_all() { config.receiving = receive_mode::pull; }

    session::receive_all_handler record_all() {
        return [this](Result<received_messages> result) {
            if (!result) {
                failures.push_back(result.error().code);
                return;
            }
            kept = std::move(result).value();
            batches.emplace_back();
            for (const message_view& each : kept) {
                batches.back().push_back(to_bytes(each.data));
            }
        };
    }
    int pull_all(session::operation_id operation = session::operation_id::none) {
        int code = 0;
        const std::size_t before = batches.size() + failures.size();
        loop.in_batch([&] {
            code = code_of(session->receive_all(record_all(), std::move(kept), operation));
            EXPECT_EQ(batches.size() + failures.size(), before) << "never inside the call";
        });
        loop.run();
        return code;
    }

    received_messages kept;
    std::vector<batch> batches;
    std::vector<int> failures;
};

TEST_F(pulling_all, gives_all_of_a_read_at_its_end) {
    start_server();
    EXPECT_EQ(pull_all(), 0);
    feed(concat({wire_data({0}), wire_data({1}), wire_data(pattern(10'000))}));
    EXPECT_EQ(batches, (std::vector<batch>{{{0}, {1}, pattern(10'000)}}));
    EXPECT_EQ(session->metrics().messages_received, 3U);
    feed(wire_data({2}));
    EXPECT_EQ(batches.size(), 1U);
    EXPECT_EQ(session->metrics().messages_unread, 1U);
    EXPECT_EQ(pull_all(), 0);
    EXPECT_EQ(batches.back(), batch{{2}}) << "what was in the container is forgotten";
}

TEST_F(pulling_all, gives_all_that_waits) {
    start_server();
    feed(concat({wire_data({0}), wire_data(pattern(10'000))}));
    feed(wire_data({2}));
    EXPECT_EQ(pull_all(), 0);
    EXPECT_EQ(batches, (std::vector<batch>{{{0}, pattern(10'000), {2}}}));
    EXPECT_EQ(session->metrics().messages_received, 3U);
    EXPECT_EQ(session->metrics().messages_unread, 0U);
}

TEST_F(pulling_all, lets_a_full_queue_read_again) {
    config.receive_queue_limit = 100;
    start_server();
    feed(concat({wire_data(pattern(60)), wire_data(pattern(60))}));
    EXPECT_FALSE(loop.poller().interest_in(*script).read);
    EXPECT_EQ(pull_all(), 0);
    EXPECT_TRUE(loop.poller().interest_in(*script).read);
}

TEST_F(pulling_all, those_who_wait_are_served_in_the_order_of_their_calls) {
    start_server();
    byte_string single;
    loop.in_batch([&] {
        ASSERT_TRUE(session
                        ->receive_packet(
                            [&](Result<byte_string> result) { single = std::move(result).value(); })
                        .is_ok());
    });
    EXPECT_EQ(pull_all(), 0);
    EXPECT_EQ(pull_all(), 0);
    feed(concat({wire_data({0}), wire_data({1}), wire_data({2})}));
    EXPECT_EQ(single, byte_string{0});
    EXPECT_EQ(batches, (std::vector<batch>{{{1}, {2}}}));
    feed(wire_data({3}));
    EXPECT_EQ(batches.back(), batch{{3}});
}

TEST_F(pulling_all, gives_what_came_with_the_end_before_it_fails) {
    start_server();
    EXPECT_EQ(pull_all(), 0);
    EXPECT_EQ(pull_all(), 0);
    feed(concat({wire_data({0}), goodbye_frame()}));
    feed_end();
    EXPECT_EQ(batches, (std::vector<batch>{{{0}}}));
    EXPECT_EQ(failures, std::vector<int>{static_cast<int>(errc::connection_closed)});
    EXPECT_EQ(pull_all(), static_cast<int>(errc::connection_closed));
}

TEST_F(pulling_all, can_be_cancelled) {
    start_server();
    const auto id = session::next_operation_id();
    EXPECT_EQ(pull_all(id), 0);
    session->cancel(id);
    loop.run();
    EXPECT_EQ(failures, std::vector<int>{static_cast<int>(errc::cancelled)});
    feed(wire_data({0}));
    EXPECT_EQ(session->metrics().messages_unread, 1U);
}

TEST_F(pulling_all, is_asked_for_by_the_configuration) {
    config.receiving = receive_mode::callback;
    start_server();
    kept.add(message_kind::binary, pattern(3));
    auto handler = record_all();
    loop.in_batch([&] {
        EXPECT_EQ(code_of(session->receive_all(std::move(handler), std::move(kept))),
                  static_cast<int>(errc::not_supported));
    });
    EXPECT_TRUE(handler) << "left intact on error";
}

TEST_F(pulling_all, many_may_wait_and_leave_in_any_order) {
    start_server();
    constexpr std::uint8_t count = 100;
    std::vector<std::uint8_t> served;
    std::vector<session::operation_id> ids;
    for (std::uint8_t i = 0; i < count; ++i) {
        ids.push_back(session::next_operation_id());
        loop.in_batch([&, i] {
            ASSERT_TRUE(session
                            ->receive_packet(
                                [&served, i](Result<byte_string> result) {
                                    if (result) {
                                        served.push_back(i);
                                    }
                                },
                                ids.back())
                            .is_ok());
        });
        if (i % 2 == 1) {
            feed(wire_data({i}));
        }
    }
    session->cancel(ids[60]);
    loop.run();
    while (served.size() < count - 1U) {
        feed(wire_data({1}));
    }
    std::vector<std::uint8_t> expected;
    for (std::uint8_t i = 0; i < count; ++i) {
        if (i != 60) {
            expected.push_back(i);
        }
    }
    EXPECT_EQ(served, expected);
}

}  // namespace
}  // namespace network_system::testing

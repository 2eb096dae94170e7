// Pull mode: messages wait until they are asked for, and the peer is slowed down meanwhile.
#include "session/session_fixture.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

class pulling : public session_fixture {
protected:
    pulling() { config.receiving = receive_mode::pull; }

    session::receive_handler record_message() {
        return [this](Result<byte_string> result) {
            if (result) {
                pulled.push_back(std::move(result).value());
            } else {
                failures.push_back(result.error().code);
            }
        };
    }
    int pull(session::operation_id operation = session::operation_id::none) {
        int code = 0;
        const std::size_t before = pulled.size() + failures.size();
        loop.in_batch([&] {
            code = code_of(session->receive_packet(record_message(), operation));
            EXPECT_EQ(pulled.size() + failures.size(), before) << "never inside the call";
        });
        loop.run();
        return code;
    }
    static std::vector<byte_string> numbered(std::uint8_t count) {
        std::vector<byte_string> all;
        for (std::uint8_t i = 0; i < count; ++i) {
            all.push_back({i});
        }
        return all;
    }

    std::vector<byte_string> pulled;
    std::vector<int> failures;
};

TEST_F(pulling, gives_messages_in_order_whoever_comes_first) {
    start_server();
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    feed(concat({wire_data({0}), wire_data({1}), wire_data({2}), wire_data({3})}));
    EXPECT_EQ(pulled, numbered(2));
    EXPECT_EQ(session->metrics().messages_unread, 2U);
    EXPECT_EQ(session->metrics().messages_received, 2U);
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pulled, numbered(4));
    EXPECT_EQ(pull(), 0);
    feed(wire_data({4}));
    EXPECT_EQ(pulled, numbered(5));
    EXPECT_TRUE(host->messages.empty());
    EXPECT_EQ(session->metrics().messages_received, 5U);
}

TEST_F(pulling, a_handler_may_ask_again) {
    start_server();
    std::function<void(Result<byte_string>)> again = [&](Result<byte_string> result) {
        if (result) {
            pulled.push_back(result.value());
            ASSERT_TRUE(session->receive_packet(again).is_ok());
        }
    };
    feed(concat({wire_data({0}), wire_data({1})}));
    loop.in_batch([&] { ASSERT_TRUE(session->receive_packet(again).is_ok()); });
    loop.run();
    feed(concat({wire_data({2}), wire_data({3})}));
    EXPECT_EQ(pulled, numbered(4));
}

TEST_F(pulling, a_full_queue_stops_reading_until_half_is_taken) {
    config.receive_queue_limit = 150;
    start_server();
    feed(concat({wire_data(pattern(40)), wire_data(pattern(40))}));
    EXPECT_TRUE(loop.poller().interest_in(*script).read);
    feed(wire_data(pattern(40)));
    EXPECT_FALSE(loop.poller().interest_in(*script).read);
    EXPECT_EQ(pull(), 0);
    EXPECT_FALSE(loop.poller().interest_in(*script).read);
    EXPECT_EQ(pull(), 0);
    EXPECT_TRUE(loop.poller().interest_in(*script).read);
}

TEST_F(pulling, empty_messages_fill_the_queue_too) {
    config.receive_queue_limit = 1000;
    start_server();
    for (int i = 0; i < 100; ++i) {
        feed(wire_data({}));
    }
    EXPECT_FALSE(loop.poller().interest_in(*script).read);
    EXPECT_LT(session->metrics().messages_unread, 100U);
}

TEST_F(pulling, the_holds_of_user_and_queue_are_independent) {
    config.receive_queue_limit = 4;
    start_server();
    feed(wire_data(pattern(4)));
    loop.in_batch([&] { EXPECT_TRUE(session->pause_receiving().is_ok()); });
    EXPECT_EQ(pull(), 0);
    EXPECT_FALSE(loop.poller().interest_in(*script).read);
    loop.in_batch([&] { EXPECT_TRUE(session->resume_receiving().is_ok()); });
    EXPECT_TRUE(loop.poller().interest_in(*script).read);
}

TEST_F(pulling, what_came_before_the_end_can_still_be_had) {
    start_server();
    feed(concat({wire_data({0}), wire_data({1}), goodbye_frame()}));
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->totals.messages_unread, 2U);
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pulled, numbered(2));
    EXPECT_EQ(pull(), static_cast<int>(errc::connection_closed));
}

TEST_F(pulling, the_end_answers_who_waits) {
    start_server();
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    script->broken = std::make_error_code(std::errc::connection_reset);
    loop.run();
    const int closed = static_cast<int>(errc::connection_closed);
    EXPECT_EQ(failures, (std::vector<int>{closed, closed}));
}

TEST_F(pulling, can_be_cancelled) {
    start_server();
    const auto id = session::next_operation_id();
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(id), 0);
    session->cancel(id);
    loop.run();
    EXPECT_EQ(failures, std::vector<int>{static_cast<int>(errc::cancelled)});
    feed(concat({wire_data({0}), wire_data({1})}));
    EXPECT_EQ(pulled, numbered(1));
    EXPECT_EQ(session->metrics().messages_unread, 1U);
}

TEST_F(pulling, works_from_another_thread) {
    start_server();
    feed(wire_data({0}));
    std::thread([&] {
        EXPECT_TRUE(session->receive_packet(record_message()).is_ok());
        EXPECT_TRUE(session->receive_packet(record_message()).is_ok());
    }).join();
    loop.run();
    feed(wire_data({1}));
    EXPECT_EQ(pulled, numbered(2));
}

TEST_F(pulling, is_asked_for_by_the_configuration) {
    config.receiving = receive_mode::callback;
    start_server();
    EXPECT_EQ(pull(), static_cast<int>(errc::not_supported));
    feed(wire_data({0}));
    EXPECT_EQ(host->messages, numbered(1));
}

TEST_F(pulling, a_message_is_not_given_to_nobody) {
    start_server();
    EXPECT_EQ(code_of(session->receive_packet({})), static_cast<int>(errc::invalid_argument));
}

TEST_F(pulling, posted_tasks_run_on_the_loop_until_the_host_is_closed) {
    start_server();
    int ran = 0;
    ASSERT_TRUE(session->post([&] {
        EXPECT_TRUE(session->runs_here());
        ++ran;
    }));
    EXPECT_FALSE(session->runs_here());
    EXPECT_EQ(ran, 0);
    loop.run();
    EXPECT_EQ(ran, 1);
    host->gate()->close();
    static_cast<void>(session->post([&] { ++ran; }));  // whatever it answers, it does not run
    loop.run();
    EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace network_system::testing

// What a session keeps of what arrives, without a session.
#include "session/receiving/inbox.h"

#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

using std::chrono::milliseconds;

struct operation_owner {
    void on_cancelled(operation_id) noexcept {}
};

class inbox_test : public ::testing::Test {
protected:
    static constexpr runtime::steady_time at(int ms) {
        return runtime::steady_time{} + std::chrono::seconds{1000} + milliseconds{ms};
    }
    static session_config pulled(std::size_t limit) {
        session_config config;
        config.receiving = receive_mode::pull;
        config.receive_queue_limit = limit;
        return config;
    }
    receive_handler record() {
        return [this](Result<std::vector<std::uint8_t>> message) {
            got.push_back(message ? std::string(message.value().begin(), message.value().end())
                                  : "error " + std::to_string(message.error().code));
        };
    }
    static bool put(inbox& box, std::string_view text) {
        return box.put(message_kind::text,
                       {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }

    std::vector<std::string> got;
};

TEST_F(inbox_test, messages_wait_in_their_order) {
    inbox box(pulled(1000));
    EXPECT_FALSE(put(box, "a"));
    EXPECT_FALSE(put(box, "b"));
    EXPECT_EQ(box.waiting(), 2U);
    EXPECT_EQ(box.take()->text(), "a");
    EXPECT_TRUE(box.take()->is_text());
    EXPECT_FALSE(box.take().has_value());
}

TEST_F(inbox_test, a_message_goes_to_the_first_handler_that_waits) {
    inbox box(pulled(1000));
    auto first = record();
    message_handler second = [this](Result<received_message> message) {
        got.push_back("whole " + std::string(message.value().text()));
    };
    pending_operation none;
    box.wait(first, none);
    box.wait(second, none);
    EXPECT_FALSE(put(box, "a"));
    EXPECT_FALSE(put(box, "b"));
    EXPECT_EQ(got, (std::vector<std::string>{"a", "whole b"}));
    EXPECT_EQ(box.waiting(), 0U);
}

TEST_F(inbox_test, a_handler_can_be_taken_back_by_its_operation) {
    const auto owner = std::make_shared<operation_owner>();
    const operation_id id = next_operation_id();
    inbox box(pulled(1000));
    auto handler = record();
    pending_operation operation;
    ASSERT_TRUE(operation.begin(id, owner));
    box.wait(handler, operation);
    EXPECT_FALSE(box.take_asker(next_operation_id()).has_value());
    EXPECT_TRUE(box.take_asker(id).has_value());
    EXPECT_FALSE(box.take_any_asker().has_value());
}

TEST_F(inbox_test, a_handler_whose_operation_is_cancelled_takes_no_message) {
    const auto owner = std::make_shared<operation_owner>();
    const operation_id id = next_operation_id();
    inbox box(pulled(1000));
    auto first = record();
    auto second = record();
    pending_operation operation;
    pending_operation none;
    ASSERT_TRUE(operation.begin(id, owner));
    box.wait(first, operation);
    box.wait(second, none);
    EXPECT_TRUE(pending_operation::cancel(id, owner.get()));
    EXPECT_FALSE(put(box, "a"));
    EXPECT_EQ(got, (std::vector<std::string>{"a"}));
    EXPECT_TRUE(box.take_asker(id).has_value()) << "it is still to be told";
}

TEST_F(inbox_test, is_full_at_its_limit_and_has_room_at_half) {
    const std::size_t cost = sizeof(received_message) + 1;
    inbox box(pulled(2 * cost));
    EXPECT_FALSE(put(box, "a"));
    EXPECT_TRUE(put(box, "b"));
    EXPECT_FALSE(box.has_room());
    (void)box.take();
    EXPECT_TRUE(box.has_room());
}

TEST_F(inbox_test, counts_what_was_received_when_it_is_asked_for) {
    inbox box(pulled(1000));
    (void)put(box, "a");
    (void)put(box, "b");
    EXPECT_EQ(box.count().received, 0U);
    EXPECT_EQ(box.count().unread, 2U);
    (void)box.take();
    EXPECT_EQ(box.count().received, 1U);
    EXPECT_EQ(box.count().unread, 1U);
}

TEST_F(inbox_test, what_no_callback_reads_is_no_longer_received) {
    inbox box{session_config{}};
    EXPECT_FALSE(box.is_pulled());
    box.count_received();
    box.count_received();
    box.count_unread(1);
    EXPECT_EQ(box.count().received, 1U);
    EXPECT_EQ(box.count().unread, 1U);
}

TEST_F(inbox_test, holds_a_peer_to_its_rate) {
    session_config config;
    config.max_messages_per_second = 10;
    inbox box(config);
    EXPECT_FALSE(box.exceeds_rate(10, at(0))) << "a second's worth at once";
    EXPECT_TRUE(box.exceeds_rate(5, at(0)));
    EXPECT_EQ(box.resume_at(), at(500));
    EXPECT_EQ(box.times_exceeded(), 1U);
    EXPECT_FALSE(box.exceeds_rate(0, at(0)));
    inbox unlimited{session_config{}};
    EXPECT_FALSE(unlimited.is_rate_limited());
}

}  // namespace
}  // namespace network_system::session

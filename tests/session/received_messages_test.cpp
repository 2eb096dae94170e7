// Messages that are received together.
#include "support/bytes.h"

#include <network_system/session/received_messages.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

constexpr std::size_t longest = received_messages::longest_short_message;

std::vector<byte_string> all_of(const received_messages& messages) {
    std::vector<byte_string> all;
    for (const message_view& each : messages) {
        all.push_back(to_bytes(each.data));
    }
    return all;
}

TEST(received_messages, are_what_was_added_in_that_order) {
    received_messages messages;
    EXPECT_TRUE(messages.empty());
    const std::vector<byte_string> added{
        pattern(3), {}, pattern(longest), pattern(longest + 1), pattern(100'000), pattern(1)};
    for (const byte_string& each : added) {
        messages.add(message_kind::binary, std::span(each));
    }
    EXPECT_EQ(messages.size(), added.size());
    EXPECT_EQ(all_of(messages), added);
    received_messages moved = std::move(messages);
    EXPECT_EQ(all_of(moved), added);
}

TEST(received_messages, know_texts) {
    received_messages messages;
    messages.add(message_kind::text, byte_string{'h', 'i'});
    messages.add(message_kind::binary, byte_string{'h', 'o'});
    messages.add(message_kind::text, byte_string(longest + 1, 'x'));
    EXPECT_TRUE(messages[0].is_text());
    EXPECT_EQ(messages[0].text(), "hi");
    EXPECT_FALSE(messages[1].is_text());
    EXPECT_TRUE(messages[2].is_text());
}

TEST(received_messages, take_a_long_message_without_a_copy) {
    received_messages messages;
    byte_string message = pattern(longest + 1);
    const auto* const bytes = message.data();
    messages.add(message_kind::binary, std::move(message));
    messages.add(message_kind::binary, pattern(longest + 2));
    EXPECT_EQ(messages[0].data.data(), bytes);
}

TEST(received_messages, keep_the_memory_of_short_ones_when_cleared) {
    received_messages messages;
    messages.reserve(2, 8, 0);
    messages.add(message_kind::binary, pattern(4));
    const auto* const bytes = messages[0].data.data();
    messages.add(message_kind::binary, pattern(4));
    EXPECT_EQ(messages[0].data.data(), bytes) << "there was room for both";
    messages.clear();
    EXPECT_TRUE(messages.empty());
    EXPECT_EQ(messages.begin(), messages.end());
    messages.add(message_kind::binary, pattern(8));
    EXPECT_EQ(messages[0].data.data(), bytes);
    EXPECT_EQ(all_of(messages), std::vector<byte_string>{pattern(8)});
}

}  // namespace
}  // namespace network_system::testing

// Messages that say which thread sent them and in what order.
#pragma once

#include "support/loopback.h"

#include <algorithm>
#include <array>

namespace loopback {

inline constexpr std::size_t sending_threads = 4;

[[nodiscard]] inline bytes numbered(std::uint8_t thread, std::uint32_t number) {
    bytes data{thread};
    put_length(data, number);
    data.resize(5 + number % 3000);  // copied, moved and placed messages in turn
    for (std::size_t i = 5; i < data.size(); ++i) {
        data[i] = static_cast<std::uint8_t>(thread * 17U + number * 31U + i);
    }
    return data;
}

/// Checks that each thread's messages come in order, whole and unharmed.
class order_check {
public:
    void record(std::span<const std::uint8_t> data) {
        ASSERT_GE(data.size(), 5U);
        const auto number = static_cast<std::uint32_t>(reason_of(data.subspan(1)));
        EXPECT_EQ(number, next_.at(data[0])++);
        const bytes expected = numbered(data[0], number);
        EXPECT_TRUE(std::equal(data.begin(), data.end(), expected.begin(), expected.end()));
        noted_.add();
    }
    /// Messages of one thread; after the last has come.
    [[nodiscard]] std::uint32_t noted_of(std::uint8_t thread) const { return next_.at(thread); }
    [[nodiscard]] bool wait_for(std::size_t count) const { return noted_.wait_for(count); }

private:
    std::array<std::uint32_t, sending_threads> next_{};
    event_counter noted_;
};

template <typename Send>
void send_from_threads(std::uint32_t each, const Send& send) {
    std::vector<std::thread> senders;
    for (std::uint8_t t = 0; t < sending_threads; ++t) {
        senders.emplace_back([&send, t, each] {
            for (std::uint32_t i = 0; i < each; ++i) {
                // Owned and copied messages must not overtake one another.
                ASSERT_TRUE(eventually([&] { return send(numbered(t, i), i % 2 == 0).is_ok(); }));
            }
        });
    }
    for (auto& sender : senders) {
        sender.join();
    }
}

}  // namespace loopback

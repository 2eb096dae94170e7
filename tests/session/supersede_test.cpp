// The policies under which queued messages give way to newer ones.
#include "session/session_fixture.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

constexpr int superseded = static_cast<int>(errc::message_superseded);
constexpr int full = static_cast<int>(errc::send_buffer_full);

class superseding : public session_fixture {
protected:
    void start_blocked(send_policy policy, std::size_t watermark) {
        config.policy = policy;
        config.high_watermark = watermark;
        config.low_watermark = 0;
        start_server();
        script->write_budget = 0;
    }
    /// Several sends in one batch, each with a noted completion.
    void send_all(const std::vector<byte_string>& messages) {
        loop.in_batch([&] {
            for (const byte_string& each : messages) {
                EXPECT_EQ(send(each), 0);
            }
        });
        loop.run();
    }
    int send_keyed(std::string_view key, const byte_string& message) {
        int code = 0;
        loop.in_batch(
            [&] { code = code_of(session->send_conflated(key, byte_span(message), record())); });
        loop.run();
        if (code != 0) {
            outcomes.pop_back();
        }
        return code;
    }
    std::vector<byte_string> unblock() {
        script->write_budget = unlimited;
        loop.run();
        std::vector<byte_string> arrived;
        for (const wire_piece& each : written()) {
            EXPECT_EQ(each.type, 0U);
            arrived.push_back(each.payload);
        }
        return arrived;
    }
    static byte_string numbered(std::uint8_t number, std::size_t size) {
        byte_string message(size, 0);
        message[0] = number;
        return message;
    }
    void expect_outcome(std::size_t index, int code) {
        ASSERT_EQ(outcomes.at(index).size(), 1U) << index;
        EXPECT_EQ(outcomes[index].front(), code) << index;
    }
};

// 100 KiB each: the first is what is being written, the rest waits in the backlog.
constexpr std::size_t block = std::size_t{100} * 1024;

TEST_F(superseding, drop_oldest_keeps_the_newest_and_what_is_being_written) {
    start_blocked(send_policy::drop_oldest, 4 * block);
    std::vector<byte_string> messages;
    for (std::uint8_t i = 0; i < 10; ++i) {
        messages.push_back(numbered(i, block - 5));
    }
    send_all(messages);
    EXPECT_LE(session->queued_bytes(), 4 * block);
    EXPECT_EQ(unblock(),
              (std::vector<byte_string>{messages[0], messages[7], messages[8], messages[9]}));
    for (std::size_t i = 0; i < 10; ++i) {
        expect_outcome(i, i == 0 || i > 6 ? 0 : superseded);
    }
    const auto metrics = session->metrics();
    EXPECT_EQ(metrics.messages_sent, 4U);
    EXPECT_EQ(metrics.messages_dropped, 6U);
    EXPECT_EQ(metrics.sends_rejected, 0U);
    EXPECT_EQ(metrics.queued_bytes, 0U);
}

TEST_F(superseding, small_messages_are_dropped_one_by_one) {
    constexpr std::size_t watermark = std::size_t{256} * 1024;
    start_blocked(send_policy::drop_oldest, watermark);
    constexpr std::size_t count = 5000;
    for (std::size_t i = 0; i < count; ++i) {
        byte_string message(100);
        message[0] = static_cast<std::uint8_t>(i / 256);
        message[1] = static_cast<std::uint8_t>(i % 256);
        loop.in_batch([&] { ASSERT_TRUE(session->send_packet(std::move(message)).is_ok()); });
        ASSERT_LE(session->queued_bytes(), watermark);
    }
    const auto arrived = unblock();
    ASSERT_GT(arrived.size(), watermark / 105 - 2);
    const auto number = [](const byte_string& message) { return message[0] * 256U + message[1]; };
    EXPECT_EQ(number(arrived.front()), 0U) << "what was being written stays";
    EXPECT_EQ(number(arrived.back()), count - 1);
    for (std::size_t i = 1; i < arrived.size(); ++i) {
        ASSERT_LT(number(arrived[i - 1]), number(arrived[i])) << "order";
    }
    EXPECT_EQ(session->metrics().messages_sent, arrived.size());
    EXPECT_EQ(session->metrics().messages_dropped, count - arrived.size());
}

TEST_F(superseding, drop_oldest_from_other_threads_and_many) {
    start_blocked(send_policy::drop_oldest, 4 * block);
    std::thread([&] {
        for (std::uint8_t i = 0; i < 10; ++i) {
            EXPECT_EQ(send(numbered(i, block - 5)), 0);
        }
    }).join();
    const auto frame = std::make_shared<const byte_string>(wire_data(numbered(99, block - 5)));
    EXPECT_EQ(offer(frame, block - 5), 0);
    loop.run();
    const auto arrived = unblock();
    ASSERT_EQ(arrived.size(), 4U);
    EXPECT_EQ(arrived.back()[0], 99);
    EXPECT_EQ(session->metrics().messages_dropped, 7U);
}

// Callbacks that waited for the peer to read would be memory without a bound.
TEST_F(superseding, whoever_gives_way_is_told_while_the_peer_does_not_read) {
    start_blocked(send_policy::drop_oldest, 4 * block);
    const auto send_three = [&](std::uint8_t first) {
        for (std::uint8_t i = 0; i < 3; ++i) {
            EXPECT_EQ(send(numbered(static_cast<std::uint8_t>(first + i), block - 5)), 0);
        }
    };
    loop.in_batch([&] { send_three(0); });
    loop.run();
    EXPECT_EQ(session->metrics().messages_dropped, 0U);
    loop.in_batch([&] { send_three(3); });
    loop.run();
    EXPECT_EQ(session->metrics().messages_dropped, 2U);
    std::thread([&] { send_three(6); }).join();
    loop.run();
    EXPECT_EQ(session->metrics().messages_dropped, 5U);
    loop.in_batch([&] { send_three(9); });
    std::thread([&] { send_three(12); }).join();
    loop.run();
    EXPECT_EQ(session->metrics().messages_dropped, 11U);
    for (std::size_t i = 1; i <= 11; ++i) {
        expect_outcome(i, superseded);
    }
    EXPECT_EQ(unblock().size(), 4U);
}

TEST_F(superseding, a_message_over_the_mark_meets_the_mark) {
    start_blocked(send_policy::drop_oldest, block);
    send_all({numbered(0, 2 * block)});
    loop.in_batch([&] { EXPECT_EQ(send(numbered(1, 2 * block)), full); });
    EXPECT_EQ(session->metrics().sends_rejected, 1U);
    EXPECT_EQ(unblock().size(), 1U);
}

TEST_F(superseding, conflation_keeps_the_latest_of_each_key_in_its_place) {
    start_blocked(send_policy::conflate, 10 * block);
    send_all({numbered(0, block)});
    EXPECT_EQ(send_keyed("a", numbered(1, 50)), 0);
    EXPECT_EQ(send_keyed("b", numbered(2, 50)), 0);
    EXPECT_EQ(send_keyed("a", numbered(3, 60)), 0);
    EXPECT_EQ(send_keyed("", numbered(4, 50)), 0);
    EXPECT_EQ(send_keyed("", numbered(5, 50)), 0);
    EXPECT_EQ(unblock(),
              (std::vector<byte_string>{numbered(0, block), numbered(3, 60), numbered(2, 50),
                                        numbered(4, 50), numbered(5, 50)}));
    expect_outcome(1, superseded);
    expect_outcome(3, 0);
    EXPECT_EQ(session->metrics().messages_dropped, 1U);
    // Nothing waits any more: a key that was used before starts anew.
    EXPECT_EQ(send_keyed("a", numbered(6, 50)), 0);
    EXPECT_EQ(unblock(), std::vector<byte_string>{numbered(6, 50)});
}

TEST_F(superseding, new_keys_are_refused_over_the_mark_and_known_ones_replaced) {
    start_blocked(send_policy::conflate, 2 * block);
    send_all({numbered(0, block)});
    EXPECT_EQ(send_keyed("a", numbered(1, block - 100)), 0);
    EXPECT_EQ(send_keyed("b", numbered(2, 200)), full);
    EXPECT_EQ(send_keyed("a", numbered(3, block - 50)), 0);
    EXPECT_EQ(send_keyed("a", numbered(4, 2 * block)), full) << "the old one stays";
    const auto arrived = unblock();
    ASSERT_EQ(arrived.size(), 2U);
    EXPECT_EQ(arrived[1], numbered(3, block - 50));
    EXPECT_EQ(host->writable, 1);
}

TEST_F(superseding, topics_conflate_shared_frames) {
    start_blocked(send_policy::conflate, 10 * block);
    send_all({numbered(0, block)});
    for (std::uint8_t i = 1; i < 5; ++i) {
        const auto frame = std::make_shared<const byte_string>(wire_data(numbered(i, 5000)));
        loop.in_batch([&] { EXPECT_EQ(offer(frame, 5000, "topic"), 0); });
    }
    EXPECT_EQ(unblock(), (std::vector<byte_string>{numbered(0, block), numbered(4, 5000)}));
}

TEST_F(superseding, a_graceful_close_sends_the_backlog) {
    start_blocked(send_policy::drop_oldest, 8 * block);
    send_all({numbered(0, block), numbered(1, block), numbered(2, block)});
    loop.in_batch([&] { EXPECT_TRUE(session->stop_session().is_ok()); });
    script->write_budget = unlimited;
    loop.run();
    feed_end();
    expect_closed({});
    expect_balanced();
    EXPECT_EQ(host->totals.messages_sent, 3U);
}

TEST_F(superseding, what_is_lost_with_the_connection_is_counted) {
    start_blocked(send_policy::drop_oldest, 3 * block);
    send_all({numbered(0, block), numbered(1, block), numbered(2, block), numbered(3, block)});
    loop.in_batch([&] { connection->abort(errc::connection_closed); });
    loop.run();
    EXPECT_EQ(host->totals.messages_sent, 0U);
    EXPECT_EQ(host->totals.messages_dropped, 4U);
    for (std::size_t i = 0; i < 4; ++i) {
        ASSERT_EQ(outcomes[i].size(), 1U);
        EXPECT_NE(outcomes[i].front(), 0);
    }
}

TEST_F(superseding, a_goodbye_drops_the_backlog) {
    start_blocked(send_policy::conflate, 8 * block);
    send_all({numbered(0, block), numbered(1, block)});
    feed(goodbye_frame());
    script->write_budget = unlimited;
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->totals.messages_dropped, 2U);
    EXPECT_TRUE(written().empty());
}

TEST_F(superseding, completions_may_send_again) {
    start_blocked(send_policy::drop_oldest, 2 * block);
    int again = 0;
    loop.in_batch([&] {
        for (std::uint8_t i = 0; i < 4; ++i) {
            EXPECT_TRUE(session
                            ->send_packet(numbered(i, block / 2),
                                          [&](VoidResult) {
                                              ++again;
                                              EXPECT_TRUE(session->send_packet({7}).is_ok());
                                          })
                            .is_ok());
        }
    });
    loop.run();
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(again, 4);
    EXPECT_EQ(session->queued_bytes(), 0U);
}

}  // namespace
}  // namespace network_system::testing

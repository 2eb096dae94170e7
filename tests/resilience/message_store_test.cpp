// Messages that wait: compared with a plain list under random work.
#include "resilience/message_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

using bytes = std::vector<std::uint8_t>;

std::uint64_t add(message_store& store, std::size_t size) {
    session::send_callback nobody;
    return store.add(bytes(size), nobody);
}

TEST(message_store, bounds_messages_and_bytes_but_for_a_single_one) {
    message_store store({10, 3});
    EXPECT_TRUE(store.has_room_for(1000));
    (void)add(store, 1000);
    EXPECT_FALSE(store.has_room_for(1));
    (void)store.take_next();
    (void)add(store, 4);
    EXPECT_TRUE(store.has_room_for(6));
    EXPECT_FALSE(store.has_room_for(7));
    (void)add(store, 1);
    (void)add(store, 1);
    EXPECT_FALSE(store.has_room_for(1)) << "three messages";
    EXPECT_EQ(store.bytes(), 6U);
}

TEST(message_store, gives_messages_in_order_and_takes_them_back) {
    message_store store({1000, 1000});
    (void)add(store, 1);
    (void)add(store, 2);
    auto first = store.take_next();
    EXPECT_EQ(first.id, 1U);
    store.put_back(std::move(first));
    EXPECT_EQ(store.take_next().id, 1U);
    EXPECT_EQ(store.take_next().id, 2U);
    EXPECT_FALSE(store.has_unsent());
    EXPECT_EQ(store.count(), 0U);
    EXPECT_EQ(store.bytes(), 0U);
}

/// One message of the model.
struct expected {
    std::uint64_t id;
    std::size_t size;
    bool is_sent;
};

TEST(message_store, may_lose_a_message_that_is_lent) {
    message_store store({1000, 1000});
    (void)add(store, 3);
    (void)add(store, 4);
    auto lent = store.lend_next();
    EXPECT_TRUE(store.settle(1).has_value()) << "acknowledged before its send has returned";
    EXPECT_EQ(store.bytes(), 4U);
    store.give_back(std::move(lent), false);
    EXPECT_EQ(store.count(), 1U);
    EXPECT_EQ(store.lend_next().id, 2U);
    EXPECT_TRUE(store.take_oldest(store.last_id()));
    EXPECT_FALSE(store.take_oldest(store.last_id()));
}

TEST(message_store, does_what_a_plain_list_does) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 dice(seed);
        message_store store({1'000'000, 1'000'000});
        std::vector<expected> model;
        const auto first_unsent = [&] {
            return std::find_if(model.begin(), model.end(),
                                [](const expected& each) { return !each.is_sent; });
        };
        for (int i = 0; i < 300; ++i) {
            const auto unsent = first_unsent();
            switch (dice() % 6) {
                case 0:
                case 1: {
                    const std::size_t size = dice() % 50;
                    model.push_back({add(store, size), size, false});
                    break;
                }
                case 2:
                    ASSERT_EQ(store.has_unsent(), unsent != model.end());
                    if (unsent != model.end()) {
                        auto lent = store.lend_next();
                        ASSERT_EQ(lent.id, unsent->id);
                        ASSERT_EQ(lent.data.size(), unsent->size);
                        unsent->is_sent = dice() % 8 != 0;
                        store.give_back(std::move(lent), unsent->is_sent);
                    }
                    break;
                case 3: {
                    // Acknowledged in any order, unknown ones too.
                    const std::uint64_t id = dice() % 100;
                    const auto known =
                        std::find_if(model.begin(), model.end(),
                                     [&](const expected& each) { return each.id == id; });
                    const auto settled = store.settle(id);
                    ASSERT_EQ(settled.has_value(), known != model.end());
                    if (settled) {
                        ASSERT_EQ(settled->data.size(), known->size);
                        model.erase(known);
                    }
                    break;
                }
                case 4: {
                    const auto dropped = store.take_oldest_unsent();
                    ASSERT_EQ(dropped.has_value(), unsent != model.end());
                    if (dropped) {
                        ASSERT_EQ(dropped->id, unsent->id);
                        model.erase(unsent);
                    }
                    break;
                }
                default:
                    if (dice() % 10 == 0) {
                        store.rewind();
                        for (expected& each : model) {
                            each.is_sent = false;
                        }
                    }
            }
            std::size_t size = 0;
            for (const expected& each : model) {
                size += each.size;
            }
            ASSERT_EQ(store.count(), model.size());
            ASSERT_EQ(store.bytes(), size);
        }
        for (const expected& each : model) {
            EXPECT_FALSE(store.take_oldest(each.id - 1));
            const auto oldest = store.take_oldest(each.id);
            ASSERT_TRUE(oldest);
            ASSERT_EQ(oldest->id, each.id);
        }
        EXPECT_FALSE(store.take_oldest(store.last_id()));
        EXPECT_EQ(store.count(), 0U);
    }
}

}  // namespace
}  // namespace network_system::resilience

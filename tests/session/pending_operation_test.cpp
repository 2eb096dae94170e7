// The table of operations that can be cancelled: each is either completed or cancelled, once.
#include "session/pending_operation.h"
#ifndef _WIN32
#include "support/child_process.h"
#endif

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

/// Notes what it has to give up.
struct recorder {
    void on_cancelled(operation_id operation) noexcept { heard.push_back(operation); }

    std::vector<operation_id> heard;
};

TEST(pending_operation, of_no_id_is_free_and_cannot_be_cancelled) {
    pending_operation none;
    EXPECT_EQ(none.id(), operation_id::none);
    EXPECT_FALSE(none.is_cancelled());
    EXPECT_TRUE(none.complete());
    EXPECT_TRUE(none.complete());
    EXPECT_EQ(none.complete_with(errc::connection_closed), errc::connection_closed);
    EXPECT_FALSE(cancel_operation(operation_id::none));
}

TEST(pending_operation, tells_its_owner_when_it_is_cancelled) {
    const auto owner = std::make_shared<recorder>();
    const auto id = next_operation_id();
    pending_operation one;
    ASSERT_TRUE(one.begin(id, owner));
    EXPECT_EQ(one.id(), id);
    EXPECT_FALSE(one.is_cancelled());
    EXPECT_TRUE(pending_operation::cancel(id, owner.get()));
    EXPECT_EQ(owner->heard, std::vector<operation_id>{id});
    EXPECT_TRUE(one.is_cancelled());
    EXPECT_EQ(one.id(), id);
    EXPECT_FALSE(one.complete());
    EXPECT_FALSE(one.complete()) << "asked again, the answer is the same";
    EXPECT_EQ(one.complete_with(errc::connection_closed), errc::cancelled);
    EXPECT_FALSE(cancel_operation(id));
}

TEST(pending_operation, that_is_complete_cannot_be_cancelled) {
    const auto owner = std::make_shared<recorder>();
    const auto id = next_operation_id();
    pending_operation one;
    ASSERT_TRUE(one.begin(id, owner));
    EXPECT_TRUE(one.complete());
    EXPECT_TRUE(one.complete());
    EXPECT_FALSE(cancel_operation(id));
    EXPECT_TRUE(owner->heard.empty());
    EXPECT_TRUE(one.begin(id, owner)) << "the id is free again";
}

TEST(pending_operation, goes_where_it_is_moved_and_ends_with_its_destructor) {
    const auto owner = std::make_shared<recorder>();
    const auto id = next_operation_id();
    {
        pending_operation first;
        ASSERT_TRUE(first.begin(id, owner));
        pending_operation second = std::move(first);
        pending_operation third;
        third = std::move(second);
        EXPECT_EQ(third.id(), id);
        pending_operation other;
        EXPECT_FALSE(other.begin(id, owner));
    }
    EXPECT_FALSE(cancel_operation(id));
    pending_operation again;
    EXPECT_TRUE(again.begin(id, owner));
}

TEST(pending_operation, is_cancelled_by_its_owner_or_by_anybodys_order_but_not_by_others) {
    const auto owner = std::make_shared<recorder>();
    const auto other = std::make_shared<recorder>();
    const auto id = next_operation_id();
    pending_operation one;
    ASSERT_TRUE(one.begin(id, owner));
    EXPECT_FALSE(pending_operation::cancel(id, other.get()));
    EXPECT_FALSE(one.is_cancelled());
    EXPECT_TRUE(cancel_operation(id));
    EXPECT_TRUE(one.is_cancelled());
}

TEST(pending_operation, of_an_owner_that_is_gone_cannot_be_cancelled) {
    auto owner = std::make_shared<recorder>();
    const auto id = next_operation_id();
    pending_operation one;
    ASSERT_TRUE(one.begin(id, owner));
    owner.reset();
    EXPECT_FALSE(cancel_operation(id));
    EXPECT_TRUE(one.complete());
}

// As far apart as the lists of the table, so that they share one.
TEST(pending_operation, is_found_among_others_of_its_list) {
    const auto owner = std::make_shared<recorder>();
    constexpr std::uint64_t lists = 1024;
    const auto base = (std::uint64_t{1} << 40U) + static_cast<std::uint64_t>(next_operation_id());
    std::vector<pending_operation> all(50);
    for (std::size_t i = 0; i < all.size(); ++i) {
        ASSERT_TRUE(all[i].begin(operation_id{base + i * lists}, owner));
    }
    for (std::size_t i = 0; i < all.size(); i += 3) {
        EXPECT_TRUE(cancel_operation(operation_id{base + i * lists}));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].is_cancelled(), i % 3 == 0);
        EXPECT_EQ(all[i].complete(), i % 3 != 0);
    }
}

#if !defined(_WIN32) && !defined(NETWORK_TEST_NO_FORK)
// The lock that a thread held at the fork is held for ever in the child.
TEST(pending_operation, of_the_parent_is_left_alone_by_a_forked_child) {
    const auto owner = std::make_shared<recorder>();
    const auto id = next_operation_id();
    auto one = std::make_unique<pending_operation>();
    ASSERT_TRUE(one->begin(id, owner));
    EXPECT_TRUE(network_system::testing::succeeds_in_child([&] {
        EXPECT_FALSE(cancel_operation(id));
        EXPECT_FALSE(one->is_cancelled());
        one.reset();
        const auto own = next_operation_id();
        pending_operation two;
        EXPECT_TRUE(two.begin(own, owner));
        EXPECT_TRUE(cancel_operation(own));
        EXPECT_FALSE(two.complete());
    }));
    EXPECT_TRUE(owner->heard.empty());
    EXPECT_TRUE(cancel_operation(id));
}
#endif

TEST(pending_operation, is_completed_or_cancelled_whatever_threads_do) {
    struct counter {
        void on_cancelled(operation_id) noexcept { heard.fetch_add(1); }

        std::atomic<int> heard{0};
    };
    constexpr int rounds = 2'000;
    const auto owner = std::make_shared<counter>();
    std::atomic<std::uint64_t> current{0};
    std::atomic<int> cancelled{0};
    int completed = 0;
    std::barrier round(3);
    const auto cancel = [&] {
        for (int i = 0; i < rounds; ++i) {
            round.arrive_and_wait();
            cancelled += cancel_operation(operation_id{current.load()}) ? 1 : 0;
            round.arrive_and_wait();
        }
    };
    std::thread one(cancel);
    std::thread two(cancel);
    for (int i = 0; i < rounds; ++i) {
        const auto id = next_operation_id();
        current = static_cast<std::uint64_t>(id);
        pending_operation pending;
        const bool is_early = i % 2 == 0;
        EXPECT_TRUE(!is_early || pending.begin(id, owner));
        round.arrive_and_wait();
        EXPECT_TRUE(is_early || pending.begin(id, owner));
        completed += pending.complete() ? 1 : 0;
        round.arrive_and_wait();
    }
    one.join();
    two.join();
    EXPECT_EQ(completed + cancelled, rounds);
    EXPECT_EQ(owner->heard, cancelled);
}

}  // namespace
}  // namespace network_system::session

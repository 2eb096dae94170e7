// Who is called when a queue has room, who may pass, and for how long.
#include "session/sending/waiting_senders.h"

#include <gtest/gtest.h>

#include <set>

namespace network_system::inline v0_1::session {
namespace {

constexpr std::size_t high = 100;

class waiting_senders_test : public ::testing::Test {
protected:
    /// Those that the bell was rung for.
    std::set<const waiting_sender*> called() {
        std::set<const waiting_sender*> all;
        for (const waiting_sender* each = bell.wait_until({}); each != nullptr;
             each = each->next()) {
            all.insert(each);
        }
        return all;
    }
    using these = std::set<const waiting_sender*>;

    sender_bell bell;
    waiting_senders senders;
};

TEST_F(waiting_senders_test, those_that_fit_are_called_in_the_order_of_their_arrival) {
    waiting_sender first(bell, 30);
    waiting_sender large(bell, 80);
    waiting_sender second(bell, 30);
    waiting_sender third(bell, 30);
    for (auto* const each : {&first, &large, &second, &third}) {
        senders.join(*each);
    }
    senders.call(71, high);
    EXPECT_EQ(called(), these{});
    senders.call(40, high);
    EXPECT_EQ(called(), (these{&first, &second})) << "and not the third, for whom nothing is left";
    senders.call(40, high);
    EXPECT_EQ(called(), these{}) << "once";
    EXPECT_TRUE(senders.try_again(first, 40, high));
    senders.leave(first, 70, high);
    EXPECT_TRUE(senders.try_again(second, 70, high));
    senders.leave(second, 100, high);
    EXPECT_EQ(called(), these{});
    senders.call(20, high);
    EXPECT_EQ(called(), these{&large});
    EXPECT_TRUE(senders.try_again(large, 20, high));
    senders.leave(large, 100, high);
    senders.call(0, high);
    EXPECT_EQ(called(), these{&third});
    EXPECT_TRUE(senders.try_again(third, 0, high));
    senders.leave(third, 30, high);
    EXPECT_TRUE(senders.empty());
}

TEST_F(waiting_senders_test, room_is_kept_for_who_was_called) {
    waiting_sender waiting(bell, 60);
    senders.join(waiting);
    senders.call(40, high);
    EXPECT_EQ(called(), these{&waiting});
    EXPECT_FALSE(senders.admit(40, 1, high));
    EXPECT_TRUE(senders.admit(20, 20, high)) << "the queue is shorter by now";
    EXPECT_TRUE(senders.try_again(waiting, 40, high));
    senders.leave(waiting, 100, high);
    EXPECT_TRUE(senders.admit(40, 60, high));
}

TEST_F(waiting_senders_test, who_lost_its_room_to_the_loop_is_called_again) {
    waiting_sender waiting(bell, 60);
    senders.join(waiting);
    senders.call(40, high);
    EXPECT_EQ(called(), these{&waiting});
    EXPECT_FALSE(senders.try_again(waiting, 90, high));
    EXPECT_TRUE(senders.admit(90, 10, high)) << "nothing is kept for it meanwhile";
    senders.call(41, high);
    EXPECT_EQ(called(), these{});
    senders.call(0, high);
    EXPECT_EQ(called(), these{&waiting});
    senders.leave(waiting, 0, high);
}

TEST_F(waiting_senders_test, small_messages_pass_a_large_one_but_not_for_ever) {
    waiting_sender large(bell, 60);
    waiting_sender over_the_mark(bell, 200);
    waiting_sender behind(bell, 10);
    for (auto* const each : {&over_the_mark, &large, &behind}) {
        senders.join(*each);
    }
    std::size_t passed = 0;
    while (senders.admit(80, 10, high)) {
        passed += 10;
        ASSERT_LE(passed, high);
    }
    EXPECT_EQ(passed, high) << "a queue full of them";
    senders.call(80, high);
    EXPECT_EQ(called(), these{}) << "nor do those that wait behind";
    senders.call(40, high);
    EXPECT_EQ(called(), these{}) << "who is first needs an empty queue";
    senders.call(0, high);
    EXPECT_EQ(called(), these{&over_the_mark});
    EXPECT_TRUE(senders.try_again(over_the_mark, 0, high));
    senders.leave(over_the_mark, 200, high);
    senders.call(40, high);
    EXPECT_EQ(called(), these{&large});
    senders.leave(large, 40, high);
    EXPECT_EQ(called(), these{&behind}) << "who gives up holds up nobody";
    senders.leave(behind, 40, high);
}

TEST_F(waiting_senders_test, a_close_calls_all) {
    waiting_sender one(bell, 60);
    waiting_sender other(bell, 200);
    senders.join(one);
    senders.join(other);
    senders.close();
    EXPECT_EQ(called(), (these{&one, &other}));
    EXPECT_TRUE(senders.is_closed());
    senders.leave(one, 50, high);
    senders.leave(other, 50, high);
    EXPECT_TRUE(senders.empty());
}

TEST_F(waiting_senders_test, a_wait_ends_at_its_deadline) {
    std::mutex mutex;
    waiting_senders::lock held(mutex);
    std::size_t looks = 0;
    EXPECT_FALSE(senders.wait(held, 10, high, {}, [&] {
        ++looks;
        return high;
    }));
    EXPECT_TRUE(held.owns_lock());
    EXPECT_GT(looks, 0U);
    EXPECT_TRUE(senders.empty());
    EXPECT_TRUE(senders.wait(held, 10, high, {}, [] { return std::size_t{90}; }))
        << "with a last look";
}

}  // namespace
}  // namespace network_system::session

// What becomes of connections in the books of a server; they are stand-ins.
#include "server/connection_registry.h"

#include "support/fake_session.h"

#include <gtest/gtest.h>

#include <vector>

namespace network_system::inline v0_1::core {
namespace {

using session::fake;

TEST(connection_registry, shows_a_connection_when_it_is_open_and_not_before) {
    connection_registry all{{}};
    const auto one = fake("one");
    all.add(one, verdict::admitted);
    EXPECT_EQ(all.open().session_count(), 0U);
    EXPECT_FALSE(all.open().find_session("one"));
    ASSERT_EQ(all.handshaking().size(), 1U);
    EXPECT_EQ(all.handshaking().front(), one);

    all.mark_open(one);
    EXPECT_EQ(all.open().session_count(), 1U);
    EXPECT_TRUE(all.open().find_session("one"));
    EXPECT_TRUE(all.handshaking().empty());
}

TEST(connection_registry, the_order_is_that_of_opening) {
    connection_registry all{{}};
    const auto early = fake("early");
    const auto late = fake("late");
    all.add(late, verdict::admitted);
    all.add(early, verdict::admitted);
    all.mark_open(early);
    all.mark_open(late);
    const auto open = all.open().all_sessions();
    ASSERT_EQ(open.size(), 2U);
    EXPECT_EQ(open.front(), early);
    EXPECT_EQ(open.back(), late);
}

TEST(connection_registry, says_how_those_that_are_gone_had_come) {
    for (const verdict how : {verdict::admitted, verdict::full, verdict::rejected}) {
        connection_registry all{{}};
        const auto one = fake("one");
        all.add(one, how);
        EXPECT_EQ(all.how_came(one), how);
        EXPECT_EQ(all.remove(one), how);
        EXPECT_TRUE(all.handshaking().empty());
        EXPECT_EQ(all.open().get_stats().total_removed, 0U) << "it never was open";
    }
}

TEST(connection_registry, removes_open_ones) {
    connection_registry all{{}};
    const auto one = fake("one");
    all.add(one, verdict::admitted);
    all.mark_open(one);
    EXPECT_EQ(all.how_came(one), verdict::admitted);
    EXPECT_EQ(all.remove(one), verdict::admitted);
    EXPECT_EQ(all.open().session_count(), 0U);
    EXPECT_EQ(all.open().get_stats().total_removed, 1U);
}

TEST(connection_registry, holds_nobody_who_is_gone) {
    connection_registry all{{}};
    std::vector<std::weak_ptr<session::messaging_session>> gone;
    for (const bool opens : {false, true}) {
        const auto one = fake("one");
        gone.emplace_back(one);
        all.add(one, verdict::admitted);
        if (opens) {
            all.mark_open(one);
        }
        (void)all.open().snapshot();
        all.remove(one);
    }
    for (const auto& each : gone) {
        EXPECT_TRUE(each.expired());
    }
}

}  // namespace
}  // namespace network_system::core

#include "support/fake_session.h"

#include <network_system/core/session_manager.h>
#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

using session::fake;
using session::fake_session;

template <typename T>
int code_of(const Result<T>& result) {
    return result.is_err() ? result.error().code : 0;
}

TEST(session_manager, starts_empty) {
    const session_manager manager;
    const auto stats = manager.get_stats();
    EXPECT_EQ(stats.active, 0U);
    EXPECT_EQ(stats.peak, 0U);
    EXPECT_EQ(stats.total_added, 0U);
    EXPECT_EQ(stats.queued_bytes, 0U);
    EXPECT_EQ(stats.backpressure, backpressure_state::open);
    EXPECT_TRUE(manager.all_sessions().empty());
}

TEST(session_manager, finds_what_was_added) {
    session_manager manager;
    const auto a = fake("a");
    ASSERT_TRUE(manager.add_session(a));
    ASSERT_TRUE(manager.add_session(fake("b")));
    EXPECT_EQ(manager.session_count(), 2U);
    EXPECT_EQ(manager.find_session("a").value(), a);
    EXPECT_EQ(manager.find_session("b").value()->id(), "b");
}

TEST(session_manager, errors) {
    session_manager manager(2);
    EXPECT_EQ(code_of(manager.add_session(nullptr)), -622);
    ASSERT_TRUE(manager.add_session(fake("a")));
    EXPECT_EQ(code_of(manager.add_session(fake("a"))), -12);
    EXPECT_EQ(code_of(manager.find_session("x")), -620);
    EXPECT_NE(manager.find_session("x").error().message.find("'x'"), std::string::npos);
    EXPECT_EQ(code_of(manager.remove_session("x")), -620);
    EXPECT_EQ(code_of(manager.session_backpressure("x")), -620);
    ASSERT_TRUE(manager.add_session(fake("b")));
    EXPECT_EQ(code_of(manager.add_session(fake("c"))), -663);
    ASSERT_TRUE(manager.remove_session("a"));
    EXPECT_EQ(code_of(manager.remove_session("a")), -620);
    EXPECT_TRUE(manager.add_session(fake("c")));
    EXPECT_EQ(manager.session_count(), 2U);
}

TEST(session_manager, a_refused_duplicate_leaves_the_first) {
    session_manager manager;
    const auto first = fake("a");
    ASSERT_TRUE(manager.add_session(first));
    ASSERT_FALSE(manager.add_session(fake("a")));
    EXPECT_EQ(manager.find_session("a").value(), first);
    EXPECT_EQ(manager.get_stats().total_added, 1U);
}

TEST(session_manager, zero_means_no_limit) {
    session_manager manager(0);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(manager.add_session(fake(std::to_string(i))));
    }
    EXPECT_EQ(manager.session_count(), 1000U);
}

TEST(session_manager, counts_exactly) {
    session_manager manager(3);
    for (const char* id : {"a", "b", "c", "d", "e"}) {
        (void)manager.add_session(fake(id));
    }
    (void)manager.remove_session("a");
    (void)manager.remove_session("b");
    (void)manager.remove_session("nobody");
    (void)manager.add_session(fake("f"));
    const auto stats = manager.get_stats();
    EXPECT_EQ(stats.active, 2U);
    EXPECT_EQ(stats.peak, 3U);
    EXPECT_EQ(stats.total_added, 4U);
    EXPECT_EQ(stats.total_removed, 2U);
    EXPECT_EQ(stats.total_rejected, 2U);
}

TEST(session_manager, backpressure_follows_the_watermarks) {
    session_config config;
    config.high_watermark = 1000;
    config.low_watermark = 100;
    session_manager manager(0, config);
    const auto only = fake("a");
    ASSERT_TRUE(manager.add_session(only));
    const std::vector<std::pair<std::size_t, backpressure_state>> rows{
        {0, backpressure_state::open},      {100, backpressure_state::open},
        {101, backpressure_state::filling}, {999, backpressure_state::filling},
        {1000, backpressure_state::full},   {1001, backpressure_state::full}};
    for (const auto& [queued, state] : rows) {
        only->queued = queued;
        EXPECT_EQ(manager.session_backpressure("a").value(), state) << queued;
        EXPECT_EQ(manager.get_stats().backpressure, state) << queued;
    }
}

TEST(session_manager, the_fullest_session_decides_and_bytes_add_up) {
    session_config config;
    config.high_watermark = 1000;
    config.low_watermark = 100;
    session_manager manager(0, config);
    ASSERT_TRUE(manager.add_session(fake("a", 5)));
    ASSERT_TRUE(manager.add_session(fake("b", 500)));
    EXPECT_EQ(manager.get_stats().backpressure, backpressure_state::filling);
    ASSERT_TRUE(manager.add_session(fake("c", 2000)));
    const auto stats = manager.get_stats();
    EXPECT_EQ(stats.backpressure, backpressure_state::full);
    EXPECT_EQ(stats.queued_bytes, 2505U);
    EXPECT_EQ(manager.session_backpressure("a").value(), backpressure_state::open);
}

TEST(session_manager, snapshots_are_in_the_order_of_addition) {
    session_manager manager;
    std::vector<session_manager::session_ptr> added;
    for (int i = 0; i < 100; ++i) {
        added.push_back(fake("s-" + std::to_string(i * 7919 % 100)));
        ASSERT_TRUE(manager.add_session(added.back()));
    }
    EXPECT_EQ(manager.all_sessions(), added);
    ASSERT_TRUE(manager.remove_session(added[40]->id()));
    added.erase(added.begin() + 40);
    EXPECT_EQ(manager.all_sessions(), added);
}

TEST(session_manager, snapshots_hold_every_session_once) {
    session_manager manager;
    for (const char* id : {"a", "b", "c"}) {
        ASSERT_TRUE(manager.add_session(fake(id)));
    }
    std::vector<std::string> ids;
    manager.for_each([&](const session_manager::session_ptr& each) { ids.push_back(each->id()); });
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(ids, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(manager.all_sessions().size(), 3U);
}

TEST(session_manager, visitors_may_change_the_manager) {
    session_manager manager;
    for (const char* id : {"a", "b", "c"}) {
        ASSERT_TRUE(manager.add_session(fake(id)));
    }
    int visited = 0;
    manager.for_each([&](const session_manager::session_ptr& each) {
        ++visited;
        EXPECT_TRUE(manager.remove_session(each->id()));
        EXPECT_TRUE(manager.add_session(fake(each->id() + "'")));
    });
    EXPECT_EQ(visited, 3);
    EXPECT_EQ(manager.session_count(), 3U);
}

TEST(session_manager, stop_all_stops_each_once_and_calls_without_the_lock) {
    session_manager manager;
    std::vector<std::shared_ptr<fake_session>> all;
    for (const char* id : {"a", "b", "c"}) {
        all.push_back(fake(id));
        all.back()->on_stop = [&manager, id] { (void)manager.remove_session(id); };
        ASSERT_TRUE(manager.add_session(all.back()));
    }
    EXPECT_EQ(manager.stop_all_sessions(), 3U);
    for (const auto& each : all) {
        EXPECT_EQ(each->stops, 1);
    }
    EXPECT_EQ(manager.session_count(), 0U);
    EXPECT_EQ(manager.stop_all_sessions(), 0U);
}

TEST(session_manager, shares_ownership_until_removed) {
    session_manager manager;
    std::weak_ptr<fake_session> watched;
    {
        auto owned = fake("a");
        watched = owned;
        // User data whose destructor calls back: removal must not hold the lock then.
        owned->set_user_data(std::shared_ptr<void>(static_cast<void*>(&manager), [](void* where) {
            EXPECT_EQ(static_cast<session_manager*>(where)->session_count(), 0U);
        }));
        ASSERT_TRUE(manager.add_session(std::move(owned)));
    }
    EXPECT_FALSE(watched.expired());
    ASSERT_TRUE(manager.remove_session("a"));
    EXPECT_TRUE(watched.expired());
}

TEST(messaging_session, user_data_is_a_slot) {
    const auto session = fake("a");
    EXPECT_EQ(session->user_data(), nullptr);
    auto first = std::make_shared<int>(1);
    session->set_user_data(first);
    EXPECT_EQ(*session->user_data_as<int>(), 1);
    session->set_user_data(std::make_shared<std::string>("two"));
    EXPECT_EQ(first.use_count(), 1) << "the old value was let go";
    EXPECT_EQ(*session->user_data_as<std::string>(), "two");
    session->set_user_data(nullptr);
    EXPECT_EQ(session->user_data(), nullptr);
}

TEST(messaging_session, user_data_knows_its_type) {
    const auto session = fake("a");
    EXPECT_EQ(session->user_data<int>(), nullptr);
    const auto number = std::make_shared<int>(7);
    session->set_user_data(number);
    EXPECT_EQ(session->user_data<int>(), number);
    EXPECT_EQ(session->user_data<std::string>(), nullptr);
    EXPECT_EQ(session->user_data_as<int>(), number);
    session->set_user_data(std::shared_ptr<void>(number));
    EXPECT_EQ(session->user_data<int>(), nullptr) << "nobody has said what it is";
    EXPECT_EQ(session->user_data_as<int>(), number);
}

}  // namespace
}  // namespace network_system::core

// When a client that has lost its connection tries again: as a table, without time or sockets.
#include "client/reconnect_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

reconnect_options settings() {
    return {milliseconds(100), milliseconds(350), 2.0, 0, seconds(10)};
}

/// What happens to a client, and what the policy has to say.
struct step {
    enum class kind : std::uint8_t { connects, fails } what;
    /// After the step before.
    milliseconds later;
    /// Of a failure: the longest pause, or none when it gives up.
    int ceiling = 0;
};
constexpr int gives_up = -1;

constexpr step connects(milliseconds later = {}) {
    return {step::kind::connects, later};
}
constexpr step fails(int ceiling, milliseconds later = {}) {
    return {step::kind::fails, later, ceiling};
}

milliseconds longest_pause(const reconnect_policy& policy) {
    milliseconds most{0};
    for (std::uint64_t random = 0; random < 400; ++random) {
        reconnect_policy copy = policy;
        most = std::max(most, copy.next_pause(random));
    }
    return most;
}

TEST(reconnect_policy, success_is_when_it_has_lasted) {
    const auto with = [](auto change) {
        auto all = settings();
        change(all);
        return all;
    };
    const auto attempts = [&](unsigned most) {
        return with([most](auto& all) { all.max_attempts = most; });
    };
    struct {
        const char* name;
        reconnect_options settings;
        std::vector<step> steps;
    } const cases[] = {
        {"the ceiling grows up to the cap",
         settings(),
         {connects(), fails(100, hours(1)), fails(200), fails(350), fails(350)}},
        {"a connection that is dropped at once is one more failure",
         settings(),
         {connects(), fails(100), connects(), fails(200), connects(), fails(350)}},
        {"one that has nearly lasted, too",
         settings(),
         {connects(), fails(100), connects(), fails(200, milliseconds(9'999))}},
        {"one that has lasted begins again",
         settings(),
         {connects(), fails(100), connects(), fails(100, seconds(10)), fails(200)}},
        {"what lasts is the connection, not the time since the first one",
         settings(),
         {connects(), fails(100), fails(200, hours(1)), connects(), fails(350)}},
        {"attempts end while nobody answers",
         attempts(2),
         {connects(), fails(100, hours(1)), fails(200), fails(gives_up)}},
        {"attempts end where they are accepted and dropped",
         attempts(2),
         {connects(), fails(100), connects(), fails(200), connects(), fails(gives_up)}},
        {"attempts begin anew after a stable one",
         attempts(1),
         {connects(), fails(100), connects(), fails(100, seconds(10)), fails(gives_up)}},
        {"everything is stable if that is wanted",
         with([](auto& all) { all.stable_after = milliseconds(0); }),
         {connects(), fails(100), connects(), fails(100)}},
        {"nothing is stable if that is wanted",
         with([](auto& all) { all.stable_after = milliseconds::max(); }),
         {connects(), fails(100, hours(24 * 365)), connects(), fails(200, hours(24 * 365))}},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.name);
        reconnect_policy policy(each.settings);
        detail::steady_time now{};
        for (std::size_t i = 0; i < each.steps.size(); ++i) {
            SCOPED_TRACE(i);
            const step& next = each.steps[i];
            now = detail::after(now, next.later);
            if (next.what == step::kind::connects) {
                policy.connected(now);
                continue;
            }
            ASSERT_EQ(policy.failed(now), next.ceiling != gives_up);
            if (next.ceiling != gives_up) {
                EXPECT_EQ(longest_pause(policy), milliseconds(next.ceiling));
                (void)policy.next_pause(0);
            }
        }
    }
}

TEST(reconnect_policy, a_pause_the_server_asks_for_is_kept) {
    struct {
        const char* name;
        requested_pause asked;
        milliseconds least;
        milliseconds most;
    } const cases[] = {
        {"between two ends", {seconds(5), seconds(30)}, seconds(5), seconds(30)},
        {"exactly", {seconds(5), seconds(5)}, seconds(5), seconds(5)},
        {"at least, with jitter", {seconds(5), {}}, seconds(5), milliseconds(5'100)},
        {"no time at all, with jitter", {seconds(0), {}}, seconds(0), milliseconds(100)},
        {"never", {milliseconds::max(), {}}, milliseconds::max(), milliseconds::max()},
        {"never, as an end", {seconds(1), milliseconds::max()}, seconds(1), milliseconds::max()},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.name);
        for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{100},
                                           std::uint64_t{25'000}, largest / 3, largest}) {
            reconnect_policy policy(settings());
            ASSERT_TRUE(policy.failed({}, {false, each.asked}));
            const auto pause = policy.next_pause(random);
            EXPECT_GE(pause, each.least);
            EXPECT_LE(pause, each.most);
        }
    }
}

TEST(reconnect_policy, a_server_that_always_asks_for_no_time_is_asked_ever_less) {
    reconnect_policy policy(settings());
    for (const int ceiling : {100, 200, 350, 350}) {
        ASSERT_TRUE(policy.failed({}, {false, requested_pause{seconds(0), {}}}));
        EXPECT_EQ(longest_pause(policy), milliseconds(ceiling));
        (void)policy.next_pause(0);
    }
}

TEST(reconnect_policy, a_pause_is_asked_for_once) {
    reconnect_policy policy(settings());
    ASSERT_TRUE(policy.failed({}, {false, requested_pause{seconds(5), seconds(5)}}));
    EXPECT_EQ(policy.next_pause(largest), seconds(5));
    EXPECT_EQ(longest_pause(policy), milliseconds(100));
    ASSERT_TRUE(policy.failed({}, {false, requested_pause{seconds(5), seconds(5)}}));
    ASSERT_TRUE(policy.failed({}));
    EXPECT_EQ(longest_pause(policy), milliseconds(100)) << "what came later counts";
}

TEST(reconnect_policy, a_final_end_is_no_attempt) {
    auto once = settings();
    once.max_attempts = 1;
    reconnect_policy policy(once);
    EXPECT_FALSE(policy.failed({}, {true}));
    EXPECT_FALSE(policy.failed({}, {true}));
    EXPECT_TRUE(policy.failed({}));
    EXPECT_FALSE(policy.failed({}));
}

}  // namespace
}  // namespace network_system::core

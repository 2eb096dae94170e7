// When a peer is pinged and given up, as decisions alone: no clock, no socket.
#include "session/keep_alive.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

using runtime::steady_time;
using std::chrono::milliseconds;
using action = keep_alive::action;

constexpr steady_time at(int ms) {
    return steady_time{} + std::chrono::seconds{1000} + milliseconds{ms};
}

/// What happens at one moment, in milliseconds.
struct moment {
    int now;
    action expected;
    /// What the peer has taken since the last look, and whether it is behind.
    transport::peer_progress made = {};
    std::optional<int> read_at = std::nullopt;
    bool is_resumed = false;
};

struct course {
    const char* name;
    keep_alive::limits given;
    std::vector<moment> moments;
};

// A read and a write at 0; from then on nothing but what the moments say.
const std::vector<course> courses{
    {"pings_when_nothing_arrives",
     {{}, milliseconds{100}, {}, 3},
     {{99, action::none}, {100, action::ping}, {199, action::none}, {200, action::ping}}},
    {"gives_up_after_the_missed_pings",
     {{}, milliseconds{100}, {}, 2},
     {{100, action::ping}, {200, action::ping}, {300, action::give_up}}},
    {"anything_that_arrives_counts",
     {{}, milliseconds{100}, {}, 1},
     {{100, action::ping}, {250, action::ping, {}, 150}}},
    {"a_pong_may_have_a_shorter_time",
     {{}, milliseconds{100}, milliseconds{20}, 2},
     {{100, action::ping}, {119, action::none}, {120, action::ping}, {140, action::give_up}}},
    {"who_takes_its_queue_is_alive",
     {{}, milliseconds{100}, {}, 1},
     {{100, action::ping, {0, true}},
      {200, action::none, {1024, true}},
      {300, action::ping, {1023, true}},
      {400, action::give_up, {0, true}}}},
    {"what_is_taken_of_an_empty_queue_is_only_the_pings",
     {{}, milliseconds{100}, {}, 1},
     {{100, action::ping, {0, false}}, {200, action::give_up, {5000, false}}}},
    {"in_a_part_of_the_interval_a_part_is_enough",
     {{}, milliseconds{100}, milliseconds{10}, 1},
     {{100, action::ping, {0, true}}, {110, action::none, {104, true}}}},
    {"a_late_look_does_not_blame_the_peer",
     {{}, milliseconds{100}, {}, 1},
     {{100, action::ping}, {251, action::ping}, {351, action::give_up}}},
    {"idle_connections_expire",
     {milliseconds{100}, {}, {}, 3},
     {{99, action::none}, {100, action::expire}}},
    {"idle_ends_before_the_next_ping",
     {milliseconds{100}, milliseconds{1000}, {}, 3},
     {{99, action::none}, {100, action::expire}}},
    {"what_is_taken_from_halfway_on_keeps_it",
     {milliseconds{100}, {}, {}, 3},
     {{50, action::none, {0, true}},
      {100, action::none, {1024, false}},
      {199, action::none},
      {200, action::expire}}},
    {"a_pause_is_not_held_against_it",
     {milliseconds{100}, milliseconds{60}, {}, 1},
     {{60, action::ping},
      {90, action::none, {}, std::nullopt, true},
      {149, action::none},
      {150, action::give_up}}},
    {"without_limits_nothing_happens", {{}, {}, {}, 1}, {{1'000'000, action::none}}},
    {"never_is_never",
     {milliseconds::max(), milliseconds::max(), {}, 1},
     {{1'000'000, action::none}}},
};

class keep_alive_rules : public ::testing::TestWithParam<course> {};

TEST_P(keep_alive_rules, decide) {
    keep_alive rules;
    keep_alive::traffic seen{at(0), at(0)};
    const auto& given = GetParam().given;
    for (const moment& each : GetParam().moments) {
        if (each.read_at) {
            seen.last_read = at(*each.read_at);
            rules.on_read();
        }
        if (each.is_resumed) {
            rules.on_resume(at(each.now));
        }
        const auto next = rules.next_deadline(given, seen, at(each.now - 1));
        const bool is_looked_at = rules.needs_progress(given, seen, at(each.now));
        EXPECT_EQ(rules.on_deadline(given, seen, at(each.now), each.made), each.expected)
            << "at " << each.now;
        if (each.expected != action::none) {
            EXPECT_TRUE(is_looked_at) << "at " << each.now;
            EXPECT_LE(next, at(each.now)) << "it would not have been woken at " << each.now;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(courses, keep_alive_rules, ::testing::ValuesIn(courses),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(keep_alive_deadlines, are_the_first_of_all_that_may_happen) {
    const keep_alive rules;
    const keep_alive::traffic seen{at(0), at(40)};
    const auto next = [&](milliseconds idle, milliseconds ping) {
        return rules.next_deadline({idle, ping, {}, 3}, seen, at(50));
    };
    EXPECT_EQ(next(milliseconds{0}, milliseconds{0}), steady_time::max());
    EXPECT_EQ(next(milliseconds{0}, milliseconds{70}), at(70)) << "what was written is no answer";
    EXPECT_EQ(next(milliseconds{25}, milliseconds{70}), at(65)) << "but keeps it from being idle";
    EXPECT_EQ(next(milliseconds{100}, milliseconds{0}), at(90)) << "a look halfway";
    EXPECT_EQ(rules.next_deadline({milliseconds{100}, {}, {}, 3}, seen, at(90)), at(140));
}

}  // namespace
}  // namespace network_system::session

// When a session is probed, and what its answers and their absence say about it: without a clock
// and without sockets.
#include "resilience/health_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using action = health_state::action;

constexpr milliseconds probe_interval{1000};
// (3 intervals - 1 - 20 ms) / 3
constexpr milliseconds probe_patience{660};

/// A session in a time of its own.
class watched_state {
public:
    explicit watched_state(const health_options& options = {probe_interval, 3, true})
        : state(options) {
        begin();
    }
    void begin() {
        now = nanoseconds{0};
        last_sent.reset();
        state.begin(seen);
    }

    /// The next thing that is due.
    action step(nanoseconds late = nanoseconds{0}) {
        now = std::max(now, state.next_deadline()) + late;
        const action next = state.on_deadline(now, seen);
        if (next == action::probe) {
            const auto lost = state.on_probe(++name, now);
            if (lost) {
                forgotten.push_back(*lost);
            }
            last_sent = now;
        }
        return next;
    }
    /// The first probe, which is answered.
    void open(microseconds taken = microseconds{1000}) {
        EXPECT_EQ(step(), action::probe);
        answer(taken);
    }
    /// The last probe is answered.
    void answer(microseconds taken) {
        now = *last_sent + taken;
        state.on_answer(name, taken);
    }
    [[nodiscard]] health_report report() const {
        health_report made;
        state.describe(made);
        return made;
    }

    health_state state;
    health_state::traffic seen;
    nanoseconds now{0};
    std::uint64_t name = 0;
    std::optional<nanoseconds> last_sent;
    std::vector<std::uint64_t> forgotten;
};

TEST(health_state_test, probes_at_once_and_then_every_interval) {
    watched_state it;
    EXPECT_EQ(it.state.state(), health::unknown);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(it.step(), action::probe);
        ASSERT_EQ(it.now, i * probe_interval);
        it.answer(milliseconds{1 + i % 600});
        ASSERT_EQ(it.state.state(), health::healthy);
    }
    const auto report = it.report();
    EXPECT_EQ(report.probes_sent, 1000U);
    EXPECT_EQ(report.probes_answered, 1000U);
    EXPECT_EQ(report.probes_missed, 0U);
    EXPECT_EQ(report.loss_rate, 0);
}

TEST(health_state_test, a_probe_that_is_not_answered_makes_it_quiet_and_an_answer_healthy) {
    watched_state it;
    it.open();
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.now, probe_interval + probe_patience);
    EXPECT_EQ(it.state.state(), health::quiet);
    EXPECT_EQ(it.report().missed, 1U);
    it.answer(milliseconds{5});
    EXPECT_EQ(it.state.state(), health::healthy);
    EXPECT_EQ(it.report().missed, 0U);
    EXPECT_EQ(it.report().probes_missed, 1U);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.now, probe_interval + probe_patience + probe_interval);
}

TEST(health_state_test, a_dead_peer_is_found_within_the_intervals_it_may_miss) {
    const milliseconds intervals[] = {milliseconds{10}, milliseconds{50}, probe_interval,
                                      hours{24}};
    for (const milliseconds each : intervals) {
        for (const unsigned most : {1U, 2U, 3U, 10U, 1000U}) {
            SCOPED_TRACE(std::to_string(each.count()) + " ms x " + std::to_string(most));
            watched_state it({each, most, true});
            it.open(microseconds{100});
            ASSERT_EQ(it.step(), action::probe);
            const auto answered = it.now;
            it.answer(microseconds{100});
            ASSERT_EQ(it.step(), action::probe);
            EXPECT_LE(it.now, answered + each);
            ASSERT_EQ(it.step(), most == 1 ? action::give_up : action::probe);
            EXPECT_LT(it.now, answered + 2 * each)
                << "quiet before a second probe_interval is over";
            for (unsigned i = 2; i <= most; ++i) {
                ASSERT_EQ(it.state.state(), health::quiet);
                ASSERT_EQ(it.step(), i < most ? action::probe : action::give_up);
            }
            EXPECT_EQ(it.state.state(), health::dead);
            EXPECT_EQ(it.report().missed, most);
            EXPECT_LE(it.now, answered + most * nanoseconds(each) - milliseconds{2});
            EXPECT_GT(it.now, answered + most * nanoseconds(each) * 2 / 5);
            EXPECT_EQ(it.step(), action::none) << "the dead are not probed";
        }
    }
}

TEST(health_state_test, a_peer_that_never_answers_is_dead) {
    watched_state it;
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.state.state(), health::quiet);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::give_up);
    EXPECT_EQ(it.now, 3 * probe_patience);
}

TEST(health_state_test, a_slow_peer_lives_as_long_as_its_answers_come) {
    // Each answer comes 1.5 intervals after its probe.
    watched_state it;
    std::vector<std::pair<nanoseconds, std::uint64_t>> answers;
    bool was_quiet = false;
    while (it.now < hours{1}) {
        if (!answers.empty() && answers.front().first <= it.state.next_deadline()) {
            it.now = answers.front().first;
            it.state.on_answer(answers.front().second, probe_interval * 3 / 2);
            answers.erase(answers.begin());
            ASSERT_EQ(it.state.state(), health::healthy);
        } else {
            const action next = it.step();
            ASSERT_NE(next, action::give_up);
            was_quiet = was_quiet || it.state.state() == health::quiet;
            if (next == action::probe) {
                answers.emplace_back(it.now + probe_interval * 3 / 2, it.name);
            }
        }
    }
    EXPECT_TRUE(was_quiet);
    EXPECT_TRUE(it.forgotten.empty());
    const auto report = it.report();
    EXPECT_GE(report.probes_sent, 3600U / 2);
    EXPECT_LE(report.probes_sent, 3600U * 2) << "late answers do not make it probe faster";
    EXPECT_EQ(report.loss_rate, 1) << "none in time";
}

TEST(health_state_test, answers_that_come_too_late_do_not_save_it) {
    watched_state it;
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::give_up);
    it.state.on_answer(1, seconds{3});
    EXPECT_EQ(it.state.state(), health::dead);
    EXPECT_EQ(it.report().probes_answered, 0U);
}

TEST(health_state_test, bytes_that_arrive_are_a_sign_of_life) {
    watched_state it;
    it.open();
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::probe);
    ASSERT_EQ(it.state.state(), health::quiet);
    for (int i = 0; i < 10'000; ++i) {
        ++it.seen.received;
        ASSERT_NE(it.step(), action::give_up);
        ASSERT_EQ(it.report().missed, 0U);
    }
    EXPECT_EQ(it.state.state(), health::healthy);
    EXPECT_EQ(it.report().probes_missed, 1U);
    // The probes that wait are bounded, and the last of them still count.
    EXPECT_EQ(it.report().probes_sent, it.forgotten.size() + 1 + 16);
    EXPECT_TRUE(std::is_sorted(it.forgotten.begin(), it.forgotten.end()));
    it.state.on_answer(it.forgotten.back(), microseconds{7});
    EXPECT_EQ(it.report().probes_answered, 1U);
    it.answer(microseconds{7});
    EXPECT_EQ(it.report().probes_answered, 2U);
}

TEST(health_state_test, after_the_last_bytes_it_is_found_in_time) {
    for (const unsigned most : {1U, 2U, 3U, 10U}) {
        watched_state it({probe_interval, most, true});
        it.open();
        nanoseconds heard{0};
        for (int i = 0; i < 20; ++i) {
            heard = it.now;  // they have come just after the last look
            ++it.seen.received;
            ASSERT_NE(it.step(), action::give_up);
        }
        while (it.step() != action::give_up) {}
        EXPECT_LE(it.now, heard + most * probe_interval) << most;
    }
}

TEST(health_state_test, a_peer_that_takes_what_it_is_sent_is_not_given_up) {
    watched_state it;
    it.open();
    it.seen.is_behind = true;
    EXPECT_EQ(it.step(), action::probe);
    for (int i = 0; i < 1000; ++i) {
        it.seen.taken += 256;
        ASSERT_NE(it.step(), action::give_up);
        ASSERT_EQ(it.state.state(), health::healthy) << "and not quiet";
    }
    // Less is what pings alone could be.
    for (int i = 0; i < 2; ++i) {
        it.seen.taken += 255;
        EXPECT_EQ(it.step(), action::probe);
    }
    it.seen.taken += 255;
    EXPECT_EQ(it.step(), action::give_up);
}

TEST(health_state_test, what_went_to_the_system_alone_is_no_sign_of_life) {
    // Nothing waits, so that what was written fits the system's buffer.
    watched_state it;
    it.open();
    EXPECT_EQ(it.step(), action::probe);
    for (int i = 0; i < 2; ++i) {
        it.seen.taken += 10'000;
        EXPECT_EQ(it.step(), action::probe);
    }
    it.seen.taken += 10'000;
    EXPECT_EQ(it.step(), action::give_up);
}

TEST(health_state_test, who_does_not_read_judges_nobody) {
    watched_state it;
    it.open();
    EXPECT_EQ(it.step(), action::probe);
    it.seen.is_paused = true;
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(it.step(), action::none);
    }
    EXPECT_EQ(it.report().missed, 0U);
    it.seen.is_paused = false;
    EXPECT_EQ(it.step(), action::none) << "it was paused until now";
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::give_up);
}

TEST(health_state_test, the_peer_is_not_blamed_for_what_holds_this_side_up) {
    watched_state it;
    it.open();
    EXPECT_EQ(it.step(), action::probe);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(it.step(hours{1}), action::none) << "the answer may wait to be read";
        EXPECT_EQ(it.state.next_deadline(), it.now + probe_patience);
    }
    EXPECT_EQ(it.report().missed, 0U);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.step(), action::give_up);
}

TEST(health_state_test, a_probe_that_is_sent_late_gets_its_time) {
    watched_state it;
    it.open();
    EXPECT_EQ(it.step(hours{1}), action::probe);
    EXPECT_EQ(it.state.next_deadline(), it.now + probe_patience);
    it.answer(milliseconds{1});
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.report().probes_missed, 0U);
}

TEST(health_state_test, nothing_is_due_before_its_time) {
    watched_state it;
    it.open();
    const auto due = it.state.next_deadline();
    EXPECT_EQ(it.state.on_deadline(due - nanoseconds{1}, it.seen), action::none);
    EXPECT_EQ(it.state.on_deadline(due, it.seen), action::probe);
}

TEST(health_state_test, a_probe_that_could_not_be_sent_is_neither_answered_nor_counted_lost) {
    watched_state it;
    it.open();
    EXPECT_EQ(it.step(), action::probe);
    it.state.on_failed(it.name);
    it.state.on_answer(it.name, milliseconds{1});
    EXPECT_EQ(it.report().probes_answered, 1U);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.state.state(), health::quiet);
    EXPECT_EQ(it.report().loss_rate, 0);
}

TEST(health_state_test, a_new_session_begins_anew_and_what_was_measured_stays) {
    watched_state it;
    it.open(microseconds{500});
    while (it.step() != action::give_up) {}
    EXPECT_TRUE(it.state.end().empty());
    EXPECT_EQ(it.state.state(), health::dead) << "until somebody else is watched_state";
    EXPECT_FALSE(it.state.is_watching());
    it.begin();
    EXPECT_EQ(it.state.state(), health::unknown);
    EXPECT_EQ(it.report().missed, 0U);
    EXPECT_EQ(it.report().last_rtt, microseconds{500});
    EXPECT_EQ(it.report().probes_missed, 3U);
    EXPECT_EQ(it.step(), action::probe);
    EXPECT_EQ(it.now, nanoseconds{0});
    const auto unanswered = it.state.end();
    ASSERT_EQ(unanswered.size(), 1U);
    EXPECT_EQ(unanswered.front().name, it.name);
    EXPECT_EQ(it.state.state(), health::unknown);
    EXPECT_EQ(it.state.on_deadline(hours{1}, it.seen), action::none);
}

TEST(health_state_test, loss_is_counted_over_the_last_probes) {
    watched_state it({probe_interval, 1000, true});
    it.open();
    // Each second one is lost.
    for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(it.step(), action::probe);
        EXPECT_EQ(it.step(), action::probe);
        it.answer(milliseconds{1});
    }
    EXPECT_EQ(it.report().loss_rate, 0.5);
    for (int i = 0; i < 96; ++i) {
        EXPECT_EQ(it.step(), action::probe);
        it.answer(milliseconds{1});
    }
    EXPECT_EQ(it.report().loss_rate, 0.125);
    for (int i = 0; i < 32; ++i) {
        EXPECT_EQ(it.step(), action::probe);
        it.answer(milliseconds{1});
    }
    EXPECT_EQ(it.report().loss_rate, 0);
}

TEST(health_state_test, options_have_ranges) {
    const auto refuses = [](milliseconds every, unsigned most, const char* name) {
        const char* const why = health_state::check({every, most, true});
        return why != nullptr && std::string(why).find(name) != std::string::npos;
    };
    EXPECT_EQ(health_state::check({}), nullptr);
    EXPECT_EQ(health_state::check({milliseconds{10}, 1, true}), nullptr);
    EXPECT_EQ(health_state::check({hours{24}, 1000, true}), nullptr);
    for (const milliseconds each :
         {milliseconds{0}, milliseconds{-1}, milliseconds{9},
          milliseconds(hours{24}) + milliseconds{1}, milliseconds::max(), milliseconds::min()}) {
        EXPECT_TRUE(refuses(each, 3, "interval"));
    }
    EXPECT_TRUE(refuses(probe_interval, 0, "max_missed"));
    EXPECT_TRUE(refuses(probe_interval, 1001, "max_missed"));
    EXPECT_TRUE(refuses(probe_interval, std::numeric_limits<unsigned>::max(), "max_missed"));
}

}  // namespace
}  // namespace network_system::resilience

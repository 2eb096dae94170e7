#include "runtime/deadline_wheel.h"

#include "support/bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace network_system::inline v0_1::runtime {
namespace {

using network_system::testing::pick;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

const steady_time origin{hours{5}};
// Deadlines are rounded up to the wheel's resolution.
constexpr milliseconds resolution{1};

class entry final : public deadline_entry {
public:
    explicit entry(std::function<void(entry&, steady_time)> action = {})
        : action_(std::move(action)) {}

    void on_deadline(steady_time now) override {
        EXPECT_FALSE(is_set());
        ++fired;
        fired_at = now;
        if (action_) {
            action_(*this, now);
        }
    }

    int fired = 0;
    steady_time fired_at{};

private:
    std::function<void(entry&, steady_time)> action_;
};

TEST(deadline_wheel, an_empty_wheel_has_no_next) {
    deadline_wheel wheel(origin);
    EXPECT_TRUE(wheel.empty());
    EXPECT_FALSE(wheel.next());
    wheel.advance(origin + hours{100});
    EXPECT_FALSE(wheel.next());
}

TEST(deadline_wheel, never_early_at_any_distance) {
    // Distances around every level's edge, where slots change hands.
    std::vector<nanoseconds> distances;
    for (std::int64_t edge = 1; edge < (std::int64_t{1} << 36); edge *= 64) {
        for (const int offset : {-1, 0, 1}) {
            distances.push_back(milliseconds{edge + offset});
            distances.push_back(milliseconds{edge + offset} + microseconds{1});
            distances.push_back(milliseconds{edge + offset} - nanoseconds{1});
        }
    }
    for (const nanoseconds start :
         {nanoseconds{0}, nanoseconds{milliseconds{63}}, nanoseconds{milliseconds{4095}},
          nanoseconds{microseconds{123'456'789}}}) {
        for (const nanoseconds distance : distances) {
            if (distance < nanoseconds{0}) {
                continue;
            }
            deadline_wheel wheel(origin);
            wheel.advance(origin + start);
            entry only;
            const steady_time deadline = origin + start + distance;
            wheel.set(only, deadline);
            wheel.advance(deadline - nanoseconds{1});
            ASSERT_EQ(only.fired, 0) << distance.count() << " from " << start.count();
            wheel.advance(deadline + resolution);
            ASSERT_EQ(only.fired, 1) << distance.count() << " from " << start.count();
            EXPECT_TRUE(wheel.empty());
        }
    }
}

TEST(deadline_wheel, following_next_reaches_every_deadline_in_time) {
    for (const milliseconds distance :
         {milliseconds{0}, milliseconds{1}, milliseconds{64}, milliseconds{5'000},
          milliseconds{300'000}, milliseconds{hours{24}}, milliseconds{hours{24 * 365}}}) {
        deadline_wheel wheel(origin);
        entry only;
        wheel.set(only, origin + distance);
        int steps = 0;
        while (only.fired == 0) {
            const auto next = wheel.next();
            ASSERT_TRUE(next);
            ASSERT_LE(*next, origin + distance + resolution) << "next() is later than the deadline";
            wheel.advance(*next);
            ASSERT_LE(++steps, 7) << "entries move at most once per level";
        }
        EXPECT_GE(only.fired_at, origin + distance);
    }
}

TEST(deadline_wheel, fires_in_order_of_deadlines) {
    deadline_wheel wheel(origin);
    std::vector<int> order;
    std::vector<std::unique_ptr<entry>> entries;
    const std::vector<int> distances{5'000, 3, 70, 64, 63, 100'000, 4'096, 4'095, 1, 300'000};
    for (const int distance : distances) {
        entries.push_back(std::make_unique<entry>(
            [&order, distance](entry&, steady_time) { order.push_back(distance); }));
        wheel.set(*entries.back(), origin + milliseconds{distance});
    }
    wheel.advance(origin + hours{1});
    EXPECT_EQ(order.size(), distances.size());
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(deadline_wheel, past_deadlines_fire_at_the_next_advance) {
    deadline_wheel wheel(origin);
    wheel.advance(origin + milliseconds{500});
    entry late;
    wheel.set(late, origin);
    EXPECT_EQ(late.fired, 0);
    wheel.advance(origin + milliseconds{500} + resolution);
    EXPECT_EQ(late.fired, 1);
    entry ancient;
    wheel.set(ancient, origin - hours{1});
    wheel.advance(origin + milliseconds{500} + 2 * resolution);
    EXPECT_EQ(ancient.fired, 1);
}

TEST(deadline_wheel, setting_again_moves_the_deadline) {
    deadline_wheel wheel(origin);
    entry moved;
    wheel.set(moved, origin + milliseconds{10});
    wheel.set(moved, origin + milliseconds{1000});
    wheel.advance(origin + milliseconds{999});
    EXPECT_EQ(moved.fired, 0);
    wheel.set(moved, origin + milliseconds{1001});
    wheel.set(moved, origin + milliseconds{5});
    wheel.advance(origin + milliseconds{1000});
    EXPECT_EQ(moved.fired, 1);
    wheel.advance(origin + hours{1});
    EXPECT_EQ(moved.fired, 1);
}

TEST(deadline_wheel, cancelling) {
    deadline_wheel wheel(origin);
    entry cancelled;
    deadline_wheel::cancel(cancelled);
    wheel.set(cancelled, origin + milliseconds{70});
    EXPECT_TRUE(cancelled.is_set());
    EXPECT_FALSE(wheel.empty());
    deadline_wheel::cancel(cancelled);
    deadline_wheel::cancel(cancelled);
    EXPECT_FALSE(cancelled.is_set());
    EXPECT_TRUE(wheel.empty());
    EXPECT_FALSE(wheel.next());
    wheel.advance(origin + hours{1});
    EXPECT_EQ(cancelled.fired, 0);
    wheel.set(cancelled, origin + hours{1} + milliseconds{70});
    wheel.advance(origin + hours{2});
    EXPECT_EQ(cancelled.fired, 1);
}

TEST(deadline_wheel, a_destroyed_entry_leaves) {
    deadline_wheel wheel(origin);
    {
        entry brief;
        wheel.set(brief, origin + milliseconds{1});
    }
    EXPECT_TRUE(wheel.empty());
    wheel.advance(origin + hours{1});
}

TEST(deadline_wheel, entries_outlive_their_wheel) {
    entry survivor;
    {
        deadline_wheel wheel(origin);
        wheel.set(survivor, origin + milliseconds{1});
    }
    EXPECT_FALSE(survivor.is_set());
}

TEST(deadline_wheel, cancelling_another_inside_a_callback) {
    deadline_wheel wheel(origin);
    // All in one slot: whoever fires first cancels or destroys the others about to fire.
    auto doomed = std::make_unique<entry>();
    entry cancelled;
    entry last;
    entry first([&](entry&, steady_time) {
        deadline_wheel::cancel(cancelled);
        doomed.reset();
    });
    for (deadline_entry* each :
         std::vector<deadline_entry*>{&first, doomed.get(), &cancelled, &last}) {
        wheel.set(*each, origin + milliseconds{5});
    }
    wheel.advance(origin + milliseconds{6});
    EXPECT_EQ(first.fired, 1);
    EXPECT_EQ(cancelled.fired, 0);
    EXPECT_EQ(last.fired, 1);
    EXPECT_TRUE(wheel.empty());
}

TEST(deadline_wheel, setting_others_inside_a_callback) {
    deadline_wheel wheel(origin);
    entry postponed;
    entry added;
    entry first([&](entry&, steady_time now) {
        wheel.set(postponed, now + milliseconds{64});
        wheel.set(added, now);
    });
    wheel.set(first, origin + milliseconds{5});
    wheel.set(postponed, origin + milliseconds{5});
    wheel.advance(origin + milliseconds{6});
    EXPECT_EQ(first.fired, 1);
    EXPECT_EQ(postponed.fired, 0);
    wheel.advance(origin + milliseconds{7});
    EXPECT_EQ(added.fired, 1);
    EXPECT_EQ(postponed.fired, 0);
    wheel.advance(origin + milliseconds{71});
    EXPECT_EQ(postponed.fired, 1);
}

TEST(deadline_wheel, setting_itself_again_inside_its_callback_ends) {
    deadline_wheel wheel(origin);
    entry periodic([&](entry& self, steady_time now) { wheel.set(self, now); });
    wheel.set(periodic, origin);
    wheel.advance(origin + milliseconds{1000});
    EXPECT_EQ(periodic.fired, 1) << "not once per millisecond that was slept through";
    wheel.advance(origin + milliseconds{1001});
    EXPECT_EQ(periodic.fired, 2);
}

TEST(deadline_wheel, far_deadlines_fire_in_their_time_and_not_before) {
    for (const hours distance : {hours{24 * 365}, hours{24 * 500}, hours{24 * 365 * 3},
                                 hours{24 * 365 * 100}, hours{24 * 365 * 290}}) {
        deadline_wheel wheel(origin);
        entry far;
        wheel.set(far, origin + distance);
        int steps = 0;
        while (far.fired == 0) {
            const auto next = wheel.next();
            ASSERT_TRUE(next);
            wheel.advance(*next);
            ASSERT_LE(++steps, 1'000) << "one look in a year is enough";
        }
        EXPECT_GE(far.fired_at, origin + distance);
        EXPECT_LE(far.fired_at, origin + distance + resolution);
    }
}

TEST(deadline_wheel, a_deadline_of_max_is_none) {
    deadline_wheel wheel(origin);
    entry never;
    wheel.set(never, steady_time::max());
    EXPECT_FALSE(wheel.next()) << "nobody has to look";
    wheel.set(never, origin + hours{1});
    EXPECT_TRUE(never.is_set());
    wheel.set(never, steady_time::max());
    EXPECT_FALSE(never.is_set());
    EXPECT_TRUE(wheel.empty());
    wheel.advance(origin + hours{24 * 365 * 290});
    EXPECT_EQ(never.fired, 0);
}

// A seeded life of sets, moves, cancels and steps of every length, next to a multimap that says
// what is due.
void compare_with_model(unsigned seed) {
    std::mt19937 random(seed);
    deadline_wheel wheel(origin);
    std::multimap<steady_time, std::size_t> model;
    std::vector<std::multimap<steady_time, std::size_t>::iterator> where(60, model.end());
    std::vector<steady_time> set_at(where.size());
    std::vector<std::unique_ptr<entry>> entries;
    steady_time now = origin;
    steady_time advanced_to = origin;
    for (std::size_t i = 0; i < where.size(); ++i) {
        entries.push_back(std::make_unique<entry>([&, i](entry&, steady_time at) {
            ASSERT_NE(where[i], model.end()) << "fired without being set";
            ASSERT_LE(where[i]->first, at) << "early";
            model.erase(where[i]);
            where[i] = model.end();
        }));
    }
    const auto random_distance = [&] {
        const std::size_t bits = pick(random, 0, 31);
        return nanoseconds{milliseconds{pick(random, 0, std::size_t{1} << bits)}} +
               nanoseconds{pick(random, 0, 999'999)};
    };
    for (int step = 0; step < 2'000 && !::testing::Test::HasFatalFailure(); ++step) {
        const std::size_t i = pick(random, 0, where.size() - 1);
        switch (pick(random, 0, 5)) {
            case 0:
            case 1:
            case 2: {
                if (where[i] != model.end()) {
                    model.erase(where[i]);
                }
                const steady_time deadline = now + random_distance() - milliseconds{2};
                wheel.set(*entries[i], deadline);
                where[i] = model.emplace(deadline, i);
                set_at[i] = advanced_to;
                break;
            }
            case 3:
                deadline_wheel::cancel(*entries[i]);
                if (where[i] != model.end()) {
                    model.erase(where[i]);
                    where[i] = model.end();
                }
                break;
            default: {
                const auto next = wheel.next();
                ASSERT_EQ(next.has_value(), !model.empty());
                if (next) {
                    const steady_time due = std::max(model.begin()->first, advanced_to);
                    ASSERT_LE(*next, due + resolution) << "next() is late";
                }
                now = pick(random, 0, 1) == 0 && next ? std::max(now, *next)
                                                      : now + random_distance() / 4;
                wheel.advance(now);
                advanced_to = now;
                for (const auto& [deadline, which] : model) {
                    // The tick of a deadline, or the first one after it was set.
                    ASSERT_GT(std::max(deadline, set_at[which]) + resolution, now) << "late";
                }
                break;
            }
        }
    }
    // In the end everything set fires.
    wheel.advance(now + hours{24 * 365});
    ASSERT_TRUE(model.empty());
    ASSERT_TRUE(wheel.empty());
}

TEST(deadline_wheel, behaves_like_a_multimap) {
    for (unsigned seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(seed);
        compare_with_model(seed);
        if (HasFatalFailure()) {
            return;
        }
    }
}

}  // namespace
}  // namespace network_system::runtime

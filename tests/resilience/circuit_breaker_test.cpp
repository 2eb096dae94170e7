// When a circuit opens and closes: as a table, without time or sockets.
#include <network_system/resilience/circuit_breaker.h>

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class what { asks, is_refused, succeeds, fails };

struct step {
    what happens;
    circuit_state then;
    milliseconds later{0};
};

constexpr auto closed = circuit_state::closed;
constexpr auto open = circuit_state::open;
constexpr auto half_open = circuit_state::half_open;

void run(const circuit_breaker_options& options, const std::vector<step>& steps) {
    circuit_breaker circuit(options);
    circuit_breaker::time_point now{};
    int number = 0;
    for (const step& each : steps) {
        SCOPED_TRACE(++number);
        now += each.later;
        switch (each.happens) {
            case what::asks: EXPECT_TRUE(circuit.allows(now)); break;
            case what::is_refused: EXPECT_FALSE(circuit.allows(now)); break;
            case what::succeeds: circuit.succeeded(); break;
            case what::fails: circuit.failed(now); break;
        }
        EXPECT_EQ(circuit.state(), each.then);
    }
}

TEST(circuit_breaker, opens_after_failures_in_a_row) {
    run({.failure_threshold = 3}, {{what::fails, closed},
                                   {what::fails, closed},
                                   {what::succeeds, closed},
                                   {what::fails, closed},
                                   {what::fails, closed},
                                   {what::asks, closed},
                                   {what::fails, open},
                                   {what::is_refused, open}});
}

TEST(circuit_breaker, lets_trials_through_when_its_time_is_over) {
    run({.failure_threshold = 1, .open_for = seconds{10}, .trials = 2},
        {{what::fails, open},
         {what::is_refused, open, milliseconds{9'999}},
         {what::asks, half_open, milliseconds{1}},
         {what::asks, half_open},
         {what::is_refused, half_open},
         {what::succeeds, half_open},
         {what::succeeds, closed},
         {what::fails, open}});
}

TEST(circuit_breaker, opens_again_after_a_trial_that_fails) {
    run({.failure_threshold = 4, .open_for = seconds{1}, .trials = 3},
        {{what::fails, closed},
         {what::fails, closed},
         {what::fails, closed},
         {what::fails, open},
         {what::asks, half_open, seconds{1}},
         {what::succeeds, half_open},
         {what::asks, half_open},
         {what::fails, open},
         {what::is_refused, open, milliseconds{999}},
         {what::asks, half_open, milliseconds{1}}});
}

TEST(circuit_breaker, does_not_wait_for_ever_for_a_trial_that_nobody_tells_of) {
    run({.failure_threshold = 1, .open_for = seconds{1}, .trials = 1},
        {{what::fails, open},
         {what::asks, half_open, seconds{1}},
         {what::is_refused, half_open, milliseconds{999}},
         {what::asks, half_open, milliseconds{1}}});
}

TEST(circuit_breaker, without_a_threshold_never_opens) {
    run({.failure_threshold = 0}, {{what::fails, closed}, {what::fails, closed}});
}

TEST(circuit_breaker, may_stay_open_until_it_is_reset) {
    circuit_breaker circuit({.failure_threshold = 1, .open_for = milliseconds::max()});
    const auto now = circuit_breaker::time_point{} + std::chrono::hours{1};
    circuit.failed(now);
    EXPECT_FALSE(circuit.allows(now + std::chrono::hours{24 * 365 * 100}));
    circuit.reset();
    EXPECT_TRUE(circuit.allows(now));
}

}  // namespace
}  // namespace network_system::resilience

// A whole conversation of a client and a server, with a failure at step 0, 1, 2 … until it runs
// through: whatever fails when, the books of both sides balance.
#include "support/every_step.h"

namespace network_system::inline v0_1::session {
namespace {

using session_fail_every_step = every_step_test<conditions>;

TEST_P(session_fail_every_step, the_books_balance) {
    fail_at_every_step_of_a_stream(GetParam(), make_framed);
}

// The small limits split every frame.
INSTANTIATE_TEST_SUITE_P(
    limits, session_fail_every_step,
    ::testing::ValuesIn(all_limits({1, 2, 3, 7, unlimited}, {1, 2, 3, 7, unlimited}, {1, 40, 12}) +
                        all_limits({6000, unlimited}, {5000, 16'000, unlimited}, large_messages)),
    ::testing::PrintToStringParamName());

}  // namespace
}  // namespace network_system::session

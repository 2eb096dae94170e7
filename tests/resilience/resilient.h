// What the tests of resilient clients have in common.
#pragma once

#include <network_system/resilience/resilient_client.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>

namespace network_system::inline v0_1::testing {

[[nodiscard]] inline std::string text_of(std::span<const std::uint8_t> data) {
    return {data.begin(), data.end()};
}

/// Whether every message that was accepted is in the books once.
[[nodiscard]] inline ::testing::AssertionResult adds_up(
    const resilience::resilient_client& client) {
    const auto all = client.metrics();
    if (all.accepted == all.sent + all.dropped + all.queued) {
        return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << all.accepted << " accepted, " << all.sent << " sent, "
                                         << all.dropped << " dropped, " << all.queued << " queued";
}

}  // namespace network_system::testing

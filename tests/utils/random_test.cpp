#include "utils/random.h"

#include "runtime/time_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>

namespace network_system {
namespace {

TEST(random, fills_all_of_it) {
    // A byte that stays 0 in 32 draws does so by chance once in 2^256.
    std::array<std::uint8_t, 300> seen{};
    for (int i = 0; i < 32; ++i) {
        std::array<std::uint8_t, 300> bytes{};
        detail::fill_random(bytes);
        std::transform(bytes.begin(), bytes.end(), seen.begin(), seen.begin(),
                       [](std::uint8_t one, std::uint8_t other) { return one | other; });
    }
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](std::uint8_t each) { return each != 0; }));
}

TEST(random, nothing_to_fill) {
    detail::fill_random({});
}

TEST(random, secrets_differ_across_batches) {
    // 600 draws of 32 bits: five equal pairs are as likely as a broken machine.
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 600; ++i) {
        seen.insert(runtime::system_time_source().secret());
    }
    EXPECT_GT(seen.size(), 595U);
}

}  // namespace
}  // namespace network_system

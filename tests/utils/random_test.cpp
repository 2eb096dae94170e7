#include "utils/random.h"

#include "runtime/time_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>

namespace network_system::inline v0_1 {
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

TEST(random, a_sequence_follows_from_its_seed) {
    // Of the published splitmix64.
    detail::random_sequence zero(0);
    EXPECT_EQ(zero.next(), 0xE220A8397B1DCDAFU);
    EXPECT_EQ(zero.next(), 0x6E789E6AA1B965F4U);
    detail::random_sequence one(1);
    detail::random_sequence again(1);
    EXPECT_EQ(one.next(), again.next());
}

TEST(random, the_machines_numbers_use_all_bits) {
    std::uint64_t ones = 0;
    std::uint64_t zeros = 0;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 600; ++i) {
        const std::uint64_t drawn = runtime::system_time_source().random();
        ones |= drawn;
        zeros |= ~drawn;
        seen.insert(drawn);
    }
    EXPECT_EQ(ones, ~std::uint64_t{0});
    EXPECT_EQ(zeros, ~std::uint64_t{0});
    EXPECT_EQ(seen.size(), 600U);
}

TEST(random, words_differ_across_batches) {
    // 600 draws of 32 bits: five equal pairs are as likely as a broken machine.
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 600; ++i) {
        seen.insert(runtime::system_time_source().random_word());
    }
    EXPECT_GT(seen.size(), 595U);
}

}  // namespace
}  // namespace network_system

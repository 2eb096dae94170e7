#include "utils/option_checks.h"

#include "utils/failure.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace network_system::inline v0_1::detail {
namespace {

using std::chrono::milliseconds;

struct thing {
    std::size_t size = 10;
    int count = 0;
    milliseconds timeout{5};
};

constexpr std::array ranges{
    range<&thing::size>("size", 1, 100),
    range<&thing::count>("count", -1),
    range<&thing::timeout>("timeout", 0),
};

VoidResult check(const thing& one, std::string_view where = {}) {
    option_checks all("the-server");
    all.ranges(one, ranges, where);
    return std::move(all).result();
}

TEST(option_checks, options_in_their_ranges_are_ok) {
    EXPECT_TRUE(check({}).is_ok());
    EXPECT_TRUE(check({1, -1, milliseconds{0}}).is_ok()) << "the least is allowed";
    EXPECT_TRUE(check({100, std::numeric_limits<int>::max(), milliseconds::max()}).is_ok());
}

TEST(option_checks, an_error_names_the_option_its_range_and_its_value) {
    const auto small = check({0, 0, milliseconds{0}}, "session.");
    ASSERT_TRUE(small.is_err());
    EXPECT_EQ(small.error().code, static_cast<int>(errc::invalid_argument));
    EXPECT_EQ(small.error().source, "the-server");
    EXPECT_EQ(small.error().message.rfind("session.size must be 1 to 100, not 0", 0), 0U)
        << small.error().message;
    const auto negative = check({1, 0, milliseconds{-3}});
    ASSERT_TRUE(negative.is_err());
    EXPECT_EQ(negative.error().message.rfind("timeout must be at least 0 ms, not -3 ms", 0), 0U)
        << negative.error().message;
}

TEST(option_checks, a_number_beyond_the_range_of_the_table_is_too_large) {
    EXPECT_TRUE(check({std::numeric_limits<std::size_t>::max(), 0, milliseconds{0}}).is_err());
    EXPECT_EQ(number_of(std::numeric_limits<std::uint64_t>::max()), no_upper_limit);
}

TEST(option_checks, the_first_of_several_errors_is_the_result) {
    option_checks all("it", "tls_config: ");
    all.must(true, "not this");
    EXPECT_TRUE(all.hold());
    all.must(false, "this");
    all.must(false, "nor this");
    EXPECT_FALSE(all.hold());
    const auto result = std::move(all).result();
    ASSERT_TRUE(result.is_err());
    EXPECT_EQ(result.error().message.rfind("tls_config: this", 0), 0U) << result.error().message;
}

TEST(option_checks, an_error_found_elsewhere_keeps_its_code_and_gets_the_source) {
    option_checks all("it");
    all.must(VoidResult(failure(errc::not_supported, "elsewhere", "another")));
    const auto result = std::move(all).result();
    ASSERT_TRUE(result.is_err());
    EXPECT_EQ(result.error().code, static_cast<int>(errc::not_supported));
    EXPECT_EQ(result.error().source, "it");
}

TEST(option_checks, an_option_above_another_one_is_refused_with_both_values) {
    option_checks all("it");
    all.ascending("session.", "low", 3, "high", 3);
    EXPECT_TRUE(all.hold());
    all.ascending("session.", "low", 4, "high", 3, " ms");
    const auto result = std::move(all).result();
    ASSERT_TRUE(result.is_err());
    EXPECT_EQ(
        result.error().message.rfind("session.low must be at most session.high, 3 ms, not 4 ms", 0),
        0U)
        << result.error().message;
}

}  // namespace
}  // namespace network_system::detail

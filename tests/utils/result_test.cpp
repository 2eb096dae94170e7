#include "utils/failure.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace network_system {
namespace {

Result<int> failed(int code = -10) {
    return error<int>(code, "the message", "the source", "the details");
}

void expect_all_fields(const error_info& info) {
    EXPECT_EQ(info.code, -10);
    EXPECT_EQ(info.message, "the message");
    EXPECT_EQ(info.source, "the source");
    EXPECT_EQ(info.details, "the details");
}

TEST(result, holds_a_value) {
    const Result<int> result = 7;
    EXPECT_TRUE(result.is_ok());
    EXPECT_FALSE(result.is_err());
    EXPECT_TRUE(static_cast<bool>(result));
    EXPECT_EQ(result.value(), 7);
}

TEST(result, holds_an_error_with_all_fields) {
    const Result<int> result = failed();
    EXPECT_FALSE(result.is_ok());
    EXPECT_TRUE(result.is_err());
    EXPECT_FALSE(static_cast<bool>(result));
    expect_all_fields(result.error());
}

TEST(result, value_is_mutable_through_an_lvalue) {
    Result<std::string> result = std::string("a");
    result.value() += 'b';
    EXPECT_EQ(result.value(), "ab");
}

TEST(result, ok_deduces_and_decays) {
    const std::string text = "x";
    const auto result = ok(text);
    static_assert(std::is_same_v<decltype(result), const Result<std::string>>);
    EXPECT_EQ(result.value(), "x");
    EXPECT_TRUE(ok().is_ok());
}

TEST(result, error_void_is_an_error) {
    const VoidResult result = error_void(-10, "the message", "the source", "the details");
    ASSERT_TRUE(result.is_err());
    expect_all_fields(result.error());
    EXPECT_TRUE(error_void(-603, "m").error().source.empty());
    EXPECT_TRUE(error_void(-603, "m").error().details.empty());
}

TEST(result, map_applies_to_a_value_only) {
    const auto twice = [](int value) { return std::to_string(value * 2); };
    EXPECT_EQ((Result<int>(21).map(twice).value()), "42");
    const Result<int> constant = 4;
    EXPECT_EQ(constant.map(twice).value(), "8");

    int calls = 0;
    const auto counted = [&](int) { return ++calls; };
    const auto passed = failed().map(counted);
    ASSERT_TRUE(passed.is_err());
    expect_all_fields(passed.error());
    const Result<int> constant_error = failed();
    expect_all_fields(constant_error.map(counted).error());
    EXPECT_EQ(calls, 0);
}

TEST(result, and_then_chains_and_stops_at_the_first_error) {
    int calls = 0;
    const auto half = [&](int value) -> Result<int> {
        ++calls;
        if (value % 2 != 0) {
            return failed();
        }
        return value / 2;
    };
    EXPECT_EQ(Result<int>(12).and_then(half).and_then(half).value(), 3);
    EXPECT_EQ(calls, 2);
    const auto stopped = Result<int>(6).and_then(half).and_then(half).and_then(half);
    expect_all_fields(stopped.error());
    EXPECT_EQ(calls, 4);
    const Result<int> constant = 8;
    EXPECT_EQ(constant.and_then(half).value(), 4);
}

TEST(result, value_or_gives_the_fallback_for_an_error_only) {
    EXPECT_EQ(Result<int>(1).value_or(2), 1);
    EXPECT_EQ(failed().value_or(2), 2);
    const Result<std::string> constant = std::string("a");
    EXPECT_EQ(constant.value_or("b"), "a");
    EXPECT_EQ(error<std::string>(-1, "m").value_or("b"), "b");
}

TEST(result, carries_move_only_values) {
    Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
    auto doubled = std::move(result).map(
        [](std::unique_ptr<int> value) { return std::make_unique<int>(*value * 2); });
    auto chained = std::move(doubled).and_then(
        [](std::unique_ptr<int> value) -> Result<std::unique_ptr<int>> { return value; });
    EXPECT_EQ(*chained.value(), 10);
    const std::unique_ptr<int> taken = std::move(chained).value();
    EXPECT_EQ(*taken, 10);

    auto missing = error<std::unique_ptr<int>>(-1, "m").value_or(nullptr);
    EXPECT_EQ(missing, nullptr);
}

TEST(result, error_can_be_moved_out) {
    Result<int> result = failed();
    const error_info info = std::move(result).error();
    expect_all_fields(info);
}

TEST(result_death_test, value_of_an_error_aborts_and_names_it) {
    const Result<int> result = failed();
    EXPECT_DEATH((void)result.value(), "value\\(\\) called on an error: the message");
    Result<int> temporary = failed();
    EXPECT_DEATH((void)std::move(temporary).value(), "the message");
}

TEST(result_death_test, error_of_a_success_aborts) {
    const Result<int> result = 1;
    EXPECT_DEATH((void)result.error(), "error\\(\\) called on a success");
}

TEST(failure, names_the_cause_when_there_is_one) {
    const error_info info = detail::failure(errc::bind_failed, "binding port 80", "server",
                                            std::make_error_code(std::errc::permission_denied));
    EXPECT_EQ(info.code, -662);
    EXPECT_EQ(info.source, "server");
    EXPECT_EQ(info.details, std::make_error_code(std::errc::permission_denied).message());
    EXPECT_EQ(info.message, "binding port 80: " + info.details);
}

TEST(failure, names_the_code_otherwise) {
    const error_info info = detail::failure(errc::server_full, "adding a session", "manager");
    EXPECT_EQ(info.message, "adding a session: " + make_error_code(errc::server_full).message());
    EXPECT_TRUE(info.details.empty());
}

}  // namespace
}  // namespace network_system

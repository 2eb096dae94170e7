#include "utils/failure.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace network_system::inline v0_1 {
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

TEST(result, or_else_applies_to_an_error_only) {
    const auto recover = [](const error_info& info) -> Result<int> { return -info.code; };
    EXPECT_EQ(Result<int>(1).or_else(recover).value(), 1);
    EXPECT_EQ(failed().or_else(recover).value(), 10);
    const Result<int> constant = failed();
    EXPECT_EQ(constant.or_else(recover).value(), 10);
    const Result<int> fine = 3;
    EXPECT_EQ(fine.or_else(recover).value(), 3);
    const auto replace = [](const error_info&) { return error<int>(errc::cancelled, "other"); };
    EXPECT_EQ(failed().or_else(replace).error(), errc::cancelled);
}

TEST(result, transform_error_applies_to_an_error_only) {
    const auto name_it = [](error_info info) {
        info.message = "while testing: " + info.message;
        return info;
    };
    EXPECT_EQ(failed().transform_error(name_it).error().message, "while testing: the message");
    const Result<int> constant = failed();
    EXPECT_EQ(constant.transform_error(name_it).error().message, "while testing: the message");
    EXPECT_EQ(constant.error().message, "the message");
    EXPECT_EQ(Result<int>(1).transform_error(name_it).value(), 1);
}

TEST(result, a_temporary_is_moved_through_every_step) {
    auto last = Result<std::unique_ptr<int>>(std::make_unique<int>(5))
                    .or_else([](error_info&&) { return error<std::unique_ptr<int>>(-1, "m"); })
                    .transform_error([](error_info&& info) { return std::move(info); });
    EXPECT_EQ(*std::move(last).value(), 5);

    const std::string text(100, 'x');
    auto broken = error<int>(-1, text);
    const char* const where = broken.error().message.data();
    const auto moved =
        std::move(broken)
            .map([](int value) { return value; })
            .and_then([](int value) -> Result<int> { return value; })
            .transform_error([](error_info&& info) { return std::move(info); })
            .or_else([](error_info&& info) -> Result<int> { return std::move(info); });
    EXPECT_EQ(moved.error().message.data(), where) << "the text was copied";
}

TEST(result, the_steps_of_a_void_result_need_no_argument) {
    EXPECT_EQ(ok().map([] { return 3; }).value(), 3);
    EXPECT_TRUE(ok().and_then([] { return ok(); }).is_ok());
    EXPECT_EQ(ok().and_then([] { return failed(); }).error().code, -10);
    EXPECT_EQ(ok().map([](std::monostate) { return 4; }).value(), 4);
    const VoidResult constant = error_void(errc::cancelled, "m");
    EXPECT_EQ(constant.and_then([] { return ok(); }).error(), errc::cancelled);
}

TEST(result, of_a_bool_tells_its_success_from_its_value) {
    const Result<bool> no = false;
    EXPECT_TRUE(no.is_ok());
    EXPECT_FALSE(no.value());
    EXPECT_FALSE((std::is_constructible_v<bool, const Result<bool>&>));
    EXPECT_TRUE((std::is_constructible_v<bool, const Result<int>&>));
}

TEST(result, a_discardable_result_is_a_void_result) {
    const auto stop = [](bool works) -> discardable_result {
        return works ? ok() : error_void(errc::cancelled, "m");
    };
    stop(false);
    const VoidResult kept = stop(false);
    EXPECT_EQ(kept.error(), errc::cancelled);
    EXPECT_TRUE(stop(true));
    auto chained = stop(true).and_then([&] { return stop(false); });
    EXPECT_EQ(chained.error(), errc::cancelled);
    chained = ok();
    EXPECT_TRUE(chained);
}

TEST(error_info, is_compared_with_codes_and_conditions) {
    const error_info refused = error_void(errc::connection_refused, "m").error();
    EXPECT_TRUE(refused == errc::connection_refused);
    EXPECT_TRUE(refused != errc::connection_closed);
    EXPECT_TRUE(refused.is(errc::connection_refused));
    EXPECT_FALSE(refused.is(errc::connection_closed));
    EXPECT_TRUE(refused.is(make_error_code(errc::connection_refused)));
    EXPECT_TRUE(refused == make_error_code(errc::connection_refused));
    EXPECT_TRUE(refused.is(std::errc::connection_refused));
    EXPECT_TRUE(refused == std::errc::connection_refused);
    EXPECT_FALSE(refused == std::errc::timed_out);
    EXPECT_FALSE(refused.is(std::make_error_code(std::errc::connection_refused)))
        << "a code of another category is another code";
}

TEST(error_info, becomes_an_error_code_of_the_category) {
    EXPECT_EQ(failed().error().to_code(), make_error_code(errc::invalid_argument));
    const std::error_code own = failed(42).error().to_code();
    EXPECT_EQ(own.value(), 42);
    EXPECT_EQ(&own.category(), &error_category());
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

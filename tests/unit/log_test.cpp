#include "utils/log.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace network_system {
namespace {

int times_formatted = 0;

struct observed {};

}  // namespace
}  // namespace network_system

template <>
struct fmt::formatter<network_system::observed> : fmt::formatter<int> {
    template <typename Context>
    auto format(network_system::observed, Context& context) const {
        ++network_system::times_formatted;
        return fmt::formatter<int>::format(1, context);
    }
};

namespace network_system {
namespace {

/// Collects lines while it lives; what was set before is the default.
class log_test : public ::testing::Test {
protected:
    void SetUp() override {
        times_formatted = 0;
        level_before_ = get_log_level();
        set_log_sink([this](log_level level, std::string_view message) {
            lines_.emplace_back(level, std::string(message));
        });
    }
    void TearDown() override {
        set_log_sink({});
        set_log_level(level_before_);
    }

    std::vector<std::pair<log_level, std::string>> lines_;
    log_level level_before_{};
};

TEST(log_level_names, every_level_has_its_name) {
    const std::vector<std::pair<log_level, const char*>> names{
        {log_level::trace, "trace"},     {log_level::debug, "debug"}, {log_level::info, "info"},
        {log_level::warning, "warning"}, {log_level::error, "error"}, {log_level::off, "off"}};
    for (const auto& [level, name] : names) {
        EXPECT_EQ(to_string(level), name);
    }
    EXPECT_EQ(to_string(static_cast<log_level>(77)), "unknown");
    EXPECT_EQ(to_string(static_cast<log_level>(-1)), "unknown");
}

TEST_F(log_test, default_level_is_warning) {
    EXPECT_EQ(level_before_, log_level::warning);
}

TEST_F(log_test, lines_reach_the_sink_formatted) {
    detail::log(log_level::error, "{}-{}", 1, "two");
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0], (std::pair{log_level::error, std::string("1-two")}));
}

TEST_F(log_test, each_level_lets_through_itself_and_above) {
    const std::vector<log_level> levels{log_level::trace, log_level::debug, log_level::info,
                                        log_level::warning, log_level::error};
    for (int threshold = 0; threshold <= 5; ++threshold) {
        set_log_level(static_cast<log_level>(threshold));
        EXPECT_EQ(get_log_level(), static_cast<log_level>(threshold));
        for (const log_level level : levels) {
            lines_.clear();
            detail::log(level, "x");
            EXPECT_EQ(lines_.size(), static_cast<int>(level) >= threshold ? 1U : 0U)
                << threshold << ' ' << static_cast<int>(level);
        }
    }
}

TEST_F(log_test, a_silent_line_is_not_formatted) {
    set_log_level(log_level::off);
    detail::log(log_level::error, "{}", observed{});
    set_log_level(log_level::warning);
    detail::log(log_level::info, "{}", observed{});
    EXPECT_EQ(times_formatted, 0);
    detail::log(log_level::warning, "{}", observed{});
    EXPECT_EQ(times_formatted, 1);
    EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(log_test, a_replaced_sink_gets_nothing_more_and_is_freed) {
    auto token = std::make_shared<int>();
    std::weak_ptr<int> alive = token;
    int old_lines = 0;
    set_log_sink(
        [token = std::move(token), &old_lines](log_level, std::string_view) { ++old_lines; });
    detail::log(log_level::error, "a");
    set_log_sink([this](log_level level, std::string_view text) {
        lines_.emplace_back(level, std::string(text));
    });
    EXPECT_TRUE(alive.expired());
    detail::log(log_level::error, "b");
    EXPECT_EQ(old_lines, 1);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0].second, "b");
}

TEST_F(log_test, a_sink_may_replace_itself_and_log) {
    set_log_sink([this](log_level, std::string_view) {
        set_log_sink([this](log_level level, std::string_view text) {
            lines_.emplace_back(level, std::string(text));
        });
        detail::log(log_level::error, "from inside");
    });
    detail::log(log_level::error, "outer");
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0].second, "from inside");
}

TEST_F(log_test, what_a_sink_throws_goes_no_further) {
    set_log_sink([](log_level, std::string_view) { throw std::runtime_error("disk full"); });
    ::testing::internal::CaptureStderr();
    EXPECT_NO_THROW(detail::log(log_level::error, "x"));
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("disk full"), std::string::npos);

    set_log_sink([](log_level, std::string_view) { throw 7; });
    ::testing::internal::CaptureStderr();
    EXPECT_NO_THROW(detail::log(log_level::error, "x"));
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("threw"), std::string::npos);
}

TEST_F(log_test, an_empty_sink_restores_standard_error) {
    set_log_sink({});
    ::testing::internal::CaptureStderr();
    detail::log(log_level::warning, "to {}", "stderr");
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "network_system [warning] to stderr\n");
    EXPECT_TRUE(lines_.empty());
}

}  // namespace
}  // namespace network_system

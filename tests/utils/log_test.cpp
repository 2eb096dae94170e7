#include "utils/log.h"

#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1 {
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

namespace network_system::inline v0_1 {
namespace {

/// Collects lines while it lives; what was set before is the default.
class log_test : public ::testing::Test {
protected:
    void SetUp() override {
        times_formatted = 0;
        level_before_ = get_log_level();
        set_log_sink([this](const log_record& record) {
            lines_.emplace_back(record.level, std::string(record.text));
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
    detail::log(log_level::error, {}, "{}-{}", 1, "two");
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
            detail::log(level, {}, "x");
            EXPECT_EQ(lines_.size(), static_cast<int>(level) >= threshold ? 1U : 0U)
                << threshold << ' ' << static_cast<int>(level);
        }
    }
}

TEST_F(log_test, a_silent_line_is_not_formatted) {
    set_log_level(log_level::off);
    detail::log(log_level::error, {}, "{}", observed{});
    set_log_level(log_level::warning);
    detail::log(log_level::info, {}, "{}", observed{});
    EXPECT_EQ(times_formatted, 0);
    detail::log(log_level::warning, {}, "{}", observed{});
    EXPECT_EQ(times_formatted, 1);
    EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(log_test, a_replaced_sink_gets_nothing_more_and_is_freed) {
    auto token = std::make_shared<int>();
    std::weak_ptr<int> alive = token;
    int old_lines = 0;
    set_log_sink([token = std::move(token), &old_lines](const log_record&) { ++old_lines; });
    detail::log(log_level::error, {}, "a");
    set_log_sink([this](const log_record& record) {
        lines_.emplace_back(record.level, std::string(record.text));
    });
    EXPECT_TRUE(alive.expired());
    detail::log(log_level::error, {}, "b");
    EXPECT_EQ(old_lines, 1);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0].second, "b");
}

TEST_F(log_test, a_sink_may_replace_itself_and_log) {
    set_log_sink([this](const log_record&) {
        set_log_sink([this](const log_record& record) {
            lines_.emplace_back(record.level, std::string(record.text));
        });
        detail::log(log_level::error, {}, "from inside");
    });
    detail::log(log_level::error, {}, "outer");
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0].second, "from inside");
}

TEST_F(log_test, what_a_sink_throws_goes_no_further) {
    set_log_sink([](const log_record&) { throw std::runtime_error("disk full"); });
    ::testing::internal::CaptureStderr();
    EXPECT_NO_THROW(detail::log(log_level::error, {}, "x"));
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("disk full"), std::string::npos);

    set_log_sink([](const log_record&) { throw 7; });
    ::testing::internal::CaptureStderr();
    EXPECT_NO_THROW(detail::log(log_level::error, {}, "x"));
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("threw"), std::string::npos);
}

TEST_F(log_test, an_empty_sink_restores_standard_error) {
    set_log_sink({});
    ::testing::internal::CaptureStderr();
    detail::log(log_level::warning, {}, "to {}", "stderr");
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "network_system [warning] to stderr\n");
    EXPECT_TRUE(lines_.empty());
}

const endpoint somebody(endpoint::family::ipv4, {192, 0, 2, 1}, 4000);

TEST_F(log_test, a_record_says_who_where_and_why) {
    std::size_t records = 0;
    set_log_sink([&](const log_record& record) {
        ++records;
        EXPECT_EQ(record.level, log_level::warning);
        EXPECT_EQ(record.component, "messaging_server");
        EXPECT_EQ(record.object_id, "chat");
        EXPECT_EQ(record.session_id, "s-7");
        EXPECT_EQ(record.peer, &somebody) << "not copied, and no text of it yet";
        EXPECT_EQ(record.text, "closing: 3 frames");
        EXPECT_EQ(record.error, errc::protocol_error);
    });
    const detail::log_source server{"messaging_server", "chat"};
    detail::log(log_level::warning,
                server.about("s-7", somebody).because(make_error_code(errc::protocol_error)),
                "closing: {} frames", 3);
    EXPECT_EQ(records, 1U);
}

TEST_F(log_test, a_line_is_made_of_the_parts_that_are_there) {
    const std::error_code none;
    const auto broken = make_error_code(errc::protocol_error);
    const std::vector<std::pair<log_record, std::string>> all{
        {{log_level::error, {}, {}, {}, nullptr, "text", none}, "network_system [error] text"},
        {{log_level::info, "loop", {}, {}, nullptr, "text", none},
         "network_system [info] loop: text"},
        {{log_level::info, "messaging_server", "chat", {}, nullptr, "text", none},
         "network_system [info] messaging_server(chat): text"},
        {{log_level::debug, "messaging_server", "chat", "s-7", &somebody, "text", broken},
         "network_system [debug] messaging_server(chat) s-7 192.0.2.1:4000: text (" +
             broken.message() + ")"},
        {{log_level::debug, {}, {}, {}, &somebody, "text", none},
         "network_system [debug] 192.0.2.1:4000: text"}};
    for (const auto& [record, line] : all) {
        EXPECT_EQ(to_string(record), line);
    }
}

TEST_F(log_test, what_a_peer_says_does_not_make_lines_of_its_own) {
    log_record record;
    record.text = "a\nnetwork_system [error] forged\r\x1B[31m\x7F";
    const std::string line = to_string(record);
    EXPECT_EQ(line, "network_system [info] a\\x0Anetwork_system [error] forged\\x0D\\x1B[31m\\x7F");
}

TEST_F(log_test, an_endpoint_is_formatted_with_the_line_only) {
    detail::log(log_level::error, {}, "on {}", somebody);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0].second, "on 192.0.2.1:4000");
}

TEST_F(log_test, what_a_peer_can_cause_is_limited_for_each_object) {
    detail::log_limits of_server;
    detail::log_limits of_other;
    const detail::log_source server{"messaging_server", "chat", &of_server};
    const detail::log_source other{"messaging_server", "other", &of_other};
    constexpr std::size_t lines = 1000;
    for (std::size_t i = 0; i < lines; ++i) {
        detail::log_limited(detail::log_kind::violation, server, "closing");
    }
    detail::tell_held_back(server);
    std::size_t told = 0;
    for (const auto& [level, text] : lines_) {
        EXPECT_EQ(level, log_level::warning);
        const std::string_view sum = "violations of the protocol: and ";
        told += text.rfind(sum, 0) == 0 ? std::stoul(text.substr(sum.size())) : 1U;
    }
    EXPECT_EQ(told, lines);
    EXPECT_LT(lines_.size(), lines);
    lines_.clear();
    detail::log_limited(detail::log_kind::violation, other, "closing");
    detail::log_limited(detail::log_kind::thrown, server, "threw");
    EXPECT_EQ(lines_.size(), 2U) << "other objects and other kinds have limits of their own";
}

TEST_F(log_test, an_output_has_a_sink_and_a_level_of_its_own) {
    std::vector<std::string> own;
    const log_output output([&](const log_record& line) { own.emplace_back(line.text); },
                            log_level::debug);
    const detail::log_source source{"thing", "1", nullptr, &output};
    detail::log(log_level::debug, source.about(endpoint{}), "to its own");
    detail::log(log_level::trace, source, "{}", observed{});
    set_log_level(log_level::off);
    detail::log(log_level::error, source.because(errc::cancelled), "whatever the process's level");
    EXPECT_EQ(own, (std::vector<std::string>{"to its own", "whatever the process's level"}));
    EXPECT_EQ(times_formatted, 0) << "below its level";
    EXPECT_TRUE(lines_.empty());
}

}  // namespace
}  // namespace network_system

// Dates of HTTP (RFC 9110 section 5.6.7), and when to come back (section 10.2.3).
#include "protocol/http1/date.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <optional>
#include <string_view>

namespace network_system::inline v0_1::protocol {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

// 1994-11-06T08:49:37Z, the example of the RFC.
constexpr sys_seconds example = sys_days{std::chrono::year{1994} / 11 / 6} + 8h + 49min + 37s;
constexpr sys_seconds now = sys_days{std::chrono::year{2026} / 6 / 1};

TEST(http_date, is_read_in_its_three_forms_and_in_no_other) {
    struct {
        std::string_view text;
        std::optional<sys_seconds> expected;
    } const cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", example},
        {"Sunday, 06-Nov-94 08:49:37 GMT", example},
        {"Sun Nov  6 08:49:37 1994", example},
        {"Sun Nov 16 08:49:37 1994", example + std::chrono::days(10)},
        {"Monday, 01-Jun-26 00:00:00 GMT", now},
        {"Monday, 01-Jun-77 00:00:00 GMT", sys_days{std::chrono::year{1977} / 6 / 1}},
        {"Monday, 01-Jun-76 00:00:00 GMT", sys_days{std::chrono::year{2076} / 6 / 1}},
        {"Sat, 31 Dec 2016 23:59:60 GMT", sys_seconds(sys_days{std::chrono::year{2017} / 1 / 1})},
        {"Fri, 31 Dec 9999 23:59:59 GMT",
         sys_seconds(sys_days{std::chrono::year{9999} / 12 / 31}) + 86'399s},
        {"", {}},
        {"Sun", {}},
        {"Sun,", {}},
        {"Sun, 06 Nov 1994 08:49:37", {}},
        {"Sun, 06 Nov 1994 08:49:37 CET", {}},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", {}},
        {"Sun, 6 Nov 1994 08:49:37 GMT", {}},
        {"Sun, 06 nov 1994 08:49:37 GMT", {}},
        {"Abc, 06 Nov 1994 08:49:37 GMT", {}},
        {"Sun, 31 Feb 1994 08:49:37 GMT", {}},
        {"Sun, 06 Nov 1994 24:49:37 GMT", {}},
        {"Sun, 06 Nov 1994 08:60:37 GMT", {}},
        {"Sun, 06 Nov 1994 08:49:61 GMT", {}},
        {"Sun, 06 Nov 1994 08-49-37 GMT", {}},
        {"Sun Nov 6 08:49:37 1994", {}},
        {"Sunday, 06-Nov-1994 08:49:37 GMT", {}},
        {"2026-06-01T00:00:00Z", {}},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.text);
        EXPECT_EQ(parse_http_date(each.text, now), each.expected);
    }
}

TEST(http_date, retry_after_is_seconds_or_a_date) {
    struct {
        std::string_view value;
        std::optional<seconds> expected;
    } const cases[] = {
        {"0", 0s},
        {"120", 120s},
        {"000120", 120s},
        {"9223372036854775807", seconds::max()},
        {"9223372036854775808", seconds::max()},
        {"99999999999999999999999999", seconds::max()},
        {"Mon, 01 Jun 2026 00:01:30 GMT", 90s},
        {"Mon Jun  1 00:01:30 2026", 90s},
        {"Sun, 31 May 2026 00:00:00 GMT", 0s},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0s},
        {"", {}},
        {"-1", {}},
        {"+1", {}},
        {"1.5", {}},
        {"10 s", {}},
        {"soon", {}},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.value);
        EXPECT_EQ(parse_retry_after(each.value, now), each.expected);
    }
}

}  // namespace
}  // namespace network_system::protocol

#include "protocol/http1/date.h"

#include "protocol/http1/text.h"

#include <algorithm>
#include <array>
#include <limits>

namespace network_system::inline v0_1::protocol {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> days{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> long_days{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};

template <std::size_t Count>
bool is_one_of(const std::array<std::string_view, Count>& names, std::string_view name) noexcept {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Takes a date apart, piece by piece. What does not fit makes all of it invalid.
class date_reader {
public:
    explicit date_reader(std::string_view text) noexcept : rest_(text) {}

    void literal(std::string_view expected) noexcept {
        is_valid_ = is_valid_ && rest_.starts_with(expected);
        skip(expected.size());
    }
    /// So many digits.
    int number(std::size_t digits) noexcept {
        const std::string_view part = rest_.substr(0, digits);
        is_valid_ = is_valid_ && part.size() == digits && consists_of(part, is_digit);
        int value = 0;
        for (const char each : is_valid_ ? part : std::string_view{}) {
            value = value * 10 + (each - '0');
        }
        skip(digits);
        return value;
    }
    /// Two digits, the first of which may be a space.
    int padded_number() noexcept {
        if (rest_.starts_with(' ')) {
            skip(1);
            return number(1);
        }
        return number(2);
    }
    int month() noexcept {
        const auto* const found = std::find(months.begin(), months.end(), rest_.substr(0, 3));
        is_valid_ = is_valid_ && found != months.end();
        skip(3);
        return static_cast<int>(found - months.begin()) + 1;
    }
    seconds time_of_day() noexcept {
        const int hour = number(2);
        literal(":");
        const int minute = number(2);
        literal(":");
        const int second = number(2);
        // 60 is a leap second.
        is_valid_ = is_valid_ && hour < 24 && minute < 60 && second <= 60;
        return std::chrono::hours(hour) + std::chrono::minutes(minute) + seconds(second);
    }
    [[nodiscard]] std::optional<sys_seconds> result(int year, int month, int day,
                                                    seconds time) const noexcept {
        const std::chrono::year_month_day date{std::chrono::year(year),
                                               std::chrono::month(static_cast<unsigned>(month)),
                                               std::chrono::day(static_cast<unsigned>(day))};
        if (!is_valid_ || !rest_.empty() || !date.ok()) {
            return std::nullopt;
        }
        return sys_seconds(std::chrono::sys_days(date)) + time;
    }

private:
    void skip(std::size_t count) noexcept { rest_.remove_prefix(std::min(count, rest_.size())); }

    std::string_view rest_;
    bool is_valid_ = true;
};

/// The year of two digits is in the past if it would be more than 50 years ahead.
int full_year(int two_digits, sys_seconds now) noexcept {
    const int this_year = static_cast<int>(
        std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now)).year());
    const int year = this_year - this_year % 100 + two_digits;
    return year > this_year + 50 ? year - 100 : year;
}

/// "Sun, 06 Nov 1994 08:49:37 GMT", behind the comma.
std::optional<sys_seconds> parse_fixdate(std::string_view text) noexcept {
    date_reader reader(text);
    reader.literal(" ");
    const int day = reader.number(2);
    reader.literal(" ");
    const int month = reader.month();
    reader.literal(" ");
    const int year = reader.number(4);
    reader.literal(" ");
    const seconds time = reader.time_of_day();
    reader.literal(" GMT");
    return reader.result(year, month, day, time);
}

/// "Sunday, 06-Nov-94 08:49:37 GMT", behind the comma.
std::optional<sys_seconds> parse_rfc850(std::string_view text, sys_seconds now) noexcept {
    date_reader reader(text);
    reader.literal(" ");
    const int day = reader.number(2);
    reader.literal("-");
    const int month = reader.month();
    reader.literal("-");
    const int year = full_year(reader.number(2), now);
    reader.literal(" ");
    const seconds time = reader.time_of_day();
    reader.literal(" GMT");
    return reader.result(year, month, day, time);
}

/// "Sun Nov  6 08:49:37 1994", behind the name of the day.
std::optional<sys_seconds> parse_asctime(std::string_view text) noexcept {
    date_reader reader(text);
    reader.literal(" ");
    const int month = reader.month();
    reader.literal(" ");
    const int day = reader.padded_number();
    reader.literal(" ");
    const seconds time = reader.time_of_day();
    reader.literal(" ");
    const int year = reader.number(4);
    return reader.result(year, month, day, time);
}

}  // namespace

std::optional<sys_seconds> parse_http_date(std::string_view text, sys_seconds now) {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) {
        return is_one_of(days, text.substr(0, 3)) ? parse_asctime(text.substr(3)) : std::nullopt;
    }
    const std::string_view day = text.substr(0, comma);
    text.remove_prefix(comma + 1);
    if (is_one_of(days, day)) {
        return parse_fixdate(text);
    }
    return is_one_of(long_days, day) ? parse_rfc850(text, now) : std::nullopt;
}

std::optional<seconds> parse_retry_after(std::string_view value, sys_seconds now) {
    if (consists_of(value, is_digit)) {
        constexpr auto most = std::numeric_limits<seconds::rep>::max();
        seconds::rep number = 0;
        for (const char each : value) {
            const seconds::rep digit = each - '0';
            number = number > (most - digit) / 10 ? most : number * 10 + digit;
        }
        return seconds(number);
    }
    const auto date = parse_http_date(value, now);
    return date ? std::optional(std::max(seconds(0), *date - now)) : std::nullopt;
}

}  // namespace network_system::protocol

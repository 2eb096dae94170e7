#pragma once

#include <network_system/utils/result_types.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace network_system::inline v0_1::detail {

inline constexpr std::int64_t no_upper_limit = std::numeric_limits<std::int64_t>::max();

/// The range of one number or duration among the options of a struct.
template <typename Options>
struct option_range {
    std::string_view name;
    std::int64_t (*value_in)(const Options& options);
    std::string_view unit;
    std::int64_t least;
    std::int64_t most;
};

template <typename T>
struct member_traits;
template <typename Options, typename Value>
struct member_traits<Value Options::*> {
    using options = Options;
    using value = Value;
};

/// Numbers beyond the range are its end.
[[nodiscard]] constexpr std::int64_t number_of(std::integral auto value) noexcept {
    return std::in_range<std::int64_t>(value) ? static_cast<std::int64_t>(value) : no_upper_limit;
}
template <typename Period>
[[nodiscard]] constexpr std::int64_t number_of(
    std::chrono::duration<std::int64_t, Period> value) noexcept {
    return value.count();
}

template <typename Value>
[[nodiscard]] constexpr std::string_view unit_of() noexcept {
    if constexpr (std::is_same_v<Value, std::chrono::milliseconds>) {
        return " ms";
    } else {
        static_assert(std::integral<Value>, "an option is a number or milliseconds");
        return "";
    }
}

/// A row of a table: `range<&options::io_threads>("io_threads", 1, 256)`.
template <auto Member>
[[nodiscard]] constexpr auto range(std::string_view name, std::int64_t least,
                                   std::int64_t most = no_upper_limit) noexcept {
    using traits = member_traits<decltype(Member)>;
    using options = typename traits::options;
    return option_range<options>{name, [](const options& all) { return number_of(all.*Member); },
                                 unit_of<typename traits::value>(), least, most};
}

/// Whether options make sense: the first thing that is wrong is the result. It names the option,
/// what is allowed, and what was given.
///
/// Thread-safety: none.
class option_checks {
public:
    /// `source` is whose options they are. `group` precedes every name: "tls_config: ".
    explicit option_checks(std::string_view source, std::string_view group = {})
        : source_(source), group_(group) {}

    /// `where` precedes the names in the table: "session.".
    template <typename Options, std::size_t Size>
    void ranges(const Options& options, const std::array<option_range<Options>, Size>& table,
                std::string_view where = {}) {
        for (const option_range<Options>& each : table) {
            must_be(where, each.name, each.value_in(options), each.unit, each.least, each.most);
        }
    }
    /// One option must not be above another one.
    void ascending(std::string_view where, std::string_view lower, std::int64_t lower_value,
                   std::string_view upper, std::int64_t upper_value, std::string_view unit = {});
    /// Whatever else holds of right options.
    void must(bool holds, std::string_view otherwise);
    /// What was found out elsewhere. An error gets this one's source.
    template <typename T>
    void must(const Result<T>& done) {
        if (done.is_err()) {
            refuse(done.error());
        }
    }

    /// Whether nothing is wrong so far.
    [[nodiscard]] bool hold() const noexcept { return result_.is_ok(); }
    [[nodiscard]] VoidResult result() && { return std::move(result_); }

private:
    void must_be(std::string_view where, std::string_view name, std::int64_t value,
                 std::string_view unit, std::int64_t least, std::int64_t most);
    void refuse(error_info wrong);

    std::string_view source_;
    std::string_view group_;
    VoidResult result_ = ok();
};

}  // namespace network_system::detail

#pragma once

#include <network_system/export.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace network_system::inline v0_1::integration {

class value;

using value_bytes = std::vector<std::uint8_t>;
using value_list = std::vector<value>;
using value_map = std::map<std::string, value, std::less<>>;

/// What a value is. An integer is an `unsigned_integer` only if it is above the largest int64_t.
enum class value_kind : std::uint8_t {
    null,
    boolean,
    integer,
    unsigned_integer,
    floating,
    string,
    bytes,
    list,
    map,
};

/// "null", "boolean", "integer", ...; "integer" for both kinds.
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string_view to_string(value_kind kind) noexcept;

namespace detail {

template <typename T>
concept integer_number = std::integral<T> && !std::same_as<T, bool>;

template <typename T>
concept text = std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;

/// A type of the application's with a `value to_value(const T&)` beside it.
template <typename T>
concept written_by_application = requires(const T& what) {
    { to_value(what) } -> std::same_as<value>;
};
/// A type of the application's with a `VoidResult from_value(const value&, T&)` beside it.
template <typename T>
concept read_by_application = requires(const value& from, T& to) {
    { from_value(from, to) } -> std::same_as<VoidResult>;
};

}  // namespace detail

/// Something that a container carries: null, a boolean, a number, a string, bytes, a list, or a map
/// with strings as keys, in any depth.
///
///     value order = value_map{{"id", 7}, {"item", "tea"}, {"tags", value_list{"hot", "green"}}};
///     auto id = order.get<int>("id");            // Result<int>
///
/// What it is made of: bool, integers, float and double, strings, std::vector<std::uint8_t>,
/// std::vector, std::map<std::string, T> and std::optional of these, and types of the
/// application's that have a function beside them:
///
///     value to_value(const order& from);
///     VoidResult from_value(const value& from, order& to);
///
/// A list with one list in it is `value_list(1, inner)`: of `value_list{inner}` some compilers make
/// a copy of `inner`, because a list can be made of itself.
///
/// Thread-safety: as a value type; distinct objects are independent.
class NETWORK_SYSTEM_EXPORT value {
public:
    value() noexcept = default;
    value(std::nullptr_t) noexcept {}
    template <std::same_as<bool> T>
    value(T boolean) noexcept : data_(boolean) {}
    template <detail::integer_number T>
    value(T number) noexcept {
        if (std::in_range<std::int64_t>(number)) {
            data_ = static_cast<std::int64_t>(number);
        } else {
            data_ = static_cast<std::uint64_t>(number);
        }
    }
    template <std::floating_point T>
    value(T number) noexcept : data_(static_cast<double>(number)) {}
    value(std::string&& text) noexcept : data_(std::move(text)) {}
    template <detail::text T>
    value(const T& text) : data_(std::string(std::string_view(text))) {}
    value(value_bytes bytes) noexcept : data_(std::move(bytes)) {}
    value(value_list list) noexcept : data_(std::move(list)) {}
    value(value_map map) noexcept : data_(std::move(map)) {}
    template <typename T>
        requires std::constructible_from<value, const T&> && (!std::same_as<T, value>)
    value(const std::vector<T>& list) {
        value_list all;
        all.reserve(list.size());
        for (const T& each : list) {
            all.emplace_back(each);
        }
        data_ = std::move(all);
    }
    template <typename T>
        requires(!std::same_as<T, value>)
    value(const std::map<std::string, T>& map) {
        value_map all;
        for (const auto& [key, each] : map) {
            all.emplace_hint(all.end(), key, each);
        }
        data_ = std::move(all);
    }
    template <typename T>
    value(const std::optional<T>& maybe) {
        if (maybe) {
            *this = value(*maybe);
        }
    }
    template <detail::written_by_application T>
    value(const T& what) : value(to_value(what)) {}

    [[nodiscard]] value_kind kind() const noexcept {
        return static_cast<value_kind>(data_.index());
    }
    [[nodiscard]] bool is_null() const noexcept { return kind() == value_kind::null; }

    /// What it holds; null when it is of another kind. `T`: bool, std::int64_t, std::uint64_t,
    /// double, std::string, value_bytes, value_list or value_map, exactly.
    template <typename T>
    [[nodiscard]] const T* get_if() const noexcept {
        return std::get_if<T>(&data_);
    }
    template <typename T>
    [[nodiscard]] T* get_if() noexcept {
        return std::get_if<T>(&data_);
    }

    /// As a `T`, see above. A number becomes any number that it can be without a loss; null becomes
    /// an empty std::optional. Error: `invalid_argument`, which says what was expected and what
    /// this is.
    template <typename T>
    [[nodiscard]] Result<T> get() const;
    /// Of the field of a map. Errors: those of `get`; `invalid_argument` when there is none, or
    /// this is no map. Of a std::optional that is missing: an empty one.
    template <typename T>
    [[nodiscard]] Result<T> get(std::string_view key) const;

    /// The field of a map; null when there is none, or this is no map.
    [[nodiscard]] const value* find(std::string_view key) const noexcept;

    friend bool operator==(const value&, const value&) = default;

private:
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string,
                 value_bytes, value_list, value_map>
        data_;
};

namespace detail {

/// "expected a string, but it is a list".
[[nodiscard]] NETWORK_SYSTEM_EXPORT error_info wrong_kind(std::string_view expected,
                                                          const value& is);
/// "expected an integer of -128 to 127, but it is 300".
[[nodiscard]] NETWORK_SYSTEM_EXPORT error_info wrong_integer(std::int64_t least, std::uint64_t most,
                                                             const value& is);
[[nodiscard]] NETWORK_SYSTEM_EXPORT error_info missing_field(std::string_view key, const value& in);
/// The error with the way to it: "field 'id': …", "element 3: …".
[[nodiscard]] NETWORK_SYSTEM_EXPORT error_info in_field(std::string_view key, error_info error);
[[nodiscard]] NETWORK_SYSTEM_EXPORT error_info in_element(std::size_t index, error_info error);

template <typename T>
struct value_reader;

template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// A member of the variant, as it is.
template <typename T>
Result<T> read_exactly(const value& from, std::string_view expected) {
    if (const T* const held = from.get_if<T>()) {
        return *held;
    }
    return wrong_kind(expected, from);
}

template <typename T>
    requires std::same_as<T, bool>
struct value_reader<T> {
    static Result<T> read(const value& from) { return read_exactly<bool>(from, "boolean"); }
};
template <integer_number T>
struct value_reader<T> {
    static Result<T> read(const value& from) {
        const auto* const number = from.get_if<std::int64_t>();
        const auto* const large = from.get_if<std::uint64_t>();
        if (number != nullptr && std::in_range<T>(*number)) {
            return static_cast<T>(*number);
        }
        if (large != nullptr && std::in_range<T>(*large)) {
            return static_cast<T>(*large);
        }
        return wrong_integer(static_cast<std::int64_t>(std::numeric_limits<T>::min()),
                             static_cast<std::uint64_t>(std::numeric_limits<T>::max()), from);
    }
};
template <std::floating_point T>
struct value_reader<T> {
    static Result<T> read(const value& from) {
        if (const auto* const number = from.get_if<double>()) {
            return static_cast<T>(*number);
        }
        if (const auto* const number = from.get_if<std::int64_t>();
            number != nullptr && is_exact(*number)) {
            return static_cast<T>(*number);
        }
        return wrong_kind("number", from);
    }

private:
    static bool is_exact(std::int64_t number) noexcept {
        constexpr std::int64_t most = std::int64_t{1} << std::numeric_limits<T>::digits;
        return number >= -most && number <= most;
    }
};
template <>
struct value_reader<std::string> {
    static Result<std::string> read(const value& from) {
        return read_exactly<std::string>(from, "string");
    }
};
template <>
struct value_reader<value_bytes> {
    static Result<value_bytes> read(const value& from) {
        return read_exactly<value_bytes>(from, "bytes");
    }
};
template <>
struct value_reader<value> {
    static Result<value> read(const value& from) { return from; }
};
template <typename T>
struct value_reader<std::optional<T>> {
    static Result<std::optional<T>> read(const value& from) {
        if (from.is_null()) {
            return std::optional<T>();
        }
        return from.get<T>().map([](T held) { return std::optional<T>(std::move(held)); });
    }
};
template <typename T>
struct value_reader<std::vector<T>> {
    static Result<std::vector<T>> read(const value& from) {
        const auto* const list = from.get_if<value_list>();
        if (list == nullptr) {
            return wrong_kind("list", from);
        }
        std::vector<T> all;
        all.reserve(list->size());
        for (const value& each : *list) {
            auto read = each.get<T>();
            if (read.is_err()) {
                return in_element(all.size(), std::move(read).error());
            }
            all.push_back(std::move(read).value());
        }
        return all;
    }
};
template <typename T, typename Less>
struct value_reader<std::map<std::string, T, Less>> {
    static Result<std::map<std::string, T, Less>> read(const value& from) {
        const auto* const map = from.get_if<value_map>();
        if (map == nullptr) {
            return wrong_kind("map", from);
        }
        std::map<std::string, T, Less> all;
        for (const value_map::value_type& each : *map) {
            auto read = each.second.get<T>();
            if (read.is_err()) {
                return in_field(each.first, std::move(read).error());
            }
            all.emplace_hint(all.end(), each.first, std::move(read).value());
        }
        return all;
    }
};
template <read_by_application T>
struct value_reader<T> {
    static Result<T> read(const value& from) {
        T made{};
        if (auto read = from_value(from, made); read.is_err()) {
            return std::move(read).error();
        }
        return made;
    }
};

}  // namespace detail

/// What `value::get` can answer.
template <typename T>
concept readable_value = requires(const value& from) {
    { detail::value_reader<T>::read(from) } -> std::same_as<Result<T>>;
};

template <typename T>
Result<T> value::get() const {
    static_assert(readable_value<T>,
                  "no value becomes such a type: write a VoidResult from_value(const value&, T&) "
                  "beside it");
    return detail::value_reader<T>::read(*this);
}

template <typename T>
Result<T> value::get(std::string_view key) const {
    const value* const found = find(key);
    if (found == nullptr) {
        if constexpr (detail::is_optional<T>) {
            if (kind() == value_kind::map) {
                return T();
            }
        }
        return detail::missing_field(key, *this);
    }
    auto read = found->get<T>();
    return read.is_ok() ? std::move(read)
                        : Result<T>(detail::in_field(key, std::move(read).error()));
}

/// Reads the fields of a map into variables: `read_fields(from, "id", id, "item", item)`. The first
/// error is the result; the variables before it have been set.
[[nodiscard]] inline VoidResult read_fields(const value&) {
    return ok();
}
template <typename T, typename... More>
[[nodiscard]] VoidResult read_fields(const value& from, std::string_view key, T& to,
                                     More&&... more) {
    auto read = from.get<T>(key);
    if (read.is_err()) {
        return std::move(read).error();
    }
    to = std::move(read).value();
    return read_fields(from, std::forward<More>(more)...);
}

}  // namespace network_system::integration

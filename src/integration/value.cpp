#include "utils/failure.h"

#include <network_system/integration/value.h>

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace network_system::inline v0_1::integration {
namespace {

constexpr std::string_view value_source = "value";

error_info wrong_value(const std::string& text) {
    return network_system::detail::failure_in_words(errc::invalid_argument, text, value_source);
}

/// "null", "a string", "the integer 300".
std::string describe_value(const value& what) {
    if (const auto* const number = what.get_if<std::int64_t>()) {
        return fmt::format("the integer {}", *number);
    }
    if (const auto* const number = what.get_if<std::uint64_t>()) {
        return fmt::format("the integer {}", *number);
    }
    if (const auto* const number = what.get_if<double>()) {
        return fmt::format("the number {}", *number);
    }
    const bool has_no_article = what.is_null() || what.kind() == value_kind::bytes;
    return fmt::format("{}{}", has_no_article ? "" : "a ", to_string(what.kind()));
}

}  // namespace

std::string_view to_string(value_kind kind) noexcept {
    static constexpr std::array<std::string_view, 9> names{
        "null", "boolean", "integer", "integer", "number", "string", "bytes", "list", "map"};
    const auto index = static_cast<std::size_t>(kind);
    return index < names.size() ? names[index] : "unknown";
}

const value* value::find(std::string_view key) const noexcept {
    const auto* const map = get_if<value_map>();
    if (map == nullptr) {
        return nullptr;
    }
    const auto found = map->find(key);
    return found != map->end() ? &found->second : nullptr;
}

namespace detail {

error_info wrong_kind(std::string_view expected, const value& is) {
    return wrong_value(fmt::format("expected {}, but it is {}", expected, describe_value(is)));
}

error_info wrong_integer(std::int64_t least, std::uint64_t most, const value& is) {
    return wrong_value(fmt::format("expected an integer of {} to {}, but it is {}", least, most,
                                   describe_value(is)));
}

error_info missing_field(std::string_view key, const value& in) {
    return wrong_value(in.kind() == value_kind::map
                           ? fmt::format("field '{}' is missing", key)
                           : fmt::format("expected a map with a field '{}', but it is {}", key,
                                         describe_value(in)));
}

error_info in_field(std::string_view key, error_info error) {
    error.message = fmt::format("field '{}': {}", key, error.message);
    return error;
}

error_info in_element(std::size_t index, error_info error) {
    error.message = fmt::format("element {}: {}", index, error.message);
    return error;
}

}  // namespace detail
}  // namespace network_system::integration

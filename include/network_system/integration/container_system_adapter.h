#pragma once

// Of the component network_system::container_system; needs container_system.
#include <network_system/integration/container_interface.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <container/core/container.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace network_system::inline v0_1::integration {

/// What container_system_container reads of a peer.
struct container_system_options {
    /// Bytes of a message, in both directions. container_system reads with std::regex, which needs
    /// stack for each byte: many more than the default end the process. At least 1. Default 16 KiB.
    std::size_t max_length = std::size_t{16} * 1024;
};

/// The serializer of container_system, for peers that speak it: text, of a `value_container`.
///
/// It carries a flat map of null, booleans, integers and strings, and no more: container_system
/// loses bytes, containers inside containers and digits of floating-point numbers, so these are
/// refused, as are lists. Keys are of letters, digits and "_"; a string neither begins or ends with
/// a space, nor has a line break, "]" or "}" in it. For everything else there is `basic_container`.
///
/// Thread-safety: every member may be called from any thread.
class container_system_container final : public container_interface {
public:
    explicit container_system_container(container_system_options options = {}) noexcept
        : options_(options) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "container_system"; }

    [[nodiscard]] VoidResult serialize(const value& from,
                                       std::vector<std::uint8_t>& to) const override {
        const auto* const map = from.get_if<value_map>();
        if (map == nullptr) {
            return wrong(errc::invalid_argument, "only a map can be carried");
        }
        container_module::value_container all;
        for (const auto& [key, each] : *map) {
            if (auto added = add(all, key, each); added.is_err()) {
                return added;
            }
        }
        const std::string text = all.serialize();
        if (text.size() > options_.max_length) {
            return wrong(errc::invalid_argument, "larger than max_length");
        }
        to.insert(to.end(), text.begin(), text.end());
        return ok();
    }

    [[nodiscard]] Result<value> deserialize(std::span<const std::uint8_t> data) const override {
        if (data.size() > options_.max_length) {
            return wrong(errc::protocol_error, "larger than max_length").error();
        }
        try {
            container_module::value_container all;
            if (!all.deserialize(std::string(data.begin(), data.end()), false)) {
                return wrong(errc::protocol_error, "it is no container").error();
            }
            return fields_of(all);
        } catch (const std::exception& failure) {
            return wrong(errc::protocol_error, failure.what()).error();
        }
    }

private:
    using types = container_module::value_types;

    [[nodiscard]] static VoidResult wrong(errc code, std::string_view text) {
        return error_void(static_cast<int>(code), "container_system: " + std::string(text));
    }
    [[nodiscard]] static VoidResult wrong_field(std::string_view key, std::string_view why) {
        return wrong(errc::invalid_argument,
                     "field '" + std::string(key) + "' " + std::string(why));
    }

    [[nodiscard]] static bool is_key(std::string_view key) noexcept {
        return !key.empty() && std::all_of(key.begin(), key.end(), [](char each) {
            return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
                   (each >= '0' && each <= '9') || each == '_';
        });
    }
    [[nodiscard]] static bool is_text(std::string_view text) noexcept {
        constexpr std::string_view spaces = " \t\v\f";
        return text.find_first_of(std::string_view("]}\r\n\0", 5)) == std::string_view::npos &&
               (text.empty() || (spaces.find(text.front()) == std::string_view::npos &&
                                 spaces.find(text.back()) == std::string_view::npos));
    }

    [[nodiscard]] static VoidResult add(container_module::value_container& to,
                                        const std::string& key, const value& what) {
        if (!is_key(key)) {
            return wrong_field(key, "is no name of letters, digits and '_'");
        }
        if (what.is_null()) {
            to.add_value(key, types::null_value, std::monostate{});
        } else if (const auto* const boolean = what.get_if<bool>()) {
            to.add_value(key, types::bool_value, *boolean);
        } else if (const auto* const number = what.get_if<std::int64_t>()) {
            to.add_value(key, types::llong_value, static_cast<long long>(*number));
        } else if (const auto* const large = what.get_if<std::uint64_t>()) {
            to.add_value(key, types::ullong_value, static_cast<unsigned long long>(*large));
        } else if (const auto* const text = what.get_if<std::string>()) {
            if (!is_text(*text)) {
                return wrong_field(key, "is a string that its format cannot tell from its own");
            }
            to.add_value(key, types::string_value, *text);
        } else {
            return wrong_field(key, "is of the kind " + std::string(to_string(what.kind())) +
                                        ", which would be lost");
        }
        return ok();
    }

    [[nodiscard]] static Result<value> fields_of(container_module::value_container& all) {
        value_map fields;
        for (const auto& each : all) {
            const bool is_lost =
                each.type != types::null_value && std::holds_alternative<std::monostate>(each.data);
            if (is_lost) {
                return wrong(errc::protocol_error, "a value in it is lost").error();
            }
            auto field = std::visit(
                [](const auto& held) -> value {
                    using held_type = std::remove_cvref_t<decltype(held)>;
                    if constexpr (std::is_constructible_v<value, const held_type&>) {
                        return value(held);
                    } else {
                        return value();
                    }
                },
                each.data);
            if (!fields.try_emplace(each.name, std::move(field)).second) {
                return wrong(errc::protocol_error, "a name comes twice").error();
            }
        }
        return value(std::move(fields));
    }

    container_system_options options_;
};

}  // namespace network_system::integration

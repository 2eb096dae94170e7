// A stand-in for container_system's header of this name: what its interface says, with a format as
// simple as its own.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace container_module {

enum class value_types {
    null_value,
    bool_value,
    short_value,
    ushort_value,
    int_value,
    uint_value,
    long_value,
    ulong_value,
    llong_value,
    ullong_value,
    float_value,
    double_value,
    string_value,
    bytes_value,
    container_value,
    array_value
};

class value_container;

using value_variant =
    std::variant<std::monostate, bool, short, unsigned short, int, unsigned int, long,
                 unsigned long, long long, unsigned long long, float, double, std::string,
                 std::vector<std::uint8_t>, std::shared_ptr<value_container>>;

struct optimized_value {
    std::string name;
    value_types type = value_types::null_value;
    value_variant data;
};

class value_container {
public:
    void add_value(const std::string& name, value_types type, value_variant data) {
        values_.push_back({name, type, std::move(data)});
    }
    [[nodiscard]] std::string serialize() const {
        std::string text = "@data={{";
        for (const optimized_value& each : values_) {
            text += '[' + each.name + ',' + std::to_string(static_cast<int>(each.type)) + ',' +
                    text_of(each.data) + "];";
        }
        return text + "}};";
    }
    bool deserialize(const std::string& text, bool) {
        const std::string begin = "@data={{";
        if (text.rfind(begin, 0) != 0) {
            return false;
        }
        for (auto at = text.find('[', begin.size()); at != std::string::npos;) {
            const auto first = text.find(',', at);
            const auto second = text.find(',', first + 1);
            const auto end = text.find("];", second);
            if (end == std::string::npos) {
                break;
            }
            const auto type =
                static_cast<value_types>(std::stoi(text.substr(first + 1, second - first - 1)));
            values_.push_back({text.substr(at + 1, first - at - 1), type,
                               read(type, text.substr(second + 1, end - second - 1))});
            at = text.find('[', end);
        }
        return true;
    }

    [[nodiscard]] auto begin() { return values_.begin(); }
    [[nodiscard]] auto end() { return values_.end(); }

private:
    [[nodiscard]] static std::string text_of(const value_variant& data) {
        if (const auto* const boolean = std::get_if<bool>(&data)) {
            return *boolean ? "true" : "false";
        }
        if (const auto* const number = std::get_if<long long>(&data)) {
            return std::to_string(*number);
        }
        if (const auto* const number = std::get_if<unsigned long long>(&data)) {
            return std::to_string(*number);
        }
        const auto* const text = std::get_if<std::string>(&data);
        return text != nullptr ? *text : "";
    }
    [[nodiscard]] static value_variant read(value_types type, const std::string& text) {
        switch (type) {
            case value_types::bool_value: return text == "true";
            case value_types::int_value: return std::stoi(text);
            case value_types::llong_value: return std::stoll(text);
            case value_types::ullong_value: return std::stoull(text);
            case value_types::double_value: return std::stod(text);
            case value_types::string_value: return text;
            default: return std::monostate{};
        }
    }

    std::vector<optimized_value> values_;
};

}  // namespace container_module

#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace integration {

/// As much of JSON as results need. Names and texts are ours: nothing in them has to be escaped.
class json_object {
public:
    json_object& add(std::string_view name, std::uint64_t value) {
        return add_raw(name, std::to_string(value));
    }
    json_object& add(std::string_view name, double value) {
        std::ostringstream text;
        text.precision(9);
        text << value;
        return add_raw(name, text.str());
    }
    json_object& add(std::string_view name, const std::vector<json_object>& values) {
        std::string text;
        for (const json_object& each : values) {
            text += (text.empty() ? "\n" : ",\n") + each.text();
        }
        return add_raw(name, "[" + text + "]");
    }
    [[nodiscard]] std::string text() const { return "{" + members_ + "}"; }

private:
    json_object& add_raw(std::string_view name, std::string_view value) {
        members_ += members_.empty() ? "" : ", ";
        members_.append("\"").append(name).append("\": ").append(value);
        return *this;
    }

    std::string members_;
};

}  // namespace integration

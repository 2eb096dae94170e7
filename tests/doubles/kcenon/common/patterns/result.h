// A stand-in for common_system's header of this name: what its interface says, and no more.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kcenon::common {

struct error_info {
    int code = 0;
    std::string message;
    std::string module;
    std::optional<std::string> details;

    error_info() = default;
    error_info(int number, std::string text, std::string from = "")
        : code(number), message(std::move(text)), module(std::move(from)) {}
};

template <typename T>
class Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(error_info error) : error_(std::move(error)) {}

    [[nodiscard]] bool is_ok() const { return value_.has_value(); }
    [[nodiscard]] bool is_err() const { return error_.has_value(); }
    [[nodiscard]] const T& value() const { return *value_; }
    [[nodiscard]] T& value() { return *value_; }
    [[nodiscard]] const error_info& error() const { return *error_; }

private:
    std::optional<T> value_;
    std::optional<error_info> error_;
};

using VoidResult = Result<std::monostate>;

}  // namespace kcenon::common

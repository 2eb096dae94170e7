#pragma once

#include <exception>
#include <optional>
#include <string>

namespace network_system::detail {

/// Runs a user's callback; what it threw, as text, or nothing.
template <typename Callback>
[[nodiscard]] std::optional<std::string> run_user_code(const Callback& callback) {
    try {
        callback();
        return std::nullopt;
    } catch (const std::exception& failure) {
        return failure.what();
    } catch (...) {
        return "an exception that is no std::exception";
    }
}

}  // namespace network_system::detail

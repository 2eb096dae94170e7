#pragma once

#include "utils/compiler.h"

#include <network_system/utils/error_codes.h>

#include <exception>
#include <new>
#include <optional>
#include <string>

namespace network_system::inline v0_1::detail {

/// What a callback has thrown.
struct thrown {
    /// `internal_error`; `out_of_memory` for std::bad_alloc, which may as well be of the library's
    /// code around the callback.
    errc code = errc::internal_error;
    /// Empty when there was no memory for it.
    std::string text;
};

[[nodiscard]] inline thrown describe_thrown(const char* text) noexcept {
    try {
        return {errc::internal_error, text};
    } catch (const std::bad_alloc&) {
        return {};
    }
}

/// In a catch clause: the exception that is being handled.
[[nodiscard]] NETWORK_NEVER_INLINE inline thrown describe_current() noexcept {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return thrown{errc::out_of_memory, "out of memory"};
    } catch (const std::exception& failure) {
        return describe_thrown(failure.what());
    } catch (...) {
        return describe_thrown("an exception that is no std::exception");
    }
}

/// Runs a user's callback; what it threw, or nothing.
template <typename Callback>
[[nodiscard]] std::optional<thrown> run_user_code(const Callback& callback) {
    try {
        callback();
        return std::nullopt;
    } catch (...) {
        return describe_current();
    }
}

}  // namespace network_system::detail

#pragma once

#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace network_system::inline v0_1::detail {

/// The one translation of an error into what the user gets. `message` names the operation and the
/// peer; `cause` (when set) is what the operating system or the library's category says of it.
inline error_info failure(errc code, std::string message, std::string_view source,
                          std::error_code cause = {}) {
    error_info info{static_cast<int>(code), std::move(message), std::string(source), {}};
    if (cause) {
        info.details = cause.message();
        info.message += ": ";
        info.message += info.details;
    } else {
        info.message += ": ";
        info.message += make_error_code(code).message();
    }
    return info;
}

/// The same with a message that says all: the code's own words would add nothing.
inline error_info failure_in_words(errc code, std::string message, std::string_view source) {
    return {static_cast<int>(code), std::move(message), std::string(source), {}};
}

/// An error without the memory to say more about it. The text fits a string that allocates nothing.
inline error_info failure_without_words(errc code) noexcept {
    return {static_cast<int>(code), "out of memory", {}, {}};
}

/// What `make` answers: an error that somebody has to be told, whether or not there is memory for
/// its text.
template <typename Make>
[[nodiscard]] error_info told_anyway(errc code, const Make& make) noexcept {
    try {
        return make();
    } catch (const std::bad_alloc&) {
        return failure_without_words(code);
    }
}

/// What `call` answers, which is a `Result`. Memory that runs out in it is an error of the call.
template <typename Call>
[[nodiscard]] auto within_memory(const Call& call) -> std::invoke_result_t<const Call&> {
    try {
        return call();
    } catch (const std::bad_alloc&) {
        return failure_without_words(errc::out_of_memory);
    }
}

}  // namespace network_system::detail

#pragma once

#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace network_system::detail {

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

}  // namespace network_system::detail

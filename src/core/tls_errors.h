#pragma once

#include "utils/failure.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <string>
#include <string_view>

namespace network_system::core {

/// What OpenSSL says about the call that has just failed.
inline std::string take_error() {
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    const char* const words = ERR_reason_error_string(error);
    return words != nullptr ? words : "unknown error";
}

inline error_info cannot_load(std::string_view what, const std::string& file,
                              std::string_view source) {
    const std::string why = take_error();
    error_info info = detail::failure(errc::certificate_load_failed,
                                      fmt::format("{} '{}': {}", what, file, why), source);
    info.details = why;
    return info;
}

}  // namespace network_system::core

#pragma once

#include "tls/failure.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// What OpenSSL says about the call that has just failed.
inline std::string take_error() {
    return transport::take_openssl_error(transport::error_in_queue::last);
}

/// "CA file 'root.pem': holds no certificate".
inline error_info cannot_load(std::string_view what, std::string_view file, std::string_view why,
                              std::string_view source) {
    error_info info = detail::failure(errc::certificate_load_failed,
                                      fmt::format("{} '{}': {}", what, file, why), source);
    info.details = why;
    return info;
}

/// The same with what OpenSSL says about it.
inline error_info cannot_load(std::string_view what, std::string_view file,
                              std::string_view source) {
    return cannot_load(what, file, take_error(), source);
}

}  // namespace network_system::core

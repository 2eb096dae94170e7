#pragma once

#include <network_system/utils/log.h>

namespace network_system::inline v0_1::integration {

/// A level as one of another library's, which has the same names for them.
template <typename Theirs>
[[nodiscard]] constexpr Theirs level_as(log_level level) noexcept {
    switch (level) {
        case log_level::trace: return Theirs::trace;
        case log_level::debug: return Theirs::debug;
        case log_level::info: return Theirs::info;
        case log_level::warning: return Theirs::warning;
        case log_level::error: return Theirs::error;
        case log_level::off: break;
    }
    return Theirs::off;
}

}  // namespace network_system::integration

#pragma once

#include <network_system/utils/log.h>

#include <fmt/format.h>

#include <atomic>
#include <string_view>
#include <utility>

namespace network_system::detail {

extern std::atomic<int> log_threshold;

void write_log(log_level level, std::string_view message) noexcept;

/// Formats and writes one line when the level is on; otherwise one relaxed load.
template <typename... Args>
void log(log_level level, fmt::format_string<Args...> format, Args&&... args) {
    if (static_cast<int>(level) >= log_threshold.load(std::memory_order_relaxed)) {
        write_log(level, fmt::format(format, std::forward<Args>(args)...));
    }
}

}  // namespace network_system::detail

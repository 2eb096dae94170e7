#pragma once

#include <network_system/utils/log.h>

#include <fmt/format.h>

#include <atomic>
#include <new>
#include <string_view>
#include <utility>

namespace network_system::detail {

extern std::atomic<int> log_threshold;

void write_log(log_level level, std::string_view message) noexcept;

/// Formats and writes one line when the level is on; otherwise one relaxed load. Without memory for
/// it, the line says only that.
template <typename... Args>
void log(log_level level, fmt::format_string<Args...> format, Args&&... args) noexcept {
    if (static_cast<int>(level) < log_threshold.load(std::memory_order_relaxed)) {
        return;
    }
    try {
        write_log(level, fmt::format(format, std::forward<Args>(args)...));
    } catch (const std::bad_alloc&) {
        write_log(level, "a line for which there was no memory");
    }
}

}  // namespace network_system::detail

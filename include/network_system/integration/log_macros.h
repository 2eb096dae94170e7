#pragma once

// Needs fmt, or a standard library with std::format.
#if __has_include(<fmt/format.h>)
#if !defined(FMT_VERSION) && !defined(FMT_HEADER_ONLY)
// Who has not decided about fmt need not link it.
#define FMT_HEADER_ONLY 1
#endif
#include <fmt/format.h>
#define NETWORK_SYSTEM_FORMAT_LIBRARY fmt
#elif __has_include(<format>)
#include <format>
#define NETWORK_SYSTEM_FORMAT_LIBRARY std
#else
#error "network_system/integration/log_macros.h needs fmt, or a standard library with <format>"
#endif

#include <network_system/utils/log.h>

#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace network_system::inline v0_1::integration {

/// The component of lines of NETWORK_LOG_*.
inline constexpr const char* application_component = "application";

/// A line of the application's, the text as it is.
inline void write_log_text(log_level level, const log_location& where,
                           std::string_view text) noexcept {
    log_record record;
    record.level = level;
    record.component = application_component;
    record.text = text;
    record.location = where;
    write_log(record);
}

/// For NETWORK_LOG: formats, and writes. Without memory for that the line says so.
template <typename... Args>
void write_log_line(log_level level, const log_location& where,
                    NETWORK_SYSTEM_FORMAT_LIBRARY::format_string<Args...> format,
                    Args&&... args) noexcept {
    std::string text;
    try {
        text = NETWORK_SYSTEM_FORMAT_LIBRARY::format(format, std::forward<Args>(args)...);
    } catch (...) {
        text = "(unformatted)";  // short enough to need no memory
    }
    write_log_text(level, where, text);
}
template <typename Text>
    requires std::same_as<std::remove_cvref_t<Text>, std::string>
void write_log_line(log_level level, const log_location& where, Text&& text) noexcept {
    write_log_text(level, where, text);
}

}  // namespace network_system::integration

/// Writes a line to the log of the process: `NETWORK_LOG_INFO("{} of {}", done, all)`, as fmt (or
/// std::format) has it, or with one std::string, which is written as it is. A format that does not
/// fit its arguments does not compile. Below the level of the log the arguments are not evaluated,
/// and the line costs one relaxed load.
#define NETWORK_LOG(level, ...)                                                        \
    do {                                                                               \
        if ((level) >= ::network_system::get_log_level()) {                            \
            ::network_system::integration::write_log_line(                             \
                (level), ::network_system::log_location{__FILE__, __LINE__, __func__}, \
                __VA_ARGS__);                                                          \
        }                                                                              \
    } while (false)

#define NETWORK_LOG_TRACE(...) NETWORK_LOG(::network_system::log_level::trace, __VA_ARGS__)
#define NETWORK_LOG_DEBUG(...) NETWORK_LOG(::network_system::log_level::debug, __VA_ARGS__)
#define NETWORK_LOG_INFO(...) NETWORK_LOG(::network_system::log_level::info, __VA_ARGS__)
#define NETWORK_LOG_WARN(...) NETWORK_LOG(::network_system::log_level::warning, __VA_ARGS__)
#define NETWORK_LOG_ERROR(...) NETWORK_LOG(::network_system::log_level::error, __VA_ARGS__)

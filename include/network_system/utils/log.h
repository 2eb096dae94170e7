#pragma once

#include <network_system/export.h>

#include <atomic>
#include <functional>
#include <string_view>

namespace network_system {

/// Severity of a log line, ascending. `off` silences everything.
enum class log_level : int { trace, debug, info, warning, error, off };

/// Receives every log line at or above the level. Called from I/O threads and from the caller's
/// threads, possibly at the same time; no library lock is held. Exceptions are swallowed: a log
/// line must not end a connection.
using log_sink = std::function<void(log_level level, std::string_view message)>;

/// Replaces the sink for the process; an empty sink restores the default, which writes to
/// standard error. Lines already being written go to the sink that was set when they began.
/// Thread-safe.
NETWORK_SYSTEM_EXPORT void set_log_sink(log_sink sink);

/// Sets the lowest level that is written; default `warning`. Thread-safe. A line below the level
/// costs one relaxed atomic load: it is neither formatted nor allocated.
NETWORK_SYSTEM_EXPORT void set_log_level(log_level level) noexcept;

[[nodiscard]] NETWORK_SYSTEM_EXPORT log_level get_log_level() noexcept;

/// "trace", "debug", "info", "warning", "error" or "off".
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string_view to_string(log_level level) noexcept;

}  // namespace network_system

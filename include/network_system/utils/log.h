#pragma once

#include <network_system/export.h>
#include <network_system/utils/endpoint.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace network_system::inline v0_1 {

/// Severity of a log line, ascending. `off` silences everything.
///
/// `error`: something of this process is broken or lost. `warning`: somebody should look at it.
/// `info`: the life of a server or client (listening, connected, reconnecting, stopped). `debug`:
/// the life of each connection (accepted, handshake, open, closed, with counts).
enum class log_level : int { trace, debug, info, warning, error, off };

/// Where in a source a line of the log was written; empty for the library's own.
struct log_location {
    const char* file = "";
    int line = 0;
    const char* function = "";
};

/// One line of the log, in parts. What it refers to is valid during the call of the sink only.
struct log_record {
    log_level level = log_level::info;
    /// The kind of object that writes: "messaging_server", "tls", ...
    std::string_view component = {};
    /// The id that the application has given to the server or client; empty where there is none.
    std::string_view object_id = {};
    /// Empty unless it is about one connection.
    std::string_view session_id = {};
    /// The peer it is about, or null. A text is made of it only by who asks for one.
    const endpoint* peer = nullptr;
    /// What has happened. It may hold what a peer has said, with control characters in it.
    std::string_view text = {};
    /// Why, where there is a code for it; not repeated in `text`.
    std::error_code error = {};
    log_location location = {};
};

/// Receives every line at or above the level. Called from I/O threads and from the caller's
/// threads, possibly at the same time; no library lock is held. Exceptions are swallowed: a log
/// line must not end a connection.
using log_sink = std::function<void(const log_record& record)>;

/// Replaces the sink of the process, which gets the lines of everything without a `log_output`. An
/// empty sink restores the default, which writes each record as one line to standard error. Lines
/// already being written go to the sink that was set when they began. Thread-safe.
NETWORK_SYSTEM_EXPORT void set_log_sink(log_sink sink);

/// Sets the lowest level that is written; default `warning`. Thread-safe. A line below the level
/// costs one relaxed atomic load: it is neither formatted nor allocated.
///
/// Of the lines at `info` and above that a peer can cause, each server or client writes at most 10
/// of a kind in a second. The rest is counted, and told in one line before the next of the kind, or
/// when the server or client ends. At `debug` nothing is left out.
NETWORK_SYSTEM_EXPORT void set_log_level(log_level level) noexcept;

[[nodiscard]] NETWORK_SYSTEM_EXPORT log_level get_log_level() noexcept;

/// Writes a line of the application's to the sink of the process, beside those of the library, if
/// its level is on. Thread-safe; what the sink throws is swallowed.
NETWORK_SYSTEM_EXPORT void write_log(const log_record& record) noexcept;

/// A sink with a level of its own: `core::lifecycle_options::log` gives it to servers, clients and
/// sockets, which then write nothing to the process's sink. Several may share one.
///
/// Thread-safety: every member may be called from any thread, also while lines are written.
class NETWORK_SYSTEM_EXPORT log_output {
public:
    /// An empty sink writes to standard error, as the process's default does. `level` is the lowest
    /// that is written. Default `warning`.
    explicit log_output(log_sink sink, log_level level = log_level::warning);
    log_output(const log_output&) = delete;
    log_output& operator=(const log_output&) = delete;
    ~log_output();

    void set_level(log_level level) noexcept { level_.store(level, std::memory_order_relaxed); }
    [[nodiscard]] log_level level() const noexcept {
        return level_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] const log_sink& sink() const noexcept { return sink_; }

private:
    const log_sink sink_;
    std::atomic<log_level> level_;
};

/// "trace", "debug", "info", "warning", "error" or "off".
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string_view to_string(log_level level) noexcept;

/// The record as the default sink writes it, without the end of the line:
/// "network_system [warning] messaging_server(chat) s-7 192.0.2.1:4000: text (error)". Parts that
/// are empty are left out; control characters are shown as "\xNN".
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string to_string(const log_record& record);

/// The same without "network_system [warning] ", for logs that tell the level themselves.
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string describe(const log_record& record);

}  // namespace network_system

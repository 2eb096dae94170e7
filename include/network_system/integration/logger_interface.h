#pragma once

#include <network_system/export.h>
#include <network_system/utils/log.h>

#include <memory>

namespace network_system::inline v0_1::integration {

using network_system::log_level;
using network_system::log_location;
using network_system::log_record;

/// A logger of the application's, which gets the lines of the library and those of NETWORK_LOG_*.
///
/// Thread-safety: every member is called from any thread, I/O threads among them, possibly by
/// several at once; no lock of the library's is held.
class NETWORK_SYSTEM_EXPORT logger_interface {
public:
    logger_interface() = default;
    logger_interface(const logger_interface&) = delete;
    logger_interface& operator=(const logger_interface&) = delete;
    virtual ~logger_interface() = default;

    /// Writes a line. What the record refers to is valid during the call only. It should not block:
    /// connections wait for the I/O thread that is in here. What it throws is swallowed, and told
    /// on standard error.
    virtual void log(const log_record& record) = 0;

    /// Whether lines of the level are wanted. Asked for each line that the process's level lets
    /// through.
    [[nodiscard]] virtual bool is_enabled(log_level level) const noexcept = 0;

    /// Returns when what was logged before has been written.
    virtual void flush() = 0;
};

/// What gives the lines of a server, client or socket to a logger of its own
/// (`lifecycle_options::log`); with null, to standard error.
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::shared_ptr<log_output> make_log_output(
    std::shared_ptr<logger_interface> logger, log_level level = log_level::info);

}  // namespace network_system::integration

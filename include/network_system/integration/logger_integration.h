#pragma once

#include <network_system/export.h>
#include <network_system/integration/basic_logger.h>
#include <network_system/integration/log_macros.h>
#include <network_system/integration/logger_interface.h>

#include <memory>
#include <string_view>

namespace network_system::inline v0_1::integration {

/// The logger of the process: it gets the lines of everything without a `log_output` of its own,
/// and those of NETWORK_LOG_*.
///
///     auto& log = logger_integration_manager::instance();
///     log.set_logger(std::make_shared<basic_logger>());
///     log.set_level(log_level::debug);
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: it keeps the logger until another one takes its place, or the process ends.
class NETWORK_SYSTEM_EXPORT logger_integration_manager {
public:
    [[nodiscard]] static logger_integration_manager& instance();

    logger_integration_manager(const logger_integration_manager&) = delete;
    logger_integration_manager& operator=(const logger_integration_manager&) = delete;

    /// Installs a logger; null = standard error again. Lines that are being written go to the one
    /// that was there when they began. Replaces the sink of `set_log_sink`.
    void set_logger(std::shared_ptr<logger_interface> logger);
    /// Null before the first `set_logger`.
    [[nodiscard]] std::shared_ptr<logger_interface> get_logger() const;

    /// The level of the process, as `set_log_level`; default `warning`. The logger has its own
    /// beside it: a line is written when both let it through.
    void set_level(log_level level) noexcept { set_log_level(level); }
    [[nodiscard]] log_level level() const noexcept { return get_log_level(); }
    [[nodiscard]] bool is_enabled(log_level level) const noexcept {
        return level >= get_log_level();
    }

    void log(log_level level, std::string_view text, const log_location& where = {}) noexcept;
    /// `logger_interface::flush` of the logger there is.
    void flush() const;

private:
    logger_integration_manager() = default;
    ~logger_integration_manager() = default;
};

}  // namespace network_system::integration

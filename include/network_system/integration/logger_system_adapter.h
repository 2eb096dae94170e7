#pragma once

// Of the component network_system::logger_system; needs logger_system.
#include <network_system/integration/log_levels.h>
#include <network_system/integration/logger_interface.h>

#include <kcenon/logger/core/logger.h>

#include <memory>
#include <utility>

namespace network_system::inline v0_1::integration {

/// Gives lines to a logger of logger_system's, which is running if it is asynchronous: with the
/// level, and with the location of those that were written with NETWORK_LOG.
///
/// Thread-safety: that of the logger.
class logger_system_logger final : public logger_interface {
public:
    using logger_ptr = std::shared_ptr<kcenon::logger::logger>;

    /// `logger` is not null.
    explicit logger_system_logger(logger_ptr logger) : logger_(std::move(logger)) {}

    void log(const log_record& record) override {
        if (record.location.line > 0) {
            logger_->log(level_as<theirs>(record.level), describe(record), record.location.file,
                         record.location.line, record.location.function);
        } else {
            logger_->log(level_as<theirs>(record.level), describe(record));
        }
    }
    [[nodiscard]] bool is_enabled(log_level level) const noexcept override {
        return level != log_level::off && logger_->is_enabled(level_as<theirs>(level));
    }
    void flush() override { logger_->flush(); }

    [[nodiscard]] const logger_ptr& logger() const noexcept { return logger_; }

private:
    using theirs = kcenon::logger::log_level;

    const logger_ptr logger_;
};

}  // namespace network_system::integration

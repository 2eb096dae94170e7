#pragma once

// Of the component network_system::spdlog; needs spdlog.
#include <network_system/integration/logger_interface.h>

#include <spdlog/logger.h>

#include <memory>
#include <string>
#include <utility>

namespace network_system::inline v0_1::integration {

/// Gives lines to a logger of spdlog's: with the level, and with the location of those that were
/// written with NETWORK_LOG. The rest of the record is in the text: "messaging_server(chat) s-7
/// 192.0.2.1:4000: …".
///
///     logger_integration_manager::instance().set_logger(
///         std::make_shared<spdlog_logger>(spdlog::default_logger()));
///
/// Lines are written on the thread that logs, an I/O thread among them, unless it is one of
/// `spdlog::create_async_nb`: give it such a logger where a sink may block.
///
/// Thread-safety: that of the logger; those of spdlog's names that end in `_st` have none.
class spdlog_logger final : public logger_interface {
public:
    /// `logger` is not null.
    explicit spdlog_logger(std::shared_ptr<spdlog::logger> logger) : logger_(std::move(logger)) {}

    void log(const log_record& record) override {
        const std::string text = describe(record);
        logger_->log(location_of(record), level_of(record.level),
                     spdlog::string_view_t(text.data(), text.size()));
    }
    [[nodiscard]] bool is_enabled(log_level level) const noexcept override {
        return logger_->should_log(level_of(level));
    }
    void flush() override { logger_->flush(); }

    [[nodiscard]] const std::shared_ptr<spdlog::logger>& logger() const noexcept { return logger_; }

private:
    [[nodiscard]] static spdlog::source_loc location_of(const log_record& record) noexcept {
        return record.location.line > 0
                   ? spdlog::source_loc(record.location.file, record.location.line,
                                        record.location.function)
                   : spdlog::source_loc();
    }
    [[nodiscard]] static spdlog::level::level_enum level_of(log_level level) noexcept {
        switch (level) {
            case log_level::trace: return spdlog::level::trace;
            case log_level::debug: return spdlog::level::debug;
            case log_level::info: return spdlog::level::info;
            case log_level::warning: return spdlog::level::warn;
            case log_level::error: return spdlog::level::err;
            case log_level::off: break;
        }
        return spdlog::level::off;
    }

    const std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace network_system::integration

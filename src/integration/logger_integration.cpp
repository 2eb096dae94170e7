#include "utils/process.h"

#include <network_system/integration/logger_integration.h>

#include <cstdio>
#include <mutex>
#include <utility>

namespace network_system::inline v0_1::integration {
namespace {

log_sink sink_of_logger(std::shared_ptr<logger_interface> logger) {
    if (!logger) {
        return {};
    }
    return [logger = std::move(logger)](const log_record& record) {
        if (logger->is_enabled(record.level)) {
            logger->log(record);
        }
    };
}

struct logger_of_process {
    std::mutex mutex;
    std::shared_ptr<logger_interface> logger;
};

logger_of_process& installed_logger() {
    return network_system::detail::per_process<logger_of_process>::get();
}

}  // namespace

std::shared_ptr<log_output> make_log_output(std::shared_ptr<logger_interface> logger,
                                            log_level level) {
    return std::make_shared<log_output>(sink_of_logger(std::move(logger)), level);
}

logger_integration_manager& logger_integration_manager::instance() {
    static logger_integration_manager only;
    return only;
}

namespace {

/// The logger is kept to the end of the process, and so does not write its last lines by itself.
void flush_logger_at_exit() noexcept {
    try {
        logger_integration_manager::instance().flush();
    } catch (...) {
        std::fputs("network_system: the logger threw at the end of the process\n", stderr);
    }
}

}  // namespace

void logger_integration_manager::set_logger(std::shared_ptr<logger_interface> logger) {
    network_system::detail::call_at_exit([] { flush_logger_at_exit(); });
    auto sink = sink_of_logger(logger);
    {
        const std::lock_guard lock(installed_logger().mutex);
        installed_logger().logger.swap(logger);
    }
    // Without the lock: what was there is destroyed, which is user code.
    set_log_sink(std::move(sink));
}

std::shared_ptr<logger_interface> logger_integration_manager::get_logger() const {
    const std::lock_guard lock(installed_logger().mutex);
    return installed_logger().logger;
}

void logger_integration_manager::log(log_level level, std::string_view text,
                                     const log_location& where) noexcept {
    write_log_text(level, where, text);
}

void logger_integration_manager::flush() const {
    if (const auto logger = get_logger()) {
        logger->flush();
    }
}

}  // namespace network_system::integration

// A stand-in for logger_system's header of this name: what its interface says, and no more.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace kcenon::logger {

enum class log_level {
    trace = 0,
    debug = 1,
    info = 2,
    warn = 3,
    warning = 3,
    error = 4,
    fatal = 5,
    critical = 5,
    off = 6
};

class logger {
public:
    /// Of the stand-in.
    struct line {
        log_level level;
        std::string message;
        std::string file;
        int number;
    };

    void log(log_level level, const std::string& message) { log(level, message, "", 0, ""); }
    void log(log_level level, const std::string& message, const std::string& file, int number,
             const std::string&) {
        const std::lock_guard lock(mutex_);
        lines_.push_back({level, message, file, number});
    }
    [[nodiscard]] bool is_enabled(log_level level) const { return level >= least_; }
    void set_min_level(log_level level) { least_ = level; }
    void flush() { ++flushed; }

    [[nodiscard]] std::vector<line> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

    int flushed = 0;

private:
    log_level least_ = log_level::info;
    mutable std::mutex mutex_;
    std::vector<line> lines_;
};

}  // namespace kcenon::logger

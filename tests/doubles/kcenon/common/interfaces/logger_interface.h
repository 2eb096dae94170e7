// A stand-in for common_system's header of this name: what its interface says, and no more.
#pragma once

#include <kcenon/common/patterns/result.h>

#include <string>

namespace kcenon::common::interfaces {

enum class log_level { trace, debug, info, warning, error, critical, off };

struct log_entry {
    log_level level = log_level::info;
    std::string message;
    std::string file;
    int line = 0;
    std::string function;
};

class ILogger {
public:
    virtual ~ILogger() = default;
    virtual VoidResult log(log_level level, const std::string& message) = 0;
    virtual VoidResult log(log_level level, const std::string& message, const std::string& file,
                           int line, const std::string& function) = 0;
    virtual VoidResult log(const log_entry& entry) = 0;
    virtual bool is_enabled(log_level level) const = 0;
    virtual VoidResult set_level(log_level level) = 0;
    virtual log_level get_level() const = 0;
    virtual VoidResult flush() = 0;
};

}  // namespace kcenon::common::interfaces

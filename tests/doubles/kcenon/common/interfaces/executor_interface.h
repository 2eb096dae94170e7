// A stand-in for common_system's header of this name: what its interface says, and no more.
#pragma once

#include <kcenon/common/patterns/result.h>

#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <string>

namespace kcenon::common::interfaces {

class IJob {
public:
    virtual ~IJob() = default;
    virtual VoidResult execute() = 0;
    virtual std::string get_name() const { return "unnamed_job"; }
    virtual int get_priority() const { return 0; }
};

class IExecutor {
public:
    virtual ~IExecutor() = default;
    virtual Result<std::future<void>> execute(std::unique_ptr<IJob>&& job) = 0;
    virtual Result<std::future<void>> execute_delayed(std::unique_ptr<IJob>&& job,
                                                      std::chrono::milliseconds delay) = 0;
    virtual std::size_t worker_count() const = 0;
    virtual bool is_running() const = 0;
    virtual std::size_t pending_tasks() const = 0;
    virtual void shutdown(bool wait_for_completion = true) = 0;
};

}  // namespace kcenon::common::interfaces

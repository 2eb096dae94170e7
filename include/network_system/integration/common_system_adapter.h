#pragma once

// Of the component network_system::common_system; needs common_system.
#include <network_system/integration/delayed_submitter.h>
#include <network_system/integration/log_levels.h>
#include <network_system/integration/logger_interface.h>
#include <network_system/integration/pool_mark.h>
#include <network_system/utils/metric_field.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/thread_pool_interface.h>
#include <network_system/utils/unique_function.h>

#include <kcenon/common/interfaces/executor_interface.h>
#include <kcenon/common/interfaces/logger_interface.h>
#include <kcenon/common/interfaces/monitoring_interface.h>
#include <kcenon/common/patterns/result.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace network_system::inline v0_1::integration {

namespace common = ::kcenon::common;

/// An error of this library as one of common_system: `source` becomes `module`.
[[nodiscard]] inline common::error_info to_common(const error_info& error) {
    common::error_info made(error.code, error.message, error.source);
    if (!error.details.empty()) {
        made.details = error.details;
    }
    return made;
}
template <typename T>
[[nodiscard]] common::Result<T> to_common(Result<T> result) {
    if (result.is_ok()) {
        return common::Result<T>(std::move(result).value());
    }
    return common::Result<T>(to_common(result.error()));
}

/// An error of common_system as one of this library. Its code 0, which is none here, becomes
/// `internal_error`.
[[nodiscard]] inline error_info from_common(const common::error_info& error) {
    return {error.code != 0 ? error.code : static_cast<int>(errc::internal_error), error.message,
            error.module, error.details.value_or(std::string())};
}
template <typename T>
[[nodiscard]] Result<T> from_common(const common::Result<T>& result) {
    if (result.is_ok()) {
        return Result<T>(result.value());
    }
    return Result<T>(from_common(result.error()));
}

/// An executor of common_system as a pool of this library, which can run its callbacks.
///
/// Thread-safety: that of the executor.
///
/// Object lifetimes: the destructor leaves the executor running.
class common_executor_pool final : public thread_pool_interface {
public:
    using executor_ptr = std::shared_ptr<common::interfaces::IExecutor>;

    /// `executor` is not null.
    explicit common_executor_pool(executor_ptr executor) : executor_(std::move(executor)) {}

    [[nodiscard]] VoidResult submit(unique_function<void()> task) noexcept override {
        if (!task) {
            return error_void(static_cast<int>(errc::invalid_argument),
                              "cannot submit an empty task");
        }
        try {
            // Its future is not asked for.
            const auto given = executor_->execute(std::make_unique<job>(std::move(task), this));
            return given.is_ok() ? ok() : VoidResult(from_common(given.error()));
        } catch (const std::exception& failure) {
            return error_void(static_cast<int>(errc::internal_error),
                              std::string("the executor threw: ") + failure.what());
        } catch (...) {
            return error_void(static_cast<int>(errc::internal_error), "the executor threw");
        }
    }
    /// An executor may let a thread of its own sleep for a delayed job: this does not.
    [[nodiscard]] VoidResult submit_delayed(unique_function<void()> task,
                                            std::chrono::milliseconds delay) noexcept override {
        return delayed_.submit(std::move(task), delay);
    }
    [[nodiscard]] std::size_t worker_count() const noexcept override {
        return executor_->worker_count();
    }
    [[nodiscard]] std::size_t pending_tasks() const noexcept override {
        return executor_->pending_tasks() + delayed_.pending();
    }
    [[nodiscard]] bool is_running() const noexcept override { return executor_->is_running(); }
    [[nodiscard]] bool runs_here() const noexcept override { return pool_mark::is_on(this); }

private:
    class job final : public common::interfaces::IJob {
    public:
        job(unique_function<void()> task, const common_executor_pool* of)
            : task_(std::move(task)), of_(of) {}
        common::VoidResult execute() override {
            const pool_mark here(of_);
            task_();
            return common::VoidResult(std::monostate{});
        }
        [[nodiscard]] std::string get_name() const override { return "network_system"; }

    private:
        unique_function<void()> task_;
        const common_executor_pool* const of_;
    };

    const executor_ptr executor_;
    delayed_submitter delayed_{*this};
};

/// A pool of this library as an executor of common_system.
///
/// Thread-safety: every member may be called from any thread.
class common_executor final : public common::interfaces::IExecutor {
public:
    /// `pool` is not null.
    explicit common_executor(std::shared_ptr<thread_pool_interface> pool)
        : pool_(std::move(pool)) {}

    /// The future gets the error of a job, or what it threw, as an exception; it is broken when the
    /// pool stops before the job has run.
    common::Result<std::future<void>> execute(
        std::unique_ptr<common::interfaces::IJob>&& job) override {
        return run(std::move(job), std::chrono::milliseconds{0});
    }
    common::Result<std::future<void>> execute_delayed(
        std::unique_ptr<common::interfaces::IJob>&& job, std::chrono::milliseconds delay) override {
        return run(std::move(job), delay);
    }
    std::size_t worker_count() const override { return pool_->worker_count(); }
    bool is_running() const override { return !is_shut_down_ && pool_->is_running(); }
    std::size_t pending_tasks() const override { return pool_->pending_tasks(); }
    /// Takes no more jobs. The pool goes on, for whoever else has it; so does what was taken.
    void shutdown(bool = true) override { is_shut_down_ = true; }

private:
    common::Result<std::future<void>> run(std::unique_ptr<common::interfaces::IJob>&& job,
                                          std::chrono::milliseconds delay) {
        using answer = common::Result<std::future<void>>;
        if (!job || is_shut_down_) {
            return answer(common::error_info(
                static_cast<int>(job ? errc::not_initialized : errc::invalid_argument),
                job ? "the executor was shut down" : "there is no job", "network_system"));
        }
        std::promise<void> promise;
        auto done = promise.get_future();
        const auto given = pool_->submit_delayed(
            [job = std::move(job), promise = std::move(promise)]() mutable {
                try {
                    const auto result = job->execute();
                    if (result.is_err()) {
                        throw std::runtime_error(result.error().message);
                    }
                    promise.set_value();
                } catch (...) {
                    promise.set_exception(std::current_exception());
                }
            },
            delay);
        if (given.is_err()) {
            return answer(to_common(given.error()));
        }
        return answer(std::move(done));
    }

    const std::shared_ptr<thread_pool_interface> pool_;
    std::atomic<bool> is_shut_down_{false};
};

/// Gives lines to a logger of common_system.
///
/// Thread-safety: that of the logger.
class common_logger final : public logger_interface {
public:
    /// `logger` is not null.
    explicit common_logger(std::shared_ptr<common::interfaces::ILogger> logger)
        : logger_(std::move(logger)) {}

    void log(const log_record& record) override {
        const auto done =
            record.location.line > 0
                ? logger_->log(level_as<theirs>(record.level), describe(record),
                               record.location.file, record.location.line, record.location.function)
                : logger_->log(level_as<theirs>(record.level), describe(record));
        if (done.is_err()) {
            throw std::runtime_error(done.error().message);
        }
    }
    [[nodiscard]] bool is_enabled(log_level level) const noexcept override {
        return logger_->is_enabled(level_as<theirs>(level));
    }
    void flush() override { static_cast<void>(logger_->flush()); }

private:
    using theirs = common::interfaces::log_level;

    const std::shared_ptr<common::interfaces::ILogger> logger_;
};

/// Records every metric of a server, client or pool with a monitor of common_system, each under its
/// name ("totals.bytes_sent") and with these tags. The first error ends it, and is the result.
template <described_metrics Metrics>
[[nodiscard]] VoidResult record_metrics(
    common::interfaces::IMonitor& monitor, const Metrics& metrics,
    const std::unordered_map<std::string, std::string>& tags = {}) {
    VoidResult result = ok();
    for_each_metric(metrics, [&](const metric_info&, std::string_view path, std::uint64_t value) {
        if (result.is_ok()) {
            result = from_common(
                monitor.record_metric(std::string(path), static_cast<double>(value), tags));
        }
    });
    return result;
}

/// A server or client as something that common_system can monitor.
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: the object must outlive it.
template <typename Object>
    requires requires(const Object& what) {
        { what.metrics() } -> described_metrics;
    }
class common_monitorable final : public common::interfaces::IMonitorable {
public:
    common_monitorable(const Object& what, std::string name)
        : what_(what), name_(std::move(name)) {}

    common::Result<common::interfaces::metrics_snapshot> get_monitoring_data() override {
        common::interfaces::metrics_snapshot all;
        all.source_id = name_;
        for_each_metric(what_.metrics(),
                        [&](const metric_info&, std::string_view path, std::uint64_t value) {
                            all.add_metric(std::string(path), static_cast<double>(value));
                        });
        return common::Result<common::interfaces::metrics_snapshot>(std::move(all));
    }
    /// Healthy while a server runs, or a client is connected.
    common::Result<common::interfaces::health_check_result> health_check() override {
        common::interfaces::health_check_result found;
        const bool is_well = is_up();
        found.status = is_well ? common::interfaces::health_status::healthy
                               : common::interfaces::health_status::unhealthy;
        found.message = is_well ? name_ + " is up" : name_ + " is down";
        return common::Result<common::interfaces::health_check_result>(std::move(found));
    }
    std::string get_component_name() const override { return name_; }

private:
    [[nodiscard]] bool is_up() const {
        if constexpr (requires { what_.is_connected(); }) {
            return what_.is_connected();
        } else {
            return what_.is_running();
        }
    }

    const Object& what_;
    const std::string name_;
};

}  // namespace network_system::integration

// Loops with threads and sockets, in every way the library can drive them.
#pragma once

#include "runtime/loop_runner.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::runtime {

enum class driven_by : std::uint8_t { own_thread, io_context };

struct drive {
    driven_by threads;
    readiness_method method;
};

inline const std::vector<drive> all_drives{{driven_by::own_thread, readiness_method::automatic},
                                           {driven_by::own_thread, readiness_method::per_socket},
                                           {driven_by::io_context, readiness_method::automatic},
                                           {driven_by::io_context, readiness_method::per_socket}};

inline auto both_methods() {
    return testing::Values(readiness_method::automatic, readiness_method::per_socket);
}
inline std::string method_name(readiness_method method) {
    return method == readiness_method::automatic ? "automatic" : "per_socket";
}

inline std::string drive_name(const testing::TestParamInfo<drive>& each) {
    const std::string threads =
        each.param.threads == driven_by::own_thread ? "own_thread" : "io_context";
    return threads + "_" + method_name(each.param.method);
}

/// A loop on a thread of the test. It ends with its thread, and the loop is shut down then.
class running_loop {
public:
    explicit running_loop(drive how) {
        if (how.threads == driven_by::own_thread) {
            runner_ = loop_runner::make(how.method);
            loop_ = runner_->where();
            thread_ = std::thread([this] { runner_->run(); });
        } else {
            context_ = std::make_unique<asio::io_context>();
            loop_ = loop::of(*context_, how.method);
            work_.emplace(context_->get_executor());
            thread_ = std::thread([this] { context_->run(); });
        }
    }
    running_loop(const running_loop&) = delete;
    running_loop& operator=(const running_loop&) = delete;
    ~running_loop() {
        if (runner_) {
            runner_->stop();
        } else {
            context_->stop();
        }
        thread_.join();
        work_.reset();
        runner_.reset();
        context_.reset();
    }

    [[nodiscard]] const std::shared_ptr<loop>& get() const noexcept { return loop_; }

    /// Runs `work` in a batch, and waits for it.
    void in_batch(const std::function<void(loop&)>& work) const {
        std::promise<void> done;
        loop_->post([&] {
            work(*loop_);
            done.set_value();
        });
        done.get_future().wait();
    }
    /// Whatever is ready has been told when this returns.
    void settle() const {
        for (int i = 0; i < 20; ++i) {
            in_batch([](loop&) {});
        }
    }

private:
    std::shared_ptr<loop_runner> runner_;
    std::unique_ptr<asio::io_context> context_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::shared_ptr<loop> loop_;
    std::thread thread_;
};

}  // namespace network_system::runtime

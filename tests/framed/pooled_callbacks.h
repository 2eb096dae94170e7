#pragma once

#include "support/loopback.h"

#include <network_system/utils/thread_pool.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <optional>

namespace loopback {

using network_system::thread_pool;
using network_system::thread_pool_interface;

/// Where the sessions' I/O happens.
struct io_kind {
    const char* name;
    std::size_t io_threads;
    /// Threads that run an io_context of the user's; 0 = own threads.
    std::size_t context_threads;
    readiness method;
    friend void PrintTo(const io_kind& kind, std::ostream* out) { *out << kind.name; }
};

class pooled_callbacks_test : public testing::TestWithParam<io_kind> {
protected:
    pooled_callbacks_test() {
        for (std::size_t i = 0; i < GetParam().context_threads; ++i) {
            runners_.emplace_back([this] { context_.run(); });
        }
    }
    ~pooled_callbacks_test() override {
        work_.reset();
        for (auto& each : runners_) {
            each.join();
        }
    }

    [[nodiscard]] server_options for_server(std::shared_ptr<thread_pool_interface> pool) {
        server_options options;
        options.io_threads = GetParam().io_threads;
        options.readiness_method = GetParam().method;
        if (GetParam().context_threads > 0) {
            options.io_context = &context_;
        }
        options.callback_pool = std::move(pool);
        return options;
    }
    [[nodiscard]] client_options for_client(std::shared_ptr<thread_pool_interface> pool) {
        client_options options;
        options.readiness_method = GetParam().method;
        if (GetParam().context_threads > 0) {
            options.io_context = &context_;
        }
        options.callback_pool = std::move(pool);
        return options;
    }

private:
    asio::io_context context_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{
        context_.get_executor()};
    std::vector<std::thread> runners_;
};

[[nodiscard]] inline auto every_io_kind() {
    return testing::Values(io_kind{"one_thread", 1, 0, readiness::automatic},
                           io_kind{"two_threads", 2, 0, readiness::automatic},
                           io_kind{"per_socket", 1, 0, readiness::per_socket},
                           io_kind{"user_context", 1, 2, readiness::automatic});
}

[[nodiscard]] inline std::string io_kind_of(const testing::TestParamInfo<io_kind>& each) {
    return each.param.name;
}

}  // namespace loopback

#pragma once

#include "support/loopback.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <thread>
#include <utility>
#include <vector>

namespace loopback {

/// An io_context and the threads that run it until it is told to end.
class context_runner {
public:
    explicit context_runner(int threads) : work_(context.get_executor()) { run(threads); }
    context_runner(const context_runner&) = delete;
    context_runner& operator=(const context_runner&) = delete;
    ~context_runner() { stop(); }

    void run(int threads) {
        for (int i = 0; i < threads; ++i) {
            threads_.emplace_back([this] {
                context.run();
                returned_.add();
            });
        }
    }
    void stop() {
        context.stop();
        join();
    }
    /// Lets run() return when the context has nothing left to do; whether it does.
    [[nodiscard]] bool comes_to_rest() {
        const std::size_t running = threads_.size();
        work_.reset();
        return returned_.wait_for(running);
    }
    void join() {
        for (auto& each : threads_) {
            each.join();
        }
        threads_.clear();
    }

    /// Both ends of a connection that Asio has made: who dialled, and who was called.
    [[nodiscard]] std::pair<asio::ip::tcp::socket, asio::ip::tcp::socket> connected_pair() {
        asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
        asio::ip::tcp::socket dialled(context);
        dialled.connect(acceptor.local_endpoint());
        auto called = acceptor.accept();
        return {std::move(dialled), std::move(called)};
    }

    asio::io_context context;

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    event_counter returned_;
    std::vector<std::thread> threads_;
};

}  // namespace loopback

// Loops on threads of ours: on an io_context where there is nothing better.
#include "runtime/epoll/runner.h"

#include "runtime/loop_runner.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

namespace network_system::runtime {
namespace {

class asio_runner final : public loop_runner {
public:
    explicit asio_runner(readiness_method method) : where_(loop::of(context_, method, true)) {}

    const std::shared_ptr<loop>& where() const noexcept override { return where_; }
    void run() override { context_.run(); }
    void stop() noexcept override { context_.stop(); }

private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::shared_ptr<loop> where_;
};

}  // namespace

std::shared_ptr<loop_runner> loop_runner::make(readiness_method method) {
#ifdef __linux__
    if (method == readiness_method::automatic) {
        return std::make_shared<epoll_runner>();
    }
#endif
    return std::make_shared<asio_runner>(method);
}

}  // namespace network_system::runtime

// Loops on threads of ours: on an io_context, or inside one.
#include "runtime/epoll/runner.h"

#include "runtime/loop_runner.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

namespace network_system::inline v0_1::runtime {
namespace {

class asio_runner final : public loop_runner {
public:
    explicit asio_runner(readiness_method method) : where_(loop::of(context_, method, true)) {}

    const std::shared_ptr<loop>& loop_ptr() const noexcept override { return where_; }
    void run() override { context_.run(); }
    void stop() noexcept override { context_.stop(); }

private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::shared_ptr<loop> where_;
};

#ifdef __linux__
/// The epoll loop as the only handler of an io_context, which does nothing but be there: on its
/// threads Asio keeps the memory of coroutines and handlers for the next ones, on others it does
/// not.
class recycling_epoll_runner final : public loop_runner {
public:
    // Posted here: the thread could tell nobody that there is no memory for it.
    recycling_epoll_runner() {
        asio::post(context_, [this] { runner_.run(); });
    }

    const std::shared_ptr<loop>& loop_ptr() const noexcept override { return runner_.loop_ptr(); }
    void run() override { context_.run(); }
    void stop() noexcept override { runner_.stop(); }

private:
    epoll_runner runner_;
    asio::io_context context_{1};
};
#endif

}  // namespace

std::shared_ptr<loop_runner> loop_runner::make(readiness_method method) {
#ifdef __linux__
    if (method == readiness_method::automatic) {
        return std::make_shared<recycling_epoll_runner>();
    }
#endif
    return std::make_shared<asio_runner>(method);
}

}  // namespace network_system::runtime

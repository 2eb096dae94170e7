// The loop on Asio: a service of the io_context, its serial executor, its timer, and the choice of
// poller.
#include "runtime/loop.h"

#include "runtime/asio/epoll_poller.h"
#include "runtime/asio/poller.h"
#include "runtime/asio/serial_executor.h"

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

// After Asio, whose version it looks at.
#include <network_system/internal/asio_version.h>

namespace network_system::inline v0_1::detail {

const char NETWORK_SYSTEM_ASIO_MARK = 0;

}  // namespace network_system::detail

namespace network_system::inline v0_1::runtime {
namespace {

class asio_driver final : public loop_driver {
public:
    asio_driver(loop& owner, const serial_executor& executor)
        : owner_(owner), executor_(executor), timer_(executor.context()) {}

    void wake() override {
        executor_.post([owner = owner_.shared_from_this()] { owner->run_tasks(); });
    }

    void wake_at(steady_time when) override {
        // Moving the expiry aborts the wait before it.
        timer_.expires_at(when);
        timer_.async_wait([this, owner = owner_.shared_from_this()](const std::error_code& error) {
            if (!error) {
                executor_.run([owner] { owner->run_deadlines(); });
            }
        });
    }

    void cancel_wake_at() override { timer_.cancel(); }

    bool runs_in_this_thread() const noexcept override {
        return executor_.context().get_executor().running_in_this_thread();
    }

private:
    using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                             asio::wait_traits<std::chrono::steady_clock>,
                                             asio::io_context::executor_type>;

    loop& owner_;
    serial_executor executor_;
    timer timer_;
};

class loop_service final : public asio::execution_context::service {
public:
    using key_type = loop_service;
    static asio::execution_context::id id;

    explicit loop_service(asio::execution_context& context)
        : asio::execution_context::service(context),
          context_(static_cast<asio::io_context&>(context)) {
        // Makes Asio's reactor the older service: it has to know of a fork before the loop does, or
        // the child would change the parent's epoll set.
        const asio::steady_timer reactor_user(context_);
    }

    std::shared_ptr<loop> get(readiness_method method, bool is_single_threaded) {
        const std::lock_guard lock(mutex_);
        if (!loop_) {
            loop_ = make_loop(method, serial_executor(context_, is_single_threaded));
        }
        return loop_;
    }

private:
    static std::shared_ptr<loop> make_loop([[maybe_unused]] readiness_method method,
                                           const serial_executor& executor) {
        const auto driver = [&](loop& owner) -> std::unique_ptr<loop_driver> {
            return std::make_unique<asio_driver>(owner, executor);
        };
        const auto sockets = [&](loop& owner) -> std::unique_ptr<poller> {
#ifdef __linux__
            if (method == readiness_method::automatic) {
                return std::make_unique<asio_epoll_poller>(owner, executor);
            }
#endif
            return std::make_unique<asio_poller>(owner, executor);
        };
        return std::make_shared<loop>(driver, sockets, system_time_source());
    }

    void shutdown() override {
        if (!loop_) {
            return;
        }
        loop_->shutdown();
        if (!loop_->belongs_here()) {
            detail::keep_for_ever(loop_);  // what is left in it belongs to the parent
        }
    }

    void notify_fork(asio::io_context::fork_event event) override {
        if (event == asio::io_context::fork_child && loop_) {
            loop_->rebuild_after_fork();
        }
    }

    asio::io_context& context_;
    std::mutex mutex_;
    std::shared_ptr<loop> loop_;
};

asio::execution_context::id loop_service::id;

}  // namespace

std::shared_ptr<loop> loop::of(asio::io_context& context, readiness_method method,
                               bool is_single_threaded) {
    return asio::use_service<loop_service>(context).get(method, is_single_threaded);
}

}  // namespace network_system::runtime

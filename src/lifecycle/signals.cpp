#include "os/signal_inbox.h"
#include "runtime/loop.h"
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/process.h"
#include "utils/threads.h"
#include "utils/user_code.h"

#include <network_system/utils/signals.h>

#include <atomic>
#include <span>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1 {
namespace {

constexpr std::string_view signals_source = "signals";

}  // namespace

class signal_watch::impl {
public:
    impl(std::unique_ptr<runtime::signal_inbox> inbox, std::vector<stoppable> objects)
        : inbox_(std::move(inbox)), objects_(std::move(objects)) {}

    static void start(const std::shared_ptr<impl>& self) {
        self->thread_ = detail::make_thread("net-signals", [self] { self->run(); });
    }

    /// The thread ends by itself where nobody may wait for it.
    void end() {
        inbox_->close();
        if (runtime::loop::is_on_io_thread() || thread_.get_id() == std::this_thread::get_id()) {
            thread_.detach();
        } else {
            thread_.join();
        }
    }

    [[nodiscard]] int received() const noexcept { return received_.load(); }
    [[nodiscard]] bool belongs_here() const noexcept { return made_in_.is_here(); }

private:
    void run() {
        const int number = inbox_->wait();
        if (number == 0) {
            return;
        }
        received_ = number;
        detail::log(log_level::info, {signals_source}, "signal {}: stopping", number);
        for (const stoppable& each : objects_) {
            if (const auto thrown = detail::run_user_code([&] { each.stop(); })) {
                detail::log(log_level::error, {signals_source}, "what a signal stops threw: {}",
                            thrown->text);
            }
        }
    }

    const std::unique_ptr<runtime::signal_inbox> inbox_;
    const std::vector<stoppable> objects_;
    std::atomic<int> received_{0};
    detail::thread thread_;
    const detail::origin made_in_;
};

signal_watch::signal_watch(std::shared_ptr<impl> made) noexcept : impl_(std::move(made)) {}

signal_watch::signal_watch(signal_watch&& other) noexcept = default;

signal_watch& signal_watch::operator=(signal_watch&& other) noexcept {
    if (this != &other) {
        end();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

signal_watch::~signal_watch() {
    end();
}

void signal_watch::end() noexcept {
    if (!impl_) {
        return;
    }
    if (impl_->belongs_here()) {
        impl_->end();
    } else {
        detail::keep_for_ever(std::move(impl_));
    }
    impl_.reset();
}

int signal_watch::received() const noexcept {
    return impl_ ? impl_->received() : 0;
}

Result<signal_watch> stop_on_signals(std::initializer_list<stoppable> objects,
                                     std::initializer_list<int> signals) {
    return detail::within_memory([&]() -> Result<signal_watch> {
        if (objects.size() == 0) {
            return detail::failure_in_words(errc::invalid_argument, "nothing to stop on a signal",
                                            signals_source);
        }
        auto inbox = runtime::signal_inbox::open(signals);
        if (inbox.is_err()) {
            return inbox.error();
        }
        const auto made = std::make_shared<signal_watch::impl>(std::move(inbox).value(),
                                                               std::vector<stoppable>(objects));
        try {
            signal_watch::impl::start(made);
        } catch (const std::system_error& failure) {
            return detail::failure(errc::internal_error, "cannot wait for signals", signals_source,
                                   failure.code());
        }
        return signal_watch(made);
    });
}

Result<int> wait_for_signal(std::initializer_list<int> signals) {
    return detail::within_memory([&]() -> Result<int> {
        if (runtime::loop::is_on_io_thread()) {
            return detail::failure(errc::would_block, "cannot wait for a signal here",
                                   signals_source);
        }
        auto inbox = runtime::signal_inbox::open(signals);
        if (inbox.is_err()) {
            return inbox.error();
        }
        return inbox.value()->wait();
    });
}

}  // namespace network_system

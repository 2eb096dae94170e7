#pragma once

#include "runtime/loop.h"
#include "runtime/pause.h"
#include "utils/contain.h"

#include <network_system/utils/unique_function.h>

#include <memory>
#include <utility>

namespace network_system::inline v0_1::runtime {

/// Calls somebody at a moment that any thread may choose.
///
/// Thread-safety: `wake_at` from any thread.
///
/// Object lifetimes: lives until the moment has come, or the loop is gone.
class timer : public std::enable_shared_from_this<timer> {
public:
    /// `on_time` runs on the loop.
    timer(std::shared_ptr<loop> where, unique_function<void()> on_time)
        : loop_(std::move(where)), on_time_(std::move(on_time)) {}

    /// In place of the moment that was chosen before, which may still come while this takes effect.
    /// `steady_time::max()` is never. Throws std::bad_alloc with nothing done.
    void wake_at(steady_time when) {
        loop_->post(
            [self = shared_from_this(), when] { detail::insist([&] { self->begin(when); }); });
    }

private:
    void begin(steady_time when) {
        auto next = when != steady_time::max() ? std::make_shared<pause>(loop_) : nullptr;
        const auto former = std::exchange(pause_, next);
        if (former) {
            former->cancel();
        }
        if (next) {
            next->start(when, [self = shared_from_this()](pause::ending how) {
                if (how == pause::ending::over) {
                    self->pause_.reset();
                    self->on_time_();
                }
            });
        }
    }

    const std::shared_ptr<loop> loop_;
    const unique_function<void()> on_time_;
    // On the loop.
    std::shared_ptr<pause> pause_;
};

}  // namespace network_system::runtime

#pragma once

#include "runtime/loop.h"

#include <memory>
#include <utility>

namespace network_system::inline v0_1::runtime {

/// A wait until a moment, after which something is done.
///
/// Thread-safety: none; used on the loop's executor. Answers exactly once, never from inside
/// `start`.
///
/// Object lifetimes: keeps itself until it has answered.
class pause final : public std::enable_shared_from_this<pause>,
                    private io_watch,
                    private deadline_entry {
public:
    enum class ending : std::uint8_t { over, cancelled };
    using handler = unique_function<void(ending)>;

    explicit pause(std::shared_ptr<loop> where) : loop_(std::move(where)) {}

    void start(steady_time until, handler done) {
        self_ = shared_from_this();
        done_ = std::move(done);
        // To be told when the loop goes away.
        loop_->sockets().add_waiting(*this);
        loop_->deadlines().set(*this, until);
    }
    /// Answers at once; nothing happens when it has answered.
    void cancel() {
        if (done_) {
            loop_->sockets().remove_waiting(*this);
            finish(ending::cancelled);
        }
    }

private:
    void on_ready(interest) override {}
    void on_loop_shutdown() override { finish(ending::cancelled); }
    void on_deadline(steady_time) override {
        loop_->sockets().remove_waiting(*this);
        finish(ending::over);
    }
    void finish(ending how) {
        deadline_wheel::cancel(*this);
        loop_->retire(std::move(self_));
        const handler done = std::move(done_);
        done(how);
    }

    std::shared_ptr<loop> loop_;
    std::shared_ptr<pause> self_;
    handler done_;
};

}  // namespace network_system::runtime

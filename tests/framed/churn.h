// What is known of servers and clients that anybody may start, use, stop, destroy and replace at
// any time.
#pragma once

#include "support/context_runner.h"
#include "support/dice.h"

#include <functional>
#include <map>
#include <utility>

namespace loopback {

using stream_session = network_system::session::messaging_session;

/// Whether the thread is inside a callback, where a stop only begins.
inline thread_local int callbacks_on_stack = 0;

/// What is known of the callbacks of one object, which may be started again after its stop.
class churn_watch {
public:
    class visit {
    public:
        explicit visit(churn_watch& watch) : watch_(watch) {
            EXPECT_FALSE(watch_.is_destroyed_) << "a callback after the destructor";
            ++watch_.inside_;
            ++callbacks_on_stack;
        }
        visit(const visit&) = delete;
        visit& operator=(const visit&) = delete;
        ~visit() {
            --callbacks_on_stack;
            --watch_.inside_;
        }

    private:
        churn_watch& watch_;
    };

    template <typename Start>
    void around_start(const Start& start) {
        ++starts_begun_;
        start();
        ++starts_ended_;
    }
    /// No callback is running when a stop has returned, if nobody started the object meanwhile.
    template <typename Stop>
    void around_stop(const Stop& stop) {
        const std::uint64_t ended = starts_ended_;
        const bool is_unstarted = starts_begun_ == ended;
        stop();
        const int inside = inside_;
        if (is_unstarted && starts_begun_ == ended && callbacks_on_stack == 0) {
            EXPECT_EQ(inside, 0) << "a callback was running when stop returned";
        }
    }
    void record_destroyed() {
        if (callbacks_on_stack == 0) {
            EXPECT_EQ(inside_, 0) << "a callback was running when the destructor returned";
            is_destroyed_ = true;
        }
    }

private:
    std::atomic<int> inside_{0};
    std::atomic<std::uint64_t> starts_begun_{0};
    std::atomic<std::uint64_t> starts_ended_{0};
    std::atomic<bool> is_destroyed_{false};
};

/// What every session was given to send.
class churn_books {
public:
    void send(const std::shared_ptr<stream_session>& through, dice& rolls) {
        const bytes data = pattern(1 + rolls.below(rolls.one_in(8) ? 40'000 : 400), rolls.any());
        const auto runs = std::make_shared<std::atomic<int>>(0);
        const auto once = [runs](VoidResult) { EXPECT_EQ((*runs)++, 0) << "a completion twice"; };
        const bool is_owned = rolls.one_in(2);
        const auto sent = is_owned
                              ? through->send_packet(bytes(data), once)
                              : through->send_packet(std::span<const std::uint8_t>(data), once);
        record(through, sent.is_ok());
    }
    void send_conflated(const std::shared_ptr<stream_session>& through, dice& rolls) {
        const std::string key(1 + rolls.below(3), 'k');
        record(through, through->send_conflated(key, pattern(1 + rolls.below(400))).is_ok());
    }
    void request(const std::shared_ptr<stream_session>& through, dice& rolls,
                 std::function<void()> answered) {
        const auto runs = std::make_shared<std::atomic<int>>(0);
        const auto once = [answered = std::move(answered),
                           runs](const Result<std::span<const std::uint8_t>>&) {
            EXPECT_EQ((*runs)++, 0) << "an answer twice";
            answered();
        };
        const std::chrono::milliseconds timeout{rolls.one_in(2) ? 0 : rolls.below(20)};
        if (through->request(pattern(rolls.below(2000)), timeout, once)) {
            others_ += 2;  // itself, and its answer
        }
    }
    void record_fan_out(const network_system::core::broadcast_result& result) {
        EXPECT_EQ(result.queued + result.dropped + result.closed, result.receivers);
        others_ += result.queued;
    }
    /// After every session has ended.
    void expect_balanced() const {
        std::uint64_t more = 0;
        EXPECT_GT(pages_.size(), 0U) << "nobody met anybody";
        for (const auto& [id, each] : pages_) {
            const auto closed = each.session->metrics();
            EXPECT_TRUE(each.session->is_stopped()) << id;
            EXPECT_EQ(closed.queued_bytes, 0U) << id;
            EXPECT_GE(closed.messages_sent + closed.messages_dropped, each.accepted) << id;
            more += closed.messages_sent + closed.messages_dropped - each.accepted;
        }
        EXPECT_LE(more, others_) << "messages that nobody sent";
    }

private:
    void record(const std::shared_ptr<stream_session>& through, bool is_accepted) {
        if (is_accepted) {
            const std::lock_guard lock(mutex_);
            page& of_it = pages_[through->id()];
            of_it.session = through;
            ++of_it.accepted;
        }
    }

    struct page {
        std::shared_ptr<stream_session> session;
        std::uint64_t accepted = 0;
    };
    std::mutex mutex_;
    std::map<std::string, page> pages_;
    // Messages that are not counted by session.
    std::atomic<std::uint64_t> others_{0};
};

/// A place that holds an object, or another one in its stead. The last reference may be dropped by
/// whoever still uses it, in a callback too.
template <typename T>
class churn_slot {
public:
    [[nodiscard]] std::shared_ptr<T> get() const {
        const std::lock_guard lock(mutex_);
        return held_;
    }
    [[nodiscard]] std::shared_ptr<T> exchange(std::shared_ptr<T> next) {
        const std::lock_guard lock(mutex_);
        return std::exchange(held_, std::move(next));
    }
    void replace(std::shared_ptr<T> next) { (void)exchange(std::move(next)); }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<T> held_;
};

/// The io_contexts of objects that are gone, until somebody has time to wait for their threads.
class context_remains {
public:
    void add(std::unique_ptr<context_runner> left) {
        const std::lock_guard lock(mutex_);
        left_.push_back(std::move(left));
    }
    /// Not in a callback, which may run on one of those threads.
    void clear() {
        std::vector<std::unique_ptr<context_runner>> ending;
        {
            const std::lock_guard lock(mutex_);
            ending.swap(left_);
        }
        for (const auto& each : ending) {
            EXPECT_TRUE(each->comes_to_rest()) << "something is left pending";
        }
    }

private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<context_runner>> left_;
};

/// A server or a client with the watch over its callbacks, and with the io_context of its own that
/// it may run in.
template <typename Object>
struct churned {
    template <typename Options>
    churned(const Options& options, std::unique_ptr<context_runner> own, context_remains& later)
        : object(std::make_unique<Object>("churned", options)), runner(std::move(own)),
          remains(later) {}
    churned(const churned&) = delete;
    churned& operator=(const churned&) = delete;
    ~churned() {
        object.reset();
        watch->record_destroyed();
        if (runner) {
            remains.add(std::move(runner));
        }
    }
    std::shared_ptr<churn_watch> watch = std::make_shared<churn_watch>();
    std::unique_ptr<Object> object;
    std::unique_ptr<context_runner> runner;
    context_remains& remains;
};

}  // namespace loopback

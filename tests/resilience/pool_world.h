// A pool's world without sockets, threads or time of its own: connections open, break and end when
// the test says so.
#pragma once

#include "resilience/pool_core.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::resilience {

/// A session that answers pings when it is told to.
class scripted_session final : public session::messaging_session {
public:
    explicit scripted_session(std::string id) : messaging_session(std::move(id), {}, {}) {}

    discardable_result stop_session() override {
        is_stopped_now = true;
        return ok();
    }
    bool is_stopped() const noexcept override { return is_stopped_now; }
    bool takes_requests() const noexcept override { return !has_said_goodbye; }
    VoidResult ping(session::ping_handler&& handler, session::operation_id) override {
        if (has_no_pings) {
            return error_void(errc::not_supported, "no pings");
        }
        ping_ = std::move(handler);
        return ok();
    }
    [[nodiscard]] bool is_asked() const noexcept { return static_cast<bool>(ping_); }
    void answer(bool is_alive = true) {
        const auto handler = std::move(ping_);
        handler(is_alive ? Result<std::chrono::microseconds>(std::chrono::microseconds{1})
                         : error<std::chrono::microseconds>(errc::connection_closed, "gone"));
    }

    bool is_stopped_now = false;
    bool has_said_goodbye = false;
    bool has_no_pings = false;

protected:
    VoidResult send_copy(std::span<const std::uint8_t>, session::send_callback&) override {
        return ok();
    }

private:
    session::ping_handler ping_;
};

class scripted_world;

class scripted_connection final : public pool_connection {
public:
    scripted_connection(scripted_world& world, pool_core& core, pool_entry& entry)
        : world_(world), core_(core), entry_(entry) {}
    ~scripted_connection() override;

    VoidResult start() override;
    void stop() override { is_stopping = true; }

    void open();
    /// Whoever watches its session tells of it.
    void turn(health now) { turn(session_->id(), now); }
    /// The same of any session.
    void turn(const std::string& session_id, health now) {
        core_.on_health(entry_, session_id, now);
    }
    void lose(bool goes_on = true, std::error_code reason = errc::connection_truncated) {
        core_.on_lost(entry_, std::exchange(session_, nullptr), reason, goes_on);
    }
    /// The loss of an earlier one, told late.
    void lose_late(const session_ptr& former) {
        core_.on_lost(entry_, former, errc::connection_truncated, true);
    }
    void fail(unsigned attempts) {
        core_.on_attempt_failed(entry_, attempts, errc::connection_refused);
    }
    void give_up(errc why) {
        core_.on_gave_up(entry_, error_info{static_cast<int>(why), "refused for good", {}, {}});
    }
    /// Ends what `stop` has begun; destroys this.
    void end() { core_.on_stopped(entry_); }

    [[nodiscard]] scripted_session& session() const { return *session_; }

    bool is_started = false;
    bool is_stopping = false;

private:
    scripted_world& world_;
    pool_core& core_;
    pool_entry& entry_;
    std::shared_ptr<scripted_session> session_;
};

class scripted_world final : public pool_world {
public:
    VoidResult prepare() override { return ok(); }
    Result<std::unique_ptr<pool_connection>> make(const std::shared_ptr<pool_core>& core,
                                                  pool_entry& entry) override {
        if (refuses_to_make) {
            return error_info{static_cast<int>(errc::not_supported), "no such clients", {}, {}};
        }
        auto made = std::make_unique<scripted_connection>(*this, *core, entry);
        connections.push_back(made.get());
        return std::unique_ptr<pool_connection>(std::move(made));
    }
    detail::steady_time now() noexcept override { return time; }
    std::uint64_t random() noexcept override { return number; }
    void call_for_answers(const std::shared_ptr<pool_core>& core) override { called = core; }
    void wake_at(const std::shared_ptr<pool_core>&, detail::steady_time when) override {
        wake = when;
    }
    bool may_block() override { return blocks; }
    detail::steady_time give_up_at() const noexcept override {
        return std::chrono::steady_clock::now();
    }

    std::vector<scripted_connection*> connections;
    detail::steady_time time{std::chrono::hours{1}};
    std::uint64_t number = 0;
    std::uint64_t opened = 0;
    std::shared_ptr<pool_core> called;
    detail::steady_time wake = detail::steady_time::max();
    bool blocks = false;
    bool refuses_to_make = false;
};

inline scripted_connection::~scripted_connection() {
    std::erase(world_.connections, this);
}

inline VoidResult scripted_connection::start() {
    is_started = true;
    return ok();
}

inline void scripted_connection::open() {
    session_ = std::make_shared<scripted_session>("session " + std::to_string(++world_.opened));
    core_.on_opened(entry_, session_);
}

/// A pool of nothing but decisions.
class pool_under_test {
public:
    explicit pool_under_test(const pool_options& options) {
        auto made = std::make_unique<scripted_world>();
        world = made.get();
        core = std::make_shared<pool_core>(options, ok(), std::move(made));
    }
    pool_under_test(const pool_under_test&) = delete;
    pool_under_test& operator=(const pool_under_test&) = delete;
    ~pool_under_test() {
        if (core) {
            shut_down();
        }
        end_stopping();
        run();
    }

    void shut_down() { core->shut_down(); }

    /// The answers that are due.
    void run() {
        while (const auto due = std::exchange(world->called, nullptr)) {
            due->run_answers();
        }
    }
    /// Time passes, and timers come when they are due.
    void pass(std::chrono::milliseconds by) {
        const auto until = world->time + by;
        while (world->wake <= until) {
            world->time = std::max(world->time, world->wake);
            world->wake = detail::steady_time::max();
            core->on_time();
            run();
        }
        world->time = until;
    }
    /// Who asks without blocking, and what has become of it.
    struct asking {
        std::optional<Result<lease>> result;
        [[nodiscard]] bool is_pending() const noexcept { return !result.has_value(); }
        [[nodiscard]] bool has_lease() const { return result && result->is_ok(); }
        [[nodiscard]] lease take() { return std::move(*result).value(); }
        [[nodiscard]] const error_info& error() const { return result->error(); }
    };
    [[nodiscard]] std::shared_ptr<asking> ask(
        session::operation_id operation = session::operation_id::none) {
        auto one = std::make_shared<asking>();
        connection_pool::acquire_handler handler = [to = one](Result<lease> result) {
            to->result.emplace(std::move(result));
        };
        begun = core->acquire(handler, operation);
        EXPECT_TRUE(one->is_pending()) << "a handler never runs inside its acquire";
        run();
        return one;
    }
    [[nodiscard]] scripted_connection& connection(std::size_t which) {
        return *world->connections.at(which);
    }
    void open_all() {
        for (std::size_t i = 0; i < world->connections.size(); ++i) {
            if (!world->connections[i]->is_stopping) {
                world->connections[i]->open();
            }
        }
        run();
    }
    void end_stopping() {
        for (std::size_t i = 0; i < world->connections.size();) {
            scripted_connection* const one = world->connections[i];
            if (one->is_stopping) {
                one->end();
            } else {
                ++i;
            }
        }
        run();
    }
    /// An idle one, or an error.
    [[nodiscard]] Result<lease> take() { return core->acquire(std::chrono::milliseconds{0}); }
    [[nodiscard]] pool_metrics metrics() const { return core->metrics(); }

    scripted_world* world = nullptr;
    std::shared_ptr<pool_core> core;
    VoidResult begun = ok();
};

[[nodiscard]] inline pool_options pool_of(std::size_t least, std::size_t most) {
    pool_options options;
    options.server = {"server", 7};
    options.min_size = least;
    options.max_size = most;
    options.acquire_timeout = std::chrono::milliseconds{500};
    options.lifetime_jitter = 0;
    return options;
}

/// One that has made all it keeps, which are idle.
class idle_pool : public pool_under_test {
public:
    explicit idle_pool(const pool_options& options) : pool_under_test(options) {
        (void)take();  // begins
        open_all();
    }
};

}  // namespace network_system::resilience

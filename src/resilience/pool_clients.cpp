#include "resilience/pool_clients.h"

#include "lifecycle/addresses.h"
#include "lifecycle/io_threads.h"
#include "lifecycle/run.h"
#include "resilience/any_client.h"
#include "resilience/health_state.h"
#include "runtime/environment.h"
#include "runtime/io_pool.h"
#include "runtime/io_threads.h"
#include "runtime/timer.h"
#include "utils/option_checks.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

/// Enters the gate of a pool for a callback; false when there are no callbacks any more.
class gate_entry {
public:
    explicit gate_entry(runtime::callback_gate& gate) noexcept
        : gate_(gate), is_inside_(gate.try_enter()) {}
    gate_entry(const gate_entry&) = delete;
    gate_entry& operator=(const gate_entry&) = delete;
    ~gate_entry() {
        if (is_inside_) {
            gate_.leave();
        }
    }
    [[nodiscard]] bool is_inside() const noexcept { return is_inside_; }

private:
    runtime::callback_gate& gate_;
    const bool is_inside_;
};

/// A client that makes one connection of a pool.
class pooled_client final : public pool_connection, private any_client::listener {
public:
    pooled_client(const std::shared_ptr<pool_core>& core, pool_entry& entry,
                  const pool_callbacks& callbacks)
        : core_(core), entry_(entry), callbacks_(callbacks) {}

    [[nodiscard]] VoidResult make(const std::string& id, const server_address& server,
                                  const connection_options& options) {
        auto made = make_client(id, server, options, *this);
        if (!made) {
            return made.error();
        }
        client_ = std::move(made).value();
        return callbacks_.received ? client_->take_messages(true) : ok();
    }

    /// Every connection, from the next one on. Before `start`.
    void watch(const health_options& options) {
        health_options closing = options;
        closing.close_when_dead = true;  // its client makes another one
        monitor_ = std::make_unique<health_monitor>(closing);
        (void)monitor_->set_health_callback([this](const health_report& now) {
            tell([&](pool_core& core) { core.on_health(entry_, now.session_id, now.state); });
        });
    }

    [[nodiscard]] VoidResult start() override {
        return client_->start(
            [this](const VoidResult& started) {
                if (started.is_err()) {
                    tell([&](pool_core& core) { core.on_gave_up(entry_, started.error()); });
                }
            },
            session::operation_id::none);
    }

    void stop() override {
        const auto core = core_.lock();
        constexpr int most_tries = 8;
        for (int i = 0; i < most_tries; ++i) {
            const auto begun = client_->stop([core, &entry = entry_](const VoidResult&) {
                core->on_stopped(entry);  // destroys the client
            });
            if (begun) {
                return;
            }
            if (begun.error() != errc::out_of_memory) {
                break;  // it is over already
            }
            std::this_thread::yield();
        }
        core->on_stopped(entry_);  // destroys this
    }

    [[nodiscard]] core::messaging_client* framed() const noexcept override {
        return client_->framed().get();
    }
    [[nodiscard]] core::messaging_ws_client* websocket() const noexcept override {
        return client_->websocket().get();
    }

private:
    template <typename Tell>
    void tell(const Tell& what) {
        if (const auto core = core_.lock()) {
            what(*core);
        }
    }

    void on_connected(const session_ptr& who) override {
        tell([&](pool_core& core) {
            if (callbacks_.connected) {
                const gate_entry entry(core.gate());
                if (entry.is_inside()) {
                    callbacks_.connected(who);
                }
            }
            open_ = who.get();
            has_been_open_ = true;
            core.on_opened(entry_, who);
            if (monitor_) {
                if (const auto watched = monitor_->start(who); !watched) {
                    throw std::runtime_error(watched.error().message);  // closes it
                }
            }
        });
    }
    void on_message(const session_ptr& who, std::span<const std::uint8_t> data) override {
        tell([&](pool_core& core) {
            const gate_entry entry(core.gate());
            if (entry.is_inside()) {
                callbacks_.received(who, data);
            }
        });
    }
    void on_writable(const session_ptr&) override {}
    void on_failed(const session_ptr& who, std::error_code reason) override {
        const bool is_told_again = who && who.get() == open_;
        if (!is_told_again && !client_->is_started()) {
            tell([&](pool_core& core) { core.on_gave_up(entry_, last_failure(reason)); });
        }
    }
    void on_disconnected(const session_ptr& who, std::error_code reason) override {
        if (who.get() == open_) {
            open_ = nullptr;
        }
        const bool goes_on = client_->is_started();
        tell([&](pool_core& core) { core.on_lost(entry_, who, reason, goes_on); });
    }
    void on_reconnecting(const core::reconnect_attempt& next) override {
        // The first one after a loss follows no failure.
        const unsigned failures = next.number - (has_been_open_ ? 1U : 0U);
        if (failures > 0) {
            tell([&](pool_core& core) { core.on_attempt_failed(entry_, failures, next.reason); });
        }
    }

    [[nodiscard]] error_info last_failure(std::error_code reason) const {
        const bool is_ours = reason && reason.category() == error_category();
        return detail::told_anyway(errc::connection_failed, [&] {
            return detail::failure(is_ours ? static_cast<errc>(reason.value())
                                           : errc::connection_failed,
                                   "cannot connect again", pool_core::source, reason);
        });
    }

    const std::weak_ptr<pool_core> core_;
    pool_entry& entry_;
    const pool_callbacks& callbacks_;
    // Compared only.
    std::atomic<const session::messaging_session*> open_{nullptr};
    std::atomic<bool> has_been_open_{false};
    std::unique_ptr<any_client> client_;
    /// Null unless `health` is set.
    std::unique_ptr<health_monitor> monitor_;
};

[[nodiscard]] const core::stream_options& place_of(const connection_options& options) noexcept {
    return options.kind == connection_kind::ws || options.kind == connection_kind::wss
               ? static_cast<const core::stream_options&>(options.ws)
               : options.client;
}

class client_world final : public pool_world {
public:
    client_world(const pool_options& options, pool_callbacks&& callbacks)
        : server_(options.server), connection_(options.connection), health_(options.health),
          callbacks_(std::move(callbacks)) {
        set_auto_reconnect(connection_, true);
        reconnect_of(connection_).retry_start_for = std::chrono::milliseconds::max();
        runtime::io_threads::end_after_caller();
    }

    [[nodiscard]] VoidResult prepare() override {
        auto chosen = choose_place(connection_);
        if (!chosen) {
            return chosen.error();
        }
        place_ = std::move(chosen).value();
        return ok();
    }
    [[nodiscard]] Result<std::unique_ptr<pool_connection>> make(
        const std::shared_ptr<pool_core>& core, pool_entry& entry) override {
        auto made = std::make_unique<pooled_client>(core, entry, callbacks_);
        const auto id =
            fmt::format("pool {} #{}", core::describe_target(server_.host, server_.port), ++made_);
        if (auto result = made->make(id, server_, connection_); !result) {
            return std::move(result).error();
        }
        if (health_) {
            made->watch(*health_);
        }
        return std::unique_ptr<pool_connection>(std::move(made));
    }
    [[nodiscard]] detail::steady_time now() noexcept override {
        return place_.loop ? place_.loop->clock() : std::chrono::steady_clock::now();
    }
    [[nodiscard]] std::uint64_t random() noexcept override { return place_.loop->random(); }
    void call_for_answers(const std::shared_ptr<pool_core>& core) override {
        place_.loop->post([core] { core->run_answers(); });
    }
    void wake_at(const std::shared_ptr<pool_core>& core, detail::steady_time when) override {
        if (!timer_) {
            timer_ = std::make_shared<runtime::timer>(place_.loop,
                                                      [asleep = std::weak_ptr<pool_core>(core)] {
                                                          if (const auto woken = asleep.lock()) {
                                                              woken->on_time();
                                                          }
                                                      });
        }
        timer_->wake_at(when);
    }
    [[nodiscard]] bool may_block() override {
        const auto& where = options();
        return !runtime::loop::is_on_io_thread() && !where.environment &&
               !(where.callback_pool && where.callback_pool->runs_here()) &&
               !(where.io_context != nullptr && place_.loop && place_.loop->context_runs_here());
    }
    [[nodiscard]] detail::steady_time give_up_at() const noexcept override {
        return options().io_context != nullptr ? core::run::give_up_after(options().drain_timeout)
                                               : detail::steady_time::max();
    }

private:
    [[nodiscard]] const core::stream_options& options() const noexcept {
        return place_of(connection_);
    }

    const server_address server_;
    connection_options connection_;
    const std::optional<health_options> health_;
    const pool_callbacks callbacks_;
    pool_place place_;
    // By whoever runs the core's jobs: one at a time.
    std::shared_ptr<runtime::timer> timer_;
    std::uint64_t made_ = 0;
};

}  // namespace

Result<pool_place> choose_place(const connection_options& options) {
    auto made = core::make_client_pool(place_of(options), pool_core::source);
    return std::move(made).map([](std::shared_ptr<runtime::io_pool> pool) {
        auto loop = pool->next_loop();
        return pool_place{std::move(pool), std::move(loop)};
    });
}

VoidResult validate(const pool_options& options) {
    using detail::range;
    using all = pool_options;
    static constexpr std::array ranges{
        range<&all::max_size>("max_size", 1),
        range<&all::acquire_timeout>("acquire_timeout", 0),
        range<&all::idle_timeout>("idle_timeout", 0),
        range<&all::max_lifetime>("max_lifetime", 0),
        range<&all::lifetime_jitter>("lifetime_jitter", 0, 100),
        range<&all::check_after>("check_after", 0),
        range<&all::check_timeout>("check_timeout", 1),
    };
    detail::option_checks checks(pool_core::source, "pool_options: ");
    checks.ranges(options, ranges);
    checks.ascending("", "min_size", detail::number_of(options.min_size), "max_size",
                     detail::number_of(options.max_size));
    check_health(checks, options.health, options.connection);
    return std::move(checks).result();
}

std::unique_ptr<pool_world> make_client_world(const pool_options& options,
                                              pool_callbacks&& callbacks) {
    return std::make_unique<client_world>(options, std::move(callbacks));
}

}  // namespace network_system::resilience

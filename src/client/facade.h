#pragma once

#include "client/engine.h"
#include "lifecycle/addresses.h"
#include "lifecycle/awaited.h"
#include "lifecycle/facade.h"
#include "transport/stream_security.h"
#include "utils/failure.h"
#include "utils/late_callback.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::core {

/// What the clients over streams have in common: the current (or last) life, and the callbacks for
/// the next. `Engine` is a `client_engine`.
///
/// Thread-safety: every member may be called from any thread.
template <typename Engine, typename Callbacks>
class client_facade {
public:
    using start_callback = client_engine::start_callback;

    /// What a start is asked for.
    struct request {
        const client_options& options;
        /// Null for plain TCP.
        stream_security* security;
        std::string_view host;
        std::uint16_t port;
    };

    client_facade(std::string id, Callbacks&& callbacks)
        : id_(std::move(id)), callbacks_(std::make_shared<Callbacks>(std::move(callbacks))) {
        runtime::io_threads::end_after_caller();
    }
    client_facade(const client_facade&) = delete;
    client_facade& operator=(const client_facade&) = delete;
    ~client_facade() { shut_down(); }

    [[nodiscard]] const std::string& id() const noexcept { return id_; }

    /// As in a facade.
    [[nodiscard]] bool is_left_behind() const {
        return is_of_another_process(made_in_, mutex_, [this] {
            return (engine_ && engine_->is_left_behind()) || (former_ && former_->is_left_behind());
        });
    }
    [[nodiscard]] std::shared_ptr<Engine> engine() const {
        if (is_left_behind()) {
            return nullptr;
        }
        const std::lock_guard lock(mutex_);
        return engine_;
    }

    /// The connected session in its own callbacks: what it sends there takes no lock. Else null.
    [[nodiscard]] session::messaging_session* own_session() const {
        return is_left_behind() ? nullptr : connected_->own();
    }
    [[nodiscard]] bool send_short(session::message_kind kind,
                                  std::span<const std::uint8_t> data) const {
        return !is_left_behind() && connected_->send_short(kind, data);
    }
    /// What `use(session)` answers, or that there is none.
    template <typename Use>
    [[nodiscard]] VoidResult with_session(const Use& use) const {
        if (auto* const own = own_session()) {
            return use(*own);
        }
        return session().and_then([&](const auto& current) { return use(*current); });
    }
    [[nodiscard]] Result<std::shared_ptr<session::messaging_session>> session() const {
        return answer_of(*this, [&]() -> Result<std::shared_ptr<session::messaging_session>> {
            if (auto current = connected_->get()) {
                return current;
            }
            return detail::failure(errc::connection_closed, "the client is not connected", id_);
        });
    }

    /// Unspecified when not connected.
    [[nodiscard]] endpoint local_endpoint() const {
        const auto current = is_left_behind() ? nullptr : connected_->get();
        return current ? current->local_endpoint() : endpoint{};
    }
    [[nodiscard]] endpoint remote_endpoint() const {
        const auto current = is_left_behind() ? nullptr : connected_->get();
        return current ? current->remote_endpoint() : endpoint{};
    }

    /// Begins to connect with what `make(pool, loop, transports, slot, callbacks)` makes: the
    /// engine that does.
    template <typename Make>
    Result<std::shared_ptr<Engine>> begin(const request& what, const Make& make,
                                          start_callback& handler,
                                          session::operation_id operation) {
        return answer_of(*this, [&]() -> Result<std::shared_ptr<Engine>> {
            const auto target = read_target(what.host, what.port, id_);
            if (!target) {
                return target.error();
            }
            if (const auto checked = validate(what.options, what.security != nullptr, id_);
                checked.is_err()) {
                return checked.error();
            }
            auto transports = make_transports(what.security, target.value(), what.port, id_);
            if (!transports) {
                return transports.error();
            }
            // Let go after the lock: user data and captures have destructors, which are user code.
            engine_pair retired;
            std::shared_ptr<Engine> made;
            const std::lock_guard lock(mutex_);
            if (engine_ && !engine_->is_finished()) {
                return detail::failure(errc::already_exists, "the client is already started", id_);
            }
            retired = retire_engines();
            if (const auto chosen = choose_loop(what.options); !chosen) {
                return chosen.error();
            }
            made = make(pool_, loop_, std::move(transports).value(), connected_, callbacks_);
            if (const auto begun =
                    made->start(target.value(), what.port, handler, operation, former_);
                begun.is_err()) {
                return begun.error();
            }
            engine_ = made;
            return made;
        });
    }

    template <typename Make>
    VoidResult start(const request& what, const Make& make, start_callback& handler,
                     session::operation_id operation) {
        return begin(what, make, handler, operation).map([](const auto&) {
            return std::monostate{};
        });
    }

    template <typename Make>
    VoidResult start_and_wait(const request& what, const Make& make) {
        return answer_of(*this, [&]() -> VoidResult {
            if (must_not_block(what.options)) {
                return detail::failure(errc::would_block,
                                       "start_client blocks; on an I/O thread pass a handler", id_);
            }
            start_callback nobody;
            const auto begun = begin(what, make, nobody, session::operation_id::none);
            if (!begun) {
                return begun.error();
            }
            const auto& current = begun.value();
            const auto deadline = engine::give_up_after(what.options.connect_timeout);
            if (auto result = current->wait_for_start(deadline)) {
                return *std::move(result);
            }
            current->abandon();
            // While a callback runs, the destructor has something to wait for.
            if (current->gate()->is_idle()) {
                forget(current);
            }
            return detail::failure(errc::connection_timeout,
                                   "start_client had no answer within connect_timeout; is the "
                                   "io_context running, and no callback blocking it",
                                   id_);
        });
    }

    bool cancel(session::operation_id operation) const {
        const auto current = engine();
        return current && current->cancel(operation);
    }

    VoidResult stop() {
        return answer_of(*this, [&]() -> VoidResult {
            for (const auto& each : engines()) {
                if (each && !each->may_block()) {
                    each->begin_stop();
                } else if (each && !each->stop(each->options().drain_timeout)) {
                    forget(each);
                }
            }
            return ok();
        });
    }

    VoidResult stop(session::stop_handler& handler) {
        return answer_of(*this, [&]() -> VoidResult {
            const auto current = engine();
            if (!current || !current->stop_then(handler)) {
                return detail::failure(errc::connection_closed, "the client is not started", id_);
            }
            return ok();
        });
    }

    VoidResult wait_for_stop() {
        return answer_of(*this, [this] { return wait_for_end_of(engine().get(), id_); });
    }

    Result<std::chrono::microseconds> ping_and_wait() {
        return begin_and_wait<std::chrono::microseconds>(
            "ping", nullptr, [](session::messaging_session& current, auto handler) {
                return current.ping(std::move(handler));
            });
    }

    /// Begins something with `begin(session, handler)` and waits for what the handler gets, at most
    /// for `limit` (null: the time that connecting may take).
    template <typename T, typename Begin>
    Result<T> begin_and_wait(const char* what, const std::chrono::milliseconds* limit,
                             const Begin& begin) {
        return answer_of(*this, [&]() -> Result<T> {
            const auto current = session();
            const auto engine_now = engine();
            if (!current || !engine_now) {
                return current ? detail::failure(errc::connection_closed,
                                                 "the client is not connected", id_)
                               : current.error();
            }
            if (!engine_now->may_block() || engine_now->options().environment) {
                return detail::failure(
                    errc::would_block,
                    std::string(what) + " blocks; on an I/O thread pass a handler", id_);
            }
            const auto answer = std::make_shared<awaited<T>>();
            const auto begun = begin(
                *current.value(), [answer](Result<T> result) { answer->give(std::move(result)); });
            if (!begun) {
                return begun.error();
            }
            // The handler knows the deadline better; this is for loops that do not run.
            const auto patience = limit != nullptr ? *limit : engine_now->options().connect_timeout;
            if (auto result = answer->wait_until(engine::give_up_after(patience))) {
                return *std::move(result);
            }
            return detail::failure_in_words(
                errc::connection_timeout,
                fmt::format("no answer to the {} within {} ms{}", what, patience.count(),
                            limit != nullptr ? "" : " (connect_timeout)"),
                id_);
        });
    }

    /// `callback` gets the one it replaces: the caller destroys that, without the lock.
    template <typename Callback>
    VoidResult set_callback(Callback Callbacks::*which, Callback& callback) {
        return answer_of(*this, [&]() -> VoidResult {
            if (exchange_callback(which, callback)) {
                return ok();
            }
            return detail::late_callback(Engine::component_name, id_,
                                         "callbacks are set before start_client");
        });
    }

    [[nodiscard]] client_metrics metrics() const {
        if (is_left_behind()) {
            return {};
        }
        const std::lock_guard lock(mutex_);
        client_metrics all = past_;
        for (const auto& each : {former_, engine_}) {
            if (each) {
                add(all, each->metrics());
            }
        }
        return all;
    }

protected:
    /// The end of the object, as in a facade: first in the destructor of whoever has members that
    /// callbacks reach.
    void shut_down() {
        if (is_left_behind()) {
            detail::keep_for_ever(std::move(engine_));
            detail::keep_for_ever(std::move(former_));
            return;
        }
        for (const auto& each : engines()) {
            const auto stop_it = [&] {
                (void)each->stop(each->options().drain_timeout);
                return ok();
            };
            if (each && !(each->may_block() && stop_patiently(stop_it))) {
                each->abandon();
            }
        }
    }

private:
    /// Unless callbacks are in use.
    template <typename Callback>
    [[nodiscard]] bool exchange_callback(Callback Callbacks::*which, Callback& callback) {
        const std::lock_guard lock(mutex_);
        const auto is_in_use = [](const auto& one) { return one && !one->end().is_over(); };
        if (is_in_use(former_) || is_in_use(engine_)) {
            return false;
        }
        std::swap((*callbacks_).*which, callback);
        return true;
    }

    [[nodiscard]] bool must_not_block(const client_options& options) {
        return runtime::loop::is_on_io_thread() || options.environment ||
               user_context_runs_here(options) ||
               (options.callback_pool && options.callback_pool->runs_here());
    }

    /// Without a loop yet, no thread can be inside one of its batches; but it may be running the
    /// io_context, so that one is made.
    [[nodiscard]] bool user_context_runs_here(const client_options& options) {
        if (options.io_context == nullptr) {
            return false;
        }
        const std::lock_guard lock(mutex_);
        return choose_loop(options).is_ok() && loop_->context_runs_here();
    }

    // Null where there is none.
    using engine_pair = std::array<std::shared_ptr<Engine>, 2>;

    /// Those whose callbacks may run, in the order of their starts.
    [[nodiscard]] engine_pair engines() const noexcept {
        const std::lock_guard lock(mutex_);
        return {former_, engine_};
    }

    /// Makes room for the next engine, as far as it is over: the one that is not becomes the
    /// former. The caller lets the others go without the lock.
    [[nodiscard]] engine_pair retire_engines() {
        engine_pair over{std::exchange(former_, nullptr), std::exchange(engine_, nullptr)};
        // If there are two, the first was over before the other began.
        auto& last = over.back() ? over.back() : over.front();
        if (last && !last->end().is_over()) {
            former_ = std::exchange(last, nullptr);
        }
        for (const auto& each : over) {
            if (each) {
                add(past_, each->metrics());
            }
        }
        return over;
    }

    /// Lets go of an engine whose end nobody may live to see.
    void forget(const std::shared_ptr<Engine>& one) {
        // Let go after the lock, as in begin.
        std::shared_ptr<Engine> forgotten;
        session_slot::session_ptr last;
        const std::lock_guard lock(mutex_);
        for (auto* const each : {&former_, &engine_}) {
            if (*each == one) {
                forgotten = std::exchange(*each, nullptr);
                add(past_, one->metrics());
            }
        }
        if (forgotten && !engine_) {
            last = connected_->get();
            connected_->clear(last.get());
        }
    }

    /// Where the options say, and once and for all while they say the same.
    VoidResult choose_loop(const client_options& options) {
        if (pool_ && pool_->belongs_here() && options.io_context == context_ &&
            options.environment == environment_) {
            return ok();
        }
        auto made = make_pool(options, id_);
        if (!made) {
            return made.error();
        }
        pool_ = std::move(made).value();
        loop_ = pool_->next_loop();
        context_ = options.io_context;
        environment_ = options.environment;
        return ok();
    }

    const std::string id_;
    mutable detail::origin made_in_;
    mutable std::mutex mutex_;
    std::shared_ptr<runtime::io_pool> pool_;
    std::shared_ptr<runtime::loop> loop_;
    // What these two were made for.
    asio::io_context* context_ = nullptr;
    std::shared_ptr<runtime::environment> environment_;
    const std::shared_ptr<Callbacks> callbacks_;
    const std::shared_ptr<session_slot> connected_ = std::make_shared<session_slot>();
    // The connection before, while its last callbacks run.
    std::shared_ptr<Engine> former_;
    std::shared_ptr<Engine> engine_;
    client_metrics past_;
};

}  // namespace network_system::core

#pragma once

#include "core/addresses.h"
#include "core/awaited.h"
#include "core/client_engine.h"
#include "core/stream_security.h"
#include "utils/failure.h"

#include <network_system/core/messaging_client.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::core {

/// The client's current (or last) connection, and the callbacks for the next.
class messaging_client::impl {
public:
    impl(std::string id, client_options options, std::shared_ptr<stream_security> security)
        : id_(std::move(id)), options_(std::move(options)), security_(std::move(security)) {
        runtime::io_threads::end_after_caller();
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    ~impl() {
        for (const auto& each : engines()) {
            if (each->may_block()) {
                (void)each->stop(options_.drain_timeout);
            } else {
                each->abandon();
            }
        }
    }

    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] const client_options& options() const noexcept { return options_; }

    [[nodiscard]] std::shared_ptr<client_engine> engine() const {
        const std::lock_guard lock(mutex_);
        return engine_;
    }

    [[nodiscard]] bool send_short(std::span<const std::uint8_t> data) const {
        return connected_->send_short(session::message_kind::binary, data);
    }
    [[nodiscard]] Result<std::shared_ptr<session::messaging_session>> session() const {
        if (auto current = connected_->get()) {
            return std::shared_ptr<session::messaging_session>(std::move(current));
        }
        return detail::failure(errc::connection_closed, "the client is not connected", id_);
    }

    /// Begins to connect; the engine that does.
    Result<std::shared_ptr<client_engine>> begin(std::string_view host, std::uint16_t port,
                                                 start_callback& handler,
                                                 std::function<void()>* canceller = nullptr) {
        if (const auto checked = validate(host, port); checked.is_err()) {
            return checked.error();
        }
        auto transports = make_transports(security_.get(), host, id_);
        if (!transports) {
            return transports.error();
        }
        // Let go after the lock: user data and captures have destructors, which are user code.
        engine_list retired;
        std::function<void()> former_canceller;
        const std::lock_guard lock(mutex_);
        if (engine_ && !engine_->is_finished()) {
            return detail::failure(errc::already_exists, "the client is already started", id_);
        }
        retired = retire_engines();
        if (const auto chosen = choose_loop(); !chosen) {
            return chosen.error();
        }
        engine_ = std::make_shared<client_engine>(
            id_, options_, pool_, loop_, std::move(transports).value(), callbacks_, connected_);
        if (canceller != nullptr) {
            former_canceller = std::exchange(*canceller, [weak = std::weak_ptr(engine_)] {
                if (const auto alive = weak.lock()) {
                    alive->cancel_start();
                }
            });
        }
        engine_->start(std::string(host), port, std::move(handler), former_);
        return engine_;
    }

    VoidResult start(std::string_view host, std::uint16_t port, start_callback& handler,
                     std::function<void()>* canceller = nullptr) {
        return begin(host, port, handler, canceller).map([](const auto&) {
            return std::monostate{};
        });
    }

    VoidResult start_and_wait(std::string_view host, std::uint16_t port) {
        if (must_not_block()) {
            return detail::failure(errc::would_block,
                                   "start_client blocks; on an I/O thread pass a handler", id_);
        }
        start_callback nobody;
        const auto begun = begin(host, port, nobody);
        if (!begun) {
            return begun.error();
        }
        const auto& current = begun.value();
        const auto deadline =
            std::chrono::steady_clock::now() + options_.connect_timeout + engine::stop_grace;
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
    }

    VoidResult stop() {
        for (const auto& each : engines()) {
            if (!each->may_block()) {
                each->begin_stop();
            } else if (!each->stop(options_.drain_timeout)) {
                forget(each);
            }
        }
        return ok();
    }

    VoidResult stop(session::stop_handler& handler) {
        const auto current = engine();
        if (!current || current->end().is_over()) {
            return detail::failure(errc::connection_closed, "the client is not started", id_);
        }
        current->stop_then(std::move(handler));
        return ok();
    }

    Result<std::chrono::microseconds> ping_and_wait() {
        return begin_and_wait<std::chrono::microseconds>(
            "ping", options_.connect_timeout,
            [](session::messaging_session& current, auto handler) {
                return current.ping(std::move(handler));
            });
    }

    Result<std::vector<std::uint8_t>> request_and_wait(std::span<const std::uint8_t> data,
                                                       std::chrono::milliseconds timeout) {
        if (timeout < std::chrono::milliseconds{1}) {
            return detail::failure(errc::invalid_argument,
                                   "a request that blocks needs a timeout of at least 1 ms", id_);
        }
        return begin_and_wait<std::vector<std::uint8_t>>(
            "request", timeout, [&](session::messaging_session& current, auto handler) {
                return current.request(data, timeout, std::move(handler));
            });
    }

    /// `callback` gets the one it replaces: the caller destroys that, without the lock.
    template <typename Callback>
    VoidResult set_callback(Callback client_callbacks::*which, Callback& callback) {
        const std::lock_guard lock(mutex_);
        const auto is_in_use = [](const auto& one) { return one && !one->end().is_over(); };
        if (is_in_use(former_) || is_in_use(engine_)) {
            return detail::failure(errc::invalid_argument, "callbacks are set before start_client",
                                   id_);
        }
        std::swap((*callbacks_).*which, callback);
        return ok();
    }

    [[nodiscard]] client_metrics metrics() const {
        const std::lock_guard lock(mutex_);
        client_metrics all = past_;
        for (const auto& each : {former_, engine_}) {
            if (each) {
                add_engine(all, *each);
            }
        }
        if (security_) {
            all.tls = security_->metrics();
        }
        return all;
    }

private:
    [[nodiscard]] VoidResult validate(std::string_view host, std::uint16_t port) const {
        const auto wrong = [this](const char* what) -> VoidResult {
            return detail::failure(errc::invalid_argument, what, id_);
        };
        if (host.empty()) {
            return wrong("the host is empty");
        }
        if (auto checked = check_target(host, port, id_); checked.is_err()) {
            return checked;
        }
        if (auto checked = check_local_address(options_, id_); checked.is_err()) {
            return checked;
        }
        if (auto checked = validate_environment(options_, security_ != nullptr, id_);
            checked.is_err()) {
            return checked;
        }
        if (options_.connect_timeout < std::chrono::milliseconds{1}) {
            return wrong("connect_timeout must be at least 1 ms");
        }
        if (options_.drain_timeout < std::chrono::milliseconds{0}) {
            return wrong("drain_timeout must not be negative");
        }
        if (auto checked = validate_callback_pool(options_.callback_pool.get(),
                                                  options_.callback_queue_limit, id_);
            checked.is_err()) {
            return checked;
        }
        return core::validate(options_.session, id_);
    }

    [[nodiscard]] bool must_not_block() {
        return runtime::loop::is_on_io_thread() || options_.environment ||
               user_context_runs_here() ||
               (options_.callback_pool && options_.callback_pool->runs_here());
    }

    /// Without a loop yet, no thread can be inside one of its batches; but it may be running the
    /// io_context, so that one is made.
    [[nodiscard]] bool user_context_runs_here() {
        if (options_.io_context == nullptr) {
            return false;
        }
        const std::lock_guard lock(mutex_);
        return choose_loop().is_ok() && loop_->context_runs_here();
    }

    /// Begins something with `begin(session, handler)` and waits for what the handler gets.
    template <typename T, typename Begin>
    Result<T> begin_and_wait(const char* what, std::chrono::milliseconds limit,
                             const Begin& begin) {
        const auto current = session();
        if (!current) {
            return current.error();
        }
        if (must_not_block()) {
            return detail::failure(errc::would_block,
                                   std::string(what) + " blocks; on an I/O thread pass a handler",
                                   id_);
        }
        const auto answer = std::make_shared<awaited<T>>();
        const auto begun = begin(*current.value(),
                                 [answer](Result<T> result) { answer->give(std::move(result)); });
        if (!begun) {
            return begun.error();
        }
        // The handler knows the deadline better; this is for loops that do not run.
        const auto deadline = std::chrono::steady_clock::now() + limit + engine::stop_grace;
        if (auto result = answer->wait_until(deadline)) {
            return *std::move(result);
        }
        return detail::failure(errc::connection_timeout, std::string("no answer to the ") + what,
                               id_);
    }

    static void add_engine(client_metrics& sum, const client_engine& one) {
        const client_metrics more = one.metrics();
        sum.connects += more.connects;
        sum.connect_failures += more.connect_failures;
        sum.session_errors += more.session_errors;
        sum.callback_exceptions += more.callback_exceptions;
        add(sum.totals, more.totals);
    }

    using engine_list = std::vector<std::shared_ptr<client_engine>>;

    /// Those whose callbacks may run, in the order of their starts.
    [[nodiscard]] engine_list engines() const {
        const std::lock_guard lock(mutex_);
        engine_list all{former_, engine_};
        std::erase(all, nullptr);
        return all;
    }

    /// Makes room for the next engine, as far as it is over: the one that is not becomes the
    /// former. The caller lets the others go without the lock.
    [[nodiscard]] engine_list retire_engines() {
        engine_list over{std::exchange(former_, nullptr), std::exchange(engine_, nullptr)};
        std::erase(over, nullptr);
        // If there are two, the first was over before the other began.
        if (!over.empty() && !over.back()->end().is_over()) {
            former_ = std::move(over.back());
            over.pop_back();
        }
        for (const auto& each : over) {
            add_engine(past_, *each);
        }
        return over;
    }

    /// Lets go of an engine whose end nobody may live to see.
    void forget(const std::shared_ptr<client_engine>& one) {
        // Let go after the lock, as in begin.
        std::shared_ptr<client_engine> forgotten;
        session_slot::session_ptr last;
        const std::lock_guard lock(mutex_);
        for (auto* const each : {&former_, &engine_}) {
            if (*each == one) {
                forgotten = std::exchange(*each, nullptr);
                add_engine(past_, *one);
            }
        }
        if (forgotten && !engine_) {
            last = connected_->get();
            connected_->clear(last.get());
        }
    }

    /// Once and for all: connections on several loops could overlap in their callbacks.
    VoidResult choose_loop() {
        if (pool_) {
            return ok();
        }
        const auto method = to_runtime(options_.readiness_method);
        auto made = make_pool(
            [&] {
                if (options_.environment) {
                    return options_.environment->client_pool();
                }
                return options_.io_context != nullptr
                           ? std::make_shared<runtime::io_pool>(*options_.io_context, method)
                           : runtime::io_pool::shared_for_clients(method);
            },
            errc::connection_failed, id_);
        if (!made) {
            return made.error();
        }
        pool_ = std::move(made).value();
        loop_ = pool_->next_loop();
        return ok();
    }

    const std::string id_;
    const client_options options_;
    const std::shared_ptr<stream_security> security_;
    mutable std::mutex mutex_;
    std::shared_ptr<runtime::io_pool> pool_;
    std::shared_ptr<runtime::loop> loop_;
    std::shared_ptr<client_callbacks> callbacks_ = std::make_shared<client_callbacks>();
    const std::shared_ptr<session_slot> connected_ = std::make_shared<session_slot>();
    // The connection before, while its last callbacks run.
    std::shared_ptr<client_engine> former_;
    std::shared_ptr<client_engine> engine_;
    client_metrics past_;
};

}  // namespace network_system::core

#pragma once

#include "core/pooled_callbacks.h"
#include "runtime/environment.h"
#include "runtime/io_pool.h"
#include "runtime/network.h"
#include "session/framed_session.h"
#include "session/session_host.h"
#include "utils/failure.h"

#include <network_system/core/options.h>
#include <network_system/utils/result_types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace network_system::core {

/// The waiting part of a start-stop life: threads that wait until it is over.
///
/// Thread-safety: every member may be called from any thread.
class end_of_life {
public:
    void announce() {
        {
            const std::lock_guard lock(mutex_);
            is_over_ = true;
        }
        over_.notify_all();
    }
    [[nodiscard]] bool is_over() const {
        const std::lock_guard lock(mutex_);
        return is_over_;
    }
    void wait() const {
        std::unique_lock lock(mutex_);
        over_.wait(lock, [this] { return is_over_; });
    }
    bool wait_until(std::chrono::steady_clock::time_point deadline) const {
        std::unique_lock lock(mutex_);
        return over_.wait_until(lock, deadline, [this] { return is_over_; });
    }

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable over_;
    bool is_over_ = false;
};

/// What servers and clients share: the loops they run on, the session factory and the counters of
/// the sessions that are gone. One engine lives from one start to the end of its last connection.
class engine : public session::session_host {
public:
    /// Makes the transport of a connected socket: the one thing TCP and TLS differ in.
    using make_transport = std::function<std::shared_ptr<transport::transport>(
        std::shared_ptr<runtime::loop>, runtime::unique_socket)>;

    engine(std::string name, std::shared_ptr<runtime::io_pool> pool, make_transport transports,
           const session_config& config)
        : name_(std::move(name)), pool_(std::move(pool)), transports_(std::move(transports)),
          config_(std::make_shared<const session_config>(config)) {}

    [[nodiscard]] const end_of_life& end() const noexcept { return end_; }
    /// Grace for a drain that ends exactly at its deadline.
    static constexpr std::chrono::milliseconds stop_grace{100};

    /// Whether the calling thread may wait for this engine: it is no I/O thread, and runs neither
    /// the engine's io_context nor its callback pool.
    [[nodiscard]] bool may_block() const noexcept;
    /// Begins the end, whatever the state; `end()` tells when it is over. Idempotent.
    virtual void begin_stop() = 0;
    /// Who runs an engine's loops, as far as a stop can rely on it.
    enum class driven_by : std::uint8_t { own_threads, others };
    /// The whole stop, from a thread that may block: when it returns, no callback runs or will run.
    /// False when connections remain after `drain_timeout` because others run the loops and do not.
    /// With own threads (and, if there is one, a callback pool that runs) there is always an end,
    /// so that a slow machine or a long callback costs time, and neither callbacks nor counts.
    bool stop(std::chrono::milliseconds drain_timeout, driven_by threads = driven_by::others);
    /// The stop without waiting: `handler` runs when all else is over.
    void stop_then(session::stop_handler handler);
    /// `work` runs when all is over, on whatever thread that is; false when it is over already.
    [[nodiscard]] bool call_when_over(unique_function<void()> work);
    /// The stop without waiting: begins it, and keeps callbacks that are not running out.
    void abandon();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] runtime::io_pool& pool() noexcept { return *pool_; }
    /// The network of the loops.
    [[nodiscard]] runtime::network& net() const noexcept { return pool_->loops().front()->net(); }

protected:
    [[nodiscard]] std::shared_ptr<session::framed_session> make_session(
        const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
        session::session_setup setup);

    /// Before the first session: runs the callbacks of sessions on a pool. Null: on their loops.
    void use_callback_pool(std::shared_ptr<thread_pool_interface> workers, std::size_t queue_limit);

    /// Runs a callback that belongs to no session, if callbacks are still taken.
    void run_callback(runtime::loop& where, const unique_function<void()>& callback) noexcept;

    /// Adds a closed session's counters to the totals.
    void collect(const session::session_metrics& gone, std::error_code reason);
    [[nodiscard]] session::session_metrics collected() const;
    [[nodiscard]] std::uint64_t failed_sessions() const noexcept { return failed_sessions_; }
    [[nodiscard]] std::uint64_t callback_exceptions() const noexcept {
        return callback_exceptions_;
    }

    void on_callback_exception(const session::messaging_session& who,
                               std::string_view what) noexcept override;

    /// The last connection is gone: answers those who asked for the stop, and wakes those who wait.
    void finish(runtime::loop& where) noexcept;

    std::string name_;
    std::shared_ptr<runtime::io_pool> pool_;

private:
    /// Takes the handler of a stop; false when it comes too late.
    [[nodiscard]] bool keep_for_the_end(session::stop_handler& handler);
    [[nodiscard]] bool has_running_callbacks() const noexcept {
        return !callback_pool_ || callback_pool_->dispatcher->pool().is_running();
    }

    end_of_life end_;
    std::mutex stop_handlers_mutex_;
    std::vector<session::stop_handler> stop_handlers_;
    std::vector<unique_function<void()>> when_over_;
    bool is_finished_ = false;
    make_transport transports_;
    std::shared_ptr<callback_pool> callback_pool_;
    std::shared_ptr<const session_config> config_;
    mutable std::mutex totals_mutex_;
    session::session_metrics totals_;
    std::atomic<std::uint64_t> failed_sessions_{0};
    std::atomic<std::uint64_t> callback_exceptions_{0};
};

/// Adds the counters of `more` to `sum`.
void add(session::session_metrics& sum, const session::session_metrics& more) noexcept;

/// The pool that `make` makes. Error: `code` when the system has no more descriptors or threads.
[[nodiscard]] Result<std::shared_ptr<runtime::io_pool>> make_pool(
    const std::function<std::shared_ptr<runtime::io_pool>()>& make, errc code,
    std::string_view source);

/// What is wrong with the options, or ok.
[[nodiscard]] VoidResult validate_callback_pool(const thread_pool_interface* workers,
                                                std::size_t queue_limit, std::string_view source);
[[nodiscard]] VoidResult validate(const session_config& config, std::string_view source);
/// An environment brings its own loops. TLS does not follow from a seed: OpenSSL draws its keys
/// itself.
template <typename Options>
[[nodiscard]] VoidResult validate_environment(const Options& options, bool is_secure,
                                              std::string_view source) {
    if (!options.environment) {
        return ok();
    }
    if (options.io_context != nullptr) {
        return detail::failure(errc::invalid_argument,
                               "environment and io_context exclude each other", source);
    }
    return is_secure
               ? detail::failure(errc::not_supported, "TLS does not run in a simulation", source)
               : ok();
}

[[nodiscard]] runtime::readiness_method to_runtime(readiness method) noexcept;
[[nodiscard]] runtime::sockets::tcp_settings to_runtime(const socket_options& options) noexcept;

}  // namespace network_system::core

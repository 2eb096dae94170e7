#pragma once

#include "lifecycle/callbacks/pooled_callbacks.h"
#include "lifecycle/options.h"
#include "lifecycle/run.h"
#include "os/native_socket.h"
#include "runtime/environment.h"
#include "session/message_connection.h"
#include "session/message_host.h"
#include "session/receiving/unread_notice.h"
#include "utils/failure.h"

#include <network_system/core/metrics_fields.h>
#include <network_system/core/options.h>
#include <network_system/utils/result_types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// What servers and clients over streams share: the session factory and the counters of the
/// sessions that are gone. One engine is one run.
class engine : public run, public session::message_host {
public:
    engine(std::string name, std::shared_ptr<runtime::io_pool> pool,
           transport::transport_factory transports, const session_config& config,
           const lifecycle_options& options)
        : run(std::move(name), std::move(pool), options), message_host(run::gate()),
          transports_(std::move(transports)),
          settings_(std::make_shared<const session::connection_settings>(
              session::connection_settings{config, options.drain_timeout})) {}

    using run::gate;
    /// Nor may a thread that runs the callback pool wait.
    [[nodiscard]] bool may_block() const noexcept override;
    /// The network of the loops.
    [[nodiscard]] runtime::network& net() const noexcept { return pool_->loops().front()->net(); }
    [[nodiscard]] detail::log_source writer() const noexcept override { return run::writer(); }

protected:
    [[nodiscard]] std::shared_ptr<session::message_connection> make_session(
        const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
        session::session_setup setup);

    /// What connections are made with.
    [[nodiscard]] virtual const transport::transport_factory& transports() const noexcept {
        return transports_;
    }
    /// The session that speaks over a transport; completes the setup with what is its own.
    [[nodiscard]] virtual std::shared_ptr<session::message_connection> new_session(
        std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
        session::session_setup& setup) = 0;

    /// Before the first session: runs the callbacks of sessions on a pool. Null: on their loops.
    void use_callback_pool(std::shared_ptr<thread_pool_interface> workers, std::size_t queue_limit);

    /// Adds a closed session's counters to the totals.
    void collect(const session::session_metrics& gone, std::error_code reason);
    [[nodiscard]] session::session_metrics collected() const;
    [[nodiscard]] std::uint64_t failed_sessions() const noexcept { return failed_sessions_; }

    void on_callback_exception(const session::connection& who,
                               std::string_view what) noexcept override;

    /// Counts a message, or a request, for which there is no callback as unread, and logs the first
    /// one.
    void record_unread(const session::session_ptr& who, std::string_view missing);

private:
    [[nodiscard]] std::shared_ptr<void> keep_alive() override { return shared_from_this(); }
    /// A callback pool that is stopped has no end to wait for.
    void wait_for_end() const override;
    [[nodiscard]] bool has_running_callbacks() const noexcept {
        return !callback_pool_ || callback_pool_->dispatcher->pool().is_running();
    }

    const transport::transport_factory transports_;
    std::shared_ptr<callback_pool> callback_pool_;
    std::shared_ptr<const session::connection_settings> settings_;
    mutable std::mutex totals_mutex_;
    session::session_metrics totals_;
    detail::shared_counter failed_sessions_;
    session::unread_notice unread_notice_;
};

}  // namespace network_system::core

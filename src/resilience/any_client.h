#pragma once

#include <network_system/core/metrics.h>
#include <network_system/core/reconnect_options.h>
#include <network_system/resilience/connection_options.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/operation.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace network_system::inline v0_1::core {

class messaging_client;
class messaging_ws_client;

}  // namespace network_system::core

namespace network_system::inline v0_1::resilience {

using session_ptr = std::shared_ptr<session::messaging_session>;

/// A client of any kind to one server.
///
/// Thread-safety and object lifetimes: those of core::messaging_client.
class any_client {
public:
    /// What the client tells, as the callbacks of core::client_callbacks. Whoever made it lives
    /// until the client is stopped or destroyed.
    class listener {
    public:
        virtual void on_connected(const session_ptr& who) = 0;
        virtual void on_message(const session_ptr& who, std::span<const std::uint8_t> data) = 0;
        virtual void on_writable(const session_ptr& who) = 0;
        virtual void on_acknowledged(std::uint64_t message, std::error_code refusal) {
            (void)message;
            (void)refusal;
        }
        /// Without a session: an attempt to reconnect has failed.
        virtual void on_failed(const session_ptr& who, std::error_code reason) = 0;
        virtual void on_disconnected(const session_ptr& who, std::error_code reason) = 0;
        virtual void on_reconnecting(const core::reconnect_attempt& next) = 0;
        virtual void on_ended(std::error_code reason) { (void)reason; }

    protected:
        ~listener() = default;
    };
    using start_callback = unique_function<void(VoidResult)>;

    any_client() = default;
    any_client(const any_client&) = delete;
    any_client& operator=(const any_client&) = delete;
    virtual ~any_client() = default;

    /// Whether the listener is told of messages; not at first. Those that it is not told of are
    /// unread, as they are where an application has set no callback.
    ///
    /// Error: `invalid_argument` (callbacks may still run).
    [[nodiscard]] virtual VoidResult take_messages(bool is_wanted) = 0;
    /// As those of core::messaging_client.
    [[nodiscard]] virtual VoidResult start(start_callback&& handler,
                                           session::operation_id operation) = 0;
    [[nodiscard]] virtual VoidResult start_and_wait() = 0;
    virtual discardable_result stop() = 0;
    virtual VoidResult stop(session::stop_handler&& handler) = 0;
    [[nodiscard]] virtual Result<session_ptr> session() const = 0;
    [[nodiscard]] virtual bool is_started() const noexcept = 0;
    [[nodiscard]] virtual core::client_metrics metrics() const = 0;
    /// The client itself; null when it is of another kind.
    [[nodiscard]] virtual std::shared_ptr<core::messaging_client> framed() const { return nullptr; }
    [[nodiscard]] virtual std::shared_ptr<core::messaging_ws_client> websocket() const {
        return nullptr;
    }
};

/// The reconnection that options have, whatever their kind.
[[nodiscard]] core::reconnect_options& reconnect_of(connection_options& options) noexcept;
/// Whether lost connections are replaced.
void set_auto_reconnect(connection_options& options, bool is_on) noexcept;

/// `id` names the client in log lines and error messages. Error: `not_supported`.
[[nodiscard]] Result<std::unique_ptr<any_client>> make_client(const std::string& id,
                                                              const server_address& server,
                                                              const connection_options& options,
                                                              any_client::listener& listener);

}  // namespace network_system::resilience

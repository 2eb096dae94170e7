#pragma once

#include "session/message_connection.h"

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {

/// A connection as its users know it: one object that is an `Interface` (messaging_session, or what
/// widens it) and a message_connection, which does the work. Here the one is answered by the other;
/// a protocol adds what its interface has more.
template <typename Interface>
class session_of : public Interface, public message_connection {
public:
    [[nodiscard]] const std::string& id() const noexcept final { return Interface::id(); }
    [[nodiscard]] const endpoint& remote_endpoint() const noexcept final {
        return Interface::remote_endpoint();
    }
    [[nodiscard]] session_ptr session() final { return Interface::shared_from_this(); }
    [[nodiscard]] message_connection* implementation() noexcept final { return this; }

    VoidResult receive_packet(receive_handler&& handler,
                              operation_id operation = operation_id::none) final {
        return message_connection::pull(handler, operation);
    }
    VoidResult receive_all(receive_all_handler&& handler, received_messages&& reuse = {},
                           operation_id operation = operation_id::none) final {
        return message_connection::pull_all(handler, reuse, operation);
    }
    bool cancel(operation_id operation) final { return message_connection::cancel(operation); }
    VoidResult post(unique_function<void()> task) final {
        return message_connection::post(std::move(task));
    }
    [[nodiscard]] bool runs_here() const noexcept final { return message_connection::runs_here(); }
    discardable_result pause_receiving() final { return message_connection::pause_receiving(); }
    discardable_result resume_receiving() final { return message_connection::resume_receiving(); }
    [[nodiscard]] bool is_receiving_paused() const noexcept final {
        return message_connection::is_receiving_paused();
    }
    [[nodiscard]] Result<tls_info> tls() const final { return message_connection::tls(); }
    discardable_result stop_session() final { return message_connection::stop(); }
    VoidResult stop_session(stop_handler&& handler) final {
        return message_connection::stop(std::move(handler));
    }
    discardable_result abort_session(std::error_code reason) final {
        return message_connection::break_off(reason);
    }
    [[nodiscard]] Result<std::size_t> unacknowledged_bytes() const final {
        return message_connection::unacknowledged_bytes();
    }
    [[nodiscard]] bool is_stopped() const noexcept final {
        return message_connection::is_stopped();
    }
    [[nodiscard]] bool has_peer_ended() const noexcept final {
        return message_connection::has_peer_ended();
    }
    VoidResult ping(ping_handler&& handler, operation_id operation = operation_id::none) final {
        return message_connection::ping(std::move(handler), operation);
    }
    [[nodiscard]] std::size_t queued_bytes() const noexcept final {
        return message_connection::queued_bytes();
    }
    [[nodiscard]] session_metrics metrics() const noexcept override {
        return message_connection::metrics();
    }

protected:
    session_of(std::shared_ptr<transport::transport> over, std::shared_ptr<message_host> host,
               const session_setup& setup, message_encoder encoder)
        : Interface(message_connection::next_id(), setup.remote, setup.local),
          message_connection(std::move(over), std::move(host), setup, encoder) {}

    [[nodiscard]] std::shared_ptr<connection> shared() final { return {session(), this}; }
    VoidResult send_owned(std::vector<std::uint8_t>& data, send_callback& done) final {
        return message_connection::send_owned_message(data, done, message_kind::binary);
    }
    VoidResult send_copy(std::span<const std::uint8_t> data, send_callback& done) final {
        return message_connection::send_copied_message(data, done, message_kind::binary);
    }
    VoidResult send_keyed(std::string_view key, std::span<const std::uint8_t> data,
                          send_callback& done) final {
        return message_connection::send_keyed_message(key, data, done);
    }
};

}  // namespace network_system::session

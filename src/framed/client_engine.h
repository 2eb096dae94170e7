#pragma once

#include "client/engine.h"

#include <network_system/core/callbacks.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::core {

/// One run of a client whose connection speaks one of the framings.
class framed_client_engine final : public client_engine {
public:
    static constexpr std::string_view component_name = "messaging_client";

    framed_client_engine(std::string name, const client_options& options,
                         std::shared_ptr<runtime::io_pool> pool,
                         std::shared_ptr<runtime::loop> where,
                         transport::transport_factory transports,
                         std::shared_ptr<session_slot> connected,
                         std::shared_ptr<const client_callbacks> callbacks)
        : client_engine(std::move(name), options, std::move(pool), std::move(where),
                        std::move(transports), std::move(connected)),
          callbacks_(std::move(callbacks)) {}

private:
    [[nodiscard]] std::string_view component() const noexcept override { return component_name; }
    [[nodiscard]] std::shared_ptr<session::message_connection> new_session(
        std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
        session::session_setup& setup) override;
    void notify_connected(const session_ptr& who) override;
    void notify_error(const session_ptr& who, std::error_code reason) override;
    void notify_disconnected(const session_ptr& who, std::error_code reason) override;

    void on_message(const session_ptr& who, session::message_kind kind,
                    std::span<const std::uint8_t> data) override;
    void on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                    detail::request_call& call) override;
    void on_writable(const session_ptr& who) override;

    // As they were when it started.
    const std::shared_ptr<const client_callbacks> callbacks_;
};

}  // namespace network_system::core

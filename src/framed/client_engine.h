#pragma once

#include "client/engine.h"
#include "framed/engine_of.h"

#include <network_system/core/callbacks.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::core {

/// One run of a client whose connection speaks one of the framings.
class framed_client_engine final : public framed_engine_of<client_engine, client_callbacks> {
public:
    static constexpr std::string_view component_name = "messaging_client";

    framed_client_engine(std::string name, const client_options& options,
                         std::shared_ptr<runtime::io_pool> pool,
                         std::shared_ptr<runtime::loop> where,
                         transport::transport_factory transports,
                         std::shared_ptr<session_slot> connected,
                         std::shared_ptr<const client_callbacks> callbacks)
        : framed_engine_of(std::move(callbacks), std::move(name), options, std::move(pool),
                           std::move(where), std::move(transports), std::move(connected)) {}

private:
    [[nodiscard]] std::string_view component() const noexcept override { return component_name; }
    void notify_connected(const session_ptr& who) override;
    void notify_error(const session_ptr& who, std::error_code reason) override;
    void notify_disconnected(const session_ptr& who, std::error_code reason) override;
    void notify_reconnecting(const reconnect_attempt& next) override;
};

}  // namespace network_system::core

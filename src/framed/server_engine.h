#pragma once

#include "framed/delivery/senders.h"
#include "framed/engine_of.h"
#include "server/engine.h"

#include <network_system/core/callbacks.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// One run of a server whose connections speak one of the framings.
class framed_server_engine final : public framed_engine_of<server_engine, server_callbacks> {
public:
    static constexpr std::string_view component_name = "messaging_server";

    framed_server_engine(std::string name, const server_options& options,
                         std::shared_ptr<runtime::io_pool> pool,
                         transport::transport_factory transports,
                         std::shared_ptr<const server_callbacks> callbacks);

    [[nodiscard]] server_metrics metrics() const;

private:
    [[nodiscard]] std::string_view component() const noexcept override { return component_name; }
    [[nodiscard]] Result<encoded_message> encode(message_kind type,
                                                 std::span<const std::uint8_t> data) override;
    [[nodiscard]] const accept_callback& accept_filter() const noexcept override {
        return callbacks().accept;
    }
    [[nodiscard]] std::string_view protocol() const noexcept override;
    void notify_error(std::error_code error) override;

    void on_open(const session_ptr& who) override;
    void on_closed(const session_ptr& who, std::error_code reason, bool was_open) override;

    [[nodiscard]] std::uint64_t new_incarnation(const server_options& options) const;

    // Null where no messages with ids are accepted.
    std::shared_ptr<delivery::senders> senders_;
};

}  // namespace network_system::core

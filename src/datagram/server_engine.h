#pragma once

#include "datagram/engine.h"

#include <string_view>

namespace network_system::inline v0_1::core {

/// One run of a UDP server: a socket on each of its loops, all of one port.
class udp_server_engine final : public datagram_engine {
public:
    static constexpr std::string_view component_name = "messaging_udp_server";

    udp_server_engine(std::string name, const udp_server_options& options,
                      std::shared_ptr<runtime::io_pool> pool,
                      std::shared_ptr<const datagram_callbacks> callbacks)
        : datagram_engine(std::move(name), std::move(pool), std::move(callbacks), options),
          options_(options) {}

    [[nodiscard]] VoidResult start(std::uint16_t port);
    [[nodiscard]] errc not_running() const noexcept override { return errc::server_not_started; }
    [[nodiscard]] const udp_server_options& options() const noexcept { return options_; }

private:
    [[nodiscard]] std::string_view component() const noexcept override { return component_name; }
    [[nodiscard]] Result<runtime::unique_socket> open(
        const endpoint& local, const runtime::sockets::multicast_settings& multicast,
        bool joins) const;

    const udp_server_options options_;
};

}  // namespace network_system::core

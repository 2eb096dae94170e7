#pragma once

#include "core/datagram_engine.h"

namespace network_system::core {

/// One life of a UDP server: a socket on each of its loops, all of one port.
class udp_server_engine final : public datagram_engine {
public:
    udp_server_engine(std::string name, const udp_server_options& options,
                      std::shared_ptr<runtime::io_pool> pool,
                      std::shared_ptr<const datagram_callbacks> callbacks)
        : datagram_engine(std::move(name), std::move(pool), std::move(callbacks)),
          options_(options) {}

    [[nodiscard]] VoidResult start(std::uint16_t port);
    [[nodiscard]] const udp_server_options& options() const noexcept { return options_; }

private:
    [[nodiscard]] Result<runtime::unique_socket> open(
        const endpoint& local, const runtime::sockets::multicast_settings& multicast,
        bool joins) const;

    const udp_server_options options_;
};

}  // namespace network_system::core

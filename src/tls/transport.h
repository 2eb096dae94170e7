#pragma once

#include "tls/settings.h"
#include "transport/transport.h"

#include <memory>

namespace network_system::inline v0_1::transport {

/// A transport with TLS over a connected TCP socket.
[[nodiscard]] std::shared_ptr<transport> make_tls_transport(
    std::shared_ptr<runtime::loop> where, runtime::unique_socket socket,
    std::shared_ptr<const tls_settings> settings);

}  // namespace network_system::transport

#pragma once

#include "tls/settings.h"
#include "transport/transport.h"
#include "transport/tunnel_stream.h"

#include <memory>

namespace network_system::inline v0_1::transport {

/// A transport with TLS over a connected TCP socket.
[[nodiscard]] std::shared_ptr<transport> make_tls_transport(
    std::shared_ptr<runtime::loop> where, runtime::unique_socket socket,
    std::shared_ptr<const tls_settings> settings);

/// One in plain text to the target of a proxy that is spoken to over TLS.
[[nodiscard]] std::shared_ptr<transport> make_tunnel_transport(
    std::shared_ptr<runtime::loop> where, runtime::unique_socket socket,
    std::shared_ptr<const tls_settings> to_proxy, std::unique_ptr<tunnel_opening> opening);
/// The same with TLS to the target, inside that to the proxy.
[[nodiscard]] std::shared_ptr<transport> make_tls_tunnel_transport(
    std::shared_ptr<runtime::loop> where, runtime::unique_socket socket,
    std::shared_ptr<const tls_settings> to_proxy, std::unique_ptr<tunnel_opening> opening,
    std::shared_ptr<const tls_settings> to_target);

}  // namespace network_system::transport

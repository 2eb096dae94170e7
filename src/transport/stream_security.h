#pragma once

#include "transport/transport.h"
#include "transport/tunnel_stream.h"

#include <network_system/core/tls_config.h>
#include <network_system/utils/log.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/tls_info.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// What the connections of a server or client run over, where it is not plain TCP.
///
/// Thread-safety: every member may be called from any thread.
class stream_security {
public:
    stream_security() = default;
    stream_security(const stream_security&) = delete;
    stream_security& operator=(const stream_security&) = delete;
    virtual ~stream_security() = default;

    /// Before each start: makes the transports of connections to `host` (empty: to this server) and
    /// `port` (0: that of the connection). `source` names the server or client in errors.
    [[nodiscard]] virtual Result<transport::transport_factory> transports_to(
        std::string_view host, std::uint16_t port, std::string_view source) = 0;
    /// What a server says to a client for which it has no room.
    [[nodiscard]] virtual std::vector<std::uint8_t> refusal() const = 0;
    [[nodiscard]] virtual tls_metrics metrics() const = 0;
    /// Reads what is in files again, for new connections; on error the old stays in force.
    [[nodiscard]] virtual VoidResult reload(std::string_view source) = 0;
};

/// A configuration as one that HTTP is spoken over: "http/1.1" where it names no protocols.
[[nodiscard]] std::optional<tls_config> over_http(std::optional<tls_config> config);

/// What a configuration asks for; null for plain TCP. `log` gets its lines; null: the process's
/// sink. Error: `not_supported` (no TLS in this build).
[[nodiscard]] Result<std::shared_ptr<stream_security>> make_server_security(
    const std::optional<tls_config>& config, std::shared_ptr<log_output> log,
    std::string_view source);
[[nodiscard]] Result<std::shared_ptr<stream_security>> make_client_security(
    const std::optional<tls_config>& config, std::shared_ptr<log_output> log,
    std::string_view source);

/// The same for plain TCP too, for which `security` is null.
[[nodiscard]] Result<transport::transport_factory> make_transports(stream_security* security,
                                                                   std::string_view host,
                                                                   std::uint16_t port,
                                                                   std::string_view source);

/// A proxy that is spoken to over TLS.
struct secure_proxy {
    tls_config config;
    std::string host;
    std::uint16_t port;
    /// What is said to it, for each connection anew.
    std::function<std::unique_ptr<transport::tunnel_opening>()> open;
};

/// Makes the transports of connections to `host` and `port` through the proxy, over sockets that
/// are connected to it. `security` as above: that of the client whose target it is.
[[nodiscard]] Result<transport::transport_factory> make_transports_through(
    const secure_proxy& proxy, std::shared_ptr<log_output> log, stream_security* security,
    std::string_view host, std::uint16_t port, std::string_view source);

}  // namespace network_system::core

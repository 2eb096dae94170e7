#pragma once

#include <network_system/config.h>
#include <network_system/core/tls_config.h>
#include <network_system/export.h>
#include <network_system/internal/tcp_socket.h>

#include <memory>
#include <string_view>
#include <utility>

#if !NETWORK_SYSTEM_WITH_TLS
#error "This build of network_system has no TLS: it was configured with BUILD_TLS_SUPPORT=OFF."
#endif

namespace network_system::inline v0_1::internal {

/// A tcp_socket whose bytes travel encrypted. The handshake begins with `start_read`; what is sent
/// before it is complete waits for it. When it fails, the closed callback gets the reason.
///
/// Thread-safety, object lifetimes: those of tcp_socket.
class NETWORK_SYSTEM_EXPORT secure_tcp_socket : public tcp_socket {
public:
    /// Takes a connected socket over from Asio as the server of its connection; see
    /// tcp_socket::adopt. Reads the files of the configuration.
    ///
    /// Errors also: `invalid_argument` (see `tls_config`), `certificate_load_failed`; the socket is
    /// then left as it was.
    [[nodiscard]] static Result<std::unique_ptr<secure_tcp_socket>> adopt_server(
        asio::io_context& context, asio::ip::tcp::socket&& socket, const core::tls_config& config,
        const tcp_socket_options& options = {}) {
        return adopt(context, std::move(socket), prepare_server(config, options), options);
    }
    /// The same as the client. `host` is the name, or the address, that is asked for and verified,
    /// unless `tls_config::server_name` is; empty when there is none, which has to be allowed by
    /// `verify_peer`. Errors also: `invalid_argument` (no host).
    [[nodiscard]] static Result<std::unique_ptr<secure_tcp_socket>> adopt_client(
        asio::io_context& context, asio::ip::tcp::socket&& socket, std::string_view host,
        const core::tls_config& config, const tcp_socket_options& options = {}) {
        return adopt(context, std::move(socket), prepare_client(config, host, options), options);
    }
    secure_tcp_socket(const secure_tcp_socket&) = delete;
    secure_tcp_socket& operator=(const secure_tcp_socket&) = delete;
    ~secure_tcp_socket() override;

private:
    using tcp_socket::tcp_socket;
    [[nodiscard]] static Result<stream_kind_ptr> prepare_server(const core::tls_config& config,
                                                                const tcp_socket_options& options);
    [[nodiscard]] static Result<stream_kind_ptr> prepare_client(const core::tls_config& config,
                                                                std::string_view host,
                                                                const tcp_socket_options& options);
    [[nodiscard]] static std::unique_ptr<secure_tcp_socket> make(asio::io_context& context,
                                                                 native_handle handle,
                                                                 const tcp_socket_options& options,
                                                                 const stream_kind& kind);
    [[nodiscard]] static Result<std::unique_ptr<secure_tcp_socket>> adopt(
        asio::io_context& context, asio::ip::tcp::socket&& socket,
        const Result<stream_kind_ptr>& kind, const tcp_socket_options& options) {
        if (!kind) {
            return kind.error();
        }
        const auto taken = take(std::move(socket), options);
        if (!taken) {
            return taken.error();
        }
        return make(context, taken.value(), options, *kind.value());
    }
};

}  // namespace network_system::internal

#include "framed/tcp_socket_impl.h"
#include "tls/security.h"

#include <network_system/internal/secure_tcp_socket.h>

#include <utility>

namespace network_system::inline v0_1::internal {
namespace {

constexpr const char* secure_tcp_source = "secure_tcp_socket";

}  // namespace

secure_tcp_socket::~secure_tcp_socket() = default;

Result<stream_kind_ptr> secure_tcp_socket::prepare_server(const core::tls_config& config,
                                                          const tcp_socket_options& options) {
    return kind_of(core::server_tls(config, options.log).transports_to({}, 0, secure_tcp_source));
}

Result<stream_kind_ptr> secure_tcp_socket::prepare_client(const core::tls_config& config,
                                                          std::string_view host,
                                                          const tcp_socket_options& options) {
    return kind_of(core::client_tls(config, options.log).transports_to(host, 0, secure_tcp_source));
}

std::unique_ptr<secure_tcp_socket> secure_tcp_socket::make(asio::io_context& context,
                                                           native_handle handle,
                                                           const tcp_socket_options& options,
                                                           const stream_kind& kind) {
    return std::unique_ptr<secure_tcp_socket>(
        new secure_tcp_socket(make_impl(context, handle, options, kind)));
}

}  // namespace network_system::internal

#include "tls/transport.h"

#include "tls/stream.h"
#include "transport/plain_stream.h"
#include "transport/stream_transport_impl.h"

namespace network_system::inline v0_1::transport {

namespace {

using stream_to_proxy = tls_stream<plain_stream>;
using stream_through_proxy = tunnel_stream<stream_to_proxy>;

stream_through_proxy through_proxy(runtime::unique_socket socket,
                                   std::shared_ptr<const tls_settings> settings,
                                   std::unique_ptr<tunnel_opening> opening) {
    return {stream_to_proxy(plain_stream(std::move(socket)), std::move(settings)),
            std::move(opening)};
}

}  // namespace

template class stream_transport<tls_stream<plain_stream>>;
template class stream_transport<stream_through_proxy>;
template class stream_transport<tls_stream<stream_through_proxy>>;

std::shared_ptr<transport> make_tls_transport(std::shared_ptr<runtime::loop> where,
                                              runtime::unique_socket socket,
                                              std::shared_ptr<const tls_settings> settings) {
    return std::make_shared<stream_transport<tls_stream<plain_stream>>>(
        std::move(where),
        tls_stream<plain_stream>(plain_stream(std::move(socket)), std::move(settings)));
}

std::shared_ptr<transport> make_tunnel_transport(std::shared_ptr<runtime::loop> where,
                                                 runtime::unique_socket socket,
                                                 std::shared_ptr<const tls_settings> to_proxy,
                                                 std::unique_ptr<tunnel_opening> opening) {
    return std::make_shared<stream_transport<stream_through_proxy>>(
        std::move(where),
        through_proxy(std::move(socket), std::move(to_proxy), std::move(opening)));
}

std::shared_ptr<transport> make_tls_tunnel_transport(
    std::shared_ptr<runtime::loop> where, runtime::unique_socket socket,
    std::shared_ptr<const tls_settings> to_proxy, std::unique_ptr<tunnel_opening> opening,
    std::shared_ptr<const tls_settings> to_target) {
    return std::make_shared<stream_transport<tls_stream<stream_through_proxy>>>(
        std::move(where),
        tls_stream<stream_through_proxy>(
            through_proxy(std::move(socket), std::move(to_proxy), std::move(opening)),
            std::move(to_target)));
}

}  // namespace network_system::transport

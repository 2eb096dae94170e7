#include "tls/transport.h"

#include "tls/stream.h"
#include "transport/plain_stream.h"
#include "transport/stream_transport_impl.h"

namespace network_system::inline v0_1::transport {

template class stream_transport<tls_stream<plain_stream>>;

std::shared_ptr<transport> make_tls_transport(std::shared_ptr<runtime::loop> where,
                                              runtime::unique_socket socket,
                                              std::shared_ptr<const tls_settings> settings) {
    return std::make_shared<stream_transport<tls_stream<plain_stream>>>(
        std::move(where),
        tls_stream<plain_stream>(plain_stream(std::move(socket)), std::move(settings)));
}

}  // namespace network_system::transport

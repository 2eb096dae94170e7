#include "transport/plain_transport.h"

#include "transport/network_stream.h"
#include "transport/plain_stream.h"
#include "transport/stream_transport_impl.h"

namespace network_system::inline v0_1::transport {

template class stream_transport<plain_stream>;
template class stream_transport<network_stream>;

std::shared_ptr<transport> make_plain_transport(std::shared_ptr<runtime::loop> where,
                                                runtime::unique_socket socket) {
    if (runtime::network& net = where->net(); !net.is_native()) {
        return std::make_shared<stream_transport<network_stream>>(
            std::move(where), network_stream(std::move(socket), network_calls(net)));
    }
    return std::make_shared<stream_transport<plain_stream>>(std::move(where),
                                                            plain_stream(std::move(socket)));
}

}  // namespace network_system::transport

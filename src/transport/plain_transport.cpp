#include "transport/plain_transport.h"

#include "transport/plain_stream.h"
#include "transport/stream_transport.ipp"

namespace network_system::transport {

template class stream_transport<plain_stream>;

std::shared_ptr<transport> make_plain_transport(std::shared_ptr<runtime::loop> where,
                                                runtime::unique_socket socket) {
    return std::make_shared<stream_transport<plain_stream>>(std::move(where),
                                                            plain_stream(std::move(socket)));
}

}  // namespace network_system::transport

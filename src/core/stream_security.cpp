#include "core/stream_security.h"

#include "transport/plain_transport.h"

namespace network_system::core {

Result<engine::make_transport> make_transports(stream_security* security, std::string_view host,
                                               std::string_view source) {
    if (security == nullptr) {
        return engine::make_transport(transport::make_plain_transport);
    }
    return security->transports_to(host, source);
}

}  // namespace network_system::core

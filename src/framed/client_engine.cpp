#include "framed/client_engine.h"

#include <utility>

namespace network_system::inline v0_1::core {

void framed_client_engine::notify_connected(const session_ptr& who) {
    callbacks().connected(who);
}

void framed_client_engine::notify_error(const session_ptr& who, std::error_code reason) {
    callbacks().failed(who, reason);
}

void framed_client_engine::notify_disconnected(const session_ptr& who, std::error_code reason) {
    callbacks().disconnected(who, reason);
}

void framed_client_engine::notify_reconnecting(const reconnect_attempt& next) {
    callbacks().reconnecting(next);
}

}  // namespace network_system::core

#include <network_system/session/ws_connection.h>

namespace network_system::session {

// Here, so that its table of virtual functions is in one place.
ws_connection::~ws_connection() = default;

}  // namespace network_system::session

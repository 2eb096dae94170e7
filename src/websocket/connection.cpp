#include <network_system/core/ws_session_manager.h>
#include <network_system/session/ws_connection.h>

namespace network_system {
namespace session {

// Here, so that its table of virtual functions is in one place.
ws_connection::~ws_connection() = default;

}  // namespace session

namespace core {

// Not in the header, because programs may be compiled without RTTI.
std::shared_ptr<session::ws_connection> as_connection(
    const std::shared_ptr<session::messaging_session>& session) {
    return std::dynamic_pointer_cast<session::ws_connection>(session);
}

}  // namespace core
}  // namespace network_system

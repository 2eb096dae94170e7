#ifdef _WIN32

#include "os/descriptor_handover.h"

namespace network_system::inline v0_1::runtime {

handed_socket receive_socket(const endpoint&, detail::steady_time, std::error_code& error) {
    error = std::make_error_code(std::errc::operation_not_supported);
    return {};
}

std::error_code send_socket(const endpoint&, socket_handle, std::uint8_t, detail::steady_time) {
    return std::make_error_code(std::errc::operation_not_supported);
}

namespace sockets {

unique_socket duplicate(socket_handle, std::error_code& error) noexcept {
    error = std::make_error_code(std::errc::operation_not_supported);
    return {};
}

bool is_listening(socket_handle) {
    return false;
}

}  // namespace sockets
}  // namespace network_system::runtime

#endif

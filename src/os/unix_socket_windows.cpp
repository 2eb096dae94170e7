#ifdef _WIN32

#include "os/unix_socket.h"
#include "utils/failure.h"

namespace network_system::inline v0_1::runtime {

unix_socket_file unix_socket_file::at(const std::string&) {
    return {};
}

bool unix_socket_file::is_there() const {
    return false;
}

void unix_socket_file::remove() noexcept {
    path_.clear();
}

namespace sockets {

VoidResult check_unix_path(const std::string&, std::string_view source) {
    return detail::failure(errc::not_supported, "Unix domain sockets on this platform", source);
}

unique_socket listen(const endpoint&, const unix_settings&, unix_socket_file&,
                     std::error_code& error) {
    error = std::make_error_code(std::errc::operation_not_supported);
    return {};
}

}  // namespace sockets
}  // namespace network_system::runtime

#endif

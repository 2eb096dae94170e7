#include "server/listening_socket.h"

#include "lifecycle/addresses.h"
#include "os/descriptor_handover.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <utility>

namespace network_system::core {
namespace {

std::string describe(const server_options& options, std::uint16_t port) {
    return describe_target(options.bind_address.empty() ? "*" : options.bind_address, port);
}

error_info not_simulated(const char* what, std::string_view source) {
    return detail::failure(errc::not_supported, fmt::format("{} in a simulation", what), source);
}

}  // namespace

Result<listening_socket> listening_socket::open(runtime::network& net,
                                                const server_options& options, std::uint16_t port,
                                                const std::string& source) {
    const auto local = parse_bind_address(options.bind_address, port, source);
    if (!local) {
        return local.error();
    }
    listening_socket opened;
    opened.is_native_ = net.is_native();
    std::error_code error;
    if (local.value().kind() == endpoint::family::unix_domain) {
        if (!net.is_native()) {
            return not_simulated("Unix domain sockets", source);
        }
        opened.socket_ = runtime::sockets::listen(
            local.value(),
            runtime::sockets::unix_settings{options.backlog, options.unix_permissions},
            opened.file_, error);
    } else {
        opened.socket_ = net.listen(local.value(),
                                    runtime::sockets::listen_settings{
                                        options.socket.reuse_address, options.socket.reuse_port,
                                        options.backlog, options.socket.receive_buffer_size},
                                    error);
    }
    if (error) {
        return detail::failure(errc::bind_failed, "cannot listen on " + describe(options, port),
                               source, error);
    }
    opened.handle_ = opened.socket_.get();
    opened.local_ = net.local_endpoint(opened.handle_);
    return opened;
}

Result<listening_socket> listening_socket::adopt(const runtime::network& net,
                                                 const server_options& options, listener&& taken,
                                                 std::string_view source) {
    if (!net.is_native()) {
        return not_simulated("listeners apart from servers", source);
    }
    if (!taken.is_open()) {
        return detail::failure(errc::invalid_argument, "the listener is not open", source);
    }
    const auto size = options.socket.receive_buffer_size;
    if (const auto error = runtime::sockets::set_receive_buffer(
            static_cast<runtime::socket_handle>(taken.descriptor_), size)) {
        return detail::failure(errc::bind_failed, "cannot set receive_buffer_size of the listener",
                               source, error);
    }
    listening_socket adopted;
    adopted.may_be_shared_ = true;
    adopted.local_ = taken.local_endpoint();
    if (taken.owns_file() && adopted.local_.kind() == endpoint::family::unix_domain) {
        adopted.file_ = runtime::unix_socket_file::at(adopted.local_.path());
    }
    adopted.handle_ = static_cast<runtime::socket_handle>(std::exchange(taken.descriptor_, -1));
    adopted.socket_ = runtime::unique_socket(adopted.handle_);
    return adopted;
}

Result<listener> listening_socket::share(std::string_view source) {
#ifdef _WIN32
    return detail::failure(errc::not_supported, "listeners apart from servers on this platform",
                           source);
#else
    if (!is_native_) {
        return not_simulated("listeners apart from servers", source);
    }
    std::error_code error;
    auto copy = runtime::sockets::duplicate(handle_, error);
    if (error) {
        return detail::failure(errc::connection_failed,
                               "cannot duplicate the socket that listens on " + local_.to_string(),
                               source, error);
    }
    const bool owns_file = !file_.is_empty();
    file_ = {};
    may_be_shared_ = true;
    return listener(copy.release(), owns_file);
#endif
}

}  // namespace network_system::core

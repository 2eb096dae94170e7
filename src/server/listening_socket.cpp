#include "server/listening_socket.h"

#include "lifecycle/addresses.h"
#include "os/descriptor_handover.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <utility>

namespace network_system::inline v0_1::core {
namespace {

std::string describe(const listen_address& where) {
    return describe_target(where.host.empty() ? "*" : where.host, where.port.value_or(0));
}

error_info not_simulated(const char* what, std::string_view source) {
    return detail::failure(errc::not_supported, fmt::format("{} in a simulation", what), source);
}

}  // namespace

Result<std::vector<listening_socket>> listening_socket::open_all(runtime::network& net,
                                                                 const server_options& options,
                                                                 std::uint16_t port,
                                                                 const std::string& source) {
    std::vector<listen_address> addresses{{options.bind_address, port}};
    addresses.insert(addresses.end(), options.listen_addresses.begin(),
                     options.listen_addresses.end());
    std::vector<listening_socket> all;
    for (listen_address& each : addresses) {
        if (!each.port) {
            each.port =
                each.host.starts_with("unix:") ? std::uint16_t{0} : all.front().local().port();
        }
        auto opened = open(net, options, each, source);
        if (!opened) {
            for (listening_socket& one : all) {
                one.close();
            }
            return opened.error();
        }
        all.push_back(std::move(opened).value());
    }
    return all;
}

Result<listening_socket> listening_socket::open(runtime::network& net,
                                                const server_options& options,
                                                const listen_address& where,
                                                const std::string& source) {
    const auto local = parse_bind_address(where.host, where.port.value_or(0), source);
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
        return detail::failure(errc::bind_failed, "cannot listen on " + describe(where), source,
                               error);
    }
    opened.handle_ = opened.socket_.get();
    opened.local_ = net.local_endpoint(opened.handle_);
    return opened;
}

Result<std::vector<listening_socket>> listening_socket::adopt_all(const runtime::network& net,
                                                                  const server_options& options,
                                                                  std::span<listener> taken,
                                                                  std::string_view source) {
    if (!net.is_native()) {
        return not_simulated("listeners apart from servers", source);
    }
    if (taken.empty()) {
        return detail::failure(errc::invalid_argument, "there is no listener", source);
    }
    for (const listener& each : taken) {
        if (!each.is_open()) {
            return detail::failure(errc::invalid_argument, "the listener is not open", source);
        }
        const auto error = runtime::sockets::set_receive_buffer(
            static_cast<runtime::socket_handle>(each.descriptor_),
            options.socket.receive_buffer_size);
        if (error) {
            return detail::failure(errc::bind_failed,
                                   "cannot set receive_buffer_size of the listener", source, error);
        }
    }
    std::vector<listening_socket> all;
    all.reserve(taken.size());
    for (listener& each : taken) {
        all.push_back(adopt(each));
    }
    return all;
}

listening_socket listening_socket::adopt(listener& taken) {
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

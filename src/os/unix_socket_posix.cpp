#ifndef _WIN32

#include "os/socket_platform.h"
#include "os/unix_socket.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::runtime {

unix_socket_file unix_socket_file::at(const std::string& path) {
    unix_socket_file file;
    struct ::stat found {};
    if (::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) {
        file.path_ = path;
        file.device_ = static_cast<std::uint64_t>(found.st_dev);
        file.inode_ = static_cast<std::uint64_t>(found.st_ino);
    }
    return file;
}

bool unix_socket_file::is_there() const {
    const unix_socket_file now = at(path_);
    return !is_empty() && found_in_.is_here() && now.device_ == device_ && now.inode_ == inode_;
}

void unix_socket_file::remove() noexcept {
    if (is_there()) {
        // A directory that no longer lets it be removed leaves a stale file: the next start
        // replaces it, or says why it cannot.
        (void)::unlink(path_.c_str());
    }
    path_.clear();
}

namespace sockets {
namespace {

constexpr std::size_t path_capacity = sizeof(::sockaddr_un::sun_path);
constexpr std::size_t path_offset = offsetof(::sockaddr_un, sun_path);

bool is_abstract(const std::string& path) noexcept {
    return path.starts_with('@');
}

/// Whether the file is left from a server that is gone: it is a socket, and nobody accepts there.
bool is_stale(const endpoint& local) {
    if (unix_socket_file::at(local.path()).is_empty()) {
        return false;
    }
    unique_socket probe;
    const auto begun = connect(local, {}, probe);
    return begun.kind == outcome::failed && begun.error == std::errc::connection_refused;
}

std::error_code bind_to(socket_handle handle, const endpoint& local) noexcept {
    socket_address address = to_native(local);
    return ::bind(handle, address.get(), address.length) == 0 ? std::error_code{} : last_error();
}

std::error_code listen_at(socket_handle handle, const std::string& path,
                          const unix_settings& settings) noexcept {
    // Nobody can connect before listen: who must not never could.
    if (settings.permissions != 0 && !is_abstract(path) &&
        ::chmod(path.c_str(), static_cast<::mode_t>(settings.permissions)) != 0) {
        return last_error();
    }
    return ::listen(handle, settings.backlog > 0 ? settings.backlog : SOMAXCONN) == 0
               ? std::error_code{}
               : last_error();
}

}  // namespace

void put_unix_path(socket_address& address, const endpoint& value) noexcept {
    ::sockaddr_un native{};
    native.sun_family = AF_UNIX;
    const std::string& path = value.path();
    const std::size_t length = std::min(path.size(), path_capacity - 1);
    std::memcpy(native.sun_path, path.data(), length);
    // An abstract name begins with a NUL and ends with the address; a path ends with a NUL.
    const bool has_end = !is_abstract(path);
    if (!has_end) {
        native.sun_path[0] = '\0';
    }
    std::memcpy(&address.storage, &native, sizeof native);
    address.length = static_cast<socklen_type>(path_offset + length + (has_end ? 1 : 0));
}

endpoint unix_endpoint_of(const socket_address& address) {
    ::sockaddr_un native{};
    const auto known = std::min<std::size_t>(address.length, sizeof native);
    std::memcpy(&native, &address.storage, known);
    if (known <= path_offset) {
        return endpoint::unix_domain({});
    }
    const std::string_view stored(native.sun_path, known - path_offset);
    if (stored.front() == '\0') {
        // Some systems give a socket without a name an address of zeros.
        const bool is_nameless = stored.find_first_not_of('\0') == std::string_view::npos;
        return endpoint::unix_domain(is_nameless ? std::string()
                                                 : '@' + std::string(stored.substr(1)));
    }
    return endpoint::unix_domain(std::string(stored.substr(0, stored.find('\0'))));
}

VoidResult check_unix_path(const std::string& path, std::string_view source) {
    const auto wrong = [&](errc code, std::string what) -> VoidResult {
        return detail::failure(code, "the path of a Unix domain socket " + std::move(what), source);
    };
    if (path.empty() || path == "@") {
        return wrong(errc::invalid_argument, "is empty");
    }
    if (path.find('\0') != std::string::npos) {
        return wrong(errc::invalid_argument, "contains a NUL");
    }
    if (path.size() >= path_capacity) {
        return wrong(errc::invalid_argument, fmt::format("has {} bytes, and at most {} fit",
                                                         path.size(), path_capacity - 1));
    }
#ifndef __linux__
    if (is_abstract(path)) {
        return wrong(errc::not_supported, "is an abstract name, which exists on Linux only");
    }
#endif
    return ok();
}

unique_socket listen(const endpoint& local, const unix_settings& settings, unix_socket_file& file,
                     std::error_code& error) {
    unique_socket listener = open_stream_socket(AF_UNIX, error);
    if (error) {
        return {};
    }
    error = bind_to(listener.get(), local);
    if (error == std::errc::address_in_use && !is_abstract(local.path()) && is_stale(local)) {
        unix_socket_file::at(local.path()).remove();
        error = bind_to(listener.get(), local);
    }
    if (error) {
        return {};
    }
    file = is_abstract(local.path()) ? unix_socket_file{} : unix_socket_file::at(local.path());
    error = listen_at(listener.get(), local.path(), settings);
    if (error) {
        file.remove();
        return {};
    }
    if (!is_abstract(local.path()) && !file.is_there()) {
        // Another server started at this moment and took the file, not listening yet, for stale.
        error = std::make_error_code(std::errc::address_in_use);
        return {};
    }
    return listener;
}

}  // namespace sockets
}  // namespace network_system::runtime

#endif

#pragma once

#include "os/native_socket.h"
#include "utils/process.h"

#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace network_system::inline v0_1::runtime {

/// The file of a listening Unix domain socket, while it is this process's to remove. Empty for
/// names in the abstract namespace, which have no file. A forked child has none either: its parent
/// listens on.
///
/// Object lifetimes: dropping it leaves the file.
class unix_socket_file {
public:
    unix_socket_file() = default;
    /// The socket file at the path as it is now; empty when there is none.
    [[nodiscard]] static unix_socket_file at(const std::string& path);

    /// Whether the path still names this file.
    [[nodiscard]] bool is_there() const;
    /// Removes the file, unless another has taken its place.
    void remove() noexcept;
    [[nodiscard]] bool is_empty() const noexcept { return path_.empty(); }

private:
    std::string path_;
    detail::origin found_in_;
    std::uint64_t device_ = 0;
    std::uint64_t inode_ = 0;
};

namespace sockets {

struct unix_settings {
    int backlog = 0;
    /// Mode bits of the socket file; 0 = what the umask leaves.
    unsigned permissions = 0;
};

/// What is wrong with a path or "@name" as the address of a Unix domain socket, or ok. Errors:
/// `invalid_argument` (empty, too long, with a NUL), `not_supported` on this platform.
[[nodiscard]] VoidResult check_unix_path(const std::string& path, std::string_view source);

/// A bound, listening, non-blocking, close-on-exec Unix domain socket. The file of a server that is
/// gone is replaced; `address_in_use` when somebody accepts there, or when the file is no socket.
[[nodiscard]] unique_socket listen(const endpoint& local, const unix_settings& settings,
                                   unix_socket_file& file, std::error_code& error);

}  // namespace sockets
}  // namespace network_system::runtime

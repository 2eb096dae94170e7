#pragma once

#include "os/unix_socket.h"
#include "runtime/network.h"

#include <network_system/core/listener.h>
#include <network_system/core/options.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

/// One address that a server listens on: the socket, until the acceptor takes it, and the file of a
/// Unix domain socket.
///
/// Thread-safety: none.
class listening_socket {
public:
    listening_socket() = default;

    /// Binds and listens wherever the options say, or nowhere. The first one is on `port`. Errors:
    /// `bind_failed` (which names the address), `invalid_argument`, `not_supported`.
    [[nodiscard]] static Result<std::vector<listening_socket>> open_all(
        runtime::network& net, const server_options& options, std::uint16_t port,
        const std::string& source);

    /// What another process or a supervisor has opened; all stay open, and `taken`'s, on error.
    [[nodiscard]] static Result<std::vector<listening_socket>> adopt_all(
        const runtime::network& net, const server_options& options, std::span<listener> taken,
        std::string_view source);

    /// A duplicate of the socket, with which the file of a Unix domain socket goes. Only until
    /// `close`.
    [[nodiscard]] Result<listener> share(std::string_view source);

    /// Where it listens, with the port that the system picked.
    [[nodiscard]] const endpoint& local() const noexcept { return local_; }
    [[nodiscard]] runtime::unique_socket take() noexcept { return std::move(socket_); }
    /// Removes the file, unless it was shared: nobody is to come any more.
    void close() noexcept { file_.remove(); }
    /// Whether another process or server may go on listening here: it was shared, or came from
    /// elsewhere. What waits in the queue is theirs then.
    [[nodiscard]] bool may_be_shared() const noexcept { return may_be_shared_; }

private:
    [[nodiscard]] static Result<listening_socket> open(runtime::network& net,
                                                       const server_options& options,
                                                       const listen_address& where,
                                                       const std::string& source);
    [[nodiscard]] static listening_socket adopt(listener& taken);

    runtime::unique_socket socket_;
    // Of the socket, also when the acceptor has it.
    runtime::socket_handle handle_ = runtime::invalid_socket;
    bool is_native_ = true;
    bool may_be_shared_ = false;
    runtime::unix_socket_file file_;
    endpoint local_;
};

}  // namespace network_system::core

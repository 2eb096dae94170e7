#pragma once

#include "os/native_socket.h"

#include <network_system/utils/unique_function.h>

#include <cstdint>
#include <memory>
#include <string>

namespace network_system::inline v0_1::runtime {

class loop;
struct name_question;
struct resolve_result;

/// What a loop's connections are made with: the machine's sockets, or a simulation's. Everything
/// above it, acceptor and connector included, is the same code in both.
///
/// Called for what happens once per connection. Reading and writing pass it by where the sockets
/// are the machine's (see transport/plain_stream.h). The calls mean what those of
/// `runtime::sockets` mean.
///
/// Thread-safety: `listen`, `local_endpoint` and `close` from any thread; the rest on a loop.
class network : public socket_closer {
public:
    network() = default;
    network(const network&) = delete;
    network& operator=(const network&) = delete;

    [[nodiscard]] virtual bool is_native() const noexcept = 0;

    [[nodiscard]] virtual unique_socket listen(const endpoint& local,
                                               const sockets::listen_settings& settings,
                                               std::error_code& error) = 0;
    [[nodiscard]] virtual sockets::io_result accept(socket_handle listener, unique_socket& accepted,
                                                    endpoint& peer) = 0;
    [[nodiscard]] virtual sockets::io_result connect(const endpoint& peer,
                                                     const sockets::connect_settings& settings,
                                                     unique_socket& connecting) = 0;
    [[nodiscard]] virtual std::error_code connect_result(socket_handle handle) noexcept = 0;
    /// See resolver.h.
    [[nodiscard]] virtual std::shared_ptr<name_question> resolve(
        const std::shared_ptr<loop>& target, const std::string& host, std::uint16_t port,
        unique_function<void(resolve_result)> answer) = 0;

    [[nodiscard]] virtual std::error_code apply(socket_handle handle,
                                                const sockets::tcp_settings& settings,
                                                endpoint::family family) noexcept = 0;
    [[nodiscard]] virtual sockets::io_result read(socket_handle handle,
                                                  std::span<const io_slice> into) = 0;
    [[nodiscard]] virtual sockets::io_result write(socket_handle handle,
                                                   std::span<const io_slice> from) = 0;
    [[nodiscard]] virtual sockets::unacknowledged count_unacknowledged(
        socket_handle handle, std::uint32_t written,
        sockets::unacknowledged::unit known) noexcept = 0;
    virtual void shutdown_write(socket_handle handle) = 0;
    virtual void reset_on_close(socket_handle handle) noexcept = 0;
    // close: see socket_closer.
    [[nodiscard]] virtual endpoint local_endpoint(socket_handle handle) = 0;

protected:
    ~network() = default;
};

/// The machine's sockets.
[[nodiscard]] network& native_network() noexcept;

}  // namespace network_system::runtime

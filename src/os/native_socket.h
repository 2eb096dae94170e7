#pragma once

#include <network_system/utils/endpoint.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <sys/uio.h>
#endif

namespace network_system::inline v0_1::detail {
class host;
}

namespace network_system::inline v0_1::runtime {

#ifdef _WIN32
using socket_handle = SOCKET;
inline constexpr socket_handle invalid_socket = INVALID_SOCKET;

/// A piece of memory for scattered reads and gathered writes.
struct io_slice {
    io_slice() = default;
    io_slice(const void* start, std::size_t length) noexcept
        : buffer{static_cast<ULONG>(length), static_cast<CHAR*>(const_cast<void*>(start))} {}
    [[nodiscard]] std::uint8_t* data() const noexcept {
        return reinterpret_cast<std::uint8_t*>(buffer.buf);
    }
    [[nodiscard]] std::size_t size() const noexcept { return buffer.len; }
    WSABUF buffer{};
};
#else
using socket_handle = int;
inline constexpr socket_handle invalid_socket = -1;

/// A piece of memory for scattered reads and gathered writes; laid out as the system wants it.
struct io_slice {
    io_slice() = default;
    io_slice(const void* start, std::size_t length) noexcept
        : buffer{const_cast<void*>(start), length} {}
    [[nodiscard]] std::uint8_t* data() const noexcept {
        return static_cast<std::uint8_t*>(buffer.iov_base);
    }
    [[nodiscard]] std::size_t size() const noexcept { return buffer.iov_len; }
    ::iovec buffer;
};
#endif

/// Closes the sockets that it has opened.
class socket_closer {
public:
    virtual void close(socket_handle handle) noexcept = 0;

protected:
    ~socket_closer() = default;
};

/// An open socket, closed when dropped.
///
/// Object lifetimes: `origin` outlives the socket.
class unique_socket {
public:
    unique_socket() = default;
    /// Null: a socket of the machine.
    explicit unique_socket(socket_handle handle, socket_closer* origin = nullptr) noexcept
        : origin_(origin), handle_(handle) {}
    unique_socket(unique_socket&& other) noexcept
        : origin_(other.origin_), handle_(std::exchange(other.handle_, invalid_socket)) {}
    unique_socket& operator=(unique_socket&& other) noexcept {
        if (this != &other) {
            reset();
            origin_ = other.origin_;
            handle_ = std::exchange(other.handle_, invalid_socket);
        }
        return *this;
    }
    unique_socket(const unique_socket&) = delete;
    unique_socket& operator=(const unique_socket&) = delete;
    ~unique_socket() { reset(); }

    explicit operator bool() const noexcept { return handle_ != invalid_socket; }
    [[nodiscard]] socket_handle get() const noexcept { return handle_; }
    [[nodiscard]] socket_handle release() noexcept {
        return std::exchange(handle_, invalid_socket);
    }
    void reset() noexcept;

private:
    socket_closer* origin_ = nullptr;
    socket_handle handle_ = invalid_socket;
};

/// The non-blocking socket calls this library uses, one spelling for every platform. Errors are
/// `std::system_category` codes; "would block" and "interrupted" never come out as such: see each.
namespace sockets {

struct tcp_settings {
    bool no_delay = true;
    bool keep_alive = true;
    int send_buffer_size = 0;
    int receive_buffer_size = 0;
};

/// What a connecting socket is like.
struct connect_settings {
    tcp_settings socket;
    /// Where it comes from; unspecified = any address of the peer's family. Port 0 = any.
    endpoint local{};
};

struct listen_settings {
    bool reuse_address = true;
    bool reuse_port = false;
    int backlog = 0;
    /// 0 = the system's choice. Accepted connections inherit it, and with it the scale of their
    /// window, which the handshake fixes: set on them it comes too late (RFC 7323, section 2.2).
    int receive_buffer_size = 0;
};

enum class outcome : std::uint8_t { done, would_block, end, failed };

struct io_result {
    outcome kind = outcome::done;
    std::size_t bytes = 0;
    std::error_code error{};
};

/// Reads what is there: `done` with at least one byte, `end` at the end of the stream.
[[nodiscard]] io_result read(socket_handle handle, std::span<const io_slice> into) noexcept;
/// Writes what fits: `done` with at least one byte. Never raises SIGPIPE.
[[nodiscard]] io_result write(socket_handle handle, std::span<const io_slice> from) noexcept;

/// A bound, listening, non-blocking, close-on-exec TCP socket. An unspecified address means all
/// addresses, dual stack where the machine has IPv6. For Unix domain sockets see unix_socket.h.
[[nodiscard]] unique_socket listen(const endpoint& local, const listen_settings& settings,
                                   std::error_code& error);

/// See listen_settings::receive_buffer_size; for one that listens already, of the connections that
/// come from now on.
[[nodiscard]] std::error_code set_receive_buffer(socket_handle listener, int size) noexcept;

/// `done` fills `accepted` and `peer`; `would_block` when the queue is empty.
[[nodiscard]] io_result accept(socket_handle listener, unique_socket& accepted, endpoint& peer);

/// Begins a connect: `done` when connected at once, `would_block` while it goes on. A Unix domain
/// server whose queue is full fails it with `resource_unavailable_try_again`.
[[nodiscard]] io_result connect(const endpoint& peer, const connect_settings& settings,
                                unique_socket& connecting) noexcept;
/// How a connect that became writable ended; of a connected socket, what broke it (SO_ERROR). Takes
/// it away: it is told once.
[[nodiscard]] std::error_code connect_result(socket_handle handle) noexcept;

/// Of the settings those that a socket of this family has.
[[nodiscard]] std::error_code apply(socket_handle handle, const tcp_settings& settings,
                                    endpoint::family family) noexcept;

/// What was written and the peer's system has not acknowledged yet, as far as ours tells.
struct unacknowledged {
    /// What `size` counts. `buffers`: memory, of which a buffer is given back when all of it has
    /// been read (Unix domain sockets). `unknown`: nothing.
    enum class unit : std::uint8_t { unknown, bytes, buffers };
    unit counts = unit::unknown;
    std::uint32_t size = 0;
};
/// `written`: all that was ever written, modulo 2^32. `known`: the unit that an earlier call for
/// this socket has found; it saves a system call.
[[nodiscard]] unacknowledged count_unacknowledged(socket_handle handle, std::uint32_t written,
                                                  unacknowledged::unit known) noexcept;

void shutdown_write(socket_handle handle) noexcept;
/// The next close discards what is unsent and resets the connection.
void reset_on_close(socket_handle handle) noexcept;
void close(socket_handle handle) noexcept;

[[nodiscard]] endpoint local_endpoint(socket_handle handle);
[[nodiscard]] endpoint remote_endpoint(socket_handle handle);

/// The index of a network interface, from its name or number; 0 when there is none of the name.
[[nodiscard]] std::uint32_t interface_index(const std::string& name) noexcept;

/// A host that needs no resolver: a numeric address or a Unix domain socket. Unspecified for a
/// name, and for a zone that is no interface of this machine.
[[nodiscard]] endpoint address_of(const detail::host& host, std::uint16_t port);
/// The same of a text; unspecified also when it is no host.
[[nodiscard]] endpoint parse_address(const std::string& text, std::uint16_t port);

}  // namespace sockets
}  // namespace network_system::runtime

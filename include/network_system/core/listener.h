#pragma once

#include <network_system/export.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/strict_bool.h>

#include <chrono>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::core {

class listening_socket;

/// A socket that listens, apart from the server that serves it: it can be handed to another process
/// while the operating system goes on queueing connections, so that a new version of a program
/// takes over without refusing one (hot restart), or come from a supervisor that has opened it
/// (systemd's socket activation passes descriptor 3 and on).
///
///     // the old process                          // the new process
///     auto shared = server.share_listener();      auto taken = listener::receive_from(
///     shared.value().send_to("unix:/run/app.new",     "unix:/run/app.new", 10s);
///                            10s);                server.start_server(std::move(taken).value());
///     server.stop_server();  // drains
///
/// For POSIX systems; elsewhere the functions answer `not_supported`.
///
/// Thread-safety: as a value type; distinct objects are independent.
///
/// Object lifetimes: the destructor closes this process's descriptor. Others keep theirs, and as
/// long as one is open connections are queued. The file of a Unix domain socket stays; the server
/// that serves a received or shared listener removes it at its stop, an adopted one's stays with
/// whoever made it. A child of fork() has the listener as well, and may serve it; the file stays
/// with the parent.
class NETWORK_SYSTEM_EXPORT listener {
public:
    /// None: not open.
    listener() noexcept = default;
    listener(listener&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)),
          file_owner_(std::exchange(other.file_owner_, 0U)) {}
    listener& operator=(listener&& other) noexcept;
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;
    ~listener();

    /// Takes over a descriptor of this process, which makes it non-blocking and close-on-exec. On
    /// error it stays with the caller. Error: `invalid_argument` (it is no listening stream
    /// socket).
    [[nodiscard]] static Result<listener> adopt(int descriptor);

    /// Waits at `address` ("unix:/path", "unix:@name" on Linux) until a process of the same user,
    /// or of root, sends a listener. Blocks for at most `timeout`.
    ///
    /// Errors: `invalid_argument` (address, negative timeout), `bind_failed`, `connection_timeout`,
    /// `would_block` (inside a library callback).
    [[nodiscard]] static Result<listener> receive_from(std::string_view address,
                                                       std::chrono::milliseconds timeout);
    /// Sends a duplicate to the process of the same user, or of root, that receives at `address`,
    /// or will before `timeout` is over. Ok when that process has it; this object stays open.
    ///
    /// Errors: `invalid_argument` (address, negative timeout, not open), `connection_timeout`,
    /// `connection_failed`, `would_block` (inside a library callback).
    [[nodiscard]] VoidResult send_to(std::string_view address, std::chrono::milliseconds timeout);

    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Where it listens; unspecified when it is not open.
    [[nodiscard]] endpoint local_endpoint() const;
    /// The descriptor, which stays this object's; -1 when it is not open.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }

private:
    friend class listening_socket;
    listener(int descriptor, strict_bool owns_file) noexcept;
    [[nodiscard]] bool owns_file() const noexcept;

    int descriptor_ = -1;
    // Whether the server that serves it removes the file of a Unix domain socket.
    // 0, or one more than the depth of the process it does so in: a forked child does not.
    unsigned file_owner_ = 0;
};

}  // namespace network_system::core

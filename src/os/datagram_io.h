#pragma once

#include "os/datagram_socket.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

namespace network_system::inline v0_1::runtime {

/// A datagram to be sent; `to` is null on a connected socket, and `from` where the system chooses.
struct outgoing_datagram {
    const datagram_address* to = nullptr;
    std::span<const std::uint8_t> bytes;
    const datagram_source* from = nullptr;
};

/// What one place of a receive got: a datagram, or several of one peer that the system has put
/// together. Valid until the next receive on the same memory.
struct incoming_datagrams {
    std::span<const std::uint8_t> bytes;
    /// The size of each but the last, which may be shorter; 0 = there is one.
    std::size_t segment_size = 0;
    datagram_address* from = nullptr;
    /// What they were sent to, as the source of the answers; see `reports_destinations`.
    datagram_source asked{};
    /// The system cut off what did not fit.
    bool is_truncated = false;
};

struct datagram_send_result {
    /// How many of the datagrams the system has taken, from the first on.
    std::size_t sent = 0;
    /// Why it did not take the one after them, unless it has taken all or would block.
    std::error_code error{};
    bool would_block = false;
    /// System calls made.
    std::size_t calls = 0;
    /// What the network has said of a datagram that was sent before; none of these is harmed. There
    /// may be more to send.
    std::error_code earlier{};
    /// How many have left without the source they were to have, which is gone, and their peer.
    /// There may be more to send.
    std::size_t without_source = 0;
    const datagram_address* source_gone = nullptr;
};

struct datagram_receive_result {
    std::span<const incoming_datagrams> received;
    /// Of the socket, such as a refusal by the peer; reading goes on after it.
    std::error_code error{};
    /// Every place was filled: there may be more.
    bool may_have_more = false;
};

struct datagram_io_settings {
    /// How many datagrams one call receives or sends at most, 1 … 64.
    std::size_t batch_size = 64;
    /// A datagram that is longer comes with more bytes than this, or cut off.
    std::size_t max_datagram_size = 65'507;
    bool uses_segmentation = true;
    bool uses_coalescing = true;
    /// Datagrams are received with what they were sent to, and may be given a source.
    bool reports_destinations = false;
    /// The socket has a peer already, whatever address a datagram has.
    bool is_connected = false;
};

/// The system calls of one UDP socket, many datagrams a call where the system can.
///
/// Thread-safety: none; used on the loop's executor.
class datagram_io {
public:
    /// The most datagrams that one `send` takes.
    static constexpr std::size_t max_send = 512;

    datagram_io() = default;
    datagram_io(const datagram_io&) = delete;
    datagram_io& operator=(const datagram_io&) = delete;
    virtual ~datagram_io() = default;

    /// How much memory `receive` wants for the bytes.
    [[nodiscard]] virtual std::size_t memory_size() const noexcept = 0;
    [[nodiscard]] virtual datagram_receive_result receive(socket_handle handle,
                                                          std::span<std::uint8_t> memory) = 0;
    /// Sends until the system takes no more, or there is something to tell.
    [[nodiscard]] virtual datagram_send_result send(socket_handle handle,
                                                    std::span<const outgoing_datagram> what) = 0;

    /// Datagrams the system dropped because the socket's buffer was full, as far as it tells. A
    /// system call.
    [[nodiscard]] virtual std::uint64_t kernel_drops(socket_handle handle) noexcept = 0;
    /// Whether the system cuts large sends into datagrams (GSO), and puts received ones together
    /// (GRO).
    [[nodiscard]] virtual bool has_segmentation() const noexcept = 0;
    [[nodiscard]] virtual bool has_coalescing() const noexcept = 0;
};

/// The choice between the calls of Linux and those of every platform. `is_portable`: the latter.
[[nodiscard]] std::unique_ptr<datagram_io> make_datagram_io(socket_handle handle,
                                                            const datagram_io_settings& settings,
                                                            bool is_portable);

/// recvmmsg and sendmmsg. Null where they do not exist.
[[nodiscard]] std::unique_ptr<datagram_io> make_batched_datagram_io(
    socket_handle handle, const datagram_io_settings& settings);
/// recvfrom and sendto; recvmsg and sendmsg with destinations.
[[nodiscard]] std::unique_ptr<datagram_io> make_portable_datagram_io(
    const datagram_io_settings& settings);

}  // namespace network_system::runtime

#pragma once

#include "os/datagram_io.h"

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::runtime {

/// Whether an error of a UDP socket may be what an ICMP message has said of a datagram that was
/// sent before: the system keeps it for the next call, whatever that is for (RFC 1122 section
/// 4.1.3.3).
[[nodiscard]] bool may_concern_earlier(const std::error_code& error) noexcept;

/// What to do about a send that was refused, before it counts as the failure of its datagram.
///
/// An error that may have been waiting for whoever came first: the datagram has not been tried, and
/// is tried now. If it goes, the error was an earlier one's; if it is refused for the same reason,
/// it is its own. A source that is gone: the system chooses one.
///
///     trying --maybe an earlier one's--> suspecting --taken, another error--> the earlier one's
///        ^  \                                 |
///        |   +--source gone--> without it     +--the same error--> its own
///
/// Thread-safety: none. Pure: the calls are its user's.
class send_recovery {
public:
    enum class verdict : std::uint8_t {
        /// The call is to be repeated.
        again,
        /// `result` has something to tell; the datagram is still to be sent.
        tell,
        /// It is the failure of the datagram.
        own,
    };

    /// `is_connected`: also datagrams with an address go to a connected socket.
    explicit send_recovery(bool is_connected) noexcept : is_connected_(is_connected) {}

    /// Other datagrams than before may be first now.
    void begin() noexcept { leaves_source_out_ = false; }
    /// Whether the next call has to leave the source of its first datagram out.
    [[nodiscard]] bool leaves_source_out() const noexcept { return leaves_source_out_; }

    /// A call was refused that began with this datagram.
    [[nodiscard]] verdict on_failure(const outgoing_datagram& first, std::error_code error,
                                     datagram_send_result& result) noexcept;
    /// A call took the first `count` datagrams as one, and perhaps more. Whether `result` has
    /// something to tell.
    [[nodiscard]] bool on_success(const outgoing_datagram& first, std::size_t count,
                                  datagram_send_result& result) noexcept;

private:
    // As many refusals in a row as datagrams may have been under way.
    static constexpr int most_refusals = 64;

    const bool is_connected_;
    bool leaves_source_out_ = false;
    int refusals_ = 0;
    std::error_code suspected_;
};

}  // namespace network_system::runtime

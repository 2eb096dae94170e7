#pragma once

#include <network_system/session/connection_limits.h>
#include <network_system/utils/framing.h>

#include <cstddef>

namespace network_system::inline v0_1 {

/// The limits and timeouts of one connection of TCP or TLS.
struct session_config : connection_limits {
    framing frames = framing::message;

    /// `framing::length_prefixed` and `raw`: whether a connection whose peer has ended its own
    /// sending (a half-close, as `nc -N` does) stays open, for answers that come later. Then the
    /// application closes it, with `stop_session`, when it has sent the last one
    /// (`messaging_session::has_peer_ended` tells); `idle_timeout` bounds it. Off: what is queued
    /// is sent, and the connection is closed (default).
    bool keep_sending_after_end = false;

    /// Requests that may wait for their answers at the same time; one more fails with
    /// `send_buffer_full`. 0 = no limit. Default 65,536.
    std::size_t max_pending_requests = 65'536;

    /// At least 1. Default 3.
    unsigned max_missed_pings = 3;
};

}  // namespace network_system

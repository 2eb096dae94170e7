#pragma once

#include <network_system/internal/build_checks.h>

#include <chrono>
#include <system_error>

namespace network_system::inline v0_1::core {

/// When and how a client makes a new connection in place of one that it has lost, or could not
/// make. Durations: see queue_limits.
///
/// It makes none: after `stop_client`; after a stop of the session by this side's application; once
/// `max_attempts` have failed; and after a refusal that would be the same again, unless
/// `after_rejection`: a certificate that does not verify (`certificate_verification_failed`), and
/// of WebSocket what ws_reconnect_config says. Everything else is temporary: names that do not
/// resolve, addresses that refuse or do not answer, handshakes that fail, connections that break,
/// and the goodbye of a server that stops.
///
/// Pauses are random up to a ceiling that grows with each attempt ("full jitter"), so that clients
/// which have lost a server together do not come back together. From one client's loss of a stable
/// connection on, the first k attempts take the sum of the first k ceilings at most, and half of it
/// on average.
struct reconnect_options {
    /// The ceiling of the first pause. At least 1 ms. Default 500 ms.
    std::chrono::milliseconds initial_delay{500};
    /// The highest ceiling. At least `initial_delay`. Default 30 s.
    std::chrono::milliseconds max_delay{30'000};
    /// What the ceiling is multiplied with after each attempt that fails. At least 1. Default 2.
    double factor = 2.0;
    /// Attempts before the client gives up, counted until a connection has lasted for
    /// `stable_after`; 0 = no limit (default).
    unsigned max_attempts = 0;
    /// A connection is a success once it has lasted for this long: then pauses begin at
    /// `initial_delay` again, and attempts are counted anew. One that is lost before counts as an
    /// attempt that failed, so that a server which accepts and drops is not asked more often than
    /// one which refuses. 0 = every connection made is a success. Default 10 s.
    std::chrono::milliseconds stable_after{10'000};

    /// How long a start that fails is tried again: `start_client` then answers with a connection,
    /// or, at the latest after this time and one `connect_timeout`, with the error of the last
    /// attempt. 0 = its first failure is the start's (default); `milliseconds::max()` = until it is
    /// stopped or cancelled, or `max_attempts` have failed.
    std::chrono::milliseconds retry_start_for{0};

    /// Also try again after a refusal that would be the same again. Default false.
    bool after_rejection = false;
};

/// What a client is about to do that has no connection.
struct reconnect_attempt {
    /// 1 for the first attempt after a connection (or after a start's first failure) and one more
    /// for each that failed.
    unsigned number = 0;
    /// How long the client waits before it.
    std::chrono::milliseconds pause{0};
    /// Why there is no connection; empty after a clean end.
    std::error_code reason = {};
};

}  // namespace network_system::core

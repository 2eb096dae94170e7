#pragma once

#include "support/loopback.h"

#include <array>

namespace integration {

using network_system::session::session_metrics;

/// A counter of a session. `queued_bytes` is none: it is how much there is now.
struct session_counter {
    const char* name;
    std::uint64_t session_metrics::*value;
};

inline constexpr std::array session_counters{
    session_counter{"messages_sent", &session_metrics::messages_sent},
    session_counter{"messages_received", &session_metrics::messages_received},
    session_counter{"bytes_sent", &session_metrics::bytes_sent},
    session_counter{"bytes_received", &session_metrics::bytes_received},
    session_counter{"messages_dropped", &session_metrics::messages_dropped},
    session_counter{"sends_rejected", &session_metrics::sends_rejected},
    session_counter{"bytes_discarded", &session_metrics::bytes_discarded},
    session_counter{"requests_sent", &session_metrics::requests_sent},
    session_counter{"requests_received", &session_metrics::requests_received},
    session_counter{"request_timeouts", &session_metrics::request_timeouts},
    session_counter{"late_responses", &session_metrics::late_responses},
    session_counter{"rate_pauses", &session_metrics::rate_pauses},
    session_counter{"messages_unread", &session_metrics::messages_unread},
};
static_assert(sizeof(session_metrics) ==
                  session_counters.size() * sizeof(std::uint64_t) + 3 * sizeof(std::size_t),
              "a counter of session_metrics is missing here");

inline void add(session_metrics& to, const session_metrics& more) {
    for (const session_counter& each : session_counters) {
        to.*each.value += more.*each.value;
    }
    to.queued_bytes += more.queued_bytes;
    to.requests_pending += more.requests_pending;
    to.requests_unanswered += more.requests_unanswered;
}

/// `sum` is of sessions that are closed, so neither has anything queued or waiting.
inline void expect_equal(const session_metrics& totals, const session_metrics& sum) {
    for (const session_counter& each : session_counters) {
        EXPECT_EQ(totals.*each.value, sum.*each.value) << each.name;
    }
    for (const session_metrics* const each : {&totals, &sum}) {
        EXPECT_EQ(each->queued_bytes, 0U);
        EXPECT_EQ(each->requests_pending, 0U);
        EXPECT_EQ(each->requests_unanswered, 0U);
    }
}

}  // namespace integration

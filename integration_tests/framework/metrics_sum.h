#pragma once

#include "loopback/support.h"

namespace integration {

using network_system::session::session_metrics;

inline void add(session_metrics& to, const session_metrics& more) {
    to.messages_sent += more.messages_sent;
    to.messages_received += more.messages_received;
    to.bytes_sent += more.bytes_sent;
    to.bytes_received += more.bytes_received;
    to.messages_dropped += more.messages_dropped;
    to.sends_rejected += more.sends_rejected;
    to.bytes_discarded += more.bytes_discarded;
}

inline void expect_equal(const session_metrics& totals, const session_metrics& sum) {
    EXPECT_EQ(totals.messages_sent, sum.messages_sent);
    EXPECT_EQ(totals.messages_received, sum.messages_received);
    EXPECT_EQ(totals.bytes_sent, sum.bytes_sent);
    EXPECT_EQ(totals.bytes_received, sum.bytes_received);
    EXPECT_EQ(totals.messages_dropped, sum.messages_dropped);
    EXPECT_EQ(totals.sends_rejected, sum.sends_rejected);
    EXPECT_EQ(totals.bytes_discarded, sum.bytes_discarded);
    EXPECT_EQ(totals.queued_bytes, 0U);
}

}  // namespace integration

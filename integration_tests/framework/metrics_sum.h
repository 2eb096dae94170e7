#pragma once

#include "support/loopback.h"

#include <network_system/core/metrics_fields.h>

namespace integration {

using network_system::add;
using network_system::session::session_metrics;

/// `sum` is of sessions that are closed, so neither has anything queued or waiting.
inline void expect_equal(const session_metrics& totals, const session_metrics& sum) {
    for (const auto& each : network_system::metrics_table<session_metrics>::fields) {
        EXPECT_EQ(each.get(totals), each.get(sum)) << each.name;
        if (each.kind == network_system::metric_kind::gauge) {
            EXPECT_EQ(each.get(sum), 0U) << each.name;
        }
    }
}

}  // namespace integration

#pragma once

#include <network_system/resilience/pool_options.h>
#include <network_system/utils/metric_field.h>

#include <array>
#include <tuple>

// The table of a pool's metrics: see core/metrics_fields.h.

namespace network_system::inline v0_1 {

template <>
struct metrics_table<resilience::pool_metrics> {
    using all = resilience::pool_metrics;
    using base = void;
    static constexpr std::array fields{
        detail::metric<&all::acquired>("acquired", "leases", metric_kind::counter, "Given."),
        detail::metric<&all::waited>("waited", "leases", metric_kind::counter,
                                     "Given to somebody who had to wait."),
        detail::metric<&all::timeouts>("timeouts", "acquires", metric_kind::counter,
                                       "Given up after their time."),
        detail::metric<&all::abandoned>("abandoned", "acquires", metric_kind::counter,
                                        "Cancelled, or there was nothing to be had."),
        detail::metric<&all::refused>("refused", "acquires", metric_kind::counter,
                                      "Too many waited."),
        detail::metric<&all::created>("created", "connections", metric_kind::counter, "Made."),
        detail::metric<&all::failed>("failed", "attempts", metric_kind::counter,
                                     "To make a connection."),
        detail::metric<&all::broken>("broken", "connections", metric_kind::counter,
                                     "Broke, or were closed by the server."),
        detail::metric<&all::evicted_idle>("evicted_idle", "connections", metric_kind::counter,
                                           "Closed because nobody needed them."),
        detail::metric<&all::evicted_lifetime>("evicted_lifetime", "connections",
                                               metric_kind::counter,
                                               "Closed because of their age."),
        detail::metric<&all::discarded>("discarded", "connections", metric_kind::counter,
                                        "Closed because their lease said so."),
        detail::metric<&all::checks>("checks", "connections", metric_kind::counter,
                                     "Asked whether they still work."),
        detail::metric<&all::checks_failed>("checks_failed", "connections", metric_kind::counter,
                                            "Did not answer that."),
        detail::metric<&all::set_aside>("set_aside", "connections", metric_kind::counter,
                                        "Went quiet, and were not lent while that lasted."),
        detail::metric<&all::size>("size", "connections", metric_kind::gauge, "Open now."),
        detail::metric<&all::idle>("idle", "connections", metric_kind::gauge, "Idle now."),
        detail::metric<&all::quiet>("quiet", "connections", metric_kind::gauge,
                                    "Do not answer in time now."),
        detail::metric<&all::active>("active", "leases", metric_kind::gauge, "Held now."),
        detail::metric<&all::connecting>("connecting", "connections", metric_kind::gauge,
                                         "Being made now."),
        detail::metric<&all::waiting>("waiting", "acquires", metric_kind::gauge, "Wait now."),
    };
    static constexpr std::tuple<> parts{};
};

}  // namespace network_system

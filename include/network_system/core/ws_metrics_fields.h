#pragma once

#include <network_system/core/messaging_ws_server.h>
#include <network_system/core/metrics_fields.h>

#include <array>
#include <string_view>
#include <tuple>

namespace network_system::inline v0_1 {

template <>
struct metrics_table<core::ws_server_metrics> {
    using all = core::ws_server_metrics;
    using base = core::server_metrics;
    static constexpr std::array fields{
        detail::metric<&all::handshakes>("handshakes", "handshakes", metric_kind::counter,
                                         "WebSockets that were opened."),
        detail::metric<&all::http_answers>("http_answers", "requests", metric_kind::counter,
                                           "Answered by the HTTP callback."),
        detail::metric<&all::rejected_by_callback>("rejected_by_callback", "requests",
                                                   metric_kind::counter,
                                                   "Refused by the handshake callback."),
        detail::metric<&all::rejected_path>("rejected_path", "requests", metric_kind::counter,
                                            "404: nothing is served at the path."),
        detail::metric<&all::rejected_unavailable>(
            "rejected_unavailable", "requests", metric_kind::counter, "503: no room, or stopping."),
        detail::metric<&all::rejected_upgrade>("rejected_upgrade", "requests", metric_kind::counter,
                                               "426: no handshake, or of another version."),
        detail::metric<&all::rejected_size>("rejected_size", "requests", metric_kind::counter,
                                            "414 and 431: the head is too large."),
        detail::metric<&all::rejected_timeout>("rejected_timeout", "requests", metric_kind::counter,
                                               "408: not complete within handshake_timeout."),
        detail::metric<&all::rejected_request>("rejected_request", "requests", metric_kind::counter,
                                               "Any other status."),
    };
    static constexpr std::tuple<> parts{};
};

}  // namespace network_system

#pragma once

#include <network_system/core/metrics.h>
#include <network_system/session/datagram_config.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/metric_field.h>
#include <network_system/utils/tls_info.h>

#include <array>
#include <string_view>
#include <tuple>

// The tables of the library's metrics; what is made of them is in utils/metric_field.h:
//
//     add(sum, server.metrics());
//     write(to_json(difference(server.metrics(), before)));
//
// Those of a WebSocket server are in core/ws_metrics_fields.h.

namespace network_system::inline v0_1 {

template <>
struct metrics_table<session::session_metrics> {
    using all = session::session_metrics;
    using base = void;
    static constexpr std::array fields{
        detail::metric<&all::messages_sent>("messages_sent", "messages", metric_kind::counter,
                                            "Handed to the operating system."),
        detail::metric<&all::messages_received>("messages_received", "messages",
                                                metric_kind::counter, "Received whole."),
        detail::metric<&all::bytes_sent>("bytes_sent", "bytes", metric_kind::counter,
                                         "Handed to the operating system."),
        detail::metric<&all::bytes_received>("bytes_received", "bytes", metric_kind::counter,
                                             "Received."),
        detail::metric<&all::messages_dropped>(
            "messages_dropped", "messages", metric_kind::counter,
            "Accepted by a send, and lost because the connection ended or they were superseded."),
        detail::metric<&all::sends_rejected>("sends_rejected", "sends", metric_kind::counter,
                                             "Refused over the high watermark."),
        detail::metric<&all::bytes_discarded>("bytes_discarded", "bytes", metric_kind::counter,
                                              "Arrived after this side had begun to close."),
        detail::metric<&all::requests_sent>("requests_sent", "requests", metric_kind::counter,
                                            "Requests of this side."),
        detail::metric<&all::requests_received>("requests_received", "requests",
                                                metric_kind::counter, "Requests of the peer."),
        detail::metric<&all::request_timeouts>("request_timeouts", "requests", metric_kind::counter,
                                               "Had no answer by their deadline."),
        detail::metric<&all::late_responses>("late_responses", "responses", metric_kind::counter,
                                             "Answers to requests that had been given up."),
        detail::metric<&all::requests_pending>("requests_pending", "requests", metric_kind::gauge,
                                               "Wait for the peer's answer."),
        detail::metric<&all::requests_unanswered>(
            "requests_unanswered", "requests", metric_kind::gauge, "Wait for this side's answer."),
        detail::metric<&all::rate_pauses>("rate_pauses", "pauses", metric_kind::counter,
                                          "Reading was paused over max_messages_per_second."),
        detail::metric<&all::messages_unread>(
            "messages_unread", "messages", metric_kind::counter,
            "Nobody has asked for them, or there was no callback."),
        detail::metric<&all::queued_bytes>("queued_bytes", "bytes", metric_kind::gauge,
                                           "Wait to be handed to the operating system."),
    };
    static constexpr std::tuple<> parts{};
};

template <>
struct metrics_table<tls_metrics> {
    using all = tls_metrics;
    using base = void;
    static constexpr std::array fields{
        detail::metric<&all::handshakes>("handshakes", "handshakes", metric_kind::counter,
                                         "Completed."),
        detail::metric<&all::resumptions>("resumptions", "handshakes", metric_kind::counter,
                                          "Completed by resuming an earlier session."),
        detail::metric<&all::verification_failures>(
            "verification_failures", "handshakes", metric_kind::counter,
            "The peer's certificate was refused, or missing."),
        detail::metric<&all::peer_alerts>("peer_alerts", "handshakes", metric_kind::counter,
                                          "Refused by the peer with an alert."),
        detail::metric<&all::protocol_failures>("protocol_failures", "handshakes",
                                                metric_kind::counter,
                                                "No TLS, or no version or cipher in common."),
        detail::metric<&all::timeouts>("timeouts", "handshakes", metric_kind::counter,
                                       "Not complete within handshake_timeout."),
        detail::metric<&all::disconnects>("disconnects", "handshakes", metric_kind::counter,
                                          "The peer went away, or this side was stopped."),
        detail::metric<&all::truncations>("truncations", "connections", metric_kind::counter,
                                          "Ended without the peer's close_notify."),
    };
    static constexpr std::tuple<> parts{};
};

template <>
struct metrics_table<core::server_metrics> {
    using all = core::server_metrics;
    using base = void;
    static constexpr std::array fields{
        detail::metric<&all::connections_accepted>("connections_accepted", "connections",
                                                   metric_kind::counter, "Accepted by the system."),
        detail::metric<&all::connections_active>("connections_active", "connections",
                                                 metric_kind::gauge, "Open now."),
        detail::metric<&all::connections_refused>("connections_refused", "connections",
                                                  metric_kind::counter, "No room for them."),
        detail::metric<&all::connections_rejected>("connections_rejected", "connections",
                                                   metric_kind::counter,
                                                   "Turned away by the accept callback."),
        detail::metric<&all::accept_errors>("accept_errors", "errors", metric_kind::counter,
                                            "accept() failed."),
        detail::metric<&all::proxy_errors>("proxy_errors", "connections", metric_kind::counter,
                                           "No PROXY header, or a malformed one."),
        detail::metric<&all::session_errors>("session_errors", "connections", metric_kind::counter,
                                             "Ended with an error."),
        detail::metric<&all::callback_exceptions>("callback_exceptions", "exceptions",
                                                  metric_kind::counter, "Left a callback."),
        detail::metric<&all::topics>("topics", "topics", metric_kind::gauge,
                                     "Somebody subscribes to them."),
    };
    static constexpr std::tuple parts{detail::part<&all::totals>("totals"),
                                      detail::part<&all::tls>("tls")};
};

template <>
struct metrics_table<core::client_metrics> {
    using all = core::client_metrics;
    using base = void;
    static constexpr std::array fields{
        detail::metric<&all::connects>("connects", "connections", metric_kind::counter, "Made."),
        detail::metric<&all::connect_failures>("connect_failures", "connections",
                                               metric_kind::counter, "Could not be made."),
        detail::metric<&all::reconnect_attempts>("reconnect_attempts", "attempts",
                                                 metric_kind::counter, "In place of a connection."),
        detail::metric<&all::session_errors>("session_errors", "connections", metric_kind::counter,
                                             "Ended with an error."),
        detail::metric<&all::callback_exceptions>("callback_exceptions", "exceptions",
                                                  metric_kind::counter, "Left a callback."),
    };
    static constexpr std::tuple parts{detail::part<&all::totals>("totals"),
                                      detail::part<&all::tls>("tls")};
};

template <>
struct metrics_table<datagram_metrics> {
    using all = datagram_metrics;
    using base = void;
    static constexpr std::array fields{
        detail::metric<&all::datagrams_sent>("datagrams_sent", "datagrams", metric_kind::counter,
                                             "Handed to the operating system."),
        detail::metric<&all::bytes_sent>("bytes_sent", "bytes", metric_kind::counter,
                                         "Handed to the operating system."),
        detail::metric<&all::datagrams_received>("datagrams_received", "datagrams",
                                                 metric_kind::counter, "Given to the application."),
        detail::metric<&all::bytes_received>("bytes_received", "bytes", metric_kind::counter,
                                             "Given to the application."),
        detail::metric<&all::sends_rejected>("sends_rejected", "sends", metric_kind::counter,
                                             "Refused over the high watermark."),
        detail::metric<&all::datagrams_dropped>(
            "datagrams_dropped", "datagrams", metric_kind::counter,
            "Accepted, and given up before they reached the system."),
        detail::metric<&all::send_failures>("send_failures", "datagrams", metric_kind::counter,
                                            "Accepted, and refused by the system."),
        detail::metric<&all::failed_too_large>(
            "failed_too_large", "datagrams", metric_kind::counter,
            "Refused: longer than the network or the system takes."),
        detail::metric<&all::failed_no_buffers>("failed_no_buffers", "datagrams",
                                                metric_kind::counter,
                                                "Refused: out of memory or of buffers."),
        detail::metric<&all::failed_unreachable>("failed_unreachable", "datagrams",
                                                 metric_kind::counter, "Refused: no way there."),
        detail::metric<&all::failed_not_permitted>("failed_not_permitted", "datagrams",
                                                   metric_kind::counter, "Refused: not permitted."),
        detail::metric<&all::send_stalls>("send_stalls", "stalls", metric_kind::counter,
                                          "Sending waited for room in the socket's buffer."),
        detail::metric<&all::refusals>("refusals", "refusals", metric_kind::counter,
                                       "By the peer of a connected socket."),
        detail::metric<&all::datagrams_undelivered>(
            "datagrams_undelivered", "datagrams", metric_kind::counter,
            "Sent, and reported by the network as not delivered."),
        detail::metric<&all::sent_without_source>(
            "sent_without_source", "datagrams", metric_kind::counter,
            "Answers from another address than the peer had asked."),
        detail::metric<&all::datagrams_truncated>("datagrams_truncated", "datagrams",
                                                  metric_kind::counter,
                                                  "Longer than max_datagram_size."),
        detail::metric<&all::kernel_drops>("kernel_drops", "datagrams", metric_kind::counter,
                                           "The socket's buffer was full."),
        detail::metric<&all::datagrams_limited>("datagrams_limited", "datagrams",
                                                metric_kind::counter,
                                                "Over a peer's rate, or of one peer too many."),
        detail::metric<&all::datagrams_unread>("datagrams_unread", "datagrams",
                                               metric_kind::counter,
                                               "Nobody asked for them, or there was no callback."),
        detail::metric<&all::receive_errors>("receive_errors", "errors", metric_kind::counter,
                                             "Other errors of receiving."),
        detail::metric<&all::send_calls>("send_calls", "calls", metric_kind::counter,
                                         "System calls that sent datagrams."),
        detail::metric<&all::receive_calls>("receive_calls", "calls", metric_kind::counter,
                                            "System calls that received datagrams."),
        detail::metric<&all::queued_datagrams>("queued_datagrams", "datagrams", metric_kind::gauge,
                                               "Accepted, and not yet handed over."),
        detail::metric<&all::queued_bytes>("queued_bytes", "bytes", metric_kind::gauge,
                                           "The same, as high_watermark counts them."),
        detail::metric<&all::callback_exceptions>("callback_exceptions", "exceptions",
                                                  metric_kind::counter, "Left a callback."),
        detail::metric<&all::peers_active>("peers_active", "peers", metric_kind::gauge,
                                           "Tracked now."),
        detail::metric<&all::peers_expired>("peers_expired", "peers", metric_kind::counter,
                                            "Forgotten after idle_timeout."),
        detail::metric<&all::has_segmentation_offload>(
            "has_segmentation_offload", "", metric_kind::property, "The kernel cuts large sends."),
        detail::metric<&all::has_receive_offload>("has_receive_offload", "", metric_kind::property,
                                                  "The kernel puts datagrams together."),
        detail::metric<&all::send_buffer_size>("send_buffer_size", "bytes", metric_kind::property,
                                               "Granted by the system."),
        detail::metric<&all::receive_buffer_size>("receive_buffer_size", "bytes",
                                                  metric_kind::property, "Granted by the system."),
    };
    static constexpr std::tuple<> parts{};
};

}  // namespace network_system

#pragma once

#include <network_system/core/callback_forms.h>

namespace network_system::inline v0_1::core {

/// The callbacks of a UDP server, to be given when it is constructed. Each is what the setter of
/// messaging_udp_server takes, in any of its forms. Empty = none (default).
struct udp_server_callbacks {
    /// See messaging_udp_server::set_receive_callback.
    detail::datagram_callback received = {};
    /// See messaging_udp_server::set_writable_callback.
    detail::signal_callback writable = {};
    /// See messaging_udp_server::set_error_callback.
    detail::error_callback failed = {};
    /// See messaging_udp_server::set_new_peer_callback.
    detail::peer_callback new_peer = {};
    /// See messaging_udp_server::set_peer_expired_callback.
    detail::peer_callback peer_expired = {};
};

/// The callbacks of a UDP client, to be given when it is constructed. Each is what the setter of
/// messaging_udp_client takes, in any of its forms. Empty = none (default).
struct udp_client_callbacks {
    /// See messaging_udp_client::set_receive_callback.
    detail::datagram_callback received = {};
    /// See messaging_udp_client::set_writable_callback.
    detail::signal_callback writable = {};
    /// See messaging_udp_client::set_error_callback.
    detail::error_callback failed = {};
};

}  // namespace network_system::core

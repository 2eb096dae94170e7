#pragma once

#include "protocol/websocket/url.h"

#include <network_system/internal/http_head.h>
#include <network_system/utils/result_types.h>

#include <string>
#include <string_view>

namespace network_system::inline v0_1::websocket {

/// How many redirects a client follows, and has followed already.
struct redirect_count {
    unsigned most = 0;
    unsigned followed = 0;
};

/// Whether such an answer sends its reader somewhere else (RFC 9110 section 15.4) and says where.
[[nodiscard]] bool is_redirect(unsigned http_status, const http_head& head);

/// Where a redirect leads that answers a request to `from`. Error, which says why it is not
/// followed: `handshake_rejected`.
[[nodiscard]] Result<url> follow_redirect(const url& from, const http_head& head,
                                          const redirect_count& count, std::string_view source);

/// What a Location field (RFC 9110 section 10.2.2) means that answers a request to `from`: RFC 3986
/// section 5.2, with http for ws and https for wss. A fragment is dropped.
///
/// Error: `invalid_argument` (another scheme, a user name, what is no URL).
[[nodiscard]] Result<url> resolve_location(const url& from, std::string_view location,
                                           std::string_view source);

/// For logs and errors: the URL without its query, in which secrets are kept now and then.
[[nodiscard]] std::string describe(const url& of);

}  // namespace network_system::websocket

// What the tests with peers of others share.
#pragma once

#include "websocket/echo_peers.h"

#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_TLS
#include "support/secure.h"
#endif

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace websocket_peers {

/// WebSocket over TCP, or over TLS with the files of both sides.
struct carrier {
    bool is_secure = false;
    /// Of a server.
    std::string certificate;
    std::string key;
    /// What a client trusts.
    std::string ca;

    /// `kind`: one of `carriers`.
    [[nodiscard]] static carrier of([[maybe_unused]] const std::string& kind) {
#if NETWORK_SYSTEM_WITH_TLS
        if (kind == "wss") {
            static const auto files = secure::authority().issue_local("real_peer");
            return {true, files.certificate, files.key, secure::authority().ca_file()};
        }
#endif
        return {};
    }

    [[nodiscard]] ws_server_config server_config() const {
        ws_server_config config = echo_server_config();
        if (is_secure) {
            config.tls.emplace().identity = {certificate, key, {}, {}};
        }
        return config;
    }
    [[nodiscard]] ws_client_config client_config(std::uint16_t port) const {
        ws_client_config config;
        config.host = "127.0.0.1";
        config.port = port;
        if (is_secure) {
            config.tls.emplace().ca_file = ca;
        }
        return config;
    }
    /// `scheme`: "http" or "ws".
    [[nodiscard]] std::string url(const std::string& scheme, std::uint16_t port) const {
        return scheme + (is_secure ? "s" : "") + "://127.0.0.1:" + std::to_string(port);
    }
};

/// Where the library was built without TLS, there is no "wss".
[[nodiscard]] inline std::vector<std::string> carriers() {
#if NETWORK_SYSTEM_WITH_TLS
    return {"ws", "wss"};
#else
    return {"ws"};
#endif
}

/// How a connection ended, as one side was told.
struct closed_as {
    unsigned code = 0;
    std::string reason;

    friend bool operator==(const closed_as&, const closed_as&) = default;
    friend std::ostream& operator<<(std::ostream& to, const closed_as& closed) {
        return to << closed.code << ' ' << closed.reason;
    }
};

}  // namespace websocket_peers

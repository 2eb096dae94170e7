// What the connections of a test program run over: TCP, or TLS with NETWORK_TEST_STREAM=tls in the
// environment. The tests are the same, for the guarantees are.
#pragma once

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/tls_config.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace network_system::inline v0_1::testing {

/// Nothing over TCP. The certificate is valid for localhost and its addresses, and verified.
[[nodiscard]] std::optional<core::tls_config> tls_of_server();
[[nodiscard]] std::optional<core::tls_config> tls_of_client();
[[nodiscard]] std::shared_ptr<core::stream_security> security_of_server();
[[nodiscard]] std::shared_ptr<core::stream_security> security_of_client();

/// What secure_messaging_server is over TLS, and messaging_server over TCP.
class server_over_choice : public core::messaging_server {
public:
    explicit server_over_choice(std::string id, core::server_options options = {})
        : messaging_server(std::move(id), {}, std::move(options), security_of_server()) {}
};

/// The same for clients.
class client_over_choice : public core::messaging_client {
public:
    explicit client_over_choice(std::string id, core::client_options options = {})
        : messaging_client(std::move(id), {}, std::move(options), security_of_client()) {}
};

}  // namespace network_system::testing

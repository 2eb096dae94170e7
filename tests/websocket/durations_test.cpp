// A negative duration of WebSocket's is refused where it is set, by its name.
#include "support/option_case.h"
#include "support/websocket.h"

namespace ws {
namespace {

using std::chrono::milliseconds;

class negative_duration : public loopback::negative_duration {};

TEST_P(negative_duration, is_an_invalid_argument_that_is_named) {
    expect_refusal();
}

template <typename Set>
option_case of_ws_server(const char* option, Set set) {
    return {option, "ws_server", [set](milliseconds time) {
                ws_server_config config;
                set(config) = time;
                return messaging_ws_server("server").start_server(config);
            }};
}
template <typename Set>
option_case of_ws_client(const char* option, Set set) {
    return {option, "ws_client", [set](milliseconds time) {
                ws_client_config config;
                config.host = "127.0.0.1";
                config.port = 1;
                set(config) = time;
                return messaging_ws_client("client").start_client(config);
            }};
}
INSTANTIATE_TEST_SUITE_P(
    field_faults, negative_duration,
    testing::Values(
        of_ws_server("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        of_ws_server("handshake_timeout", NETWORK_TEST_OPTION(handshake_timeout)),
        of_ws_server("idle_timeout", NETWORK_TEST_OPTION(idle_timeout)),
        of_ws_server("ping_interval", NETWORK_TEST_OPTION(ping_interval)),
        of_ws_server("pong_timeout", NETWORK_TEST_OPTION(pong_timeout)),
        of_ws_server("send_wait_timeout", NETWORK_TEST_OPTION(send_wait_timeout)),
        of_ws_server("proxy_protocol.header_timeout",
                     NETWORK_TEST_OPTION(proxy_protocol.header_timeout)),
        of_ws_client("connect_timeout", NETWORK_TEST_OPTION(connect_timeout)),
        of_ws_client("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        of_ws_client("idle_timeout", NETWORK_TEST_OPTION(idle_timeout)),
        of_ws_client("ping_interval", NETWORK_TEST_OPTION(ping_interval)),
        of_ws_client("pong_timeout", NETWORK_TEST_OPTION(pong_timeout)),
        of_ws_client("send_wait_timeout", NETWORK_TEST_OPTION(send_wait_timeout)),
        of_ws_client("reconnect.initial_delay", NETWORK_TEST_OPTION(reconnect.initial_delay)),
        of_ws_client("reconnect.max_delay", NETWORK_TEST_OPTION(reconnect.max_delay)),
        of_ws_client("reconnect.restart_delay_least",
                     NETWORK_TEST_OPTION(reconnect.restart_delay_least)),
        of_ws_client("reconnect.restart_delay_most",
                     NETWORK_TEST_OPTION(reconnect.restart_delay_most)),
        of_ws_client("reconnect.try_again_delay", NETWORK_TEST_OPTION(reconnect.try_again_delay)),
        of_ws_client("reconnect.stable_after", NETWORK_TEST_OPTION(reconnect.stable_after)),
        of_ws_client("reconnect.max_retry_after", NETWORK_TEST_OPTION(reconnect.max_retry_after))),
    name_of_option);

}  // namespace
}  // namespace ws

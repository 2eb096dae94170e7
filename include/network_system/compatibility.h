#pragma once

// For programs that were written for the network module of messaging_system: the names they use,
// for what this library has in their place. New programs need none of this; see
// docs/MIGRATION_GUIDE.md.
#include <network_system/config.h>
#include <network_system/network_system.h>
#include <network_system/session/messaging_session.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#if !NETWORK_SYSTEM_WITH_MESSAGING_BRIDGE
#error "network_system was built without the bridge: see BUILD_MESSAGING_BRIDGE in docs/CMAKE.md"
#endif

namespace network_system::inline v0_1::compat {

using network_system::initialize;
using network_system::is_initialized;
using network_system::shutdown;

/// What is in this build.
[[nodiscard]] constexpr bool has_tls() noexcept {
    return NETWORK_SYSTEM_WITH_TLS != 0;
}
[[nodiscard]] constexpr bool has_websocket() noexcept {
    return NETWORK_SYSTEM_WITH_WEBSOCKET != 0;
}
[[nodiscard]] constexpr bool has_coroutines() noexcept {
    return true;
}
[[nodiscard]] constexpr bool has_msgpack() noexcept {
    return NETWORK_SYSTEM_WITH_MSGPACK != 0;
}
[[nodiscard]] constexpr bool has_container_integration() noexcept {
    return true;
}
[[nodiscard]] constexpr bool has_thread_integration() noexcept {
    return true;
}
[[nodiscard]] constexpr bool has_logger_integration() noexcept {
    return true;
}
[[nodiscard]] constexpr const char* version() noexcept {
    return NETWORK_SYSTEM_VERSION;
}

/// A server of whose results a program need not take note: those of messaging_system were void.
class messaging_server : public core::messaging_server {
public:
    using core::messaging_server::messaging_server;

    using core::messaging_server::start_server;
    discardable_result start_server(unsigned short port) {
        return core::messaging_server::start_server(port);
    }
};

/// The same of a client.
class messaging_client : public core::messaging_client {
public:
    using core::messaging_client::messaging_client;

    using core::messaging_client::start_client;
    discardable_result start_client(std::string_view host, unsigned short port) {
        return core::messaging_client::start_client(host, port);
    }
    /// Every form of core::messaging_client's.
    template <typename... Arguments>
    discardable_result send_packet(Arguments&&... arguments) {
        return core::messaging_client::send_packet(std::forward<Arguments>(arguments)...);
    }
    discardable_result send_packet(std::initializer_list<std::uint8_t> data) {
        return core::messaging_client::send_packet(data);
    }
};

/// Never null.
[[nodiscard]] inline std::shared_ptr<messaging_server> create_server(std::string id) {
    return std::make_shared<messaging_server>(std::move(id));
}
[[nodiscard]] inline std::shared_ptr<messaging_client> create_client(std::string id) {
    return std::make_shared<messaging_client>(std::move(id));
}
[[nodiscard]] inline std::shared_ptr<integration::messaging_bridge> create_bridge() {
    return std::make_shared<integration::messaging_bridge>();
}

}  // namespace network_system::compat

/// The names of the module in messaging_system.
namespace network_module {

using network_system::Result;
using network_system::VoidResult;
using network_system::compat::create_bridge;
using network_system::compat::create_client;
using network_system::compat::create_server;
using network_system::compat::messaging_client;
using network_system::compat::messaging_server;
using network_system::integration::messaging_bridge;
using network_system::session::messaging_session;

}  // namespace network_module

/// The names that programs use with it.
namespace messaging {

using network_module::create_bridge;
using network_module::create_client;
using network_module::create_server;
using network_module::messaging_bridge;
using network_module::messaging_client;
using network_module::messaging_server;
using network_module::messaging_session;

}  // namespace messaging

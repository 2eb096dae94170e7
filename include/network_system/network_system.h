#pragma once

// Everything that needs no library besides this one. Programs that want to compile fast include
// what they use.
#include <network_system/config.h>
#include <network_system/core/connection_pool.h>
#include <network_system/core/io_thread_options.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>
#include <network_system/export.h>
#include <network_system/integration/container_integration.h>
#include <network_system/integration/logger_integration.h>
#include <network_system/integration/messaging_bridge.h>
#include <network_system/integration/thread_integration.h>
#include <network_system/resilience/resilient_client.h>
#include <network_system/utils/health_monitor.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/signals.h>
#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif

#include <memory>

namespace network_system::inline v0_1 {

/// What a program may set up at its beginning, in one place.
struct initialization {
    /// For `logger_integration_manager`. Null = it is left as it is (default).
    std::shared_ptr<integration::logger_interface> logger = {};
    /// For `thread_integration_manager`. Null = it is left as it is (default).
    std::shared_ptr<thread_pool_interface> thread_pool = {};
    /// The default of `container_manager`. Null = it is left as it is (default).
    integration::container_ptr container = {};
};

/// Sets up what is given. Nothing of the library needs it: servers and clients work without. May be
/// called again, with other things too. Always ok; the result is there for programs that ask.
/// Thread-safe.
NETWORK_SYSTEM_EXPORT discardable_result initialize(initialization with = {});

/// Takes back what `initialize` has set up, after the lines of the log have been written. Servers
/// and clients go on; stop them before. May be called again, and without `initialize`. Thread-safe.
NETWORK_SYSTEM_EXPORT void shutdown();

/// Whether the last of these calls was an `initialize`.
[[nodiscard]] NETWORK_SYSTEM_EXPORT bool is_initialized() noexcept;

}  // namespace network_system

#pragma once

#include <network_system/core/messaging_server.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <stdexcept>
#include <string>

/// What the benchmarks share. A benchmark whose set-up fails ends the program: a number measured
/// over something broken is worse than none.
namespace bench {

template <typename T>
T require(network_system::Result<T> result) {
    if (result.is_err()) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(result).value();
}

inline void require(bool holds, const char* what) {
    if (!holds) {
        throw std::runtime_error(what);
    }
}

/// Loopback only, and no timers that could fall into a measurement.
inline network_system::core::server_options quiet_server() {
    network_system::core::server_options options;
    options.bind_address = "127.0.0.1";
    options.max_connections = 0;
    options.session.ping_interval = {};
    options.session.idle_timeout = {};
    return options;
}

}  // namespace bench

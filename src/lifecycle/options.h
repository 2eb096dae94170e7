#pragma once

#include "os/native_socket.h"
#include "runtime/loop.h"
#include "utils/option_checks.h"

#include <network_system/core/options.h>
#include <network_system/utils/result_types.h>

#include <string_view>

namespace network_system::inline v0_1::core {

// What the options of servers, clients and sockets have in common: whether it makes sense, and what
// it is to the floors below. `where` precedes the names: "session.".

void check_queues(detail::option_checks& all, const queue_limits& limits, std::string_view where);
void check_limits(detail::option_checks& all, const connection_limits& limits,
                  std::string_view where);
void check_session(detail::option_checks& all, const session_config& config,
                   std::string_view where);
void check_lifecycle(detail::option_checks& all, const lifecycle_options& options);
void check_stream(detail::option_checks& all, const stream_options& options, bool is_secure);
void check_bind(detail::option_checks& all, const bind_options& options);

[[nodiscard]] runtime::readiness_method to_runtime(readiness method) noexcept;
[[nodiscard]] runtime::sockets::tcp_settings to_runtime(const socket_options& options) noexcept;

}  // namespace network_system::core

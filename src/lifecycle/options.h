#pragma once

#include "os/native_socket.h"
#include "runtime/io_pool.h"
#include "utils/option_checks.h"

#include <network_system/core/options.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <functional>
#include <memory>
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
/// Of servers with threads of their own.
void check_io_threads(detail::option_checks& all, std::size_t io_threads,
                      const run_options& options);
void check_bind(detail::option_checks& all, const bind_options& options);

[[nodiscard]] runtime::readiness_method to_runtime(readiness method) noexcept;
[[nodiscard]] runtime::sockets::tcp_settings to_runtime(const socket_options& options) noexcept;

/// The loops of something with these options: those of its io_context, or what `own(method)` makes.
/// Error: `code` when the system has no more descriptors or threads.
[[nodiscard]] Result<std::shared_ptr<runtime::io_pool>> make_pool(
    const run_options& options,
    const std::function<std::shared_ptr<runtime::io_pool>(runtime::readiness_method)>& own,
    errc code, std::string_view source);

}  // namespace network_system::core

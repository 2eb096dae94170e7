#pragma once

#include "runtime/io_pool.h"
#include "utils/option_checks.h"

#include <network_system/core/io_thread_options.h>
#include <network_system/core/run_options.h>
#include <network_system/utils/result_types.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace network_system::inline v0_1::core {

/// Of who may have threads of its own: with an io_context they are not used.
void check_io_threads(detail::option_checks& all, std::size_t io_threads,
                      const io_thread_options& each, const run_options& options);

using made_pool = Result<std::shared_ptr<runtime::io_pool>>;

/// The loops of a server: those of its io_context or environment, or threads of its own. Errors:
/// `bind_failed` (no more descriptors or threads), `internal_error` (`on_start` threw).
[[nodiscard]] made_pool make_server_pool(const stream_options& options, std::size_t io_threads,
                                         const io_thread_options& each, std::string_view source);
[[nodiscard]] made_pool make_server_pool(const run_options& options, std::size_t io_threads,
                                         const io_thread_options& each, std::string_view source);

/// The same of a client, which shares the threads of all clients. `connection_failed` instead.
[[nodiscard]] made_pool make_client_pool(const stream_options& options, std::string_view source);
[[nodiscard]] made_pool make_client_pool(const run_options& options, std::string_view source);

}  // namespace network_system::core

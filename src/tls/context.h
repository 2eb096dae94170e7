#pragma once

#include "tls/settings.h"

#include <network_system/core/tls_config.h>
#include <network_system/utils/log.h>
#include <network_system/utils/result_types.h>

#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;

namespace network_system::inline v0_1::core {

using tls_context_ptr = std::shared_ptr<ssl_ctx_st>;

/// What is wrong with a configuration, or ok: what would verify nothing is refused.
[[nodiscard]] VoidResult check_server_config(const tls_config& config, std::string_view source);
[[nodiscard]] VoidResult check_client_config(const tls_config& config, std::string_view source);

class tls_ticket_keys;
class tls_trust;

/// The name that a client asks `host` for and verifies, as certificates have it: `server_name` or
/// that of the host, which is empty for somebody who is not known by a host. Empty when nothing is
/// verified and there is no name. Error: `invalid_argument`.
[[nodiscard]] Result<std::string> name_of_server(const tls_config& config, std::string_view host,
                                                 std::string_view source);

/// Reads the files that the configuration names. `trust` is that of the configuration, null when it
/// verifies no chain; tickets are encrypted with `tickets`. Errors: `invalid_argument` (a list that
/// OpenSSL does not understand), `certificate_load_failed` (which file, and why). `log` gets its
/// lines; null: the process's sink.
[[nodiscard]] Result<tls_context_ptr> make_server_context(
    const tls_config& config, const std::shared_ptr<const tls_trust>& trust,
    const std::shared_ptr<tls_ticket_keys>& tickets, std::string_view source,
    const log_output* log = nullptr);
[[nodiscard]] Result<tls_context_ptr> make_client_context(
    const tls_config& config, const std::shared_ptr<const tls_trust>& trust,
    std::string_view source, const log_output* log = nullptr);

/// Whether peers are verified by their chain, for which a tls_trust is needed.
[[nodiscard]] bool verifies_chains(const tls_config& config, connection_role role) noexcept;

}  // namespace network_system::core

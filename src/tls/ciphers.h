#pragma once

#include "tls/context.h"

#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace network_system::inline v0_1::core {

/// Gives a context the configuration's ciphers, cipher suites and groups. Its versions have to be
/// set before. Of the defaults, those are taken that this OpenSSL has. Error: `invalid_argument`,
/// which names the element of a list that is wrong, or the version that a list leaves without any.
[[nodiscard]] VoidResult set_ciphers(ssl_ctx_st* context, const tls_config& config, bool is_server,
                                     std::string_view source);

/// Whether one of these keys has a cipher with TLS 1.2, or this version is not used.
[[nodiscard]] bool has_cipher_for(ssl_ctx_st* context, const std::vector<const evp_pkey_st*>& keys);

}  // namespace network_system::core

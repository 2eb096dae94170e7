#pragma once

namespace network_system::inline v0_1::transport {

/// The name of an alert that is registered with IANA (RFC 8446 section 6, earlier versions of TLS,
/// extensions): "certificate required". OpenSSL does not name all of them.
[[nodiscard]] const char* name_of_tls_alert(int alert) noexcept;

}  // namespace network_system::transport

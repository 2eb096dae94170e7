// OpenSSL as it is under a provider that lacks some algorithms, the FIPS provider for example.
#pragma once

namespace network_system::inline v0_1::testing {

/// From here on this process has only OpenSSL's default algorithms without X25519, X448 and
/// ChaCha20. To be called before anything uses OpenSSL, in a process of its own. Whether it worked.
[[nodiscard]] bool narrow_openssl();

}  // namespace network_system::testing

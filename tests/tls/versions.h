// Tests that run with each version of TLS.
#pragma once

#include <network_system/core/tls_config.h>

#include <gtest/gtest.h>

#include <string>

namespace network_system::inline v0_1::testing {

[[nodiscard]] inline std::string name_of_version(core::tls_version version) {
    return version == core::tls_version::tls_1_2 ? "tls_1_2" : "tls_1_3";
}

[[nodiscard]] inline auto both_versions() {
    return ::testing::Values(core::tls_version::tls_1_2, core::tls_version::tls_1_3);
}

[[nodiscard]] inline std::string version_of(
    const ::testing::TestParamInfo<core::tls_version>& info) {
    return name_of_version(info.param);
}

}  // namespace network_system::testing

// No URL of a proxy crashes the parser, and what it takes makes sense.
#include "support/require.h"
#include "utils/host.h"

#include <network_system/core/proxy_options.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace network_system;
    using testing::require;
    const auto parsed = core::parse_proxy({reinterpret_cast<const char*>(data), size});
    if (!parsed) {
        require(parsed.error() == errc::invalid_argument, "it is the argument");
        return 0;
    }
    const core::proxy_options& proxy = parsed.value();
    require(proxy.kind != core::proxy_kind::none &&
                proxy.kind != core::proxy_kind::from_environment && proxy.port != 0,
            "it is a whole proxy");
    require(detail::host::parse(proxy.host).is_ok(), "its host is one");
    require(!proxy.user.empty() || proxy.password.empty(), "a password has its user");
    return 0;
}

#pragma once

#include <network_system/utils/endpoint.h>

#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace network_system::detail {

/// Adapts a user's receive callback to the span form. A callable that takes a span gets the bytes
/// where they lie; one that takes `const std::vector<std::uint8_t>&` gets a copy.
template <typename... Prefix, typename F>
auto make_receive_handler(F&& callback) {
    using bytes = std::span<const std::uint8_t>;
    using buffer = std::vector<std::uint8_t>;
    if constexpr (std::is_invocable_v<F&, Prefix..., bytes>) {
        return std::forward<F>(callback);
    } else {
        static_assert(std::is_invocable_v<F&, Prefix..., const buffer&>,
                      "a receive callback takes std::span<const std::uint8_t> or "
                      "const std::vector<std::uint8_t>& as its data");
        return [callback = std::forward<F>(callback)](Prefix... prefix, bytes data) mutable {
            static_cast<void>(callback(prefix..., buffer(data.begin(), data.end())));
        };
    }
}

/// The same for datagrams, of which a callback may also want to know who sent them.
template <typename F>
auto make_datagram_handler(F&& callback) {
    using bytes = std::span<const std::uint8_t>;
    using buffer = std::vector<std::uint8_t>;
    if constexpr (std::is_invocable_v<F&, bytes, const endpoint&>) {
        return std::forward<F>(callback);
    } else if constexpr (std::is_invocable_v<F&, const buffer&, const endpoint&>) {
        return [callback = std::forward<F>(callback)](bytes data, const endpoint& from) mutable {
            static_cast<void>(callback(buffer(data.begin(), data.end()), from));
        };
    } else {
        return [callback = make_receive_handler<>(std::forward<F>(callback))](
                   bytes data, const endpoint&) mutable { static_cast<void>(callback(data)); };
    }
}

}  // namespace network_system::detail

// The two halves of basic_container.
#pragma once

#include "utils/failure.h"

#include <network_system/integration/basic_container.h>
#include <network_system/integration/value.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::integration {

/// Of MessagePack, for lengths of everything.
inline constexpr std::size_t greatest_length = 0xFFFF'FFFF;

[[nodiscard]] inline error_info messagepack_failure(errc code, std::string_view text) {
    return network_system::detail::failure_in_words(code, "MessagePack: " + std::string(text),
                                                    "basic_container");
}

/// Writes behind what is in `to`, and on error leaves something there. Error: `invalid_argument`.
/// Throws std::bad_alloc.
[[nodiscard]] VoidResult write_messagepack(const value& what, std::size_t max_depth,
                                           std::vector<std::uint8_t>& to);

/// The value that `data` is. Error: `protocol_error`. Throws std::bad_alloc.
[[nodiscard]] Result<value> read_messagepack(std::span<const std::uint8_t> data,
                                             const basic_container_options& options);

}  // namespace network_system::integration

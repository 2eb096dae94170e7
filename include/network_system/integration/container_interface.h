#pragma once

#include <network_system/export.h>
#include <network_system/integration/value.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::integration {

/// Makes bytes of values, and values of bytes.
///
/// Thread-safety: every member may be called from any thread, by several at once.
class NETWORK_SYSTEM_EXPORT container_interface {
public:
    container_interface() = default;
    container_interface(const container_interface&) = delete;
    container_interface& operator=(const container_interface&) = delete;
    virtual ~container_interface() = default;

    /// Names it in error messages: "MessagePack".
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    /// Writes a value behind what is in `to`, which is left as it was on error. Error:
    /// `invalid_argument` (it cannot carry such a value).
    [[nodiscard]] virtual VoidResult serialize(const value& from,
                                               std::vector<std::uint8_t>& to) const = 0;

    /// Reads one value, of a peer that is not trusted: it has to be all of `data`. Errors:
    /// `protocol_error` (malformed, or beyond the limits of the container).
    [[nodiscard]] virtual Result<value> deserialize(std::span<const std::uint8_t> data) const = 0;
};

}  // namespace network_system::integration

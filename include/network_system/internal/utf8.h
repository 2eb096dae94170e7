#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace network_system::inline v0_1::internal {

/// Checks a text in UTF-8 (RFC 3629) piece by piece, and fails at the first byte that no
/// continuation of the text could make valid: overlong forms, surrogates and what is beyond
/// U+10FFFF are found at their second byte.
///
/// Thread-safety: as a value type.
class NETWORK_SYSTEM_EXPORT utf8_validator {
public:
    /// Takes the next piece; false when the text is invalid by now, and stays so.
    bool feed(std::span<const std::uint8_t> piece) noexcept;

    /// Whether the text could end here: it is valid, and its last character complete.
    [[nodiscard]] bool is_complete() const noexcept { return state_ == complete; }
    void reset() noexcept { state_ = complete; }

private:
    static constexpr std::uint8_t complete = 0;

    std::uint8_t state_ = complete;
};

/// Whether the whole text is valid.
[[nodiscard]] NETWORK_SYSTEM_EXPORT bool is_utf8(std::span<const std::uint8_t> text) noexcept;
[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
    return is_utf8({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace network_system::internal

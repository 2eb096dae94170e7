#pragma once

#include <network_system/internal/build_checks.h>

#include <concepts>

namespace network_system::inline v0_1 {

/// A parameter that takes a bool and nothing else. A plain `bool` parameter also takes pointers,
/// and so string literals, and numbers, and silently makes `true` of them.
///
/// Thread-safety: as a value type.
class strict_bool {
public:
    template <std::same_as<bool> B>
    constexpr strict_bool(B value) noexcept : value_(value) {}

    constexpr operator bool() const noexcept { return value_; }

private:
    bool value_;
};

}  // namespace network_system

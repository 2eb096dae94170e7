#pragma once

#include <network_system/utils/endpoint.h>

#include <cstddef>
#include <cstdint>

namespace network_system::inline v0_1::detail {

/// Mixes a secret into the hash: peers choose their addresses, and must not choose them all to fall
/// together.
class keyed_endpoint_hash {
public:
    explicit keyed_endpoint_hash(std::uint64_t key) noexcept : key_(key) {}
    [[nodiscard]] std::size_t operator()(const endpoint& value) const noexcept;

private:
    std::uint64_t key_;
};

}  // namespace network_system::detail

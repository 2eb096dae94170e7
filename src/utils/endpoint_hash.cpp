#include "utils/endpoint_hash.h"

#include <array>
#include <cstring>

namespace network_system::inline v0_1::detail {
namespace {

/// The finalizer of splitmix64: every bit of the input reaches every bit of the output.
std::uint64_t mix(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31U);
}

}  // namespace

std::size_t keyed_endpoint_hash::operator()(const endpoint& value) const noexcept {
    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), value.bytes().data(), sizeof words);
    const std::uint64_t rest = std::uint64_t{value.port()} << 32U | value.scope_id();
    return static_cast<std::size_t>(mix(mix(mix(key_ ^ words[0]) ^ words[1]) ^ rest ^ key_));
}

}  // namespace network_system::detail

#pragma once

#include <network_system/config.h>
#include <network_system/export.h>
#include <network_system/integration/container_interface.h>

#include <cstddef>

#if !NETWORK_SYSTEM_WITH_MSGPACK
#error "network_system was built without MessagePack: see BUILD_WITH_MSGPACK in docs/CMAKE.md"
#endif

namespace network_system::inline v0_1::integration {

/// What `basic_container` reads of a peer, and what it writes.
struct basic_container_options {
    /// Lists and maps inside each other, 1 … 1,000. Default 32.
    std::size_t max_depth = 32;
    /// Values in all, those of lists and maps counted one by one. At least 1. Default 65,536: some
    /// 6 MiB of memory for a message of 64 KiB.
    std::size_t max_values = 65'536;
    /// Bytes of one string or byte array. At least 1. Default 16 MiB, as of messages.
    std::size_t max_length = std::size_t{16} * 1024 * 1024;
};

/// The default container: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md).
/// Every value is written as its shortest form. Maps with keys that are no strings, keys that come
/// twice, and extension types are no values, and malformed.
///
/// Nothing is allocated for what a message only announces: a length beyond the rest of the message
/// is malformed.
class NETWORK_SYSTEM_EXPORT basic_container final : public container_interface {
public:
    /// Options beyond their range are taken as its nearest end.
    explicit basic_container(basic_container_options options = {}) noexcept;

    [[nodiscard]] std::string_view name() const noexcept override { return "MessagePack"; }
    [[nodiscard]] VoidResult serialize(const value& from,
                                       std::vector<std::uint8_t>& to) const override;
    [[nodiscard]] Result<value> deserialize(std::span<const std::uint8_t> data) const override;

private:
    basic_container_options options_;
};

}  // namespace network_system::integration

#include "integration/messagepack.h"

#include <network_system/integration/basic_container.h>

#include <algorithm>

namespace network_system::inline v0_1::integration {
namespace {

constexpr std::size_t greatest_depth = 1'000;

basic_container_options options_in_range(basic_container_options options) noexcept {
    options.max_depth = std::clamp<std::size_t>(options.max_depth, 1, greatest_depth);
    options.max_values = std::max<std::size_t>(options.max_values, 1);
    options.max_length = std::clamp<std::size_t>(options.max_length, 1, greatest_length);
    return options;
}

}  // namespace

basic_container::basic_container(basic_container_options options) noexcept
    : options_(options_in_range(options)) {}

VoidResult basic_container::serialize(const value& from, std::vector<std::uint8_t>& to) const {
    const std::size_t before = to.size();
    auto written = network_system::detail::within_memory(
        [&] { return write_messagepack(from, options_.max_depth, to); });
    if (written.is_err()) {
        to.resize(before);
    }
    return written;
}

Result<value> basic_container::deserialize(std::span<const std::uint8_t> data) const {
    return network_system::detail::within_memory([&] { return read_messagepack(data, options_); });
}

}  // namespace network_system::integration

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

/// The CPUs of the machine, by the operating system's numbers.
namespace network_system::inline v0_1::runtime::cpus {

using list = std::vector<unsigned>;

/// Whether threads can be placed on this platform.
[[nodiscard]] bool can_place_threads() noexcept;

/// Those that this process may use, ascending. Empty where nobody tells.
[[nodiscard]] list allowed();

/// Lets the calling thread run on these only.
[[nodiscard]] std::error_code run_on(std::span<const unsigned> some);

/// The CPUs of each NUMA node, ascending, as the directory tells that is /sys/devices/system/node
/// on Linux; empty when it tells nothing.
[[nodiscard]] std::vector<list> nodes(const std::string& directory = "/sys/devices/system/node");

/// What the kernel writes of CPUs: "0-3,8,10-11"; nothing for what is no such list.
[[nodiscard]] std::optional<list> parse(std::string_view text);

/// As the kernel writes them.
[[nodiscard]] std::string to_text(std::span<const unsigned> ascending);

/// The CPUs that are in both; both ascending.
[[nodiscard]] list common_to(std::span<const unsigned> some, std::span<const unsigned> others);

}  // namespace network_system::runtime::cpus

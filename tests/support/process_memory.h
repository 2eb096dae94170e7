#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::testing {

/// What the operating system holds for this process, in KiB.
struct process_memory {
    std::uint64_t resident = 0;
    /// The most that was resident since the start or since `reset_peak`.
    std::uint64_t peak_resident = 0;
    /// Heap and other private data, resident or not.
    std::uint64_t data = 0;
    /// The whole address space.
    std::uint64_t address_space = 0;
};

/// Nothing where there is no /proc.
[[nodiscard]] inline std::optional<process_memory> read_process_memory() {
    std::ifstream status("/proc/self/status");
    if (!status) {
        return std::nullopt;
    }
    process_memory memory;
    const auto take = [](std::string_view line, std::string_view name, std::uint64_t& value) {
        if (line.starts_with(name)) {
            value = std::stoull(std::string(line.substr(name.size())));
        }
    };
    for (std::string line; std::getline(status, line);) {
        take(line, "VmRSS:", memory.resident);
        take(line, "VmHWM:", memory.peak_resident);
        take(line, "VmData:", memory.data);
        take(line, "VmSize:", memory.address_space);
    }
    return memory;
}

/// Begins a new measurement of `peak_resident`.
inline void reset_peak() {
    std::ofstream("/proc/self/clear_refs") << "5";
}

}  // namespace network_system::testing

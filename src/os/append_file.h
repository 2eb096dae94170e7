#pragma once

#include <cstdio>
#include <memory>
#include <string>

namespace network_system::inline v0_1::runtime {

struct file_closer {
    void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
};
using unique_file = std::unique_ptr<std::FILE, file_closer>;

/// A file to append to, made if it is not there, unbuffered, and not inherited by programs that
/// this one starts. Null with errno.
[[nodiscard]] unique_file open_to_append(const std::string& path) noexcept;

}  // namespace network_system::runtime

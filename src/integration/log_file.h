#pragma once

#include "os/append_file.h"

#include <network_system/integration/basic_logger.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::integration {

/// A file that is renamed when it has become large.
///
/// Thread-safety: none.
class log_file {
public:
    explicit log_file(log_file_options options) : options_(std::move(options)) {}

    [[nodiscard]] std::error_code open();
    [[nodiscard]] bool is_open() const noexcept { return file_ != nullptr; }
    /// Appends whole lines, to a new file if they do not fit. After an error it is closed, and part
    /// of them may have been written.
    [[nodiscard]] std::error_code write(std::string_view lines);

private:
    [[nodiscard]] std::error_code rotate();
    [[nodiscard]] std::string renamed(unsigned number) const;

    const log_file_options options_;
    runtime::unique_file file_;
    std::uint64_t size_ = 0;
};

}  // namespace network_system::integration

#include "integration/log_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

namespace network_system::inline v0_1::integration {

std::error_code log_file::open() {
    file_ = runtime::open_to_append(options_.path);
    if (!file_) {
        return {errno, std::generic_category()};
    }
    std::error_code unknown;
    const auto size = std::filesystem::file_size(options_.path, unknown);
    size_ = unknown ? 0 : size;
    return {};
}

std::error_code log_file::write(std::string_view lines) {
    const bool is_full = options_.max_size != 0 && size_ > 0 &&
                         (size_ >= options_.max_size || lines.size() > options_.max_size - size_);
    if (is_full) {
        if (const auto failed = rotate()) {
            return failed;
        }
    }
    if (std::fwrite(lines.data(), 1, lines.size(), file_.get()) != lines.size()) {
        const std::error_code failed(errno, std::generic_category());
        file_.reset();
        return failed;
    }
    size_ += lines.size();
    return {};
}

std::string log_file::renamed(unsigned number) const {
    return number == 0 ? options_.path : fmt::format("{}.{}", options_.path, number);
}

std::error_code log_file::rotate() {
    file_.reset();
    std::error_code failed;
    if (options_.max_files == 0) {
        std::filesystem::resize_file(options_.path, 0, failed);
    }
    for (unsigned number = options_.max_files; number > 0; --number) {
        std::filesystem::rename(renamed(number - 1), renamed(number), failed);
        if (failed == std::errc::no_such_file_or_directory) {
            failed.clear();  // there have not been that many yet
        } else if (failed) {
            return failed;
        }
    }
    return failed ? failed : open();
}

}  // namespace network_system::integration

#include "os/append_file.h"

namespace network_system::inline v0_1::runtime {

unique_file open_to_append(const std::string& path) noexcept {
#ifdef _WIN32
    constexpr const char* mode = "abN";
#else
    constexpr const char* mode = "abe";
#endif
    unique_file file(std::fopen(path.c_str(), mode));
    if (file) {
        (void)std::setvbuf(file.get(), nullptr, _IONBF, 0);
    }
    return file;
}

}  // namespace network_system::runtime

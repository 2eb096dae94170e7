#include "utils/random.h"

#include <cstdio>
#include <cstdlib>

#if defined(_WIN32)
#include <windows.h>
// After windows.h, whose types it uses.
#include <bcrypt.h>
#elif defined(__linux__)
#include <sys/random.h>

#include <cerrno>
#endif

namespace network_system::inline v0_1::detail {
namespace {

#if defined(_WIN32)

bool fill(std::span<std::uint8_t> bytes) noexcept {
    return BCryptGenRandom(nullptr, bytes.data(), static_cast<ULONG>(bytes.size()),
                           BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0;
}

#elif defined(__linux__)

bool fill(std::span<std::uint8_t> bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t count = getrandom(bytes.data(), bytes.size(), 0);
        if (count >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

#else

bool fill(std::span<std::uint8_t> bytes) noexcept {
    arc4random_buf(bytes.data(), bytes.size());
    return true;
}

#endif

}  // namespace

void fill_random(std::span<std::uint8_t> bytes) noexcept {
    if (!fill(bytes)) {
        std::fputs("network_system: the operating system has no random numbers\n", stderr);
        std::abort();
    }
}

}  // namespace network_system::detail

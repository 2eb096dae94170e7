#pragma once

#ifndef _WIN32
#include <unistd.h>
#endif

namespace network_system::runtime {

/// Tells a forked child, which has no thread of its parent's, from it.
[[nodiscard]] inline long process_id() noexcept {
#ifdef _WIN32
    return 0;  // there is no fork
#else
    return static_cast<long>(::getpid());
#endif
}

}  // namespace network_system::runtime

// What must hold in tests and fuzzers alike. Ends the process: after a loop or a stream was used
// wrongly, nothing that follows means anything.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace network_system::inline v0_1::testing {

inline void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "requirement broken: %s\n", what);
        std::abort();
    }
}

}  // namespace network_system::testing

#pragma once

#include "utils/log.h"

#include <new>
#include <thread>

namespace network_system::detail {

/// Runs what one of many objects has to do. Memory that runs out there, and is not dealt with
/// there, is logged, and the others go on. Whether it ran to its end.
template <typename Work>
bool contain(const Work& work) {
    try {
        work();
        return true;
    } catch (const std::bad_alloc&) {
        log_limited(log_kind::memory, {},
                    "memory has run out, and something was left undone for it");
        return false;
    }
}

/// The same for what nothing goes on without. It is tried several times: while memory is short,
/// others give some back.
template <typename Work>
bool insist(const Work& work) {
    constexpr int tries = 8;
    for (int left = tries; left > 1; --left) {
        try {
            work();
            return true;
        } catch (const std::bad_alloc&) {
            std::this_thread::yield();
        }
    }
    return contain(work);
}

}  // namespace network_system::detail

#pragma once

#include "utils/log.h"

#include <new>
#include <thread>

// What becomes of std::bad_alloc where nobody is there to be told. The answer is whether the work
// ran to its end. What logs must not run under a lock: the sink is user code.

namespace network_system::inline v0_1::detail {

template <typename Work>
bool attempt(const Work& work) {
    try {
        work();
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

/// For what nothing goes on without: while memory is short, others give some back.
template <typename Work>
bool attempt_often(const Work& work) {
    constexpr int tries = 8;
    for (int left = tries; left > 1; --left) {
        if (attempt(work)) {
            return true;
        }
        std::this_thread::yield();
    }
    return attempt(work);
}

inline bool log_unless(bool is_done) noexcept {
    if (!is_done) {
        log_limited(log_kind::memory, {},
                    "memory has run out, and something was left undone for it");
    }
    return is_done;
}

/// Runs what one of many objects has to do; the others go on, whatever becomes of it.
template <typename Work>
bool contain(const Work& work) {
    return log_unless(attempt(work));
}

template <typename Work>
bool insist(const Work& work) {
    return log_unless(attempt_often(work));
}

}  // namespace network_system::detail

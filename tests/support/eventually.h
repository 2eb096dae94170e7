// Waiting for what a test expects.
#pragma once

#include <chrono>
#include <thread>

namespace loopback {

/// After this long a test has failed; it never ends a test that is well.
inline constexpr std::chrono::seconds patience{20};

/// For facts that nothing announces, such as a counter.
template <typename Condition>
[[nodiscard]] bool eventually(const Condition& condition,
                              std::chrono::milliseconds limit = patience) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

}  // namespace loopback

#pragma once

#include "runtime/loop.h"

#include <memory>

namespace network_system::inline v0_1::runtime {

/// A loop, and what runs it on a thread of ours.
///
/// Object lifetimes: the destructor shuts the loop down; `run` must have returned.
class loop_runner {
public:
    /// The best there is for the method on this platform. Throws std::system_error when the process
    /// is out of descriptors.
    [[nodiscard]] static std::shared_ptr<loop_runner> make(readiness_method method);

    loop_runner() = default;
    loop_runner(const loop_runner&) = delete;
    loop_runner& operator=(const loop_runner&) = delete;
    virtual ~loop_runner() = default;

    [[nodiscard]] virtual const std::shared_ptr<loop>& loop_ptr() const noexcept = 0;
    /// Runs the loop on the calling thread until `stop`.
    virtual void run() = 0;
    /// Any thread. Also before `run`, which then returns at once.
    virtual void stop() noexcept = 0;
};

}  // namespace network_system::runtime

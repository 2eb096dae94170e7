#pragma once

#include <network_system/utils/result_types.h>

#include <memory>
#include <span>

namespace network_system::inline v0_1::runtime {

/// Signals of the process, as long as it lives. Their handler does nothing but to put the number
/// into each inbox that takes it; a second signal for an inbox ends the process, as if nobody had
/// taken it.
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: the destructor puts back what the process did with the signals before, unless
/// another inbox takes them too, or somebody else has changed it. A forked child begins with that,
/// and without inboxes.
class signal_inbox {
public:
    /// Errors: see stop_on_signals.
    [[nodiscard]] static Result<std::unique_ptr<signal_inbox>> open(std::span<const int> signals);

    signal_inbox() = default;
    signal_inbox(const signal_inbox&) = delete;
    signal_inbox& operator=(const signal_inbox&) = delete;
    virtual ~signal_inbox() = default;

    /// Blocks until a signal has come: its number. 0 after `close`.
    [[nodiscard]] virtual int wait() = 0;
    /// Ends a `wait`, and those to come.
    virtual void close() noexcept = 0;
};

}  // namespace network_system::runtime

#pragma once

#include "utils/failure.h"

#include <network_system/session/operation.h>
#include <network_system/utils/error_codes.h>

#include <memory>
#include <string_view>

namespace network_system::inline v0_1::session {

/// The entry of a pending operation in the process's table of those that can be cancelled. It goes
/// where the operation's handler goes, and its destructor takes the entry out. For
/// `operation_id::none` it is empty, and nothing here costs more than a look at a pointer.
///
/// Whoever has the result asks `complete` before the handler gets it; that is the moment which
/// decides between the result and `cancelled`. Whoever keeps the operation for later looks at
/// `is_cancelled` first: its owner may have heard of that before it was kept.
///
/// Thread-safety: none; other threads may cancel the operation at any time.
class pending_operation {
public:
    pending_operation() noexcept = default;

    /// Enters the operation. `owner->on_cancelled(id)` is called when it is cancelled, on the
    /// thread that cancels, and has to tell the handler later. False: the id names another one.
    /// Throws std::bad_alloc with nothing done.
    template <typename Owner>
    [[nodiscard]] bool begin(operation_id id, const std::shared_ptr<Owner>& owner) {
        return enter(id, owner, [](void* who, operation_id which) noexcept {
            static_cast<Owner*>(who)->on_cancelled(which);
        });
    }

    /// The operation is over: it cannot be cancelled any more. False: it was, and its handler gets
    /// `cancelled`.
    [[nodiscard]] bool complete() noexcept { return entry_ == nullptr || leave(); }
    /// The same for one that has failed: what its handler is told.
    [[nodiscard]] errc complete_with(errc failure) noexcept {
        return complete() ? failure : errc::cancelled;
    }
    [[nodiscard]] bool is_cancelled() const noexcept { return entry_ != nullptr && is_marked(); }
    [[nodiscard]] operation_id id() const noexcept;

    /// Cancels an operation of `owner`, or of anybody when that is null. The same `Owner` as in
    /// `begin`. See cancel_operation for the rest.
    template <typename Owner>
    static bool cancel(operation_id id, const Owner* owner) noexcept {
        return id != operation_id::none && mark(id, owner);
    }

private:
    friend class operation_table;
    friend bool cancel_operation(operation_id operation) noexcept;

    using cancelled_function = void (*)(void* owner, operation_id id) noexcept;
    struct entry;
    struct removal {
        void operator()(entry* removed) const noexcept;
    };

    [[nodiscard]] bool enter(operation_id id, std::weak_ptr<void> owner, cancelled_function tell);
    [[nodiscard]] bool leave() noexcept;
    [[nodiscard]] bool is_marked() const noexcept;
    static bool mark(operation_id id, const void* owner) noexcept;

    std::unique_ptr<entry, removal> entry_;
};

/// What an operation fails with whose id names a pending one.
[[nodiscard]] inline error_info operation_exists(std::string_view source) {
    return detail::failure(errc::already_exists, "the operation_id names a pending operation",
                           source);
}

}  // namespace network_system::session

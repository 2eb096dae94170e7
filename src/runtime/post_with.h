#pragma once

#include "runtime/loop.h"

#include <atomic>
#include <memory>
#include <utility>

namespace network_system::inline v0_1::runtime {

/// Posts `work(handler)` before `end`; see loop::post_before. The handler is moved from, unless the
/// answer is false or this throws std::bad_alloc: then it is where it was.
template <typename Handler, typename Work>
[[nodiscard]] bool post_with(loop& where, const std::atomic<bool>& end, Handler& handler,
                             Work work) {
    struct parcel {
        Work work;
        Handler handler;
    };
    auto packed = std::make_unique<parcel>(parcel{std::move(work), Handler()});
    parcel& inside = *packed;
    unique_function<void()> task = [packed = std::move(packed)] { packed->work(packed->handler); };
    inside.handler = std::move(handler);
    try {
        if (where.post_before(end, std::move(task))) {
            return true;
        }
    } catch (...) {
        handler = std::move(inside.handler);
        throw;
    }
    handler = std::move(inside.handler);
    return false;
}

}  // namespace network_system::runtime

#pragma once

#include "runtime/loop.h"

#include <memory>
#include <utility>

namespace network_system::inline v0_1::runtime {

/// Posts `work(handler)`. The handler is moved from, unless this throws std::bad_alloc: then it is
/// where it was.
template <typename Handler, typename Work>
void post_with(loop& where, Handler& handler, Work work) {
    struct parcel {
        Work work;
        Handler handler;
    };
    auto packed = std::make_unique<parcel>(parcel{std::move(work), Handler()});
    parcel& inside = *packed;
    unique_function<void()> task = [packed = std::move(packed)] { packed->work(packed->handler); };
    inside.handler = std::move(handler);
    try {
        where.post(std::move(task));
    } catch (...) {
        handler = std::move(inside.handler);
        throw;
    }
}

}  // namespace network_system::runtime

// The process's operator new, which counts what it is asked for while a test wants to know.
#pragma once

#include <cstddef>

namespace counting_heap {

/// From now on, on every thread.
void start() noexcept;
/// How many allocations there were since `start`.
std::size_t stop() noexcept;

}  // namespace counting_heap

#pragma once

#include <cstddef>

namespace network_system::inline v0_1::detail {

/// The books of what connections have in the heap: blocks, messages, the connections themselves.
/// The C library keeps what is freed. When that is much, and the storm is over, it is asked to give
/// back what it can (`malloc_trim` of glibc, `malloc_zone_pressure_relief` of macOS), on a thread
/// that is there for that moment only. Elsewhere, nothing.
///
/// What is taken and freed again and again leaves the books as they were, so that traffic alone
/// asks for nothing. Costs an addition, and some more each 64 KiB.
///
/// Thread-safety: any thread; what one thread has taken, another may free.
void record_taken(std::size_t bytes) noexcept;
void record_freed(std::size_t bytes) noexcept;

}  // namespace network_system::detail

// The compiler's guards of static variables of functions (__cxa_guard_acquire), which a test can
// hold for a while.
#pragma once

namespace network_system::inline v0_1::testing::held_guards {

/// From now on each thread but the calling one waits where it is the first to get a guard.
void hold_others();
/// No thread waits any more.
void release_all();

/// Waits until a thread is at a guard (true), or `finish` was called.
[[nodiscard]] bool wait();
/// Lets a thread that waits go on.
void go_on();
void finish();

}  // namespace network_system::testing::held_guards

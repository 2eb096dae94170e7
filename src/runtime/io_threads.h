#pragma once

#include "runtime/loop_runner.h"

#include <memory>

/// The threads of all private pools of the process. A thread may have to end where nobody may wait
/// for it (its own callback dropped the last reference); it is joined later then. While the process
/// exits, all that still run are ended: none may run on when statics are destroyed or the library
/// is unloaded.
///
/// A forked child has none of them: as it begins, its copies of their descriptors are closed, so
/// that it keeps no connection of its parent's alive. What is on its way from one thread to another
/// at that moment stays open in the child.
///
/// Thread-safety: every function may be called from any thread.
namespace network_system::inline v0_1::runtime::io_threads {

struct io_thread;
using handle = std::shared_ptr<io_thread>;

/// Starts a thread that runs a loop, and takes no signals (see detail::make_thread). Throws
/// std::system_error when the process is out of threads or descriptors.
[[nodiscard]] handle start(readiness_method method);
/// Before `end`.
[[nodiscard]] std::shared_ptr<loop> loop_of(const handle& which);
/// Ends the thread, and waits for it unless the caller is an I/O thread.
void end(const handle& which);

/// At the exit of the process the threads end after every object whose constructor has called this.
void end_after_caller();

}  // namespace network_system::runtime::io_threads

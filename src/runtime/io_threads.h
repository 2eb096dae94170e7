#pragma once

#include "runtime/loop_runner.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

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

/// `on_start` threw.
class hook_failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct started {
    handle thread;
    std::shared_ptr<loop> where;
};

// What threads are called unless the application says otherwise: those of a pool, and those that
// all clients share.
inline constexpr std::string_view usual_name = "net-io";
inline constexpr std::string_view usual_client_name = "net-client";

/// How the threads of a pool are made.
struct settings {
    readiness_method method = readiness_method::automatic;
    std::string name{usual_name};
    /// The CPUs that each thread may run on, in turn; empty = all of them.
    std::vector<std::vector<unsigned>> placement = {};
    /// The application's. They run on the thread, before the loop and after it.
    std::function<void(std::size_t)> on_start = {};
    std::function<void(std::size_t)> on_stop = {};
};

/// Starts the `number`-th thread of a pool. It takes no signals (see detail::make_thread), and
/// makes its loop itself: the memory is then where the thread runs. Throws std::system_error when
/// the process is out of threads or descriptors or the thread cannot be placed, and hook_failure.
[[nodiscard]] started start(const settings& how, std::size_t number);
/// Whether the calling thread is inside `on_start` or `on_stop`. The start of a pool may wait for
/// it.
[[nodiscard]] bool runs_hook() noexcept;
/// Ends the thread, and waits for it unless the caller is an I/O thread.
void end(const handle& which);

/// At the exit of the process the threads end after every object whose constructor has called this.
void end_after_caller();

}  // namespace network_system::runtime::io_threads

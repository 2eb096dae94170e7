#pragma once

#include <network_system/utils/unique_function.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <thread>

namespace network_system::inline v0_1::detail {

/// A thread of the library's. To be joined or detached before it is dropped.
class thread {
public:
    thread() = default;

    [[nodiscard]] bool joinable() const noexcept { return thread_.joinable(); }
    [[nodiscard]] std::thread::id get_id() const noexcept { return thread_.get_id(); }
    void join() { thread_.join(); }
    void detach() { thread_.detach(); }
    void swap(thread& other) noexcept { thread_.swap(other.thread_); }

private:
    friend thread make_thread(std::string_view name, unique_function<void()> work);
    explicit thread(std::thread made) noexcept : thread_(std::move(made)) {}

    std::thread thread_;
};

/// The name of the `number`-th thread of several: "net-io-0". Cut so that the number is kept.
[[nodiscard]] std::string numbered_name(std::string_view of_all, std::size_t number);

/// Makes a thread that takes none of the application's signals: from its first instruction on, all
/// asynchronous ones are blocked but SIGPROF, which a profiler sends to every thread, and is as its
/// creator has it. What a fault of the thread itself raises (SIGSEGV, SIGABRT, ...) is not blocked.
/// Every thread of the library is made here.
///
/// `name` is what debuggers call it, of which Linux keeps 15 bytes; empty = that of its creator.
///
/// Throws std::system_error when the system has no more threads.
[[nodiscard]] thread make_thread(std::string_view name, unique_function<void()> work);

}  // namespace network_system::detail

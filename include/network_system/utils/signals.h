#pragma once

#include <network_system/export.h>
#include <network_system/utils/result_types.h>

#include <concepts>
#include <csignal>
#include <functional>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>

namespace network_system::inline v0_1 {

class stoppable;

namespace detail {

template <typename T>
concept has_stop_server = requires(T& object) { object.stop_server(); };
template <typename T>
concept has_stop_client = requires(T& object) { object.stop_client(); };
template <typename T>
concept has_disconnect = requires(T& object) { object.disconnect(); };
template <typename T>
concept has_stop = requires(T& object) { object.stop(); };

template <typename T>
concept can_be_stopped =
    !std::same_as<std::remove_cv_t<T>, stoppable> &&
    (has_stop_server<T> || has_stop_client<T> || has_disconnect<T> || has_stop<T>);

template <can_be_stopped T>
void stop_object(T& object) {
    if constexpr (has_stop_server<T>) {
        static_cast<void>(object.stop_server());
    } else if constexpr (has_stop_client<T>) {
        static_cast<void>(object.stop_client());
    } else if constexpr (has_disconnect<T>) {
        static_cast<void>(object.disconnect());
    } else {
        static_cast<void>(object.stop());
    }
}

}  // namespace detail

/// Something that a signal stops: a server, a client, a resilient client, a pool (whatever has
/// `stop_server`, `stop_client`, `disconnect` or `stop`), or a function to call. An object must
/// live as long as the watch; one given as a shared_ptr may be gone before, and is not kept.
class stoppable {
public:
    template <detail::can_be_stopped T>
    stoppable(T& object) : stop_([&object] { detail::stop_object(object); }) {}
    template <detail::can_be_stopped T>
    stoppable(const std::shared_ptr<T>& object)
        : stop_([which = std::weak_ptr<T>(object)] {
              if (const auto there = which.lock()) {
                  detail::stop_object(*there);
              }
          }) {}
    template <std::invocable Function>
        requires(!std::same_as<std::remove_cvref_t<Function>, stoppable>)
    stoppable(Function&& function) : stop_(std::forward<Function>(function)) {}

    void stop() const { stop_(); }

private:
    std::function<void()> stop_;
};

/// The signals by which a program is asked to end: Ctrl+C and `kill`.
inline constexpr std::initializer_list<int> ending_signals{SIGINT, SIGTERM};

/// Waits for signals while it lives: see `stop_on_signals`.
///
/// Thread-safety: `received` may be called from any thread.
///
/// Object lifetimes: the destructor lets a stop that has begun finish, unless it runs inside a
/// library callback, where nothing may block. After the last watch of a signal, what the process
/// did with that signal before is in place again, unless somebody else has taken it meanwhile. A
/// child of fork() has none of its parent's watches.
class NETWORK_SYSTEM_EXPORT signal_watch {
public:
    class impl;

    /// For `stop_on_signals`.
    explicit signal_watch(std::shared_ptr<impl> made) noexcept;
    signal_watch(signal_watch&& other) noexcept;
    signal_watch& operator=(signal_watch&& other) noexcept;
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;
    ~signal_watch();

    /// The signal that came; 0 before.
    [[nodiscard]] int received() const noexcept;

private:
    void end() noexcept;

    std::shared_ptr<impl> impl_;
};

/// Stops the objects, in the order given and one after the other, when the first of the signals
/// comes. A second one ends the process at once, as if nobody had taken it.
///
///     auto watch = stop_on_signals(server, {SIGINT, SIGTERM});
///     ...
///     server.wait_for_stop();
///
/// The objects are stopped on a thread of the watch: the signal's handler does nothing but write to
/// a pipe. `signals`: any of SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 (of SIGINT,
/// SIGTERM and SIGBREAK on Windows, where they are the events of the console). A signal that every
/// thread of the program blocks does not come. One that was ignored (SIGHUP under nohup, SIGINT in
/// the background of a script) comes from now on.
///
/// Errors: `invalid_argument` (no object, no signal, or one that is not among these),
/// `already_exists` (32 watches are there), `internal_error` (no more descriptors or threads).
/// Thread-safe.
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<signal_watch> stop_on_signals(
    std::initializer_list<stoppable> objects, std::initializer_list<int> signals = ending_signals);

/// The same of one to four objects.
[[nodiscard]] inline Result<signal_watch> stop_on_signals(
    stoppable object, std::initializer_list<int> signals = ending_signals) {
    return stop_on_signals({std::move(object)}, signals);
}
[[nodiscard]] inline Result<signal_watch> stop_on_signals(
    stoppable first, stoppable second, std::initializer_list<int> signals = ending_signals) {
    return stop_on_signals({std::move(first), std::move(second)}, signals);
}
[[nodiscard]] inline Result<signal_watch> stop_on_signals(
    stoppable first, stoppable second, stoppable third,
    std::initializer_list<int> signals = ending_signals) {
    return stop_on_signals({std::move(first), std::move(second), std::move(third)}, signals);
}
[[nodiscard]] inline Result<signal_watch> stop_on_signals(
    stoppable first, stoppable second, stoppable third, stoppable fourth,
    std::initializer_list<int> signals = ending_signals) {
    return stop_on_signals(
        {std::move(first), std::move(second), std::move(third), std::move(fourth)}, signals);
}

/// Blocks until one of the signals comes, and answers its number. What is said of `stop_on_signals`
/// holds while it waits; before and after that, the signals do what they did.
///
/// Errors: those of `stop_on_signals`; `would_block` inside a library callback. Thread-safe.
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<int> wait_for_signal(
    std::initializer_list<int> signals = ending_signals);

}  // namespace network_system

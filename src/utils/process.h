#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>

namespace network_system::inline v0_1::detail {

// A child that is forked while another thread makes a static variable of a function waits for that
// variable for ever. So what several threads may be the first to use is made without a lock, or
// while the library is loaded.

/// How many forks lie between this process and the one that the library was loaded into.
extern std::atomic<unsigned> fork_depth;

/// Calls these before each later fork() of this process, and after it on both sides; null ones are
/// left out. False when there is no memory for that. Where there is no fork(), nothing is called.
bool call_around_forks(void (*before)(), void (*in_parent)(), void (*in_child)()) noexcept;

/// Calls `handler`, a lambda without captures, when the process exits, before the statics that are
/// there by now are destroyed. Any thread, any number of times: it is called once.
template <typename Handler>
void call_at_exit(Handler handler) noexcept {
    static constinit std::atomic<bool> is_registered{false};
    // Most calls only look: they are on the way to what is used all the time.
    if (!is_registered.load(std::memory_order_relaxed) &&
        !is_registered.exchange(true, std::memory_order_relaxed)) {
        (void)std::atexit(handler);
    }
}

/// In which process something was made. A child of fork() has copies of its parent's objects, and
/// none of the threads that they count on: locks may be held for ever, and what is shared with the
/// parent (an epoll set, the file of a Unix domain socket) is not the child's to change.
///
/// Thread-safety: every member may be called from any thread; `is_here` costs two loads.
class origin {
public:
    origin() noexcept { renew(); }

    origin(const origin& other) noexcept : depth_(other.depth_.load(std::memory_order_relaxed)) {}
    origin& operator=(const origin& other) noexcept {
        depth_.store(other.depth_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        return *this;
    }
    ~origin() = default;

    [[nodiscard]] bool is_here() const noexcept {
        return depth_.load(std::memory_order_relaxed) == fork_depth.load(std::memory_order_relaxed);
    }
    /// It belongs to this process from now on.
    void renew() noexcept {
        depth_.store(fork_depth.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

private:
    std::atomic<unsigned> depth_{0};
};

/// Keeps an object for as long as the process lives: its destructor would wait for threads, or take
/// locks, that a forked child does not have.
void keep_for_ever(std::shared_ptr<void> object);

/// Puts an object where `expected` was, for ever. Who loses the race gets what the winner has put
/// there.
template <typename T>
[[nodiscard]] T& publish(std::atomic<T*>& where, T* expected, std::unique_ptr<T> made) noexcept {
    return where.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)
               ? *made.release()
               : *expected;
}

/// The one `T` of the library, made at first use and never destroyed.
template <typename T>
class made_once {
public:
    [[nodiscard]] static T& get() {
        T* const found = only_.load(std::memory_order_acquire);
        return found != nullptr ? *found : publish<T>(only_, nullptr, std::make_unique<T>());
    }

private:
    static constinit inline std::atomic<T*> only_{nullptr};
};

/// The one `T` of this process, made at first use and never destroyed. A forked child gets one of
/// its own: the parent's may have been locked, or half changed, at that moment.
template <typename T>
class per_process {
public:
    [[nodiscard]] static T& get() {
        holder* const found = latest_.load(std::memory_order_acquire);
        return found != nullptr && found->made_in.is_here() ? found->value : make(found);
    }
    /// Null when nobody has asked for it in this process.
    [[nodiscard]] static T* find() noexcept {
        holder* const found = latest_.load(std::memory_order_acquire);
        return found != nullptr && found->made_in.is_here() ? &found->value : nullptr;
    }

private:
    struct holder {
        origin made_in;
        holder* former = nullptr;
        T value;
    };

    static T& make(holder* former) {
        auto made = std::make_unique<holder>();
        made->former = former;
        return publish(latest_, former, std::move(made)).value;
    }

    static constinit inline std::atomic<holder*> latest_{nullptr};
};

}  // namespace network_system::detail

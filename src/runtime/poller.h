#pragma once

#include "os/native_socket.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace network_system::inline v0_1::runtime {

/// What a socket waits for.
struct interest {
    bool read = false;
    bool write = false;
    /// That the connection breaks, told once: for who reads nothing for now. Bytes and an orderly
    /// end do not wake it. Who reads or writes learns of it there.
    bool failure = false;

    [[nodiscard]] bool any() const noexcept { return read || write || failure; }
    friend bool operator==(const interest&, const interest&) = default;
};

/// A socket whose readiness a loop watches.
///
/// Thread-safety: none; used on the loop's executor. Lives at least until the end of the batch in
/// which it was forgotten (see loop::retire): events of that batch may still name it.
class io_watch {
public:
    io_watch() = default;
    io_watch(const io_watch&) = delete;
    io_watch& operator=(const io_watch&) = delete;

    /// The socket is ready, or has failed: the next read or write tells which.
    virtual void on_ready(interest ready) = 0;
    /// In a forked child, whose copy of the socket was closed: no lock, no user code.
    virtual void on_left_behind() noexcept {}
    /// The loop is going away with its io_context: forget it, and run no user code.
    virtual void on_loop_shutdown() = 0;

protected:
    ~io_watch() = default;

    /// Promises to read until it gets less than it has asked for, or to call poller::read_again.
    /// Then the system need not look again whether there is more. To be called before the watch is
    /// added, or before a read_again.
    void reads_all() noexcept { reads_all_ = true; }

private:
    friend class poller;
    friend class epoll_poller;
    friend class asio_poller;
    friend class watch_list;

    io_watch* previous_ = nullptr;
    io_watch* next_ = nullptr;
    void* registration_ = nullptr;
    socket_handle handle_ = invalid_socket;
    interest wanted_{};
    // One byte for both: there is one of these in every connection.
    bool reads_all_ : 1 = false;
    // The system had no room for it; see epoll_poller.
    bool is_left_out_ : 1 = false;
};

/// The watches of a poller, in no order.
class watch_list {
public:
    void add(io_watch& watch) noexcept {
        watch.previous_ = nullptr;
        watch.next_ = first_;
        if (first_ != nullptr) {
            first_->previous_ = &watch;
        }
        first_ = &watch;
    }
    void remove(io_watch& watch) noexcept {
        (watch.previous_ != nullptr ? watch.previous_->next_ : first_) = watch.next_;
        if (watch.next_ != nullptr) {
            watch.next_->previous_ = watch.previous_;
        }
        watch.previous_ = watch.next_ = nullptr;
    }
    [[nodiscard]] io_watch* first() const noexcept { return first_; }
    [[nodiscard]] static io_watch* next(const io_watch& watch) noexcept { return watch.next_; }

private:
    io_watch* first_ = nullptr;
};

/// Tells a loop which of its sockets are ready. Owns the sockets given to it.
///
/// Thread-safety: none; used on the loop's executor.
class poller {
public:
    virtual ~poller() = default;

    /// Takes the socket over. Error: the system refused to watch it; the socket is then closed.
    [[nodiscard]] virtual std::error_code add(io_watch& watch, unique_socket socket,
                                              interest wanted) = 0;
    virtual void set_interest(io_watch& watch, interest wanted) = 0;
    /// There may be more to read than was read: the watch is told so in the next batch.
    virtual void read_again(io_watch&) {}
    /// Stops watching and closes the socket.
    virtual void remove(io_watch& watch) = 0;
    /// Stops watching and hands the socket back.
    [[nodiscard]] virtual unique_socket release(io_watch& watch) = 0;

    /// A watch that has no socket yet: it is only told when the loop goes away.
    void add_waiting(io_watch& watch) noexcept { watches_.add(watch); }
    void remove_waiting(io_watch& watch) noexcept { watches_.remove(watch); }

    /// The batch is over: wait for the next one, if anything is watched.
    virtual void arm() = 0;

    /// After fork() in the child: the parent's readiness sets must be left alone.
    virtual void rebuild_after_fork() = 0;

    /// Closes every socket, telling each watch.
    void shutdown() noexcept {
        while (io_watch* watch = watches_.first()) {
            if (watch->handle_ != invalid_socket) {
                remove(*watch);
            } else {
                remove_waiting(*watch);
            }
            watch->on_loop_shutdown();
        }
    }

    /// See loop::close_copies.
    virtual void close_copies() noexcept {
        for (io_watch* watch = watches_.first(); watch != nullptr;
             watch = watch_list::next(*watch)) {
            if (watch->handle_ != invalid_socket) {
                sockets::close(std::exchange(watch->handle_, invalid_socket));
                watch->on_left_behind();
            }
        }
    }

    [[nodiscard]] static socket_handle handle_of(const io_watch& watch) noexcept {
        return watch.handle_;
    }
    [[nodiscard]] static interest interest_of(const io_watch& watch) noexcept {
        return watch.wanted_;
    }

protected:
    // For pollers that io_watch does not know.
    static void record_handle(io_watch& watch, socket_handle handle) noexcept {
        watch.handle_ = handle;
    }
    static void record_interest(io_watch& watch, interest wanted) noexcept {
        watch.wanted_ = wanted;
    }

    watch_list watches_;
};

}  // namespace network_system::runtime

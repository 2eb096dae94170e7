#include "runtime/asio/poller.h"

#include "os/socket_platform.h"
#include "runtime/loop.h"
#include "utils/contain.h"

#include <asio/basic_stream_socket.hpp>
#include <asio/generic/stream_protocol.hpp>

#include <memory>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::runtime {

/// Shared with the waits in flight, which outlive the watch.
struct asio_poller::registration {
    explicit registration(asio::io_context& context) : socket(context) {}

    asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>
        socket;
    io_watch* watch = nullptr;
    bool waits_to_read = false;
    bool waits_to_write = false;
    // Until the interest in it ends: a hang-up that is no failure would be told for ever.
    bool waits_for_failure = false;
    bool has_told_failure = false;

    [[nodiscard]] bool& waits_for(asio::socket_base::wait_type what) noexcept {
        switch (what) {
            case asio::socket_base::wait_read: return waits_to_read;
            case asio::socket_base::wait_write: return waits_to_write;
            default: return waits_for_failure;
        }
    }
};

asio_poller::asio_poller(loop& owner, const serial_executor& executor)
    : owner_(owner), executor_(executor) {}

std::shared_ptr<asio_poller::registration>& asio_poller::entry_of(io_watch& watch) noexcept {
    return *static_cast<std::shared_ptr<registration>*>(watch.registration_);
}

std::error_code asio_poller::add(io_watch& watch, unique_socket socket, interest wanted) {
    const int family = sockets::family_of(sockets::local_endpoint(socket.get()).kind());
    auto entry = std::make_shared<registration>(executor_.context());
    std::error_code error;
    entry->socket.assign(asio::generic::stream_protocol(family, 0), socket.get(), error);
    if (error) {
        // Asio's own category knows no std::errc.
        return {error.value(), std::system_category()};
    }
    watch.registration_ = new std::shared_ptr<registration>(entry);
    watch.handle_ = socket.release();
    watch.wanted_ = wanted;
    entry->watch = &watch;
    watches_.add(watch);
    try {
        start_waits(entry);
    } catch (...) {
        remove(watch);
        throw;
    }
    return {};
}

void asio_poller::set_interest(io_watch& watch, interest wanted) {
    // A wait that is no longer wanted is left to end by itself; its result is then ignored.
    watch.wanted_ = wanted;
    const auto& entry = entry_of(watch);
    entry->has_told_failure = entry->has_told_failure && wanted.failure;
    start_waits(entry);
}

void asio_poller::remove(io_watch& watch) {
    release(watch).reset();
}

unique_socket asio_poller::release(io_watch& watch) {
    const std::unique_ptr<std::shared_ptr<registration>> entry(&entry_of(watch));
    watches_.remove(watch);
    watch.registration_ = nullptr;
    watch.wanted_ = {};
    watch.handle_ = invalid_socket;
    (*entry)->watch = nullptr;
    // Where a socket cannot leave its completion port (Windows before 8.1) it is closed instead.
    std::error_code failure;
    const auto handle = (*entry)->socket.release(failure);
    return failure ? unique_socket() : unique_socket(handle);
}

void asio_poller::close_copies() noexcept {
    // Asio's sockets stay: as they end, they would take themselves out of the parent's reactor, and
    // close a descriptor that is another one by then.
    for (io_watch* watch = watches_.first(); watch != nullptr; watch = watch_list::next(*watch)) {
        if (watch->registration_ != nullptr) {
            detail::keep_for_ever(entry_of(*watch));
        }
    }
    poller::close_copies();
}

void asio_poller::start_waits(const std::shared_ptr<registration>& entry) {
    const interest wanted = entry->watch->wanted_;
    if (wanted.read) {
        start_wait(entry, asio::socket_base::wait_read);
    }
    if (wanted.write) {
        start_wait(entry, asio::socket_base::wait_write);
    }
    if (wanted.failure && !entry->has_told_failure) {
        start_wait(entry, asio::socket_base::wait_error);
    }
}

void asio_poller::start_wait(const std::shared_ptr<registration>& entry, wait_type what) {
    if (entry->waits_for(what)) {
        return;
    }
    entry->socket.async_wait(what, [this, entry = entry, what, owner = owner_.shared_from_this()](
                                       const std::error_code&) mutable {
        if (owner->is_shut_down()) {
            return;
        }
        executor_.run([this, entry = std::move(entry), what, owner = std::move(owner)] {
            on_wait_done(*owner, entry, what);
        });
    });
    entry->waits_for(what) = true;
}

void asio_poller::on_wait_done(loop& owner, const std::shared_ptr<registration>& entry,
                               wait_type what) {
    entry->waits_for(what) = false;
    if (owner.is_shut_down() || entry->watch == nullptr) {
        return;
    }
    owner.run_batch([&] {
        const interest wanted = entry->watch->wanted_;
        const interest ready{wanted.read && what == asio::socket_base::wait_read,
                             wanted.write && what == asio::socket_base::wait_write,
                             wanted.failure && what == asio::socket_base::wait_error};
        entry->has_told_failure = entry->has_told_failure || ready.failure;
        if (ready.any()) {
            detail::contain([&] { entry->watch->on_ready(ready); });
        }
        if (entry->watch != nullptr) {
            detail::insist([&] { start_waits(entry); });
        }
    });
}

void asio_poller::arm() {
    // Each wait starts itself again.
}

void asio_poller::rebuild_after_fork() {
    // Asio registers its descriptors again by itself.
}

}  // namespace network_system::runtime

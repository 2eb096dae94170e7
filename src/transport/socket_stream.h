#pragma once

#include "runtime/loop.h"
#include "runtime/slow_close.h"
#include "transport/progress.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::transport {

/// A TCP socket as a stream: two non-blocking calls, and the registration of its readiness.
/// `Calls` are those of `runtime::sockets`, for the machine's sockets (plain_stream.h) or others.
template <typename Calls>
class socket_stream {
public:
    explicit socket_stream(runtime::unique_socket socket, Calls calls = Calls()) noexcept
        : calls_(calls), handle_(socket.release()) {}
    socket_stream(socket_stream&& other) noexcept
        : calls_(other.calls_), handle_(std::exchange(other.handle_, runtime::invalid_socket)),
          progress_(other.progress_), is_owner_(other.is_owner_), resets_(other.resets_) {}
    socket_stream(const socket_stream&) = delete;
    socket_stream& operator=(socket_stream&&) = delete;
    socket_stream& operator=(const socket_stream&) = delete;
    ~socket_stream() {
        if (is_owner_) {
            owned().reset();
        }
    }

    [[nodiscard]] std::error_code attach(runtime::loop& where, runtime::io_watch& watch,
                                         runtime::interest wanted) {
        is_owner_ = false;
        return where.sockets().add(watch, owned(), wanted);
    }
    static void set_interest(runtime::loop& where, runtime::io_watch& watch,
                             runtime::interest wanted) {
        where.sockets().set_interest(watch, wanted);
    }
    void detach(runtime::loop& where, runtime::io_watch& watch) {
        if (resets_ && calls_.closes_slowly(handle_)) {
            runtime::close_aside(where.sockets().release(watch));
        } else {
            where.sockets().remove(watch);
        }
        handle_ = runtime::invalid_socket;
    }

    [[nodiscard]] runtime::sockets::io_result try_read(
        std::span<const runtime::io_slice> into) const {
        return calls_.read(handle_, into);
    }
    [[nodiscard]] runtime::sockets::io_result try_write(
        std::span<const runtime::io_slice> from) const {
        return calls_.write(handle_, from);
    }
    /// How much the peer has taken since the last call; see progress_meter::take.
    [[nodiscard]] peer_progress take_progress(std::uint32_t written, bool has_drained) noexcept {
        return progress_.take(written, has_drained, [this](std::uint32_t all, auto known) {
            return calls_.count_unacknowledged(handle_, all, known);
        });
    }
    /// Without a mark: see transport::unacknowledged.
    [[nodiscard]] std::optional<std::size_t> unacknowledged(std::uint32_t written) const noexcept {
        using unit = runtime::sockets::unacknowledged::unit;
        const auto left = calls_.count_unacknowledged(handle_, written, unit::unknown);
        return left.counts == unit::unknown ? std::nullopt : std::optional<std::size_t>(left.size);
    }
    void shutdown_write() const { calls_.shutdown_write(handle_); }
    /// The coming `detach` resets the connection instead of ending it in order.
    void prepare_reset() noexcept {
        resets_ = true;
        calls_.reset_on_close(handle_);
    }

private:
    [[nodiscard]] runtime::unique_socket owned() const noexcept {
        return runtime::unique_socket(handle_, calls_.origin());
    }

    // There is one in every connection, so it is kept small. The loop owns an attached socket.
    [[no_unique_address]] Calls calls_;
    runtime::socket_handle handle_;
    [[no_unique_address]] progress_meter progress_;
    bool is_owner_ = true;
    bool resets_ = false;
};

}  // namespace network_system::transport

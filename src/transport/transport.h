#pragma once

#include "os/native_socket.h"
#include "runtime/loop.h"
#include "transport/progress.h"
#include "transport/write_queue.h"
#include "utils/counter.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/tls_info.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>

namespace network_system::inline v0_1::transport {

using runtime::steady_time;

/// What a transport tells the layer above it. Runs inside the loop's batches only.
class transport_handler {
public:
    /// The stream carries bytes from now on: at the start, or after the handshake of its own.
    virtual void on_open() {}
    /// Where the next bytes belong, when that is known (the rest of a large message); empty
    /// otherwise. Valid until the next call into the handler.
    virtual std::span<std::uint8_t> read_place() noexcept = 0;
    /// `placed` bytes were read into `read_place`, then `rest` (valid during the call; the handler
    /// may change them).
    virtual void on_bytes(std::size_t placed, std::span<std::uint8_t> rest) = 0;
    /// The peer ended its side. The handler answers with `close` or `abort`, or goes on writing.
    virtual void on_end() = 0;
    /// Nothing can be written any more. What has arrived is still read; after it comes the end.
    /// Called again when more has been queued.
    virtual void on_write_failed(errc) {}
    /// The connection is broken, and was not read `until_broken`: what has arrived is there for a
    /// handler that goes on reading, and behind it the cause.
    virtual void on_broken() {}
    /// Something was written: completions may be due, and there is more room.
    virtual void on_written() = 0;
    /// The deadline set with `set_deadline` has passed while the transport is open.
    virtual void on_deadline() = 0;
    /// The deadline of a close has passed: when to ask again. A moment that is past resets the
    /// connection.
    virtual steady_time on_close_deadline() { return {}; }
    /// In a forked child, of a connection of its parent's: no lock, no user code.
    virtual void on_left_behind() noexcept {}
    /// Exactly once, last. `reason` is what `close` or `abort` gave, or what went wrong since.
    virtual void on_closed(std::error_code reason) = 0;

protected:
    ~transport_handler() = default;
};

/// Counted on the loop; any thread may read them.
struct transport_counters {
    detail::counter bytes_read;
    detail::counter bytes_written;
    detail::counter bytes_discarded;
};

/// Whether a transport reads, and if not, whether it still hears that the connection is broken.
enum class reading : std::uint8_t { on, until_broken, off };

/// Whether the peer may still say something that matters, or has said its last word: then a reset
/// ends the connection as well as an end of the stream does.
enum class peer_state : std::uint8_t { speaks, is_done };

/// The seam between protocols and byte streams: bytes in, bytes out, one close.
///
/// Closing:
///
///     open --close--> flushing --queue empty--> draining --end of stream--> closed
///       |                |                          |
///       +--abort---------+--error, deadline---------+--------------------> closed
///
/// In `flushing` and `draining` arriving bytes are read and discarded: closing a socket with
/// unread input would destroy what was sent (RFC 1122 section 4.2.2.13).
///
/// A write that fails ends only the writing. What the peer has sent before lies in the socket, and
/// may say why: it is read and delivered first, and the cause that the reader finds is the one that
/// is reported.
///
/// Thread-safety: none; used on the loop's executor.
class transport : public std::enable_shared_from_this<transport>, protected runtime::flushable {
private:
    // Here, where it takes no place of its own: there is one of these for every connection.
    bool wants_flush_ = false;

public:
    explicit transport(std::shared_ptr<runtime::loop> where)
        : loop_(std::move(where)), queue_(&loop_->blocks()) {}
    transport(const transport&) = delete;
    transport& operator=(const transport&) = delete;
    virtual ~transport() = default;

    /// Begins to read; `on_open` may come at once. `handler` lives until `on_closed`, which comes
    /// also when start fails.
    virtual void start(transport_handler& handler) = 0;

    /// What will be written. After appending call `request_flush`; writing happens at the end of
    /// the batch.
    [[nodiscard]] write_queue& queue() noexcept { return queue_; }
    [[nodiscard]] bool wants_flush() const noexcept { return wants_flush_; }
    void request_flush() {
        if (!wants_flush_) {
            wants_flush_ = true;
            loop_->mark_dirty(*this);
        }
    }
    /// Writes the queue and then these bytes at once and copies only what the socket did not
    /// take: for messages too large to be copied first. The two together are one message.
    virtual void send_now(bytes_view header, bytes_view payload, write_callback done) = 0;

    /// Stops reading from the stream, or goes on.
    virtual void set_reading(reading how) = 0;

    /// Ends gracefully; at `deadline` the handler is asked for more time. `reason` is reported
    /// unless something worse happens.
    virtual void close(steady_time deadline, std::error_code reason,
                       peer_state peer = peer_state::speaks) = 0;
    /// Moves the deadline of a close that has begun.
    virtual void limit_close(steady_time deadline) = 0;
    /// Ends at once. What is queued is lost.
    virtual void abort(std::error_code reason) = 0;

    virtual void set_deadline(steady_time when) = 0;

    [[nodiscard]] virtual bool is_open() const noexcept = 0;
    /// How much the peer has taken since the last call; see socket_stream::take_progress.
    [[nodiscard]] virtual peer_progress take_progress() = 0;
    /// Bytes, or memory, that were written and that the peer's system has not acknowledged; nothing
    /// where ours does not tell. While it is open.
    [[nodiscard]] virtual std::optional<std::size_t> unacknowledged() const noexcept = 0;

    /// Whether the peer has ever sent a byte, of a handshake too.
    [[nodiscard]] virtual bool has_received() const noexcept { return counters_.bytes_read > 0; }
    /// What the stream can say about its failure beyond the code; mostly nothing.
    [[nodiscard]] virtual std::string failure_text() const { return {}; }
    /// What a TLS handshake agreed on; nothing before it is complete, and without TLS. Any thread.
    [[nodiscard]] virtual std::optional<tls_info> tls() const { return std::nullopt; }
    [[nodiscard]] virtual bool is_secure() const noexcept { return false; }

    [[nodiscard]] const std::shared_ptr<runtime::loop>& loop() const noexcept { return loop_; }
    [[nodiscard]] const transport_counters& counters() const noexcept { return counters_; }
    /// Of what was delivered, the handler has thrown away so much.
    void count_discarded(std::size_t bytes) noexcept { counters_.bytes_discarded.add(bytes); }
    /// When bytes last arrived, and when the socket last took some.
    [[nodiscard]] steady_time last_read() const noexcept { return last_read_; }
    [[nodiscard]] steady_time last_write() const noexcept { return last_write_; }

protected:
    /// What was requested is being done.
    void record_flush() noexcept { wants_flush_ = false; }

    std::shared_ptr<runtime::loop> loop_;
    write_queue queue_;
    transport_counters counters_;
    steady_time last_read_{};
    steady_time last_write_{};
};

/// Makes the transport of a connected socket: the one thing TCP and TLS differ in.
using transport_factory = std::function<std::shared_ptr<transport>(std::shared_ptr<runtime::loop>,
                                                                   runtime::unique_socket)>;

}  // namespace network_system::transport

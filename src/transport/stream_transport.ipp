#pragma once

#include "runtime/connector.h"
#include "transport/stream_transport.h"

#include <network_system/utils/error_codes.h>

#include <algorithm>
#include <array>

namespace network_system::transport {

using runtime::io_slice;
using runtime::sockets::io_result;
using runtime::sockets::outcome;

// More slices in one call gain nothing: the kernel copies them one by one.
inline constexpr std::size_t max_slices = 16;

template <typename Stream>
void stream_transport<Stream>::start(transport_handler& handler) {
    handler_ = &handler;
    state_ = state::open;
    last_read_ = last_write_ = loop_->now();
    if (const auto error = stream_.attach(*loop_, *this, {!is_paused_, false})) {
        state_ = state::closed;
        loop_->retire(shared_from_this());
        std::exchange(handler_, nullptr)->on_closed(errc::connection_failed);
        return;
    }
    if constexpr (is_layered) {
        loop_->deadlines().set(*this, stream_.deadline());
        request_flush();
    } else {
        handler.on_open();
    }
}

template <typename Stream>
void stream_transport<Stream>::on_ready(runtime::interest ready) {
    if constexpr (is_layered) {
        if (!stream_.is_established() && !loop_->takes_long_step()) {
            return;  // it is still ready in the next batch
        }
    }
    if (ready.write) {
        is_write_blocked_ = false;
        if (!write_queued()) {
            return;
        }
    }
    if (ready.read) {
        read_some();
    }
}

template <typename Stream>
void stream_transport<Stream>::read_some() {
    read_once();
    if constexpr (is_layered) {
        settle_stream();
    }
}

template <typename Stream>
void stream_transport<Stream>::read_once() {
    const std::span<std::uint8_t> buffer = loop_->read_buffer();
    const std::span<std::uint8_t> place =
        state_ == state::open ? handler_->read_place() : std::span<std::uint8_t>{};
    const std::array<io_slice, 2> slices{io_slice{place.data(), place.size()},
                                         io_slice{buffer.data(), buffer.size()}};
    const auto into = std::span(slices).subspan(place.empty() ? 1 : 0);

    const io_result result = stream_.try_read(into);
    bool is_filled = result.kind == outcome::done && result.bytes == place.size() + buffer.size();
    if constexpr (is_layered) {
        is_filled = stream_.has_filled_read();
    }
    if (is_filled) {
        loop_->sockets().read_again(*this);
    }
    if constexpr (is_layered) {
        announce_stream();
        if (state_ == state::closed) {
            return;
        }
    }
    switch (result.kind) {
        case outcome::done: deliver(result.bytes, place.size(), buffer); break;
        case outcome::would_block: break;
        case outcome::end: on_end_of_stream(); break;
        case outcome::failed: fail(runtime::classify(result.error, errc::receive_failed)); break;
    }
}

template <typename Stream>
void stream_transport<Stream>::deliver(std::size_t count, std::size_t place_size,
                                       std::span<std::uint8_t> buffer) {
    last_read_ = loop_->now();
    counters_.bytes_read.add(count);
    if (state_ != state::open) {
        counters_.bytes_discarded.add(count);
        return;
    }
    const std::size_t placed = std::min(count, place_size);
    handler_->on_bytes(placed, buffer.first(count - placed));
}

template <typename Stream>
void stream_transport<Stream>::on_end_of_stream() {
    has_ended_ = true;
    if (state_ == state::draining) {
        finish(reason_);
        return;
    }
    update_interest();
    if (state_ == state::open) {
        handler_->on_end();
    }
}

template <typename Stream>
void stream_transport<Stream>::flush() {
    note_flush();
    if constexpr (is_layered) {
        if (state_ == state::open && wants_to_read() && stream_.has_more_to_read()) {
            read_some();  // reading was paused when it was noticed
        }
    }
    // An emptied queue waits for nothing: its bytes were dropped.
    if (!is_write_blocked_ || queue_.empty()) {
        write_queued();
    }
}

template <typename Stream>
bool stream_transport<Stream>::write_queued() {
    if (state_ == state::closed || state_ == state::idle) {
        return false;
    }
    if constexpr (is_layered) {
        if (!advance_stream()) {
            return state_ != state::closed;
        }
    }
    std::array<io_slice, max_slices> slices;
    while (!queue_.empty()) {
        const auto gathered = queue_.prepare(slices);
        const io_result result =
            write_gathered(std::span(slices).first(gathered.slices), gathered.bytes);
        if (result.kind == outcome::would_block) {
            break;
        }
        if (!note_written(result)) {
            return false;
        }
        queue_.commit(result.bytes);
        if (result.bytes < gathered.bytes) {
            break;  // the socket is full: asking again would only cost a call
        }
    }
    is_write_blocked_ = !queue_.empty();
    update_interest();
    handler_->on_written();
    if (state_ == state::flushing && queue_.empty()) {
        continue_close();
    }
    return state_ != state::closed;
}

template <typename Stream>
io_result stream_transport<Stream>::write_gathered(std::span<const io_slice> slices,
                                                   [[maybe_unused]] std::size_t bytes) {
    if constexpr (is_layered) {
        if (state_ == state::flushing && bytes == queue_.bytes()) {
            return stream_.try_write_last(slices);
        }
    }
    return stream_.try_write(slices);
}

template <typename Stream>
bool stream_transport<Stream>::note_written(const io_result& result) {
    if (result.kind != outcome::done) {
        fail(runtime::classify(result.error, errc::send_failed));
        return false;
    }
    credit(result.bytes);
    return true;
}

template <typename Stream>
void stream_transport<Stream>::credit(std::size_t written) {
    last_write_ = loop_->now();
    counters_.bytes_written.add(written);
}

template <typename Stream>
void stream_transport<Stream>::send_now(bytes_view header, bytes_view payload,
                                        write_callback done) {
    std::array<io_slice, max_slices> slices;
    const std::size_t queued = queue_.bytes();
    const auto gathered = queue_.prepare(std::span(slices).first(max_slices - 2));
    std::size_t written = 0;
    if (!is_write_blocked_ && gathered.bytes == queued) {
        std::size_t used = gathered.slices;
        for (const bytes_view part : {header, payload}) {
            if (!part.empty()) {
                slices[used++] = {part.data(), part.size()};
            }
        }
        const io_result result = stream_.try_write(std::span(slices).first(used));
        // A failure shows again, and is dealt with, in the flush at the end of the batch: here a
        // user callback is on the stack.
        if (result.kind == outcome::done) {
            note_written(result);
            written = result.bytes;
        }
    }
    const std::size_t committed = std::min(written, queued);
    queue_.commit(committed);
    written -= committed;
    if (written == header.size() + payload.size()) {
        queue_.end_written_message(std::move(done));
    } else {
        const std::size_t of_header = std::min(written, header.size());
        queue_.append(header.subspan(of_header));
        queue_.append(payload.subspan(written - of_header));
        queue_.end_message(std::move(done));
    }
    request_flush();
}

template <typename Stream>
void stream_transport<Stream>::pause_reading(bool paused) {
    is_paused_ = paused;
    update_interest();
    if constexpr (is_layered) {
        if (!paused && stream_.has_more_to_read()) {
            request_flush();
        }
    }
}

template <typename Stream>
void stream_transport<Stream>::update_interest() {
    if (state_ == state::idle || state_ == state::closed) {
        return;
    }
    stream_.set_interest(*loop_, *this, {wants_to_read(), is_write_blocked_});
}

template <typename Stream>
void stream_transport<Stream>::close(steady_time deadline, std::error_code reason) {
    if (state_ != state::open) {
        return;
    }
    state_ = state::flushing;
    reason_ = reason;
    loop_->deadlines().set(*this, deadline);
    if constexpr (is_layered) {
        // A handshake that stalls is not waited for, whatever is queued behind it.
        is_write_blocked_ = is_write_blocked_ && stream_.is_established();
    }
    update_interest();
    // Even with an empty queue the rest of the close happens at the end of the batch, outside
    // whatever callback this was called from.
    request_flush();
}

template <typename Stream>
void stream_transport<Stream>::continue_close() {
    if constexpr (is_layered) {
        if (stream_.end_writing().kind == outcome::would_block) {
            is_write_blocked_ = true;
            update_interest();
            return;
        }
    }
    stream_.shutdown_write();
    state_ = state::draining;
    if (has_ended_) {
        finish(reason_);
    }
}

template <typename Stream>
void stream_transport<Stream>::abort(std::error_code reason) {
    if (state_ != state::closed && state_ != state::idle) {
        stream_.prepare_reset();
        finish(reason);
    }
}

template <typename Stream>
void stream_transport<Stream>::set_deadline(steady_time when) {
    if constexpr (is_layered) {
        when = stream_.is_established() ? when : std::min(when, stream_.deadline());
    }
    if (state_ == state::open) {
        loop_->deadlines().set(*this, when);
    }
}

template <typename Stream>
void stream_transport<Stream>::on_deadline([[maybe_unused]] steady_time now) {
    if constexpr (is_layered) {
        if (state_ == state::open && !stream_.is_established() && now >= stream_.deadline()) {
            stream_.note_timeout();
            stream_.prepare_reset();
            fail(errc::connection_timeout);
            return;
        }
    }
    if (state_ == state::open) {
        handler_->on_deadline();
    } else {
        stream_.prepare_reset();
        fail(errc::connection_timeout);
    }
}

template <typename Stream>
bool stream_transport<Stream>::advance_stream()
    requires layered_stream<Stream>
{
    const io_result result = stream_.advance(!queue_.empty() || state_ == state::flushing);
    // Less when the queue was dropped behind what was on its way.
    const std::size_t written = std::min(result.bytes, queue_.bytes());
    if (written > 0) {
        credit(written);
        queue_.commit(written);
    }
    announce_stream();
    if (state_ == state::closed) {
        return false;
    }
    if (result.kind == outcome::failed) {
        fail(runtime::classify(result.error, errc::send_failed));
        return false;
    }
    if (!stream_.is_established() && state_ == state::flushing) {
        stream_.skip_arrived(loop_->read_buffer());
        finish(reason_);  // closed before there was a stream to close in order
        return false;
    }
    is_write_blocked_ = result.kind == outcome::would_block;
    if (!is_write_blocked_) {
        return true;
    }
    update_interest();
    if (written > 0) {
        handler_->on_written();
    }
    return false;
}

template <typename Stream>
void stream_transport<Stream>::announce_stream()
    requires layered_stream<Stream>
{
    if (!is_announced_ && state_ == state::open && stream_.is_established()) {
        is_announced_ = true;
        is_write_blocked_ = false;
        // Not before: steps of the handshake may be left for later.
        reads_all();
        loop_->sockets().read_again(*this);
        request_flush();
        handler_->on_open();
    }
}

template <typename Stream>
void stream_transport<Stream>::settle_stream()
    requires layered_stream<Stream>
{
    while (state_ != state::closed && wants_to_read() && stream_.has_more_to_read()) {
        read_once();
    }
    if (state_ != state::closed) {
        update_interest();
    }
}

template <typename Stream>
std::string stream_transport<Stream>::failure_text() const {
    if constexpr (is_layered) {
        return stream_.failure_text();
    }
    return {};
}

template <typename Stream>
std::optional<tls_info> stream_transport<Stream>::tls() const {
    if constexpr (is_layered) {
        return stream_.info();
    }
    return std::nullopt;
}

template <typename Stream>
void stream_transport<Stream>::fail(errc code) {
    // Of several things that went wrong the first is the cause.
    finish(reason_ ? reason_ : make_error_code(code));
}

template <typename Stream>
void stream_transport<Stream>::on_loop_shutdown() {
    // The poller has closed the socket already.
    state_ = state::closed;
    runtime::deadline_wheel::cancel(*this);
    loop_->retire(shared_from_this());
    std::exchange(handler_, nullptr)->on_closed(errc::connection_closed);
}

template <typename Stream>
void stream_transport<Stream>::finish(std::error_code reason) {
    state_ = state::closed;
    runtime::deadline_wheel::cancel(*this);
    stream_.detach(*loop_, *this);
    // Events of this batch may still name this object.
    loop_->retire(shared_from_this());
    std::exchange(handler_, nullptr)->on_closed(reason);
}

}  // namespace network_system::transport

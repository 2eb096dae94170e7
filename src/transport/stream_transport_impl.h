#pragma once

#include "runtime/connector.h"
#include "transport/stream_transport.h"

#include <network_system/utils/error_codes.h>

#include <algorithm>
#include <array>

namespace network_system::inline v0_1::transport {

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
    if (const auto failed = attach()) {
        state_ = state::closed;
        loop_->retire(shared_from_this());
        std::exchange(handler_, nullptr)->on_closed(*failed);
        return;
    }
    if constexpr (is_layered) {
        loop_->deadlines().set(*this, stream_.deadline());
        request_flush();
    } else {
        or_reset([&] { handler.on_open(); });
    }
}

template <typename Stream>
std::optional<errc> stream_transport<Stream>::attach() {
    try {
        const auto error = stream_.attach(*loop_, *this, {wants_to_read(), false, is_held()});
        return error ? std::optional(errc::connection_failed) : std::nullopt;
    } catch (const std::bad_alloc&) {
        return errc::out_of_memory;
    }
}

template <typename Stream>
void stream_transport<Stream>::on_ready(runtime::interest ready) {
    or_reset([&] { handle_readiness(ready); });
}

template <typename Stream>
void stream_transport<Stream>::handle_readiness(runtime::interest ready) {
    if constexpr (is_layered) {
        if (!stream_.is_established() && !loop_->takes_long_step()) {
            return;  // it is still ready in the next batch
        }
    }
    if (ready.failure && is_held()) {
        handler_->on_broken();
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
        case outcome::would_block: on_nothing_to_read(); break;
        case outcome::end: on_end_of_stream(); break;
        case outcome::failed:
            on_read_failed(runtime::classify(result.error, errc::receive_failed));
            break;
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
void stream_transport<Stream>::flush() {
    or_reset([this] { flush_queue(); });
}

template <typename Stream>
void stream_transport<Stream>::flush_queue() {
    record_flush();
    if (is_write_broken()) {
        read_rest();
        return;
    }
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
    if (state_ == state::closed || state_ == state::idle || is_write_broken()) {
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
        if (!record_written(result)) {
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
bool stream_transport<Stream>::record_written(const io_result& result) {
    if (result.kind != outcome::done) {
        on_write_failed(result.error);
        return false;
    }
    credit(result.bytes);
    return true;
}

template <typename Stream>
void stream_transport<Stream>::credit(std::size_t written) {
    last_write_ = loop_->now();
    has_written_ = true;
    counters_.bytes_written.add(written);
}

template <typename Stream>
void stream_transport<Stream>::send_now(bytes_view header, bytes_view payload,
                                        write_callback done) {
    std::array<io_slice, max_slices> slices;
    const std::size_t queued = queue_.bytes();
    const auto gathered = queue_.prepare(std::span(slices).first(max_slices - 2));
    std::size_t written = 0;
    if (!is_write_blocked_ && !is_write_broken() && gathered.bytes == queued) {
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
            record_written(result);
            written = result.bytes;
        }
    }
    const std::size_t committed = std::min(written, queued);
    queue_.commit(committed);
    written -= committed;
    try {
        queue_.append_whole([&] { queue_rest(header, payload, written, std::move(done)); });
    } catch (...) {
        if (written > 0) {
            // Half a message is out: nothing may follow it.
            write_failure_ = static_cast<std::int16_t>(errc::out_of_memory);
        }
        request_flush();
        throw;
    }
    request_flush();
}

template <typename Stream>
void stream_transport<Stream>::queue_rest(bytes_view header, bytes_view payload,
                                          std::size_t written, write_callback&& done) {
    if (written == header.size() + payload.size()) {
        queue_.end_written_message(std::move(done));
        return;
    }
    const std::size_t of_header = std::min(written, header.size());
    queue_.append(header.subspan(of_header));
    queue_.append(payload.subspan(written - of_header));
    queue_.end_message(std::move(done));
}

template <typename Stream>
void stream_transport<Stream>::set_reading(reading how) {
    reading_ = how;
    update_interest();
    bool has_rest = is_write_broken();
    if constexpr (is_layered) {
        has_rest = has_rest || stream_.has_more_to_read();
    }
    if (how == reading::on && has_rest) {
        request_flush();
    }
}

template <typename Stream>
void stream_transport<Stream>::update_interest() {
    if (state_ == state::idle || state_ == state::closed) {
        return;
    }
    stream_.set_interest(*loop_, *this, {wants_to_read(), is_write_blocked_, is_held()});
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
peer_progress stream_transport<Stream>::take_progress() {
    // A full socket takes more only when the peer has made room.
    const bool has_drained = was_write_blocked_ && has_written_;
    was_write_blocked_ = is_write_blocked_;
    has_written_ = false;
    const peer_progress below = stream_.take_progress(
        static_cast<std::uint32_t>(std::uint64_t{counters_.bytes_written}), has_drained);
    return {below.taken, below.is_behind || !queue_.empty()};
}

template <typename Stream>
bool stream_transport<Stream>::advance_stream() {
    if constexpr (is_layered) {
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
            on_write_failed(result.error);
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
    return true;
}

template <typename Stream>
void stream_transport<Stream>::announce_stream() {
    if constexpr (is_layered) {
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
}

template <typename Stream>
void stream_transport<Stream>::settle_stream() {
    if constexpr (is_layered) {
        while (state_ != state::closed && wants_to_read() && stream_.has_more_to_read()) {
            read_once();
        }
        if (state_ != state::closed) {
            update_interest();
        }
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

}  // namespace network_system::transport

// The other half.
#include "transport/stream_transport_end_impl.h"

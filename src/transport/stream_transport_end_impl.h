// How the streams of stream_transport end.
#pragma once

#include "transport/stream_transport.h"

#include <utility>

namespace network_system::inline v0_1::transport {

template <typename Stream>
void stream_transport<Stream>::close(steady_time deadline, std::error_code reason,
                                     peer_state peer) {
    if (state_ != state::open) {
        return;
    }
    state_ = state::flushing;
    reason_ = reason;
    is_peer_done_ = peer == peer_state::is_done;
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
void stream_transport<Stream>::limit_close(steady_time deadline) {
    if (state_ == state::flushing || state_ == state::draining) {
        loop_->deadlines().set(*this, deadline);
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
void stream_transport<Stream>::on_deadline(steady_time now) {
    or_reset([&] { meet_deadline(now); });
}

template <typename Stream>
void stream_transport<Stream>::meet_deadline(steady_time now) {
    if constexpr (is_layered) {
        if (state_ == state::open && !stream_.is_established() && now >= stream_.deadline()) {
            stream_.record_timeout();
            stream_.prepare_reset();
            fail(errc::connection_timeout);
            return;
        }
    }
    if (state_ == state::open) {
        handler_->on_deadline();
        return;
    }
    if (const steady_time next = handler_->on_close_deadline(); next > now) {
        loop_->deadlines().set(*this, next);
        return;
    }
    stream_.prepare_reset();
    fail(errc::connection_timeout);
}

template <typename Stream>
void stream_transport<Stream>::on_end_of_stream() {
    has_ended_ = true;
    if (state_ == state::draining) {
        finish(reason_);
        return;
    }
    if (is_write_broken()) {
        fail(static_cast<errc>(write_failure_));
        return;
    }
    update_interest();
    if (state_ == state::open) {
        handler_->on_end();
    }
}

template <typename Stream>
void stream_transport<Stream>::on_read_failed(errc code) {
    if (state_ == state::draining && is_peer_done_) {
        finish(reason_);
    } else {
        fail(code);
    }
}

template <typename Stream>
void stream_transport<Stream>::on_nothing_to_read() {
    if (!is_write_broken()) {
        return;
    }
    if constexpr (is_layered) {
        if (!stream_.is_established()) {
            stream_.record_broken();
            fail(errc::tls_handshake_failed);
            return;
        }
    }
    fail(static_cast<errc>(write_failure_));
}

template <typename Stream>
void stream_transport<Stream>::on_write_failed(const std::error_code& error) {
    write_failure_ = static_cast<std::int16_t>(runtime::classify(error, errc::send_failed));
    is_write_blocked_ = false;
    read_rest();
}

template <typename Stream>
void stream_transport<Stream>::read_rest() {
    if (state_ == state::closed) {
        return;
    }
    if (state_ == state::open) {
        handler_->on_write_failed(static_cast<errc>(write_failure_));
    }
    if (has_ended_) {
        fail(static_cast<errc>(write_failure_));
        return;
    }
    if (is_held()) {
        // The error of the socket has come to the writer: no reader would be told.
        handler_->on_broken();
    }
    update_interest();
    if (!wants_to_read()) {
        return;  // until reading is resumed
    }
    read_some();
    if (state_ != state::closed) {
        // Whether there is more, nobody will tell.
        request_flush();
    }
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

#pragma once

#include "tls/connection.h"
#include "transport/layered_stream.h"
#include "transport/progress.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::transport {

/// TLS over another stream, as a stream itself. What a layered stream has beyond a plain one (see
/// stream_transport) is from `advance` on.
template <typename Lower>
class tls_stream {
public:
    using io_result = runtime::sockets::io_result;
    static constexpr bool is_secure = true;

    tls_stream(Lower lower, std::shared_ptr<const tls_settings> settings)
        : lower_(std::move(lower)), tls_(std::make_unique<tls_connection>(std::move(settings))) {}

    [[nodiscard]] std::error_code attach(runtime::loop& where, runtime::io_watch& watch,
                                         runtime::interest wanted) {
        tls_->begin({&lower_,
                     [](void* lower, std::span<const runtime::io_slice> into) {
                         return static_cast<Lower*>(lower)->try_read(into);
                     },
                     [](void* lower, std::span<const runtime::io_slice> from) {
                         return static_cast<Lower*>(lower)->try_write(from);
                     },
                     is_over_layer},
                    where);
        deadline_ = runtime::after(where.now(), tls_->handshake_timeout());
        return lower_.attach(where, watch, tls_->below(wanted));
    }
    void set_interest(runtime::loop& where, runtime::io_watch& watch, runtime::interest wanted) {
        lower_.set_interest(where, watch, tls_->below(wanted));
    }
    void detach(runtime::loop& where, runtime::io_watch& watch) {
        tls_->end();
        lower_.detach(where, watch);
    }
    [[nodiscard]] io_result try_read(std::span<const runtime::io_slice> into) {
        if constexpr (is_over_layer) {
            if (!lower_.is_established()) {
                return lower_.try_read(into);  // nothing of it is for TLS, its failure neither
            }
        }
        return tls_->read(into);
    }
    [[nodiscard]] io_result try_write(std::span<const runtime::io_slice> from) {
        return tls_->write(from);
    }
    /// Of records: the lower stream knows nothing else.
    [[nodiscard]] peer_progress take_progress(std::uint32_t, bool has_drained) {
        return lower_.take_progress(tls_->written_below(), has_drained);
    }
    [[nodiscard]] std::optional<std::size_t> unacknowledged(std::uint32_t) const noexcept {
        return lower_.unacknowledged(tls_->written_below());
    }
    /// Takes what has arrived from the socket and looks at none of it: unread at the close, it
    /// would make the system reset the connection.
    void skip_arrived(std::span<std::uint8_t> scratch) {
        const runtime::io_slice into{scratch.data(), scratch.size()};
        (void)lower_.try_read({&into, 1});
    }
    void shutdown_write() { lower_.shutdown_write(); }
    void prepare_reset() { lower_.prepare_reset(); }

    /// What the stream has to say by itself; `done` once bytes of the layer above may follow. If
    /// they do, or `end_writing` does, it may wait for them.
    [[nodiscard]] io_result advance(bool more_follows) {
        if constexpr (is_over_layer) {
            // What blocks there blocks here as soon as there is something to write.
            if (const io_result below = lower_.advance_below();
                below.kind == runtime::sockets::outcome::failed) {
                return below;
            }
        }
        return tls_->advance(more_follows);
    }
    /// The same for a layer above: what has gone out of its bytes is told by the next `try_write`.
    [[nodiscard]] io_result advance_below() { return tls_->advance_below(); }
    /// The last of what there is to write, which `end_writing` follows.
    [[nodiscard]] io_result try_write_last(std::span<const runtime::io_slice> from) {
        return tls_->write_last(from);
    }
    /// Says that no more will follow; `would_block` when it has to be called again. Before
    /// `shutdown_write`.
    [[nodiscard]] io_result end_writing() {
        const io_result ended = tls_->end_writing();
        if constexpr (is_over_layer) {
            return ended.kind == runtime::sockets::outcome::done ? lower_.end_writing() : ended;
        }
        return ended;
    }
    [[nodiscard]] bool is_established() const noexcept { return tls_->is_established(); }
    /// Whether anything has ever come of the stream below.
    [[nodiscard]] bool has_received() const noexcept { return tls_->has_received(); }
    [[nodiscard]] bool has_more_to_read() const noexcept {
        if constexpr (is_over_layer) {
            return tls_->has_more_to_read() || lower_.has_more_to_read();
        }
        return tls_->has_more_to_read();
    }
    /// Whether the last read got all it asked for below, where more may be left.
    [[nodiscard]] bool has_filled_read() const noexcept {
        if constexpr (is_over_layer) {
            return tls_->has_filled_read() || lower_.has_filled_read();
        }
        return tls_->has_filled_read();
    }
    /// Until when it has to be established.
    [[nodiscard]] runtime::steady_time deadline() const noexcept { return deadline_; }
    void record_timeout() {
        if constexpr (is_over_layer) {
            if (!lower_.is_established()) {
                lower_.record_timeout();
                return;
            }
        }
        tls_->record_timeout();
    }
    void record_broken() {
        if constexpr (is_over_layer) {
            lower_.record_broken();
        }
        tls_->record_broken();
    }
    [[nodiscard]] std::string failure_text() const {
        if constexpr (is_over_layer) {
            if (std::string below = lower_.failure_text(); !below.empty()) {
                return below;
            }
        }
        return tls_->failure_text();
    }
    [[nodiscard]] std::optional<tls_info> info() const { return tls_->info(); }

private:
    static constexpr bool is_over_layer = layered_stream<Lower>;

    Lower lower_;
    std::unique_ptr<tls_connection> tls_;
    runtime::steady_time deadline_{};
};

}  // namespace network_system::transport

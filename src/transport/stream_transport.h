#pragma once

#include "transport/layered_stream.h"
#include "transport/transport.h"

#include <network_system/utils/error_codes.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>

namespace network_system::inline v0_1::transport {

/// The one read loop, write loop and close path, over any stream (plain_stream.h shows what a
/// stream is). Instantiated explicitly for each stream type. What only layered streams need costs
/// plain ones nothing.
template <typename Stream>
class stream_transport final : public transport,
                               private runtime::io_watch,
                               private runtime::deadline_entry {
public:
    stream_transport(std::shared_ptr<runtime::loop> where, Stream stream)
        : transport(std::move(where)), stream_(std::move(stream)) {
        if constexpr (!is_layered) {
            reads_all();
        }
    }

    void start(transport_handler& handler) override;
    void send_now(bytes_view header, bytes_view payload, write_callback done) override;
    void set_reading(reading how) override;
    void close(steady_time deadline, std::error_code reason, peer_state peer) override;
    void limit_close(steady_time deadline) override;
    void abort(std::error_code reason) override;
    void set_deadline(steady_time when) override;
    [[nodiscard]] bool is_open() const noexcept override { return state_ == state::open; }
    [[nodiscard]] peer_progress take_progress() override;
    [[nodiscard]] std::optional<std::size_t> unacknowledged() const noexcept override {
        return stream_.unacknowledged(
            static_cast<std::uint32_t>(std::uint64_t{counters_.bytes_written}));
    }
    [[nodiscard]] bool has_received() const noexcept override {
        if constexpr (is_layered) {
            return stream_.has_received();
        } else {
            return transport::has_received();
        }
    }
    [[nodiscard]] std::string failure_text() const override;
    [[nodiscard]] std::optional<tls_info> tls() const override;
    [[nodiscard]] bool is_secure() const noexcept override {
        if constexpr (is_layered) {
            return Stream::is_secure;
        } else {
            return false;
        }
    }

private:
    static constexpr bool is_layered = layered_stream<Stream>;

    enum class state : std::uint8_t { idle, open, flushing, draining, closed };

    void on_ready(runtime::interest ready) override;
    void on_loop_shutdown() override;
    void on_left_behind() noexcept override {
        if (handler_ != nullptr) {
            handler_->on_left_behind();
        }
    }
    void flush() override;
    void on_deadline(steady_time now) override;

    /// Runs what has to be done for the stream. If memory runs out in it, the stream is reset.
    template <typename Work>
    void or_reset(const Work& work) {
        try {
            work();
        } catch (const std::bad_alloc&) {
            abort(errc::out_of_memory);
        }
    }
    /// What has gone wrong, if anything.
    [[nodiscard]] std::optional<errc> attach();
    void handle_readiness(runtime::interest ready);
    void flush_queue();
    void meet_deadline(steady_time now);
    void read_some();
    void read_once();
    void deliver(std::size_t count, std::size_t place_size, std::span<std::uint8_t> buffer);
    void on_end_of_stream();
    void on_read_failed(errc code);
    void on_nothing_to_read();
    void on_write_failed(const std::error_code& error);
    /// Writing has failed: reads once more, and ends when there is no more.
    void read_rest();
    /// Writes until the queue is empty or the socket is full; false when the transport closed.
    bool write_queued();
    [[nodiscard]] runtime::sockets::io_result write_gathered(
        std::span<const runtime::io_slice> slices, std::size_t bytes);
    /// Of a message of which so much is written already.
    void queue_rest(bytes_view header, bytes_view payload, std::size_t written,
                    write_callback&& done);
    bool record_written(const runtime::sockets::io_result& result);
    [[nodiscard]] bool is_write_broken() const noexcept { return write_failure_ != 0; }
    void credit(std::size_t written);
    void continue_close();
    [[nodiscard]] bool wants_to_read() const noexcept {
        return !has_ended_ && (reading_ == reading::on || state_ != state::open);
    }
    [[nodiscard]] bool is_held() const noexcept {
        return !has_ended_ && reading_ == reading::until_broken && state_ == state::open;
    }
    void update_interest();
    // For layered streams; of a plain one they do nothing. Not with a requires clause: Clang 14
    // instantiates such members for plain streams all the same.
    /// Lets the stream go on by itself; whether it takes bytes now.
    bool advance_stream();
    void announce_stream();
    /// After a read: takes what the stream holds back, and waits for what it waits for.
    void settle_stream();
    void fail(errc code);
    void finish(std::error_code reason);

    // There is one of these in every connection, so that it is kept small.
    Stream stream_;
    // Why nothing can be written any more (errc); 0 while it can.
    std::int16_t write_failure_ = 0;
    state state_ = state::idle;
    reading reading_ : 2 = reading::on;
    bool has_ended_ : 1 = false;
    bool is_write_blocked_ : 1 = false;
    bool is_announced_ : 1 = false;
    bool is_peer_done_ : 1 = false;
    // For take_progress: at its last call, and since then.
    bool was_write_blocked_ : 1 = false;
    bool has_written_ : 1 = false;
    transport_handler* handler_ = nullptr;
    std::error_code reason_;
};

}  // namespace network_system::transport

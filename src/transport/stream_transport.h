#pragma once

#include "transport/transport.h"

#include <network_system/utils/error_codes.h>

#include <utility>

namespace network_system::transport {

/// The one read loop, write loop and close path, over any stream (plain_stream.h shows what a
/// stream is). Instantiated explicitly for each stream type.
template <typename Stream>
class stream_transport final : public transport,
                               private runtime::io_watch,
                               private runtime::flushable,
                               private runtime::deadline_entry {
public:
    stream_transport(std::shared_ptr<runtime::loop> where, Stream stream)
        : transport(std::move(where)), stream_(std::move(stream)) {}

    void start(transport_handler& handler) override;
    void request_flush() override;
    void send_now(bytes_view header, bytes_view payload, write_callback done) override;
    void pause_reading(bool paused) override;
    void close(steady_time deadline, std::error_code reason) override;
    void abort(std::error_code reason) override;
    void set_deadline(steady_time when) override;
    [[nodiscard]] bool is_open() const noexcept override { return state_ == state::open; }

private:
    enum class state : std::uint8_t { idle, open, flushing, draining, closed };

    void on_ready(runtime::interest ready) override;
    void on_loop_shutdown() override;
    void flush() override;
    void on_deadline(steady_time now) override;

    void read_some();
    void deliver(std::size_t count, std::size_t place_size, bytes_view buffer);
    void on_end_of_stream();
    /// Writes until the queue is empty or the socket is full; false when the transport closed.
    bool write_queued();
    bool note_written(const runtime::sockets::io_result& result);
    void continue_close();
    void update_interest();
    void fail(errc code);
    void finish(std::error_code reason);

    Stream stream_;
    transport_handler* handler_ = nullptr;
    std::error_code reason_;
    state state_ = state::idle;
    bool is_paused_ = false;
    bool has_ended_ = false;
    bool is_write_blocked_ = false;
};

}  // namespace network_system::transport

#pragma once

#include "os/native_socket.h"
#include "runtime/backoff.h"
#include "runtime/loop.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>

namespace network_system::inline v0_1::runtime {

/// Accepts connections on its loop and hands them over. When the process is out of descriptors or
/// memory it stops listening for a random, growing moment and tries again, instead of spinning on a
/// listener that stays ready.
///
/// Thread-safety: none; used on the loop's executor.
class acceptor final : public std::enable_shared_from_this<acceptor>,
                       private io_watch,
                       private deadline_entry {
public:
    class handler {
    public:
        virtual void on_accept(unique_socket socket, const endpoint& peer) = 0;
        /// accept() failed; it is tried again after `pause` (0: at once).
        virtual void on_accept_error(std::error_code error, std::chrono::milliseconds pause) = 0;
        virtual void on_acceptor_closed() = 0;

    protected:
        ~handler() = default;
    };

    explicit acceptor(std::shared_ptr<loop> where);

    /// Holds `owner` from here on, unless it fails, until it is closed: an owner may hold it
    /// without keeping both alive when this never runs.
    [[nodiscard]] std::error_code start(unique_socket listener, std::shared_ptr<handler> owner);
    /// Closes the listener; `on_acceptor_closed` follows, once. The system resets the connections
    /// that wait in its queue.
    void close();
    /// The same, but takes those that wait first, at most so many, and for so long: a storm of new
    /// ones cannot keep it open.
    void close_when_empty(std::size_t most, steady_time give_up);

private:
    void on_ready(interest ready) override;
    void on_loop_shutdown() override;
    void on_deadline(steady_time now) override;
    /// What became of one look into the queue.
    enum class look : std::uint8_t { taken, failed, empty, broken };
    [[nodiscard]] look accept_one(std::error_code& error);
    void take_last();
    void back_off(std::error_code error);
    void finish();

    std::shared_ptr<loop> loop_;
    std::shared_ptr<handler> handler_;
    backoff pauses_;
    bool is_open_ = false;
    // Of close_when_empty.
    std::size_t last_ones_ = 0;
    steady_time give_up_{};
};

}  // namespace network_system::runtime

#pragma once

#include "os/native_socket.h"
#include "transport/write_queue.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::transport {

/// The records of a connection on their way to the stream below. Those of one call are collected in
/// memory that all connections of the thread share, and written at once; only what the stream does
/// not take is kept. Counts which bytes of the application are out.
///
/// Thread-safety: none; between `add` and `flush` nothing else runs on the thread.
class tls_output {
public:
    using io_result = runtime::sockets::io_result;
    /// More than this is written before more is added.
    static constexpr std::size_t batch_limit = std::size_t{112} * 1024;

    void add(bytes_view ciphertext);
    /// What was added last carries so many bytes of the application.
    void carries(std::size_t plain_bytes);
    /// Whether what was added since the last flush has reached the limit.
    [[nodiscard]] static bool is_batch_full() noexcept;

    /// Writes everything with one `write(slices)`; `done` when nothing is left.
    template <typename Write>
    [[nodiscard]] io_result flush(const Write& write) {
        if (empty()) {
            return {runtime::sockets::outcome::done, 0, {}};
        }
        runtime::io_slice slices[2];
        const std::size_t count = gather(slices);
        const io_result result = write(std::span<const runtime::io_slice>(slices, count));
        if (result.kind == runtime::sockets::outcome::done) {
            consume(result.bytes);
        }
        keep();
        is_blocked_ = kept_ != nullptr;
        return result.kind != runtime::sockets::outcome::done || empty()
                   ? result
                   : io_result{runtime::sockets::outcome::would_block, 0, {}};
    }
    /// Leaves what was added for a later flush.
    void keep();
    /// Forgets everything: the connection is gone.
    void drop() noexcept;
    /// Bytes of the application that have gone out since the last call.
    [[nodiscard]] std::size_t take_completed() noexcept { return std::exchange(completed_, 0); }

    /// Whether the stream has to take more before anything can be added.
    [[nodiscard]] bool is_blocked() const noexcept { return is_blocked_; }
    [[nodiscard]] bool empty() const noexcept { return !has_new_ && !kept_; }
    /// Whether more can be added, and what has gone out was taken note of.
    [[nodiscard]] bool is_ready() const noexcept { return !is_blocked_ && completed_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept;

private:
    struct record {
        std::size_t bytes;  // not yet written
        std::size_t plain_bytes;
    };
    struct batch {
        std::vector<std::uint8_t> bytes;
        std::vector<record> records;
        // What has been written of it.
        std::size_t begin = 0;
        std::size_t first_record = 0;

        [[nodiscard]] std::size_t size() const noexcept { return bytes.size() - begin; }
        void add(const batch& more);
        /// So many bytes are out; how many bytes of the application are out with them.
        [[nodiscard]] std::size_t pass(std::size_t count);
        void clear() noexcept {
            bytes.clear();
            records.clear();
            begin = first_record = 0;
        }
    };

    [[nodiscard]] static batch& current() noexcept;
    [[nodiscard]] std::size_t gather(std::span<runtime::io_slice, 2> slices) const noexcept;
    void consume(std::size_t count);

    // Null while nothing is kept: an idle connection has none.
    std::unique_ptr<batch> kept_;
    std::size_t completed_ = 0;
    // Whether something of this connection is in the shared memory.
    bool has_new_ = false;
    // Whether the stream did not take all of it the last time.
    bool is_blocked_ = false;
};

}  // namespace network_system::transport

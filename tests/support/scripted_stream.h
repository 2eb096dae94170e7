// An in-memory stream for stream_transport that follows a script: it splits, blocks, stalls, ends
// or fails where the test says so. Two of them can be wired together.
#pragma once

#include "support/bytes.h"
#include "support/manual_loop.h"
#include "support/require.h"
#include "transport/stream_transport.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::testing {

inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// Counts the calls into streams and makes one of them fail.
struct fault_plan {
    std::size_t calls = 0;
    std::size_t fail_at = unlimited;
    std::error_code error = std::make_error_code(std::errc::connection_reset);

    /// Whether this call is the one. Later calls of the same stream fail too.
    bool strikes() { return calls++ == fail_at; }
    [[nodiscard]] bool has_struck() const noexcept { return calls > fail_at; }
};

/// The far side of a scripted stream: what it will read, what it has written, how it behaves.
class stream_script final : public readiness_probe {
public:
    // What the stream reads: `read_limit` bytes at most in one call.
    bool has_end = false;
    std::size_t read_limit = unlimited;

    // What it wrote. It takes `write_limit` bytes at most in one call and `write_budget` in all
    // before it would block.
    byte_string written;
    std::size_t write_limit = unlimited;
    std::size_t write_budget = unlimited;

    // The number of calls of each kind that come back with "would block" first, although the
    // stream was announced as ready.
    std::size_t spurious_reads = 0;
    std::size_t spurious_writes = 0;

    // What the peer has acknowledged since somebody asked, and whether more is to come.
    std::uint64_t taken = 0;
    bool is_behind = false;
    // What the system says about it, if it does.
    std::optional<std::size_t> unacknowledged;

    std::error_code broken;
    // Of writing only: what was fed can still be read.
    std::error_code write_broken;
    // The error of the socket, which a read finds behind what has arrived.
    std::error_code failure;
    std::shared_ptr<fault_plan> faults;
    stream_script* peer = nullptr;

    bool fails_to_attach = false;
    bool was_shut_down = false;
    bool was_reset = false;
    int attached = 0;
    int detached = 0;
    std::size_t write_calls = 0;
    std::size_t most_slices = 0;

    void feed(const byte_string& bytes) { incoming_ += bytes; }
    void feed_end() { has_end = true; }
    /// What was written since the last call.
    byte_string take_written() { return std::exchange(written, {}); }

    /// What was fed and not read yet.
    [[nodiscard]] byte_span unread() const { return byte_span(incoming_).subspan(read_); }
    void record_read(std::size_t count) {
        read_ += count;
        // Not with every read: they may be of a byte each.
        if (read_ > incoming_.size() / 2) {
            incoming_.erase(incoming_.begin(),
                            incoming_.begin() + static_cast<std::ptrdiff_t>(read_));
            read_ = 0;
        }
    }

    [[nodiscard]] runtime::interest readiness() const override {
        return {broken || failure || !unread().empty() || has_end,
                broken || write_broken || write_budget > 0, static_cast<bool>(failure)};
    }

    static void wire(stream_script& one, stream_script& other) {
        one.peer = &other;
        other.peer = &one;
    }

private:
    byte_string incoming_;
    std::size_t read_ = 0;
};

class scripted_stream {
public:
    using io_result = runtime::sockets::io_result;
    using outcome = runtime::sockets::outcome;

    explicit scripted_stream(std::shared_ptr<stream_script> script) : script_(std::move(script)) {}

    [[nodiscard]] std::error_code attach(runtime::loop& where, runtime::io_watch& watch,
                                         runtime::interest wanted) {
        if (script_->fails_to_attach || strikes()) {
            end_of_writing();  // the loop closes what it cannot watch
            return std::make_error_code(std::errc::not_enough_memory);
        }
        ++script_->attached;
        poller_of(where).add_stream(watch, *script_, wanted);
        return {};
    }
    static void set_interest(runtime::loop& where, runtime::io_watch& watch,
                             runtime::interest wanted) {
        where.sockets().set_interest(watch, wanted);
    }
    void detach(runtime::loop& where, runtime::io_watch& watch) {
        ++script_->detached;
        where.sockets().remove(watch);
        end_of_writing();
    }

    [[nodiscard]] io_result try_read(std::span<const runtime::io_slice> into) {
        if (strikes() || script_->broken) {
            return {outcome::failed, 0, script_->broken};
        }
        if (script_->failure && script_->unread().empty()) {
            return {outcome::failed, 0, script_->failure};
        }
        if (script_->spurious_reads > 0) {
            --script_->spurious_reads;
            return {outcome::would_block, 0, {}};
        }
        const byte_span from = script_->unread();
        if (from.empty()) {
            return {script_->has_end ? outcome::end : outcome::would_block, 0, {}};
        }
        std::size_t left = std::min(from.size(), script_->read_limit);
        std::size_t count = 0;
        for (const runtime::io_slice& slice : into) {
            const std::size_t part = std::min(left, slice.size());
            std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(count), part, slice.data());
            count += part;
            left -= part;
        }
        script_->record_read(count);
        return {outcome::done, count, {}};
    }

    [[nodiscard]] io_result try_write(std::span<const runtime::io_slice> from) {
        ++script_->write_calls;
        script_->most_slices = std::max(script_->most_slices, from.size());
        if (strikes() || script_->broken) {
            return {outcome::failed, 0, script_->broken};
        }
        if (script_->write_broken) {
            return {outcome::failed, 0, script_->write_broken};
        }
        require(!script_->was_shut_down, "nothing is written after the shutdown");
        if (script_->spurious_writes > 0) {
            --script_->spurious_writes;
            return {outcome::would_block, 0, {}};
        }
        std::size_t left = std::min(script_->write_limit, script_->write_budget);
        if (left == 0) {
            return {outcome::would_block, 0, {}};
        }
        byte_string taken;
        for (const runtime::io_slice& slice : from) {
            const std::size_t part = std::min(left, slice.size());
            taken.insert(taken.end(), slice.data(), slice.data() + part);
            left -= part;
        }
        if (script_->write_budget != unlimited) {
            script_->write_budget -= taken.size();
        }
        script_->written += taken;
        if (script_->peer != nullptr) {
            script_->peer->feed(taken);
        }
        return {outcome::done, taken.size(), {}};
    }

    [[nodiscard]] transport::peer_progress take_progress(std::uint32_t, bool) {
        return {std::exchange(script_->taken, 0), script_->is_behind};
    }
    [[nodiscard]] std::optional<std::size_t> unacknowledged(std::uint32_t) const noexcept {
        return script_->unacknowledged;
    }
    [[nodiscard]] std::error_code take_error() { return std::exchange(script_->failure, {}); }
    void shutdown_write() {
        script_->was_shut_down = true;
        end_of_writing();
    }
    void prepare_reset() { script_->was_reset = true; }

private:
    static manual_poller& poller_of(runtime::loop& where) {
        return static_cast<manual_poller&>(where.sockets());
    }
    bool strikes() {
        if (script_->faults && script_->faults->strikes()) {
            script_->broken = script_->faults->error;
            return true;
        }
        return false;
    }
    void end_of_writing() {
        if (script_->peer == nullptr) {
            return;
        }
        if (script_->was_reset) {
            script_->peer->broken = std::make_error_code(std::errc::connection_reset);
        }
        script_->peer->feed_end();
    }

    std::shared_ptr<stream_script> script_;
};

}  // namespace network_system::testing

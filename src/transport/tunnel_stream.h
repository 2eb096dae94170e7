#pragma once

#include "runtime/loop.h"
#include "transport/layered_stream.h"
#include "transport/progress.h"
#include "utils/bytes.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/tls_info.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::transport {

/// What is said to a proxy, and heard, before its stream is the target's.
class tunnel_opening {
public:
    enum class status : std::uint8_t { asking, open, failed };

    tunnel_opening() = default;
    tunnel_opening(const tunnel_opening&) = delete;
    tunnel_opening& operator=(const tunnel_opening&) = delete;
    virtual ~tunnel_opening() = default;

    /// What has to be sent now: at the beginning, and after each `consume`.
    [[nodiscard]] virtual std::vector<std::uint8_t> take_output() = 0;
    /// Takes the bytes that belong to the proxy's answer; how many.
    virtual std::size_t consume(std::span<const std::uint8_t> data) = 0;
    [[nodiscard]] virtual status state() const noexcept = 0;
    /// Once failed.
    [[nodiscard]] virtual errc code() const noexcept = 0;
    [[nodiscard]] virtual std::string text() const = 0;
};

/// The stream to a target, through a proxy that is spoken to over a layered stream (TLS). It is
/// established when the proxy has opened the tunnel. What has come behind the proxy's answer is
/// read first.
///
/// Where the proxy is spoken to in plain text, nothing of a tunnel is left once it is open, and its
/// socket goes on by itself.
template <layered_stream Lower>
class tunnel_stream {
public:
    using io_result = runtime::sockets::io_result;
    /// The target's bytes are not: the proxy reads them.
    static constexpr bool is_secure = false;

    tunnel_stream(Lower lower, std::unique_ptr<tunnel_opening> opening)
        : lower_(std::move(lower)), opening_(std::move(opening)) {}

    [[nodiscard]] std::error_code attach(runtime::loop& where, runtime::io_watch& watch,
                                         runtime::interest wanted) {
        loop_ = &where;
        output_ = opening_->take_output();
        return lower_.attach(where, watch, below(wanted));
    }
    void set_interest(runtime::loop& where, runtime::io_watch& watch, runtime::interest wanted) {
        lower_.set_interest(where, watch, below(wanted));
    }
    void detach(runtime::loop& where, runtime::io_watch& watch) { lower_.detach(where, watch); }

    [[nodiscard]] io_result try_read(std::span<const runtime::io_slice> into) {
        if (!is_established()) {
            return read_answer();
        }
        return early_.empty() ? read_below(into) : take_early(into);
    }
    [[nodiscard]] io_result try_write(std::span<const runtime::io_slice> from) {
        return is_established() ? lower_.try_write(from) : io_result{outcome::would_block, 0, {}};
    }
    [[nodiscard]] io_result try_write_last(std::span<const runtime::io_slice> from) {
        return is_established() ? lower_.try_write_last(from)
                                : io_result{outcome::would_block, 0, {}};
    }
    [[nodiscard]] peer_progress take_progress(std::uint32_t written, bool has_drained) {
        return lower_.take_progress(written, has_drained);
    }
    [[nodiscard]] std::optional<std::size_t> unacknowledged(std::uint32_t written) const noexcept {
        return lower_.unacknowledged(written);
    }
    void skip_arrived(std::span<std::uint8_t> scratch) { lower_.skip_arrived(scratch); }
    void shutdown_write() { lower_.shutdown_write(); }
    void prepare_reset() { lower_.prepare_reset(); }

    [[nodiscard]] io_result advance(bool more_follows) {
        return is_established() ? lower_.advance(more_follows) : ask();
    }
    /// The same for a layer above: what has gone out of its bytes is told by the next `try_write`.
    [[nodiscard]] io_result advance_below() {
        return is_established() ? lower_.advance_below() : ask();
    }
    [[nodiscard]] io_result end_writing() {
        return is_established() ? lower_.end_writing() : io_result{outcome::done, 0, {}};
    }
    [[nodiscard]] bool is_established() const noexcept { return opening_ == nullptr; }
    [[nodiscard]] bool has_received() const noexcept { return lower_.has_received(); }
    [[nodiscard]] bool has_more_to_read() const noexcept {
        return (is_established() && !early_.empty()) || lower_.has_more_to_read();
    }
    [[nodiscard]] bool has_filled_read() const noexcept { return lower_.has_filled_read(); }
    /// The answer has to have come when TLS has to be established.
    [[nodiscard]] runtime::steady_time deadline() const noexcept { return lower_.deadline(); }
    void record_timeout() {
        if (!lower_.is_established()) {
            lower_.record_timeout();
        } else if (failure_.empty()) {
            failure_ = "no answer of the proxy's within proxy.tls->handshake_timeout";
        }
    }
    void record_broken() {
        if (!lower_.is_established()) {
            lower_.record_broken();
        }
    }
    [[nodiscard]] std::string failure_text() const {
        std::string text = failure_.empty() ? lower_.failure_text() : std::string();
        return text.empty() ? failure_ : "TLS to the proxy: " + text;
    }
    [[nodiscard]] std::optional<tls_info> info() const { return std::nullopt; }

private:
    using outcome = runtime::sockets::outcome;

    // What a read of TLS takes; see tls_connection::read.
    static constexpr std::size_t scratch_size = std::size_t{256} * 1024;
    static constexpr std::size_t most_slices = 2;

    /// While the tunnel is not open, nothing but the proxy's answer is waited for: what is written
    /// to the proxy waits in the stream below.
    [[nodiscard]] runtime::interest below(runtime::interest wanted) const noexcept {
        return is_established() ? wanted : runtime::interest{true, false, wanted.failure};
    }

    /// Says what is to be said as far as it goes; `would_block` until the proxy has answered.
    [[nodiscard]] io_result ask() {
        if (code_ != errc{}) {
            return failed();
        }
        io_result result = lower_.advance(!output_.empty());
        record_sent(result.bytes);
        if (result.kind == outcome::done && !output_.empty()) {
            const runtime::io_slice slice(output_.data(), output_.size());
            result = lower_.try_write({&slice, 1});
            record_sent(result.kind == outcome::done ? result.bytes : 0);
        }
        return result.kind == outcome::failed ? io_result{outcome::failed, 0, result.error}
                                              : io_result{outcome::would_block, 0, {}};
    }
    void record_sent(std::size_t count) {
        output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(count));
    }

    [[nodiscard]] io_result read_answer() {
        if (code_ != errc{}) {
            return failed();
        }
        const auto scratch = loop_->large_buffer(scratch_size);
        const runtime::io_slice slice(scratch.data(), scratch.size());
        const io_result result = lower_.try_read({&slice, 1});
        if (result.kind == outcome::end) {
            return fail(errc::connection_truncated,
                        "the proxy has closed the connection before its answer was complete");
        }
        if (result.kind == outcome::done) {
            const auto arrived = scratch.first(result.bytes);
            const std::size_t used = opening_->consume(arrived);
            early_.assign(arrived.begin() + static_cast<std::ptrdiff_t>(used), arrived.end());
            return go_on();
        }
        return result.kind == outcome::failed ? result : ask();
    }
    [[nodiscard]] io_result go_on() {
        if (opening_->state() == tunnel_opening::status::failed) {
            return fail(opening_->code(), opening_->text());
        }
        if (opening_->state() == tunnel_opening::status::open) {
            if (!output_.empty()) {
                return fail(errc::protocol_error, "the proxy answers before it is asked");
            }
            opening_.reset();
            return {outcome::would_block, 0, {}};
        }
        const auto more = opening_->take_output();
        output_.insert(output_.end(), more.begin(), more.end());
        return ask();
    }

    /// What does not fit is for the next read.
    [[nodiscard]] io_result read_below(std::span<const runtime::io_slice> into) {
        const auto scratch = loop_->large_buffer(scratch_size);
        std::array<runtime::io_slice, most_slices + 1> slices;
        std::size_t room = 0;
        std::size_t count = 0;
        for (const runtime::io_slice& each : into.first(std::min(into.size(), most_slices))) {
            slices[count++] = each;
            room += each.size();
        }
        slices[count++] = {scratch.data(), scratch.size()};
        io_result result = lower_.try_read(std::span(slices).first(count));
        if (result.kind == outcome::done && result.bytes > room) {
            early_.assign(scratch.begin(),
                          scratch.begin() + static_cast<std::ptrdiff_t>(result.bytes - room));
            result.bytes = room;
        }
        return result;
    }
    [[nodiscard]] io_result take_early(std::span<const runtime::io_slice> into) {
        std::size_t taken = 0;
        for (const runtime::io_slice& each : into) {
            const std::size_t part = std::min(each.size(), early_.size() - taken);
            std::memcpy(each.data(), early_.data() + taken, part);
            taken += part;
        }
        if (taken == early_.size()) {
            early_ = {};
        } else {
            early_.erase(early_.begin(), early_.begin() + static_cast<std::ptrdiff_t>(taken));
        }
        return {outcome::done, taken, {}};
    }

    [[nodiscard]] io_result fail(errc code, std::string text) {
        code_ = code;
        failure_ = std::move(text);
        return failed();
    }
    [[nodiscard]] io_result failed() const { return {outcome::failed, 0, make_error_code(code_)}; }

    Lower lower_;
    // Null once the tunnel is open.
    std::unique_ptr<tunnel_opening> opening_;
    runtime::loop* loop_ = nullptr;
    // What is still to be said to the proxy.
    std::vector<std::uint8_t> output_;
    // What was read and not yet given.
    std::vector<std::uint8_t> early_;
    std::string failure_;
    errc code_{};
};

}  // namespace network_system::transport

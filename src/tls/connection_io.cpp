// The two directions of tls_connection: records in, records out.
#include "tls/calls.h"
#include "tls/connection.h"
#include "utils/first_bytes.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace network_system::inline v0_1::transport {

using runtime::io_slice;
using runtime::sockets::io_result;
using runtime::sockets::outcome;

namespace {

constexpr std::size_t record_size = SSL3_RT_MAX_PLAIN_LENGTH;
// The part of the read buffer for ciphertext. What it decrypts to, and what an earlier read has
// left of a record, fits into the rest.
constexpr std::size_t ciphertext_size = std::size_t{112} * 1024;
// A flight of the handshake fits.
constexpr std::size_t handshake_read_size = std::size_t{16} * 1024;
// A peer that goes on asking for what it cannot get only costs time.
constexpr unsigned max_renegotiations = 3;
// Within a second after the handshake. A message takes up to three; a peer that sends tickets or
// changes keys for good reasons has one or two in an hour.
constexpr unsigned max_handshake_steps = 100;
// Answers to a peer that does not read them; data of ours is never as much.
constexpr std::size_t max_kept = std::size_t{256} * 1024;

/// Goes through slices record by record.
class record_reader {
public:
    explicit record_reader(std::span<const io_slice> slices) noexcept : slices_(slices) {}

    [[nodiscard]] bool empty() const noexcept { return slices_.empty(); }

    /// The next bytes in one piece: a whole record if there is enough for one, gathered unless they
    /// are in one piece already. More than one record may come of a large slice.
    [[nodiscard]] bytes_view next() const {
        const bytes_view first =
            bytes_view(slices_.front().data(), slices_.front().size()).subspan(used_);
        if (slices_.size() == 1 || first.size() >= record_size) {
            return first;
        }
        static thread_local std::array<std::uint8_t, record_size> scratch;
        std::size_t filled = 0;
        std::size_t skipped = used_;
        for (const io_slice& each : slices_) {
            const std::size_t part = std::min(each.size() - skipped, record_size - filled);
            std::memcpy(scratch.data() + filled, each.data() + skipped, part);
            filled += part;
            skipped = 0;
        }
        return {scratch.data(), filled};
    }
    void skip(std::size_t count) noexcept {
        used_ += count;
        while (!slices_.empty() && used_ >= slices_.front().size()) {
            used_ -= slices_.front().size();
            slices_ = slices_.subspan(1);
        }
    }

private:
    std::span<const io_slice> slices_;
    std::size_t used_ = 0;
};

}  // namespace

io_result tls_connection::read(std::span<const io_slice> into) {
    has_filled_read_ = false;
    if (std::exchange(has_deferred_, false)) {
        return failure_ ? failed() : io_result{outcome::end, 0, {}};
    }
    if (failure_) {
        return failed();
    }
    const std::span scratch(into.back().data(), into.back().size());
    const auto ciphertext = scratch.last(ciphertext_size);
    const io_slice slice(ciphertext.data(),
                         is_established_ ? ciphertext.size() : handshake_read_size);
    const io_result arrived = below_.read(below_.stream, {&slice, 1});
    has_filled_read_ = arrived.kind == outcome::done && arrived.bytes == slice.size();
    if (arrived.kind != outcome::done) {
        return arrived.kind == outcome::would_block ? arrived : on_end_below(arrived);
    }
    window_ = ciphertext.first(arrived.bytes);
    record_activity();
    const bool was_established = is_established_;
    const io_result result =
        decrypt({into.data(), into.size() - 1}, scratch.first(scratch.size() - ciphertext_size));
    if (failure_ && !was_established && failure_->is_other_protocol) {
        failure_->text += ": " + detail::describe_received(ciphertext.first(arrived.bytes)) +
                          "; check the port, and whether the peer speaks TLS there";
    }
    const bool is_stuck = !std::exchange(window_, {}).empty() && !failure_ && !has_deferred_ &&
                          result.kind != outcome::end;
    const bool has_just_begun = is_established_ && !was_established;
    const io_result answered = output_.empty() ? result : answer(result, has_just_begun);
    return is_stuck ? fail({errc::internal_error, "OpenSSL does not take its input"}) : answered;
}

/// OpenSSL had something to say to what was read with `result`. The end of a handshake may wait: it
/// goes out with the first words of the application, which is told of it at once.
io_result tls_connection::answer(const io_result& result, bool may_wait) {
    if (output_.is_blocked() || broken_below_ || (may_wait && !failure_)) {
        output_.keep();
    } else {
        (void)send_out();  // if it fails, so does the next write, and what arrived before is read
    }
    if (output_.size() > max_kept) {
        return fail({errc::protocol_error, "the peer asks, and does not read the answers"});
    }
    return result;
}

io_result tls_connection::decrypt(std::span<const io_slice> places,
                                  std::span<std::uint8_t> scratch) {
    if (!is_established_) {
        if (const io_result shaken = shake_hands(); shaken.kind != outcome::done) {
            return shaken;
        }
        if (window_.empty() && SSL_pending(ssl_.get()) == 0) {
            return io_blocked();
        }
    }
    clear_errors();
    std::size_t total = 0;
    bool goes_on = true;
    for (const io_slice& each : places) {
        if (goes_on) {
            const io_result result = decrypt_into({each.data(), each.size()}, total, goes_on);
            if (!goes_on) {
                return result;
            }
        }
    }
    return decrypt_into(scratch, total, goes_on);
}

/// Fills the place as far as there is ciphertext; `goes_on` when it is full.
io_result tls_connection::decrypt_into(std::span<std::uint8_t> place, std::size_t& total,
                                       bool& goes_on) {
    SSL* const ssl = ssl_.get();
    goes_on = false;
    bool has_stood_still = false;
    while (!place.empty()) {
        std::size_t count = 0;
        const std::size_t offered = window_.size();
        if (SSL_read_ex(ssl, place.data(), place.size(), &count) == 1) {
            has_received_ = true;
            total += count;
            place = place.subspan(count);
            // The next call would only find out that there is nothing.
            if (window_.empty() && SSL_pending(ssl) == 0) {
                return io_done(total);
            }
            continue;
        }
        switch (SSL_get_error(ssl, 0)) {
            case SSL_ERROR_WANT_READ:
                if (const char* const what = abuse_reason()) {
                    return defer(fail({errc::protocol_error, what}), total);
                }
                // After a record that is not for us (a ticket, an alert) there may be more; before
                // it answers one, OpenSSL takes nothing once.
                if (window_.empty() || (window_.size() == offered && has_stood_still)) {
                    return io_done(total);
                }
                has_stood_still = window_.size() == offered;
                break;
            case SSL_ERROR_ZERO_RETURN: return defer({outcome::end, 0, {}}, total);
            default: return defer(fail_with_queue(), total);
        }
    }
    goes_on = true;
    return io_done(total);
}

void tls_connection::record_handshake_step() noexcept {
    if (!is_established_) {
        return;
    }
    if (loop_->now() - steps_begin_ >= std::chrono::seconds{1}) {
        steps_begin_ = loop_->now();
        handshake_steps_ = 0;
    }
    ++handshake_steps_;
}

const char* tls_connection::abuse_reason() const noexcept {
    if (renegotiations_ > max_renegotiations) {
        return "the peer insists on renegotiation";
    }
    return handshake_steps_ > max_handshake_steps ? "the peer sends too many handshake messages"
                                                  : nullptr;
}

/// What was read before comes first; the end, or the error, with the next read.
io_result tls_connection::defer(const io_result& result, std::size_t delivered) {
    window_ = {};
    if (delivered == 0) {
        return result;
    }
    has_deferred_ = true;
    return io_done(delivered);
}

io_result tls_connection::on_end_below(const io_result& result) {
    const std::error_code error = result.kind == outcome::failed ? result.error : broken_below_;
    if (!is_established_) {
        return fail_in_handshake(error);
    }
    if (result.kind == outcome::failed || SSL_get_shutdown(ssl_.get()) != 0) {
        return result;
    }
    if (broken_below_) {
        return {outcome::failed, 0, broken_below_};
    }
    settings_->counters->truncations.add();
    return fail({errc::connection_truncated, "the stream ended without the peer's close_notify"});
}

io_result tls_connection::write(std::span<const io_slice> from) {
    return write(from, position::within);
}

io_result tls_connection::write_last(std::span<const io_slice> from) {
    return write(from, position::last);
}

io_result tls_connection::write(std::span<const io_slice> from, position where) {
    std::size_t completed = 0;
    if (!is_ready()) {
        const io_result ready = go_on();
        completed = completed_of(from);
        if (ready.kind != outcome::done) {
            return completed > 0 ? io_done(completed) : ready;
        }
    }
    const io_result result = encrypt(from, completed, where);
    const std::size_t total = completed + output_.take_completed();
    return total > 0 || result.kind == outcome::done ? io_done(total) : result;
}

/// What is out by now of what is offered.
std::size_t tls_connection::completed_of(std::span<const io_slice> offered) {
    std::size_t size = 0;
    for (const io_slice& each : offered) {
        size += each.size();
    }
    // More than is offered when the queue was dropped behind records that had to go out.
    return std::min(output_.take_completed(), size);
}

/// Encrypts and sends record after record, until the stream below is full.
io_result tls_connection::encrypt(std::span<const io_slice> from, std::size_t skipped,
                                  position where) {
    record_reader records(from);
    records.skip(skipped);
    while (!records.empty()) {
        const bytes_view record = records.next();
        std::size_t count = 0;
        if (SSL_write_ex(ssl_.get(), record.data(), record.size(), &count) != 1) {
            const io_result failure = fail_with_queue();
            (void)send_out();  // the alert, if there is one
            return failure;
        }
        output_.carries(count);
        records.skip(count);
        if (tls_output::is_batch_full()) {
            if (const io_result sent = send_out(); sent.kind != outcome::done) {
                return sent;
            }
        }
    }
    if (where == position::last) {
        say_goodbye();
    }
    return send_out();
}

void tls_connection::say_goodbye() {
    if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) == 0) {
        clear_errors();
        (void)SSL_shutdown(ssl_.get());
    }
}

io_result tls_connection::end_writing() {
    if (!is_established_ || failure_) {
        return {outcome::done, 0, {}};
    }
    say_goodbye();
    return send_out();
}

}  // namespace network_system::transport

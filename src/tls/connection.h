#pragma once

#include "runtime/loop.h"
#include "tls/failure.h"
#include "tls/output.h"
#include "tls/settings.h"
#include "transport/write_queue.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct ssl_st;
struct x509_st;

namespace network_system::inline v0_1::transport {

/// TLS over the two calls of a stream: bytes of the application on this side, records on the other.
///
///     handshaking --established--> open --close_notify--> ended
///          +------- error ----------+---> failed
///
/// Every read takes what the stream below has into a part of the caller's buffer and decrypts all
/// of it at once; what is cut off inside a record stays with OpenSSL. So nothing readable is left
/// behind that the poller does not know of, except where `has_more_to_read` says so. OpenSSL never
/// has to wait for the stream below: what that does not take is kept here, and goes first.
///
/// Thread-safety: `info` from any thread; the rest on the loop.
class tls_connection final : private runtime::deadline_entry {
public:
    using io_result = runtime::sockets::io_result;

    /// The stream below.
    struct lower_stream {
        void* stream = nullptr;
        io_result (*read)(void* stream, std::span<const runtime::io_slice> into) = nullptr;
        io_result (*write)(void* stream, std::span<const runtime::io_slice> from) = nullptr;
        /// It is one of TLS itself, which writes from the memory that all share.
        bool is_layered = false;
    };

    explicit tls_connection(std::shared_ptr<const tls_settings> settings);
    tls_connection(const tls_connection&) = delete;
    tls_connection& operator=(const tls_connection&) = delete;
    ~tls_connection();

    /// From now on the stream below stays where it is.
    void begin(const lower_stream& below, runtime::loop& where);
    /// The stream below is about to be closed.
    void end();

    /// Goes on as far as it goes without new input: `done` once established and nothing is kept but
    /// what goes out with the `write` or `end_writing` that follows at once, if `more_follows`.
    /// `bytes`, whatever the outcome: what has gone out of what was offered to `write` before.
    [[nodiscard]] io_result advance(bool more_follows);
    /// The same, and leaves what has gone out to the next `write` to tell.
    [[nodiscard]] io_result advance_below();
    /// The last slice is scratch memory: at least 192 KiB, of which a part is used for ciphertext.
    [[nodiscard]] io_result read(std::span<const runtime::io_slice> into);
    /// What was not taken has to be offered again, first and unchanged: it may be encrypted
    /// already.
    [[nodiscard]] io_result write(std::span<const runtime::io_slice> from);
    /// The same with the last bytes there are: tells the peer so right behind them.
    [[nodiscard]] io_result write_last(std::span<const runtime::io_slice> from);
    /// Tells the peer that no more will come; `would_block` when that has to be tried again.
    [[nodiscard]] io_result end_writing();
    /// The handshake has taken too long.
    void record_timeout();
    /// Nothing can be written below any more, and nothing is left to be read there.
    void record_broken();

    [[nodiscard]] bool is_established() const noexcept { return is_established_; }
    /// Whether anything has ever come of the stream below. Of a handshake that goes on, reads are
    /// counted from its beginning.
    [[nodiscard]] bool has_received() const noexcept { return is_established_ || reads_ > 0; }
    /// All bytes that the stream below has taken, modulo 2^32.
    [[nodiscard]] std::uint32_t written_below() const noexcept { return written_below_; }
    /// Whether a read would bring something although nothing arrives.
    [[nodiscard]] bool has_more_to_read() const noexcept { return has_deferred_; }
    /// Whether the last read got all it asked for below, where more may be left.
    [[nodiscard]] bool has_filled_read() const noexcept { return has_filled_read_; }
    /// What has to be waited for below, for `wanted` to happen here.
    [[nodiscard]] runtime::interest below(runtime::interest wanted) const noexcept;

    [[nodiscard]] std::chrono::milliseconds handshake_timeout() const noexcept {
        return settings_->handshake_timeout;
    }
    [[nodiscard]] std::string failure_text() const { return failure_ ? failure_->text : ""; }
    /// What was agreed on; nothing before the handshake is complete.
    [[nodiscard]] std::optional<tls_info> info() const;

    /// The connection that OpenSSL's object belongs to.
    [[nodiscard]] static tls_connection* of(const ssl_st* ssl) noexcept;
    [[nodiscard]] const tls_settings& settings() const noexcept { return *settings_; }
    /// The date, for what certificates say.
    [[nodiscard]] runtime::wall_time wall_clock() const noexcept { return loop_->wall_clock(); }
    [[nodiscard]] runtime::steady_time clock() const noexcept { return loop_->now(); }
    /// Called while the certificate is verified: the text of the failure that follows.
    void record_refusal(std::string text) {
        refusal_ = std::make_unique<std::string>(std::move(text));
    }
    /// The peer wants to renegotiate, which is answered with no.
    void record_refused_renegotiation() noexcept { ++renegotiations_; }
    /// In a callback of OpenSSL's.
    void record_out_of_memory() noexcept { is_out_of_memory_ = true; }
    /// OpenSSL takes or makes a message of the handshake; after its end: a ticket, new keys.
    void record_handshake_step() noexcept;

private:
    class bio;
    struct deleter {
        void operator()(ssl_st* ssl) const noexcept;
        void operator()(x509_st* certificate) const noexcept;
    };
    /// What was agreed on, as OpenSSL has it: never changed once published.
    struct agreement {
        /// What few connections have.
        struct extensions {
            std::string server_name;
            std::string application_protocol;
            std::vector<std::uint8_t> ocsp_response;
        };

        const char* protocol = "";
        const char* cipher = "";
        std::unique_ptr<extensions> extended;
        std::unique_ptr<x509_st, deleter> peer;
        bool is_resumed = false;
    };
    void on_deadline(runtime::steady_time now) override;
    [[nodiscard]] bool set_up_client();
    [[nodiscard]] io_result shake_hands();
    void on_established();
    void record_extensions();
    void record_activity();
    [[nodiscard]] io_result decrypt(std::span<const runtime::io_slice> places,
                                    std::span<std::uint8_t> scratch);
    [[nodiscard]] io_result decrypt_into(std::span<std::uint8_t> place, std::size_t& total,
                                         bool& goes_on);
    [[nodiscard]] io_result on_end_below(const io_result& result);
    [[nodiscard]] io_result fail_in_handshake(const std::error_code& error);
    [[nodiscard]] io_result answer(const io_result& result, bool may_wait);
    /// Whether records may follow at once.
    [[nodiscard]] bool is_ready() const noexcept {
        return is_established_ && !failure_ && output_.is_ready();
    }
    [[nodiscard]] io_result go_on();
    [[nodiscard]] io_result send_out();
    [[nodiscard]] std::size_t completed_of(std::span<const runtime::io_slice> offered);
    enum class position : std::uint8_t { within, last };
    [[nodiscard]] io_result write(std::span<const runtime::io_slice> from, position where);
    [[nodiscard]] io_result encrypt(std::span<const runtime::io_slice> from, std::size_t skipped,
                                    position where);
    void say_goodbye();
    /// Before the end of the handshake: what to look at when the peer has said nothing at all.
    [[nodiscard]] const char* hint_at_silence() const noexcept;
    /// Says what is wrong with a peer that only costs time.
    [[nodiscard]] const char* abuse_reason() const noexcept;
    [[nodiscard]] io_result defer(const io_result& result, std::size_t delivered);
    /// The result of a failed call of OpenSSL's.
    [[nodiscard]] io_result fail_with_queue();
    [[nodiscard]] io_result fail(tls_failure failure);
    [[nodiscard]] io_result failed() const;

    const std::shared_ptr<const tls_settings> settings_;
    lower_stream below_;
    runtime::loop* loop_ = nullptr;
    std::unique_ptr<ssl_st, deleter> ssl_;
    // The ciphertext that OpenSSL is about to take.
    std::span<const std::uint8_t> window_;
    tls_output output_;
    std::unique_ptr<tls_failure> failure_;
    std::unique_ptr<std::string> refusal_;
    agreement agreement_;
    std::atomic<bool> has_agreed_{false};
    // Why a write below has failed. What looks like the end of the stream after it is none.
    std::error_code broken_below_;
    std::uint32_t written_below_ = 0;
    unsigned renegotiations_ = 0;
    // After the handshake, within the second that began then.
    unsigned handshake_steps_ = 0;
    runtime::steady_time steps_begin_{};
    // Since the last look whether it is idle.
    unsigned reads_ = 0;
    bool is_busy_ = false;
    // In a callback of OpenSSL's.
    bool is_out_of_memory_ = false;
    bool needs_input_;
    bool is_established_ = false;
    bool has_received_ = false;
    // The failure, or the end, was found behind data.
    bool has_deferred_ = false;
    bool has_filled_read_ = false;
};

}  // namespace network_system::transport

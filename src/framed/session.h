#pragma once

#include "framed/delivery/senders.h"
#include "framed/request_table.h"
#include "protocol/framing/control_frames.h"
#include "protocol/framing/frame_decoder.h"
#include "session/session_of.h"
#include "utils/counter.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {

/// What an engine has for messages with ids.
struct delivery_parts {
    /// Of a server that accepts them.
    std::shared_ptr<delivery::senders> receives;
    /// Of a client that sends them.
    std::shared_ptr<delivery_sender> sends;
};

/// What a client's host is told in an event: the answer to messages with ids.
struct delivery_answer {
    static constexpr std::uint32_t event = 1;
    static constexpr std::size_t size = 16;

    /// So many from the first on.
    std::uint64_t first = 0;
    std::uint32_t count = 1;
    /// 0: they were taken.
    std::int32_t code = 0;

    [[nodiscard]] std::error_code error() const noexcept {
        return code == 0 ? std::error_code{} : make_error_code(static_cast<errc>(code));
    }
    [[nodiscard]] std::array<std::uint8_t, size> written() const noexcept {
        std::array<std::uint8_t, size> bytes{};
        protocol::put(bytes.data(), first);
        protocol::put(bytes.data() + 8, count);
        protocol::put(bytes.data() + 12, static_cast<std::uint32_t>(code));
        return bytes;
    }
    [[nodiscard]] static delivery_answer read(bytes_view bytes) noexcept {
        return {protocol::get<std::uint64_t>(bytes.data()),
                protocol::get<std::uint32_t>(bytes.data() + 8),
                static_cast<std::int32_t>(protocol::get<std::uint32_t>(bytes.data() + 12))};
    }
};

/// The session that speaks the library's own framings: with framing::message hello, keep-alive,
/// requests and goodbye.
class framed_session final : public session_of<messaging_session> {
public:
    /// `delivery` may be null, and is there as long as the host.
    framed_session(std::shared_ptr<transport::transport> over, std::shared_ptr<message_host> host,
                   const session_setup& setup, const delivery_parts* delivery = nullptr);
    framed_session(const framed_session&) = delete;
    framed_session& operator=(const framed_session&) = delete;
    ~framed_session() override;

    [[nodiscard]] session_metrics metrics() const noexcept override;
    [[nodiscard]] bool takes_requests() const noexcept override {
        return !is_peer_draining_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] std::string failure_text() const override;

    [[nodiscard]] bool begin_delivery(std::uint64_t id) noexcept override;
    void end_delivery(std::uint64_t id, bool is_taken) noexcept override;
    [[nodiscard]] delivery_info delivery_of(std::uint64_t id) const noexcept override;
    [[nodiscard]] delivery_info current_delivery() const noexcept override;

protected:
    VoidResult send_numbered(std::span<const std::uint8_t> data, std::uint64_t id,
                             send_callback& done) override;
    VoidResult send_request(std::span<const std::uint8_t> data, std::chrono::milliseconds timeout,
                            operation_id operation, response_handler& handler) override;
    VoidResult send_response(std::uint64_t request_id, int code,
                             std::span<const std::uint8_t> data) override;
    void settle_request(std::uint64_t request_id, int code,
                        std::span<const std::uint8_t> data) noexcept override;

private:
    /// What only sessions with requests need; made at the first one.
    struct request_state final : request_table::owner {
        explicit request_state(framed_session& session)
            : of(session), table(*session.loop(), *this) {}
        void on_request_expired(asker waiting, std::chrono::milliseconds timeout) override {
            of.on_request_expired(std::move(waiting), timeout);
        }

        framed_session& of;
        request_table table;
        // The loop's ids are even, those of other threads (under the remote queue's lock) odd.
        std::atomic<std::uint64_t> last_own_id{0};
        std::atomic<std::uint64_t> last_remote_id{1};
        std::vector<new_request> from_other_threads;
        std::atomic<std::size_t> not_adopted{0};
        detail::counter received;
        // By the loop, and by other threads (under the remote queue's lock).
        std::atomic<std::uint64_t> answered{0};
        std::atomic<std::uint64_t> answered_remotely{0};
        detail::counter timeouts;
        detail::counter late;

        /// Of this side, that wait for the peer's answer.
        [[nodiscard]] std::size_t pending() const noexcept {
            return table.size() + not_adopted.load(std::memory_order_relaxed);
        }
        /// Of the peer, that wait for this side's answer.
        [[nodiscard]] std::uint64_t unanswered() const noexcept {
            // First what is subtracted: each was received earlier.
            const auto done = answered.load(std::memory_order_acquire) +
                              answered_remotely.load(std::memory_order_acquire);
            return received - done;
        }
        void count_answer(bool is_own) noexcept;

        // Of those that are sent. Other threads hold the remote queue's lock.
        [[nodiscard]] std::uint64_t next_id(bool is_own) noexcept;
        /// Moves the request, or throws std::bad_alloc.
        void enter(new_request& added, bool is_own);
        /// The last one is not sent after all: its handler.
        [[nodiscard]] response_handler withdraw(new_request& last, bool is_own);
        /// On the loop, without the lock: one that has no answer, wherever it is.
        [[nodiscard]] std::optional<asker> take(operation_id operation);
        [[nodiscard]] std::optional<asker> take_any();
        [[nodiscard]] asker take_not_adopted(std::vector<new_request>::iterator which);
    };

    /// What only sessions with messages with ids need; made at the hello.
    struct delivery_state;
    /// While there is one on the loop, answers that acknowledge ids in a row wait for each other,
    /// and leave as one frame.
    class answering {
    public:
        explicit answering(framed_session& session) noexcept : of_(session) {
            of_.gathers_answers_ = true;
        }
        answering(const answering&) = delete;
        answering& operator=(const answering&) = delete;
        ~answering() {
            of_.gathers_answers_ = false;
            if (of_.delivery_.load(std::memory_order_relaxed) != nullptr) {
                of_.send_gathered();
            }
        }

    private:
        framed_session& of_;
    };

    void before_start() override;
    void on_open() override;
    void announce_end() override;
    [[nodiscard]] bool has_work() const noexcept override;
    void finish(std::error_code reason) override;
    bool write_ping(std::uint64_t token) override;
    void trim() noexcept override { decoder_.trim(); }

    // framed_session_receive.cpp: what arrives.
    std::span<std::uint8_t> read_place() noexcept override;
    void decode(std::size_t placed, std::span<std::uint8_t> rest) override;
    void on_end() override;
    bool deliver_binary(bytes_view message) {
        return deliver(message_kind::binary, message,
                       [&] { host().on_message(self(), message_kind::binary, message); });
    }
    bool on_other_frame(const protocol::frame& frame);
    bool on_hello(bytes_view payload);
    bool on_client_hello(bytes_view payload);
    bool on_draining();
    bool on_ping_frame(bytes_view payload);
    bool on_pong_frame(bytes_view payload);
    bool on_goodbye(bytes_view payload);
    bool on_error_frame(bytes_view payload);
    bool on_request_frame(const protocol::frame& frame);
    bool on_response_frame(const protocol::frame& frame);
    /// `received`: what has arrived instead of the first frame; empty when that was in order.
    bool violate(errc code, std::string_view text, bytes_view received = {});
    /// A client whose server has not said yet that it is one.
    [[nodiscard]] bool awaits_hello() const noexcept {
        return role() == connection_role::client && is_framed() && !is_open();
    }
    void explain_no_hello(std::string_view what);
    void give_up() override;

    // session_delivery.cpp: messages with ids.
    void tell_gone(std::error_code counted) noexcept override;
    [[nodiscard]] bool accepts_delivery() const noexcept {
        return delivery_parts_ != nullptr && delivery_parts_->receives != nullptr;
    }
    [[nodiscard]] std::optional<protocol::delivery_hello> announce_delivery(
        const protocol::hello& server);
    bool begin_receiving(const protocol::delivery_hello& said);
    bool on_flagged_message(const protocol::frame& frame);
    bool on_acknowledgement(bytes_view payload);
    /// Whether it was about one message; then the session goes on.
    bool on_refusal(bytes_view payload);
    /// On the loop, or on any thread: code 0 acknowledges.
    void send_answer(const protocol::refusal& answer);
    void answer(const protocol::refusal& answer) noexcept;
    void send_later_answers();
    /// Those that wait for more of them.
    void send_acknowledgements();
    void send_gathered() noexcept;
    void add_deliveries(session_metrics& all) const noexcept;

    // framed_session_calls.cpp: requests and their answers.
    [[nodiscard]] request_state& requests();
    [[nodiscard]] VoidResult refusal_of_request(std::size_t size) const;
    [[nodiscard]] VoidResult refusal_of_call(std::size_t size) const;
    void adopt_calls() override;
    void answer_request(const response_handler& done, const protocol::frame& frame);
    void fail_calls(errc code) override;
    void on_request_expired(asker waiting, std::chrono::milliseconds timeout);
    void fail_request(asker& waiting, errc code);
    bool cancel_call(operation_id operation) override;

    [[nodiscard]] bool is_framed() const noexcept { return encoder().has_control_frames(); }

    bool peer_said_goodbye_ = false;
    bool has_peer_said_hello_ = false;
    bool gathers_answers_ = false;
    // What the peer understands (`capability`).
    std::uint8_t peer_knows_ = 0;
    std::atomic<bool> is_peer_draining_{false};
    protocol::frame_decoder decoder_;
    // Made by any thread, under the remote queue's lock; lives as long as the session.
    std::atomic<request_state*> requests_{nullptr};
    // Made on the loop; lives as long as the session.
    std::atomic<delivery_state*> delivery_{nullptr};
    const delivery_parts* const delivery_parts_;
};

}  // namespace network_system::session

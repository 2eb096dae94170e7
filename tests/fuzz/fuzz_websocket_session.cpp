// A WebSocket between a hostile peer and a busy application: whatever both do, it ends once, its
// books balance, what it writes is well-formed, and what it queues is bounded.
//
// Input: 1 byte of options, then steps of 2 bytes (what, how much); a step may take more bytes.
#include "session/websocket_session.h"
#include "support/bytes.h"
#include "support/manual_loop.h"
#include "support/require.h"
#include "support/scripted_stream.h"
#include "support/websocket_frames.h"
#include "transport/stream_transport.ipp"

#include <network_system/utils/log.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::transport {

template class stream_transport<network_system::testing::scripted_stream>;

}  // namespace network_system::transport

namespace {

using namespace network_system;
using namespace network_system::testing;
using session::session_role;
using session::websocket_session;
using std::chrono::milliseconds;

constexpr std::size_t high_watermark = 4000;
constexpr std::size_t max_message_size = 20'000;
constexpr std::size_t control_allowance = std::size_t{64} * 1024;

/// What the application does in its next callbacks.
enum class mood : std::uint8_t { calm, echoing, stopping, throwing, closing_gate };

class busy_host final : public session::session_host {
public:
    void on_open(const session::session_ptr& who) override {
        require(opened++ == 0, "it opens once");
        act(who, session::message_kind::binary, {});
    }
    void on_message(const session::session_ptr& who, session::message_kind kind,
                    byte_span data) override {
        require(opened == 1 && gone == 0, "messages come between the beginning and the end");
        act(who, kind, data);
    }
    void on_handshake(const session::session_ptr& who, const ws_request& request,
                      ws_handshake_answer& answer) override {
        require(who->send_packet({1}).is_err(), "nothing is sent before the handshake is over");
        if (now == mood::closing_gate) {
            answer.reject(403);
        } else if (!request.subprotocols().empty()) {
            answer.accept(request.subprotocols().front());
        }
    }
    void on_http_request(const session::session_ptr&, const ws_request& request,
                         http_response& answer) override {
        answer = {200, {}, std::string(request.path())};
    }
    void on_ping(const session::session_ptr&, byte_span) override { require(gone == 0, "a ping"); }
    void on_writable(const session::session_ptr& who) override {
        act(who, session::message_kind::binary, {});
    }
    void on_closed(const session::session_ptr&, std::error_code, bool) override {
        require(closed++ == 0, "it closes once");
    }
    void on_gone(const session::session_ptr&, std::error_code,
                 const session::session_metrics& sums) noexcept override {
        require(gone++ == 0, "it goes once");
        totals = sums;
    }
    void on_callback_exception(const session::messaging_session&,
                               std::string_view) noexcept override {}

    mood now = mood::calm;
    int opened = 0;
    int closed = 0;
    int gone = 0;
    std::uint64_t accepted = 0;
    session::session_metrics totals;

private:
    void act(const session::session_ptr& who, session::message_kind kind, byte_span data) {
        require(gate()->is_open(), "no callback behind a closed gate");
        switch (now) {
            case mood::calm: break;
            case mood::echoing:
                websocket_session::with_connection(who, [&](const auto& connection) {
                    const std::string_view text(reinterpret_cast<const char*>(data.data()),
                                                data.size());
                    const auto sent = kind == session::message_kind::text
                                          ? connection->send_text(text)
                                          : connection->send_binary(data);
                    accepted += sent.is_ok() ? 1U : 0U;
                });
                break;
            case mood::stopping: (void)who->stop_session(); break;
            case mood::throwing: throw std::runtime_error("fuzz");
            case mood::closing_gate: gate()->close(); break;
        }
    }
};

/// What a session wrote, seen by the peer: one HTTP head, then frames of which a close is the last.
void check_written(const byte_string& written, session_role role) {
    const std::string text(written.begin(), written.end());
    const std::size_t head = text.find("\r\n\r\n");
    const bool is_open = role == session_role::client || text.rfind("HTTP/1.1 101 ", 0) == 0;
    if (head == std::string::npos || !is_open) {
        return;
    }
    byte_string frames(written.begin() + static_cast<std::ptrdiff_t>(head + 4), written.end());
    websocket::message_decoder decoder(role == session_role::server ? websocket::role::client
                                                                    : websocket::role::server,
                                       max_message_size);
    const auto progress = decoder.consume(frames, [](const websocket::message&) { return true; });
    require(progress.error == nullptr, "what is written is well-formed");
    require(progress.unused == 0, "a close is the last frame");
}

class scenario {
public:
    scenario(session_role role, std::uint8_t options)
        : role_(role), skips_handshake_((options & 1U) == 0) {
        config_.max_message_size = max_message_size;
        config_.high_watermark = high_watermark;
        config_.low_watermark = high_watermark / 4;
        config_.policy = (options & 4U) != 0 ? send_policy::close : send_policy::reject;
        config_.ping_interval = milliseconds{(options & 8U) != 0 ? 100 : 0};
        config_.pong_timeout = milliseconds{50};
        config_.idle_timeout = milliseconds{(options & 16U) != 0 ? 300 : 0};
        script_->read_limit = (options & 32U) != 0 ? 3 : unlimited;
        script_->write_limit = (options & 64U) != 0 ? 7 : unlimited;

        session::session_setup setup;
        setup.role = role;
        setup.config = std::make_shared<const session_config>(config_);
        setup.drain_timeout = milliseconds{1000};
        setup.handshake_deadline = loop_.now() + milliseconds{2000};
        auto terms = std::make_shared<session::websocket_terms>();
        terms->asks.host = "localhost";
        terms->asks.subprotocols = {"a", "b"};
        terms->auto_pong = (options & 2U) == 0;
        session_ = std::make_shared<websocket_session>(
            std::make_shared<transport::stream_transport<scripted_stream>>(
                loop_.get(), scripted_stream(script_)),
            host_, setup, terms);
    }

    void run(byte_span steps) {
        loop_.in_batch([this] { session_->start(); });
        if (skips_handshake_) {
            loop_.run();
            script_->feed(handshake());
        }
        while (steps.size() >= 2) {
            const std::uint8_t what = steps[0];
            const std::uint8_t amount = steps[1];
            steps = steps.subspan(2);
            if (what % 12 == 0) {
                const byte_span fed = steps.first(std::min<std::size_t>(amount, steps.size()));
                script_->feed(to_bytes(fed));
                steps = steps.subspan(fed.size());
            } else {
                step(what % 12, amount);
            }
            if ((what & 0x80U) == 0) {
                loop_.run();
            }
            require(session_->queued_bytes() <=
                        high_watermark + max_message_size + control_allowance + 1000,
                    "the queue is bounded");
        }
    }

    void finish() {
        host_->now = mood::calm;
        script_->feed_end();
        script_->write_budget = unlimited;
        loop_.in_batch([this] { (void)session_->stop_session(); });
        loop_.advance(milliseconds{5000});

        require(host_->gone == 1, "it goes");
        require(host_->closed == (host_->gate()->is_open() ? 1 : 0), "and says so");
        require(session_->queued_bytes() == 0, "nothing stays queued");
        const auto& sums = host_->totals;
        require(sums.messages_sent + sums.messages_dropped == host_->accepted,
                "accepted is sent and dropped");
        require(sums.bytes_sent == script_->written.size(), "the bytes are counted");
        if (host_->gate()->is_open()) {
            require(std::all_of(completions_.begin(), completions_.end(),
                                [](int times) { return times == 1; }),
                    "each completion comes once");
        }
        check_written(script_->written, role_);
    }

private:
    [[nodiscard]] byte_string handshake() const {
        if (role_ == session_role::server) {
            return text_bytes("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        }
        const std::string request(script_->written.begin(), script_->written.end());
        constexpr std::string_view field = "Sec-WebSocket-Key: ";
        const std::size_t begin = request.find(field) + field.size();
        return text_bytes(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: " +
            websocket::accept_value(request.substr(begin, request.find('\r', begin) - begin)) +
            "\r\n\r\n");
    }
    [[nodiscard]] byte_string frame(std::uint8_t first, const byte_string& payload) const {
        return ws_frame(first, payload, {role_ == session_role::server, {}});
    }
    void step(unsigned what, std::uint8_t amount) {
        switch (what) {
            case 1: script_->feed(frame(0x82, pattern(amount * std::size_t{80}))); break;
            case 2: script_->feed(frame(amount, byte_string(amount % 16U, 'x'))); break;
            case 3:
                script_->feed(frame(0x88, big_endian(900U + amount * std::size_t{10}, 2)));
                break;
            case 4: loop_.advance(milliseconds{20} * amount); break;
            case 5: loop_.in_batch([&] { send(amount); }); break;
            case 6: send(amount); break;  // outside of a batch: as from another thread
            case 7: script_->write_budget = amount == 255 ? unlimited : amount; break;
            case 8:
                (void)((amount & 1U) != 0 ? session_->pause_receiving()
                                          : session_->resume_receiving());
                break;
            case 9: (void)session_->ping(note()); break;
            case 10: disturb(amount); break;
            default: host_->now = static_cast<mood>(amount % 5U); break;
        }
    }
    void disturb(std::uint8_t amount) {
        switch (amount % 7U) {
            case 0: script_->feed_end(); break;
            case 1: script_->broken = std::make_error_code(std::errc::connection_reset); break;
            case 2: script_->spurious_reads = amount; break;
            case 3: script_->spurious_writes = amount; break;
            case 4: (void)session_->close(static_cast<ws_close_code>(1000 + amount), "fuzz"); break;
            case 5: (void)session_->send_ping(pattern(amount)); break;
            default: loop_.hold_up(milliseconds{40} * amount); break;
        }
    }
    void send(std::uint8_t amount) {
        byte_string data = pattern(amount * std::size_t{90});
        const std::size_t id = completions_.size();
        const VoidResult result = (amount & 1U) != 0
                                      ? session_->send_binary(byte_span(data), note_send())
                                      : session_->send_binary(std::move(data), note_send());
        if (result) {
            ++host_->accepted;
        } else {
            require(completions_[id] == 0, "a refused send completes never");
            completions_[id] = 1;
        }
    }
    session::send_callback note_send() {
        completions_.push_back(0);
        return [this, id = completions_.size() - 1](const VoidResult&) { ++completions_[id]; };
    }
    unique_function<void(Result<std::chrono::microseconds>)> note() {
        return [this](const Result<std::chrono::microseconds>&) { ++answers_; };
    }

    session_role role_;
    bool skips_handshake_;
    session_config config_;
    manual_loop loop_;
    std::shared_ptr<stream_script> script_ = std::make_shared<stream_script>();
    std::shared_ptr<busy_host> host_ = std::make_shared<busy_host>();
    std::shared_ptr<websocket_session> session_;
    std::vector<int> completions_;
    int answers_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    set_log_level(log_level::off);
    if (size == 0 || size > 4096) {
        return 0;
    }
    for (const session_role role : {session_role::server, session_role::client}) {
        scenario whole(role, data[0]);
        whole.run(byte_span(data, size).subspan(1));
        whole.finish();
    }
    return 0;
}

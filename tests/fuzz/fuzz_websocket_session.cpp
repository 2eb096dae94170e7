// A WebSocket; see session_scenario.h.
#include "fuzz/session_scenario.h"
#include "support/websocket_frames.h"
#include "websocket/host.h"
#include "websocket/session.h"

#include <string>

namespace {

using namespace network_system;
using namespace network_system::fuzz;
using session::websocket_session;

class websocket_host final : public busy_host, public session::websocket_host {
public:
    void on_ws_message(const session::session_ptr& who, const session::ws_connection_ptr&,
                       session::message_kind kind, byte_span data) override {
        on_message(who, kind, data);
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
    void on_event(const session::session_ptr&, std::uint32_t what, byte_span) override {
        require(gone == 0 && what == ping_event, "a ping");
    }

private:
    VoidResult echo(const session::session_ptr& who, session::message_kind kind,
                    byte_span data) override {
        const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
        VoidResult sent = ok();
        websocket_session::with_connection(who, [&](const auto& connection) {
            sent = kind == session::message_kind::text ? connection->send_text(text)
                                                       : connection->send_binary(data);
        });
        return sent;
    }
};

class scenario final : public session_scenario {
public:
    scenario(connection_role role, std::uint8_t options)
        : scenario(role, options, std::make_shared<websocket_host>()) {}

private:
    scenario(connection_role role, std::uint8_t options,
             const std::shared_ptr<websocket_host>& host)
        : session_scenario(role, options, host, 2), skips_handshake_((options & 1U) == 0) {
        config_.pong_timeout = milliseconds{50};
        auto settings = std::make_shared<session::websocket_settings>();
        settings->asks.host = "localhost";
        settings->asks.subprotocols = {"a", "b"};
        settings->auto_pong = (options & 2U) == 0;
        websocket_ =
            std::make_shared<websocket_session>(transport(), host, *host, setup(), settings);
        session_ = websocket_;
    }

    void begin() override {
        session_scenario::begin();
        if (skips_handshake_) {
            loop_.run();
            script_->feed(handshake());
        }
    }
    [[nodiscard]] byte_string handshake() const {
        if (role_ == connection_role::server) {
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
        return ws_frame(first, payload, {role_ == connection_role::server, {}});
    }
    void feed(unsigned what, std::uint8_t amount) override {
        switch (what) {
            case 1: script_->feed(frame(0x82, pattern(amount * std::size_t{80}))); break;
            case 2: script_->feed(frame(amount, byte_string(amount % 16U, 'x'))); break;
            default:
                script_->feed(frame(0x88, big_endian(900U + amount * std::size_t{10}, 2)));
                break;
        }
    }
    void disturb_session(unsigned which, std::uint8_t amount) override {
        (void)(which == 0 ? websocket_->close(static_cast<ws_close_code>(1000 + amount), "fuzz")
                          : websocket_->send_ping(pattern(amount)));
    }
    VoidResult send(byte_span data, session::send_callback done) override {
        return websocket_->send_binary(data, std::move(done));
    }
    VoidResult send(byte_string&& data, session::send_callback done) override {
        return websocket_->send_binary(std::move(data), std::move(done));
    }
    /// One HTTP head, then frames; a close is followed by nothing but answers to pings.
    void check_written() const override {
        const std::string text(script_->written.begin(), script_->written.end());
        const std::size_t head = text.find("\r\n\r\n");
        const bool is_open =
            role_ == connection_role::client || text.rfind("HTTP/1.1 101 ", 0) == 0;
        if (head == std::string::npos || !is_open) {
            return;
        }
        byte_string frames(script_->written.begin() + static_cast<std::ptrdiff_t>(head + 4),
                           script_->written.end());
        const std::size_t behind_close = read(frames, [](const websocket::message&) {});
        const std::size_t unread =
            read(std::span(frames).last(behind_close), [](const websocket::message& late) {
                require(late.type == websocket::opcode::pong, "only pongs follow a close");
            });
        require(unread == 0, "there is one close at most");
    }
    /// How many bytes are behind the first close.
    template <typename Check>
    [[nodiscard]] std::size_t read(std::span<std::uint8_t> frames, const Check& check) const {
        websocket::message_decoder decoder(
            role_ == connection_role::server ? websocket::role::client : websocket::role::server,
            max_message_size);
        const auto progress = decoder.consume(frames, [&](const websocket::message& each) {
            check(each);
            return true;
        });
        require(progress.error == nullptr, "what is written is well-formed");
        return progress.unused;
    }

    bool skips_handshake_;
    std::shared_ptr<websocket_session> websocket_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return run_both_roles<scenario>(data, size);
}

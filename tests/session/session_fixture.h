// A session over a scripted stream on a hand-driven loop, and a host that notes its callbacks.
#pragma once

#include "framed/session.h"
#include "support/bytes.h"
#include "support/manual_loop.h"
#include "support/scripted_stream.h"
#include "websocket/host.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

using session::framed_session;
using session::message_connection;
using session::message_kind;
using std::chrono::milliseconds;

class recording_host final : public session::message_host, public session::websocket_host {
public:
    void on_open(const session::session_ptr&) override {
        ++opened;
        call(when_open);
    }
    void on_message(const session::session_ptr& who, message_kind kind, byte_span data) override {
        EXPECT_EQ(closed, 0);
        EXPECT_EQ(opened, 1);
        messages.push_back(to_bytes(data));
        kinds.push_back(kind);
        if (when_message) {
            when_message(who, data);
        }
    }
    void on_ws_message(const session::session_ptr& who, const session::ws_connection_ptr& from,
                       message_kind kind, byte_span data) override {
        EXPECT_EQ(from->id(), who->id());
        on_message(who, kind, data);
    }
    void on_request(const session::session_ptr&, byte_span data,
                    detail::request_call& call) override {
        requests.push_back(to_bytes(data));
        if (when_request) {
            when_request(call);
        } else {
            call.answer(to_bytes(data));
        }
    }
    void on_handshake(const session::session_ptr& who, const ws_request& request,
                      ws_handshake_answer& answer) override {
        EXPECT_EQ(opened, 0);
        if (when_handshake) {
            when_handshake(who, request, answer);
        }
    }
    void on_http_request(const session::session_ptr&, const ws_request& request,
                         http_response& answer) override {
        EXPECT_EQ(opened, 0);
        if (when_http_request) {
            when_http_request(request, answer);
        }
    }
    void on_event(const session::session_ptr&, std::uint32_t what, byte_span data) override {
        EXPECT_EQ(what, session::websocket_host::ping_event);
        pings.push_back(to_bytes(data));
    }
    void on_writable(const session::session_ptr&) override {
        ++writable;
        call(when_writable);
    }
    void on_gone(const session::session_ptr&, std::error_code why,
                 const session::session_metrics& sums) noexcept override {
        ++gone;
        reason = why;
        totals = sums;
    }
    void on_closed(const session::session_ptr&, std::error_code why, bool open) override {
        ++closed;
        user_reason = why;
        was_open = open;
        call(when_closed);
    }
    void on_callback_exception(const session::connection&,
                               std::string_view what) noexcept override {
        exceptions.emplace_back(what);
    }

    std::function<void()> when_open;
    std::function<void(const session::session_ptr&, byte_span)> when_message;
    std::function<void(detail::request_call&)> when_request;
    std::function<void(const session::session_ptr&, const ws_request&, ws_handshake_answer&)>
        when_handshake;
    std::function<void(const ws_request&, http_response&)> when_http_request;
    std::function<void()> when_writable;
    std::function<void()> when_closed;

    int opened = 0;
    int writable = 0;
    int gone = 0;
    int closed = 0;
    bool was_open = false;
    std::error_code reason;
    std::error_code user_reason;
    session::session_metrics totals;
    std::vector<byte_string> messages;
    std::vector<message_kind> kinds;
    std::vector<byte_string> requests;
    std::vector<byte_string> pings;
    std::vector<std::string> exceptions;

private:
    static void call(const std::function<void()>& hook) {
        if (hook) {
            hook();
        }
    }
};

struct wire_piece {
    unsigned type;
    unsigned flags;
    byte_string payload;
    friend bool operator==(const wire_piece&, const wire_piece&) = default;
};

/// Frames of `framing::message`, cut by hand; a rest that is no whole frame is a failure.
inline std::vector<wire_piece> parse_wire(const byte_string& bytes) {
    std::vector<wire_piece> pieces;
    std::size_t at = 0;
    while (bytes.size() - at >= 5) {
        std::size_t length = 0;
        for (std::size_t i = 1; i < 5; ++i) {
            length = length * 256 + bytes[at + i];
        }
        if (bytes.size() - at - 5 < length) {
            break;
        }
        const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at + 5);
        pieces.push_back({bytes[at] / 16U,
                          bytes[at] % 16U,
                          {begin, begin + static_cast<std::ptrdiff_t>(length)}});
        at += 5 + length;
    }
    EXPECT_EQ(at, bytes.size()) << "the stream ends inside a frame";
    return pieces;
}

inline byte_string hello_frame(std::uint64_t max_message_size = 1U << 20U,
                               std::uint64_t version = 1, std::uint64_t pipeline = 0) {
    return wire_frame(
        4, 0,
        concat({big_endian(version, 2), big_endian(max_message_size, 4), big_endian(pipeline, 8)}));
}

inline byte_string reason_bytes(int reason) {
    return big_endian(static_cast<std::uint32_t>(reason), 4);
}
inline byte_string goodbye_frame(int reason = 0) {
    return wire_frame(3, 0, reason_bytes(reason));
}

class session_fixture : public ::testing::Test {
protected:
    session_fixture() {
        config.ping_interval = milliseconds{0};
        config.idle_timeout = milliseconds{0};
        setup.remote = {endpoint::family::ipv4, {192, 0, 2, 1}, 80};
        set_log_level(log_level::off);
        make_parts();
    }
    ~session_fixture() override {
        drop_session();
        set_log_level(log_level::warning);
    }

    void make_parts() {
        drop_session();
        script = std::make_shared<stream_script>();
        host = std::make_shared<recording_host>();
        outcomes.clear();
    }
    /// Makes the session but does not start it.
    void make(connection_role role) {
        setup.role = role;
        setup.settings = std::make_shared<const session::connection_settings>(
            session::connection_settings{config, drain_timeout});
        over = std::make_shared<transport::stream_transport<scripted_stream>>(
            loop.get(), scripted_stream(script));
        make_session();
    }
    virtual void make_session() { use(std::make_shared<framed_session>(over, host, setup)); }
    template <typename Session>
    void use(const std::shared_ptr<Session>& made) {
        session = made;
        connection = made;
    }
    void start(connection_role role) {
        make(role);
        loop.in_batch([this] { connection->start(); });
        loop.run();
    }
    /// A server session after its hello.
    void start_server() {
        start(connection_role::server);
        (void)script->take_written();
    }
    /// A client session that has been welcomed.
    void start_client() {
        start(connection_role::client);
        feed(hello_frame());
    }
    void feed(const byte_string& bytes) {
        script->feed(bytes);
        loop.run();
    }
    void feed_end() {
        script->feed_end();
        loop.run();
    }
    std::vector<wire_piece> written() { return parse_wire(script->take_written()); }

    void expect_violation(errc code) {
        EXPECT_TRUE(session->is_stopped());
        const auto said = written();
        ASSERT_EQ(said.size(), 2U) << "an error and a goodbye";
        EXPECT_EQ(said[0].type, 5U);
        EXPECT_EQ(byte_string(said[0].payload.begin(), said[0].payload.begin() + 4),
                  reason_bytes(static_cast<int>(code)));
        EXPECT_EQ(said[1], (wire_piece{3, 0, reason_bytes(static_cast<int>(code))}));
        feed_end();
        expect_closed(code);
    }
    void expect_closed(std::error_code reason) { expect_closed(reason, reason); }
    /// `counted`: what it is in the books of the host.
    void expect_closed(std::error_code reason, std::error_code counted) {
        loop.run();
        EXPECT_EQ(host->closed, 1);
        EXPECT_EQ(host->gone, 1);
        EXPECT_EQ(host->reason, counted) << host->reason.message();
        EXPECT_EQ(host->user_reason, reason);
        EXPECT_EQ(host->was_open, host->opened == 1);
        EXPECT_TRUE(session->is_stopped());
        EXPECT_EQ(script->attached, script->detached);
        EXPECT_EQ(session->queued_bytes(), 0U);
        EXPECT_EQ(code_of(session->send_packet({1})), static_cast<int>(errc::connection_closed));
    }
    /// Every accepted send was completed once, the good ones first, and is in the books.
    void expect_balanced() {
        std::size_t good = 0;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            ASSERT_EQ(outcomes[i].size(), 1U) << "completions of send " << i;
            if (outcomes[i].front() == 0) {
                EXPECT_EQ(i, good++) << "a later send succeeded after a lost one";
            }
        }
        EXPECT_EQ(host->totals.messages_sent, good);
        EXPECT_EQ(host->totals.messages_dropped, outcomes.size() - good);
        EXPECT_EQ(host->totals.queued_bytes, 0U);
    }
    static int code_of(const VoidResult& result) {
        return result.is_err() ? result.error().code : 0;
    }
    /// A completion that notes its code (0 = good) under the next number.
    session::send_callback record() {
        const std::size_t id = outcomes.size();
        outcomes.emplace_back();
        return [this, id](VoidResult result) { outcomes[id].push_back(code_of(result)); };
    }
    /// Sends with a noted completion; the code of a refusal, or 0.
    int send(const byte_string& message) {
        const int code = code_of(session->send_packet(byte_span(message), record()));
        if (code != 0) {
            outcomes.pop_back();
        }
        return code;
    }
    /// A frame for many sessions; the code of a refusal, or 0.
    int offer(const transport::shared_frame& frame, std::size_t size, std::string_view key = {}) {
        session::wake_list wakes;
        switch (connection->offer(frame, size, key, wakes)) {
            case session::admission::granted: return 0;
            case session::admission::full: return static_cast<int>(errc::send_buffer_full);
            case session::admission::waiting: ADD_FAILURE() << "it must not wait"; break;
            case session::admission::closed: break;
        }
        return static_cast<int>(errc::connection_closed);
    }
    int send_in_batch(const byte_string& message) {
        int code = 0;
        loop.in_batch([&] { code = send(message); });
        return code;
    }

    manual_loop loop;
    session_config config;
    milliseconds drain_timeout{1000};
    session::session_setup setup;
    std::shared_ptr<stream_script> script;
    std::shared_ptr<recording_host> host;
    std::shared_ptr<transport::transport> over;
    // The same object, as its users and as its host know it.
    std::shared_ptr<session::messaging_session> session;
    std::shared_ptr<message_connection> connection;
    std::vector<std::vector<int>> outcomes;

private:
    /// Ends what a test has left, without its callbacks: they name what is gone.
    void drop_session() {
        if (session) {
            host->gate()->close();
            loop.in_batch([this] { connection->abort({}); });
            session.reset();
            connection.reset();
        }
    }
};

}  // namespace network_system::testing

// A whole conversation of a client and a server over scripted streams, whose books can be checked
// however it ends.
#pragma once

#include "session/session_fixture.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace network_system::inline v0_1::session {

using namespace network_system::testing;

/// What the two speak over.
using make_transport = std::function<std::shared_ptr<transport::transport>(
    std::shared_ptr<runtime::loop>, scripted_stream, connection_role)>;

/// What they speak.
using make_session = std::function<std::shared_ptr<messaging_session>(
    std::shared_ptr<transport::transport>, std::shared_ptr<recording_host>, const session_setup&)>;
inline std::shared_ptr<messaging_session> make_framed(std::shared_ptr<transport::transport> over,
                                                      std::shared_ptr<recording_host> host,
                                                      const session_setup& setup) {
    return std::make_shared<framed_session>(std::move(over), std::move(host), setup);
}

/// One of the two, and what it has sent.
class speaker {
public:
    speaker(manual_loop& where, connection_role role, const std::shared_ptr<fault_plan>& faults,
            const make_transport& transports, const make_session& sessions) {
        script->faults = faults;
        session_config config;
        config.ping_interval = config.idle_timeout = milliseconds{0};
        session_setup setup;
        setup.role = role;
        setup.settings = std::make_shared<const session::connection_settings>(
            session::connection_settings{config, milliseconds{1000}});
        setup.handshake_deadline = where.now() + milliseconds{1000};
        session = sessions(transports(where.get(), scripted_stream(script), role), host, setup);
    }

    /// Sends by one of the ways, in turn.
    void send(const byte_string& message) {
        const std::size_t id = outcomes.size();
        outcomes.emplace_back();
        sent.push_back(message);
        const auto note = [this, id](VoidResult result) { outcomes[id].push_back(result.is_ok()); };
        const VoidResult result = id % 2 == 0 ? session->send_packet(byte_span(message), note)
                                              : session->send_packet(byte_string(message), note);
        if (!result) {
            outcomes.pop_back();
            sent.pop_back();
        }
    }

    /// What holds after every run.
    void check(const speaker& other) const {
        ASSERT_EQ(host->closed, 1);
        ASSERT_EQ(host->gone, 1);
        ASSERT_EQ(script->attached, script->detached);
        std::size_t good = 0;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            ASSERT_EQ(outcomes[i].size(), 1U) << "completions of message " << i;
            if (outcomes[i].front()) {
                ASSERT_EQ(good++, i) << "a later message succeeded after a lost one";
            }
        }
        ASSERT_EQ(host->totals.messages_sent, good);
        ASSERT_EQ(host->totals.messages_dropped, outcomes.size() - good);
        ASSERT_EQ(host->totals.queued_bytes, 0U);
        ASSERT_EQ(host->totals.messages_received, host->messages.size());
        // Received is a prefix of what was handed over, which is a prefix of what was sent.
        ASSERT_LE(host->messages.size(), other.host->totals.messages_sent);
        ASSERT_TRUE(std::equal(host->messages.begin(), host->messages.end(), other.sent.begin()));
        ASSERT_TRUE(host->exceptions.empty());
    }

    std::shared_ptr<stream_script> script = std::make_shared<stream_script>();
    std::shared_ptr<recording_host> host = std::make_shared<recording_host>();
    std::shared_ptr<messaging_session> session;
    std::vector<byte_string> sent;
    std::vector<std::vector<bool>> outcomes;
};

struct conditions {
    std::size_t read_limit;
    std::size_t write_limit;
    std::vector<std::size_t> sizes;
};

/// The server greets; the client asks; the server answers each message with two; when all answers
/// are there, the client pings, and closes when the pong has come.
class conversation {
public:
    conversation(const conditions& how, std::size_t fail_at, const make_transport& transports,
                 const make_session& sessions = make_framed)
        : how_(how), client_(loop_, connection_role::client, faults_, transports, sessions),
          server_(loop_, connection_role::server, faults_, transports, sessions) {
        faults_->fail_at = fail_at;
        stream_script::wire(*client_.script, *server_.script);
        for (const speaker* each : {&client_, &server_}) {
            each->script->read_limit = how.read_limit;
            each->script->write_limit = how.write_limit;
        }
        server_.host->when_open = [this] { server_.send(pattern(9, 9)); };
        server_.host->when_message = [this](const session_ptr&, byte_span data) {
            server_.send(to_bytes(data));
            server_.send(pattern(data.size(), 7));
        };
        client_.host->when_open = [this] { ask(); };
        client_.host->when_message = [this](const session_ptr&, byte_span) {
            finish_if_complete();
        };
    }

    void run() {
        loop_.in_batch([this] {
            message_connection::of(*server_.session).start();
            message_connection::of(*client_.session).start();
        });
        loop_.run();
        // The deadlines of the hello and of the drain.
        loop_.advance(milliseconds{5000});
    }

    void check() {
        client_.check(server_);
        server_.check(client_);
        ASSERT_EQ(loop_.poller().size(), 0U);
        ASSERT_FALSE(loop_.requests().wake_at) << "a deadline was left behind";
        ASSERT_LE(pongs_, 1);
        if (ran_through()) {
            for (const speaker* each : {&client_, &server_}) {
                EXPECT_EQ(each->host->reason, std::error_code{}) << each->host->reason.message();
                EXPECT_EQ(each->host->totals.messages_dropped, 0U);
            }
            EXPECT_EQ(pongs_, 1);
            EXPECT_EQ(client_.sent.size(), how_.sizes.size());
            EXPECT_EQ(server_.host->messages, client_.sent);
            EXPECT_EQ(client_.host->messages, server_.sent);
        } else {
            // A failure behind both last words harms nobody.
            EXPECT_TRUE(client_.host->reason || server_.host->reason ||
                        (pongs_ == 1 && server_.host->messages == client_.sent &&
                         client_.host->messages == server_.sent))
                << "the failure is not told";
        }
    }
    [[nodiscard]] const speaker& client() const noexcept { return client_; }
    [[nodiscard]] const speaker& server() const noexcept { return server_; }
    [[nodiscard]] bool ran_through() const { return !faults_->has_struck(); }

private:
    void ask() {
        for (const std::size_t size : how_.sizes) {
            client_.send(pattern(size, size));
        }
    }
    void finish_if_complete() {
        if (client_.host->messages.size() < 1 + 2 * how_.sizes.size()) {
            return;
        }
        (void)client_.session->ping([this](const Result<std::chrono::microseconds>& answer) {
            ++pongs_;
            if (answer) {
                (void)client_.session->stop_session();
            }
        });
    }

    conditions how_;
    manual_loop loop_;
    std::shared_ptr<fault_plan> faults_ = std::make_shared<fault_plan>();
    speaker client_;
    speaker server_;
    int pongs_ = 0;
};

/// Runs it with a failure at step 0, 1, 2 … until it runs through.
inline void fail_at_every_step(const conditions& how, const make_transport& transports,
                               const std::function<void(const conversation&)>& check = {},
                               const make_session& sessions = make_framed) {
    bool ran_through = false;
    for (std::size_t step = 0; !ran_through; ++step) {
        SCOPED_TRACE(step);
        conversation whole(how, step, transports, sessions);
        whole.run();
        whole.check();
        if (check) {
            check(whole);
        }
        if (::testing::Test::HasFailure()) {
            return;
        }
        ran_through = whole.ran_through();
        ASSERT_TRUE(!ran_through || step > 10) << "too short to mean anything";
    }
}

}  // namespace network_system::session

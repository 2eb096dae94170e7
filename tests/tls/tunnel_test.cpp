// Through a proxy that is spoken to over TLS, over scripted streams: what is behind the proxy's
// answer, TLS inside TLS, and whatever the stream below splits or breaks.
#include "support/every_step.h"
#include "support/scripted_settings.h"
#include "tls/peer_fixture.h"
#include "tls/versions.h"
#include "transport/stream_transport_impl.h"
#include "transport/tunnel_stream.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

using scripted_tunnel = transport::tunnel_stream<scripted_tls>;
using scripted_tls_in_tunnel = transport::tls_stream<scripted_tunnel>;

/// Asks with one line, and is answered with one: "no" or anything else.
class line_for_line : public transport::tunnel_opening {
public:
    std::vector<std::uint8_t> take_output() override { return std::exchange(question_, {}); }
    std::size_t consume(byte_span data) override {
        const auto end = std::find(data.begin(), data.end(), '\n');
        const auto size = static_cast<std::size_t>(end - data.begin());
        answer_.append(data.begin(), end);
        if (end == data.end()) {
            return size;
        }
        state_ = answer_ == "no" ? status::failed : status::open;
        return size + 1;
    }
    status state() const noexcept override { return state_; }
    errc code() const noexcept override { return errc::handshake_rejected; }
    std::string text() const override { return "the proxy says no"; }

private:
    byte_string question_ = text_bytes("please\n");
    std::string answer_;
    status state_ = status::asking;
};

/// The other side: knows that its answer has been heard by what follows.
class answering final : public transport::tunnel_opening {
public:
    std::vector<std::uint8_t> take_output() override { return std::exchange(answer_, {}); }
    std::size_t consume(byte_span data) override {
        if (is_answered_) {
            state_ = status::open;
            return 0;
        }
        const auto end = std::find(data.begin(), data.end(), '\n');
        if (end == data.end()) {
            return data.size();
        }
        is_answered_ = true;
        answer_ = text_bytes("yes\n");
        return static_cast<std::size_t>(end - data.begin()) + 1;
    }
    status state() const noexcept override { return state_; }
    errc code() const noexcept override { return errc::internal_error; }
    std::string text() const override { return {}; }

private:
    byte_string answer_;
    bool is_answered_ = false;
    status state_ = status::asking;
};

namespace {

using core::tls_version;

/// A session to a target in plain text, and the proxy before it.
class tls_tunnel_test : public tls_peer_test {
protected:
    void start_through_proxy(milliseconds handshake_timeout = milliseconds{800}) {
        settings_ = make_settings(connection_role::client, tls_version::tls_1_3);
        settings_->handshake_timeout = handshake_timeout;
        session_config config;
        config.frames = framing::raw;
        config.ping_interval = config.idle_timeout = milliseconds{0};
        session::session_setup setup;
        setup.role = connection_role::client;
        setup.settings = std::make_shared<const session::connection_settings>(
            session::connection_settings{config, milliseconds{1000}});
        session_ = std::make_shared<framed_session>(
            std::make_shared<transport::stream_transport<scripted_tunnel>>(
                loop_.get(), scripted_tunnel(scripted_tls(scripted_stream(script_), settings_),
                                             std::make_unique<line_for_line>())),
            host_, setup);
        loop_.in_batch([this] { session_->start(); });
        peer_ = std::make_unique<openssl_peer>(connection_role::server);
    }
    /// Until the proxy has been asked.
    void connect_to_proxy() {
        byte_string heard;
        for (int i = 0; i < 10 && heard.empty(); ++i) {
            peer_->handshake();
            pass();
            heard = peer_->read();
        }
        EXPECT_EQ(heard, text_bytes("please\n"));
        EXPECT_EQ(host_->opened, 0);
    }
    void answer(std::string_view text) {
        peer_->write(text);
        pass();
    }
};

TEST_F(tls_tunnel_test, what_is_behind_the_answer_is_the_targets) {
    for (std::size_t cut = 0; cut <= 12; ++cut) {
        SCOPED_TRACE(cut);
        script_ = std::make_shared<stream_script>();
        host_ = std::make_shared<recording_host>();
        start_through_proxy();
        connect_to_proxy();
        const std::string stream = "yes\nat once!";
        for (const std::string& part : {stream.substr(0, cut), stream.substr(cut)}) {
            if (!part.empty()) {
                answer(part);
            }
        }
        ASSERT_EQ(host_->opened, 1);
        std::string received;
        for (const auto& each : host_->messages) {
            received.append(each.begin(), each.end());
        }
        EXPECT_EQ(received, "at once!");
        // It is the way to the proxy that is secret, and not the way to the target.
        EXPECT_EQ(session_->tls().error(), errc::not_supported);
        loop_.in_batch([this] { (void)session_->send_packet("back"); });
        pass();
        EXPECT_EQ(peer_->read(), text_bytes("back"));
        host_->gate()->close();
        loop_.in_batch([this] { session_->abort({}); });
    }
}

TEST_F(tls_tunnel_test, a_refusal_is_told) {
    start_through_proxy();
    connect_to_proxy();
    answer("no\n");
    EXPECT_EQ(host_->closed, 1);
    EXPECT_EQ(host_->opened, 0);
    EXPECT_EQ(host_->reason, make_error_code(errc::handshake_rejected));
    EXPECT_EQ(session_->failure_text(), "the proxy says no");
}

TEST_F(tls_tunnel_test, an_end_within_the_answer_is_told) {
    for (const bool is_orderly : {true, false}) {
        script_ = std::make_shared<stream_script>();
        host_ = std::make_shared<recording_host>();
        start_through_proxy();
        connect_to_proxy();
        answer("ye");
        if (is_orderly) {
            peer_->shutdown();
            pass();
        }
        script_->feed_end();
        loop_.run();
        EXPECT_EQ(host_->closed, 1);
        EXPECT_EQ(host_->reason, make_error_code(errc::connection_truncated));
        EXPECT_EQ(session_->failure_text(),
                  is_orderly ? "the proxy has closed the connection before its answer was complete"
                             : "TLS to the proxy: the stream ended without the peer's "
                               "close_notify");
    }
}

TEST_F(tls_tunnel_test, an_answer_that_does_not_come_ends_it) {
    start_through_proxy();
    connect_to_proxy();
    loop_.advance(milliseconds{801});
    EXPECT_EQ(host_->closed, 1);
    EXPECT_EQ(host_->reason, make_error_code(errc::connection_timeout));
    EXPECT_EQ(session_->failure_text(),
              "no answer of the proxy's within proxy.tls->handshake_timeout");
}

TEST_F(tls_tunnel_test, a_wait_for_the_answer_is_no_wait_for_room) {
    start_through_proxy();
    connect_to_proxy();
    const std::size_t calls = script_->write_calls;
    for (int i = 0; i < 10; ++i) {
        loop_.run();
    }
    EXPECT_EQ(script_->write_calls, calls);
    loop_.in_batch([this] { (void)session_->send_packet("queued"); });
    loop_.run();
    EXPECT_EQ(peer_->read(), byte_string());
    answer("yes\n");
    EXPECT_EQ(peer_->read(), text_bytes("queued"));
}

}  // namespace
}  // namespace network_system::testing

namespace network_system::inline v0_1::session {
namespace {

using core::tls_version;

struct tunnel_conditions {
    conditions how;
    tls_version version;
};

std::ostream& operator<<(std::ostream& to, const tunnel_conditions& each) {
    return to << each.how << '_' << network_system::testing::name_of_version(each.version);
}

using tls_in_tls_fail_every_step = every_step_test<tunnel_conditions>;

TEST_P(tls_in_tls_fail_every_step, the_books_balance) {
    using namespace network_system::testing;
    const auto server = make_settings(connection_role::server, GetParam().version);
    const auto client = make_settings(connection_role::client, GetParam().version);
    const auto proxy = make_settings(connection_role::server, tls_version::tls_1_3);
    const auto to_proxy = make_settings(connection_role::client, tls_version::tls_1_3);
    fail_at_every_step(
        GetParam().how,
        [&](std::shared_ptr<runtime::loop> where, scripted_stream stream,
            connection_role role) -> std::shared_ptr<transport::transport> {
            const bool is_server = role == connection_role::server;
            std::unique_ptr<transport::tunnel_opening> opening;
            if (is_server) {
                opening = std::make_unique<answering>();
            } else {
                opening = std::make_unique<line_for_line>();
            }
            return std::make_shared<transport::stream_transport<scripted_tls_in_tunnel>>(
                std::move(where),
                scripted_tls_in_tunnel(
                    scripted_tunnel(scripted_tls(std::move(stream), is_server ? proxy : to_proxy),
                                    std::move(opening)),
                    is_server ? server : client));
        },
        [](const conversation& whole) {
            for (const speaker* each : {&whole.client(), &whole.server()}) {
                ASSERT_TRUE(each->script->written.empty() || !each->host->was_open ||
                            each->host->totals.bytes_sent < each->script->written.size());
            }
        });
    for (const auto& each : {server, client, proxy, to_proxy}) {
        const tls_metrics counted = each->counters->read();
        EXPECT_GT(counted.handshakes, 0U);
        EXPECT_EQ(counted.timeouts, 0U);
        EXPECT_EQ(counted.verification_failures, 0U);
    }
}

const std::vector<std::size_t> little{1, 40, 12};

std::vector<tunnel_conditions> conditions_of_tunnels() {
    std::vector<tunnel_conditions> all;
    for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
        for (const conditions& how : all_limits({300, unlimited}, {450, unlimited}, little) +
                                         all_limits({unlimited}, {16'000}, large_messages)) {
            all.push_back({how, version});
        }
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(limits, tls_in_tls_fail_every_step,
                         ::testing::ValuesIn(conditions_of_tunnels()),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace network_system::session

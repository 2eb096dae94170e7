// Callbacks that throw, and callbacks that are no longer wanted.
#include "session_fixture.h"

#include <functional>
#include <stdexcept>
#include <string>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class session_user_code : public session_fixture {
protected:
    [[noreturn]] static void fail() { throw std::runtime_error("user code failed"); }

    void expect_failure() {
        EXPECT_EQ(host->exceptions, std::vector<std::string>{"user code failed"});
        EXPECT_TRUE(session->is_stopped());
        EXPECT_EQ(written().back(),
                  (wire_piece{3, 0, reason_bytes(static_cast<int>(errc::internal_error))}));
        feed_end();
        expect_closed(errc::internal_error);
    }
    void close_gate() { host->gate()->close(); }
    /// After the gate was closed: the end is noted, but not told.
    void expect_silent_end() {
        loop.in_batch([this] { connection->abort(errc::connection_timeout); });
        EXPECT_EQ(host->closed, 0);
        EXPECT_EQ(host->gone, 1);
        EXPECT_EQ(host->reason, errc::connection_timeout);
    }
};

TEST_F(session_user_code, an_exception_in_on_open) {
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        make_parts();
        host->when_open = [] { fail(); };
        start(role);
        if (role == connection_role::client) {
            feed(concat({hello_frame(), wire_data(pattern(3))}));
        }
        EXPECT_TRUE(host->messages.empty());
        expect_failure();
    }
}

TEST_F(session_user_code, an_exception_in_on_message) {
    for (const std::size_t size : {3U, 50'000U}) {
        make_parts();
        start_server();
        host->when_message = [](const auto&, byte_span) { fail(); };
        script->feed(wire_data(pattern(size + 8)));
        script->read_limit = 10;
        EXPECT_TRUE(loop.poller().dispatch(*loop.get()));
        script->read_limit = unlimited;
        feed(wire_data(pattern(4)));
        EXPECT_EQ(host->messages.size(), 1U) << "it came, and nothing after it";
        expect_failure();
    }
}

TEST_F(session_user_code, what_is_no_exception_class_is_caught_too) {
    start_server();
    host->when_message = [](const auto&, byte_span) { throw 42; };  // NOLINT
    feed(wire_data(pattern(3)));
    ASSERT_EQ(host->exceptions.size(), 1U);
    EXPECT_FALSE(host->exceptions[0].empty());
    feed_end();
    expect_closed(errc::internal_error);
}

TEST_F(session_user_code, an_exception_in_on_writable) {
    config.high_watermark = config.low_watermark = 10;
    start_server();
    host->when_writable = [] { fail(); };
    script->write_budget = 0;
    EXPECT_EQ(send_in_batch(pattern(3)), 0);
    EXPECT_EQ(send_in_batch(pattern(3)), static_cast<int>(errc::send_buffer_full));
    script->write_budget = unlimited;
    loop.run();
    expect_failure();
    expect_balanced();
}

TEST_F(session_user_code, an_exception_in_a_completion) {
    start_server();
    loop.in_batch([this] {
        EXPECT_TRUE(session->send_packet(pattern(3), [](VoidResult) { fail(); }));
        EXPECT_EQ(send(pattern(3)), 0);
    });
    loop.run();
    EXPECT_EQ(outcomes[0], std::vector<int>{0}) << "the one behind it is still called";
    expect_failure();
}

TEST_F(session_user_code, an_exception_in_a_ping_handler) {
    start_server();
    loop.in_batch(
        [this] { (void)session->ping([](Result<std::chrono::microseconds>) { fail(); }); });
    const auto asked = written();
    ASSERT_EQ(asked.size(), 1U);
    feed(concat({wire_frame(2, 0, asked[0].payload), wire_data(pattern(3))}));
    EXPECT_TRUE(host->messages.empty());
    expect_failure();
}

TEST_F(session_user_code, exceptions_at_the_end_are_noted_and_skip_nobody) {
    start_server();
    script->write_budget = 0;
    loop.in_batch([this] {
        EXPECT_TRUE(session->send_packet(pattern(3), [](VoidResult) { fail(); }));
        EXPECT_EQ(send(pattern(3)), 0);
        (void)session->ping([](Result<std::chrono::microseconds>) { fail(); });
    });
    host->when_closed = [] { fail(); };
    loop.in_batch([this] { connection->abort(errc::connection_timeout); });
    EXPECT_EQ(host->exceptions.size(), 3U);
    EXPECT_EQ(outcomes[0], std::vector<int>{static_cast<int>(errc::connection_timeout)});
    expect_closed(errc::connection_timeout);
}

TEST_F(session_user_code, a_gate_closed_before_the_start) {
    close_gate();
    start_client();
    feed(wire_data(pattern(3)));
    EXPECT_EQ(host->opened, 0);
    EXPECT_TRUE(host->messages.empty());
    EXPECT_EQ(session->metrics().bytes_discarded, 19U + 8);
    EXPECT_EQ(session->metrics().messages_received, 0U);
    expect_silent_end();
}

TEST_F(session_user_code, a_gate_closed_between_two_messages) {
    for (const std::size_t size : {3U, 50'000U}) {
        make_parts();
        start_server();
        host->when_message = [this](const auto&, byte_span) { close_gate(); };
        script->feed(wire_data(pattern(size + 8)));
        script->read_limit = 10;
        EXPECT_TRUE(loop.poller().dispatch(*loop.get()));
        script->read_limit = unlimited;
        feed(wire_data(pattern(4)));
        feed(wire_data(pattern(4)));
        EXPECT_EQ(host->messages.size(), 1U);
        EXPECT_EQ(session->metrics().messages_received, 1U);
        EXPECT_EQ(session->metrics().bytes_discarded, 2U * 9);
        expect_silent_end();
    }
}

TEST_F(session_user_code, a_gate_closed_in_on_open) {
    start(connection_role::client);
    host->when_open = [this] { close_gate(); };
    feed(concat({hello_frame(), wire_data(pattern(3))}));
    EXPECT_EQ(host->opened, 1);
    EXPECT_TRUE(host->messages.empty());
    EXPECT_EQ(session->metrics().bytes_discarded, 8U);
    expect_silent_end();
}

TEST_F(session_user_code, a_gate_closed_in_a_ping_handler) {
    start_server();
    loop.in_batch([this] {
        (void)session->ping([this](Result<std::chrono::microseconds>) { close_gate(); });
    });
    const auto asked = written();
    ASSERT_EQ(asked.size(), 1U);
    feed(concat({wire_frame(2, 0, asked[0].payload), wire_data(pattern(3))}));
    EXPECT_TRUE(host->messages.empty());
    EXPECT_EQ(session->metrics().bytes_discarded, 8U);
    expect_silent_end();
}

TEST_F(session_user_code, behind_a_closed_gate_no_completion_runs) {
    config.high_watermark = config.low_watermark = 10;
    start_server();
    script->write_budget = 0;
    EXPECT_EQ(send_in_batch(pattern(3)), 0);
    EXPECT_EQ(send_in_batch(pattern(9)), static_cast<int>(errc::send_buffer_full));
    close_gate();
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(written().size(), 1U) << "the bytes still leave";
    EXPECT_TRUE(outcomes[0].empty());
    EXPECT_EQ(host->writable, 0);
    expect_silent_end();
    EXPECT_EQ(host->totals.messages_sent, 1U);
}

}  // namespace
}  // namespace network_system::session

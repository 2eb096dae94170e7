// A session that is given up at once, and what the system says about a peer that takes nothing.
#include "session_fixture.h"
#include "support/fake_session.h"

#include <functional>
#include <string>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class session_abort : public session_fixture {};

TEST_F(session_abort, ends_at_once_and_says_nothing_to_the_peer) {
    start_server();
    script->write_budget = 0;
    EXPECT_EQ(send({1, 2, 3}), 0);
    EXPECT_TRUE(session->abort_session(errc::connection_timeout));
    EXPECT_TRUE(session->is_stopped());
    expect_closed(errc::connection_timeout);
    EXPECT_TRUE(script->was_reset);
    EXPECT_TRUE(script->written.empty());
    EXPECT_EQ(host->totals.messages_dropped, 1U);
    EXPECT_EQ(code_of(session->abort_session(errc::connection_timeout)),
              static_cast<int>(errc::connection_closed));
}

TEST_F(session_abort, without_a_reason_it_is_closed) {
    start_server();
    session->abort_session({});
    expect_closed(errc::connection_closed, {});  // a visit, in the books
}

TEST_F(session_abort, works_in_callbacks) {
    start_server();
    host->when_message = [](const session_ptr& who, byte_span) {
        EXPECT_TRUE(who->abort_session(errc::internal_error));
        EXPECT_TRUE(who->is_stopped());
    };
    feed(concat({wire_frame(0, 0, {1}), wire_frame(0, 0, {2})}));
    EXPECT_EQ(host->messages.size(), 1U);
    expect_closed(errc::internal_error);
}

TEST_F(session_abort, cuts_a_close_short) {
    start_server();
    session->stop_session();
    loop.run();
    EXPECT_EQ(host->closed, 0) << "the peer has not ended it yet";
    EXPECT_TRUE(session->abort_session(errc::connection_timeout));
    expect_closed(errc::connection_timeout);
}

TEST_F(session_abort, one_that_an_application_made_is_stopped) {
    const auto made = fake("a test's");
    EXPECT_TRUE(made->abort_session(errc::connection_timeout));
    EXPECT_EQ(made->stops, 1);
    EXPECT_EQ(made->unacknowledged_bytes().error().code, static_cast<int>(errc::not_supported));
    EXPECT_FALSE(made->is_receiving_paused());
}

class session_looks : public session_fixture {
protected:
    int code_of_look() {
        int code = 0;
        loop.in_batch([&] {
            const auto size = session->unacknowledged_bytes();
            code = size ? static_cast<int>(size.value()) : size.error().code;
        });
        return code;
    }
};

TEST_F(session_looks, at_what_is_not_acknowledged) {
    start_server();
    EXPECT_EQ(code_of_look(), static_cast<int>(errc::not_supported)) << "the system does not say";
    script->unacknowledged = 7;
    EXPECT_EQ(code_of_look(), 7);
    EXPECT_EQ(session->unacknowledged_bytes().error().code, static_cast<int>(errc::not_supported))
        << "not on the I/O thread";
    session->abort_session({});
    loop.run();
    EXPECT_EQ(code_of_look(), static_cast<int>(errc::connection_closed));
}

TEST_F(session_looks, at_whether_it_reads) {
    start_server();
    const auto is_paused = [this] {
        bool answer = false;
        loop.in_batch([&] { answer = session->is_receiving_paused(); });
        return answer;
    };
    EXPECT_FALSE(is_paused());
    session->pause_receiving();
    loop.run();
    EXPECT_TRUE(is_paused());
    EXPECT_FALSE(session->is_receiving_paused()) << "only the I/O thread knows";
    session->resume_receiving();
    loop.run();
    EXPECT_FALSE(is_paused());
}

}  // namespace
}  // namespace network_system::session

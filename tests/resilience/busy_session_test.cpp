// A session whose pings wait behind data that is in the system's hands already.
#include "session/session_fixture.h"
#include "transport/stream_transport_impl.h"

#include <network_system/resilience/health_monitor.h>

namespace network_system::inline v0_1::transport {
template class stream_transport<network_system::testing::scripted_stream>;
}

namespace network_system::inline v0_1::resilience {
namespace {

using namespace network_system::testing;

class busy_session : public session_fixture {
protected:
    busy_session() {
        (void)monitor.set_health_callback(
            [this](const health_report& now) { told.push_back(now.state); });
    }

    std::vector<health> told;
    health_monitor monitor{{.interval = milliseconds{1000}, .max_missed = 2}};
};

TEST_F(busy_session, lives_while_the_peer_takes_what_was_written) {
    start_server();
    script->unacknowledged = 1'000'000;
    ASSERT_TRUE(monitor.start(session));
    for (int i = 0; i < 200; ++i) {
        loop.advance(milliseconds{300});
        *script->unacknowledged -= 1000;
        ASSERT_FALSE(session->is_stopped()) << i;
    }
    EXPECT_EQ(monitor.report().probes_missed, 0U);
    loop.advance(milliseconds{2000});
    EXPECT_TRUE(session->is_stopped());
    EXPECT_EQ(told, (std::vector{health::quiet, health::dead}));
    expect_closed(errc::connection_timeout);
}

TEST_F(busy_session, is_dead_when_its_peer_takes_nothing) {
    start_server();
    script->unacknowledged = 1'000'000;
    ASSERT_TRUE(monitor.start(session));
    for (int i = 0; i < 10; ++i) {
        loop.advance(milliseconds{200});
        // What is written meanwhile grows what is not acknowledged.
        EXPECT_TRUE(session->is_stopped() || session->send_packet(byte_string(500)));
        *script->unacknowledged += 500;
    }
    EXPECT_EQ(told, (std::vector{health::quiet, health::dead}));
    expect_closed(errc::connection_timeout);
}

TEST_F(busy_session, is_dead_when_nothing_is_known_of_its_peer) {
    start_server();
    ASSERT_TRUE(monitor.start(session));
    for (int i = 0; i < 10; ++i) {
        loop.advance(milliseconds{200});
        EXPECT_TRUE(session->is_stopped() || session->send_packet(byte_string(500)));
    }
    EXPECT_EQ(told, (std::vector{health::quiet, health::dead}));
    expect_closed(errc::connection_timeout);
}

}  // namespace
}  // namespace network_system::resilience

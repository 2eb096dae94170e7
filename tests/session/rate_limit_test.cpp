// The limit on arriving messages: reading pauses, nothing is lost.
#include "session/receiving/rate_limit.h"

#include "session/session_fixture.h"

#include <gtest/gtest.h>

#include <chrono>

namespace network_system::inline v0_1::testing {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(rate_limit, a_seconds_worth_may_come_at_once) {
    struct step {
        milliseconds at;
        std::uint64_t arrive;
        // When reading may go on, from the beginning; 0 = no pause.
        milliseconds resume;
    };
    const runtime::steady_time begin{seconds{100}};
    // 10 a second: 100 ms each.
    const std::vector<std::vector<step>> table{
        {{milliseconds{0}, 10, {}}, {milliseconds{0}, 1, milliseconds{100}}},
        {{milliseconds{0}, 11, milliseconds{100}}},
        {{milliseconds{0}, 30, milliseconds{2000}}, {milliseconds{2000}, 1, milliseconds{2100}}},
        {{milliseconds{0}, 10, {}},
         {milliseconds{500}, 5, {}},
         {milliseconds{500}, 1, milliseconds{600}}},
        {{milliseconds{0}, 10, {}},
         {milliseconds{60'000}, 10, {}},
         {milliseconds{60'000}, 2, milliseconds{60'200}}},
    };
    for (const auto& steps : table) {
        session::rate_limit limit(10);
        for (const step& each : steps) {
            const auto resume = limit.arrived(each.arrive, begin + each.at);
            EXPECT_EQ(resume.has_value(), each.resume > milliseconds{0});
            if (resume) {
                EXPECT_EQ(*resume, begin + each.resume);
            }
        }
    }
}

class rate_limited : public session_fixture {
protected:
    rate_limited() { config.max_messages_per_second = 10; }
    byte_string messages(std::size_t count) {
        byte_string all;
        for (std::size_t i = 0; i < count; ++i) {
            all += wire_data({1});
        }
        return all;
    }
    bool reads() { return loop.poller().interest_in(*script).read; }
};

TEST_F(rate_limited, reading_pauses_and_goes_on) {
    start_server();
    feed(messages(10));
    EXPECT_TRUE(reads());
    feed(messages(20));
    EXPECT_EQ(host->messages.size(), 30U) << "what was read is delivered";
    EXPECT_FALSE(reads());
    EXPECT_EQ(session->metrics().rate_pauses, 1U);
    script->feed(messages(1));
    loop.advance(milliseconds{1900});
    EXPECT_EQ(host->messages.size(), 30U);
    loop.advance(milliseconds{200});
    EXPECT_EQ(host->messages.size(), 31U);
    EXPECT_FALSE(session->is_stopped());
}

TEST_F(rate_limited, requests_count_and_control_frames_do_not) {
    start_server();
    for (int i = 0; i < 100; ++i) {
        feed(wire_frame(1, 0, big_endian(7, 8)));
    }
    EXPECT_TRUE(reads());
    for (std::uint64_t i = 0; i < 11; ++i) {
        feed(wire_frame(7, 0, big_endian(i, 8)));
    }
    EXPECT_FALSE(reads());
}

TEST_F(rate_limited, the_users_pause_outlasts_the_limits) {
    start_server();
    feed(messages(12));
    loop.in_batch([&] { EXPECT_TRUE(session->pause_receiving().is_ok()); });
    loop.advance(seconds{5});
    EXPECT_FALSE(reads());
    loop.in_batch([&] { EXPECT_TRUE(session->resume_receiving().is_ok()); });
    EXPECT_TRUE(reads());
}

TEST_F(rate_limited, a_pause_is_not_idleness) {
    config.idle_timeout = milliseconds{300};
    config.ping_interval = milliseconds{100};
    start_server();
    feed(messages(40));
    loop.advance(milliseconds{2900});
    EXPECT_FALSE(session->is_stopped());
    EXPECT_TRUE(written().empty()) << "a paused session is not pinged";
    loop.advance(milliseconds{2000});
    EXPECT_TRUE(session->is_stopped());
}

}  // namespace
}  // namespace network_system::testing

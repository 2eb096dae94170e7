// Timeouts of an application's, in virtual time. A deadline set for a moment fires in the
// millisecond after it.
#include "session/timeout_fixture.h"
#include "support/fake_session.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;
using std::chrono::hours;
using std::chrono::nanoseconds;

constexpr milliseconds never = milliseconds::max();

TEST_F(session_timeout_test, expires_once_and_not_early) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    EXPECT_TRUE(timeout->started());
    EXPECT_TRUE(timeout->is_active());
    EXPECT_FALSE(timeout->is_expired());
    loop.advance(milliseconds{99});
    EXPECT_EQ(expired, 0);
    EXPECT_EQ(timeout->remaining(), milliseconds{1});
    EXPECT_EQ(timeout->elapsed(), milliseconds{99});
    loop.advance(milliseconds{2});
    EXPECT_EQ(expired, 1);
    EXPECT_FALSE(timeout->is_active());
    EXPECT_TRUE(timeout->is_expired());
    EXPECT_EQ(timeout->remaining(), milliseconds{0});
    EXPECT_EQ(timeout->elapsed(), nanoseconds{0});
    loop.advance(hours{1});
    EXPECT_EQ(expired, 1);
    EXPECT_FALSE(session->is_stopped());
    EXPECT_TRUE(loop->deadlines().empty());
}

TEST_F(session_timeout_test, rounds_what_remains_up) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    loop.advance(std::chrono::microseconds{99'500});
    EXPECT_EQ(timeout->remaining(), milliseconds{1});
}

TEST_F(session_timeout_test, counts_from_the_last_touch) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    for (int i = 0; i < 10; ++i) {
        loop.advance(milliseconds{60});
        std::thread([&] { timeout->touch(); }).join();
        EXPECT_EQ(timeout->remaining(), milliseconds{100});
    }
    loop.advance(milliseconds{99});
    EXPECT_EQ(expired, 0);
    loop.advance(milliseconds{2});
    EXPECT_EQ(expired, 1);
    timeout->touch();
    loop.advance(hours{1});
    EXPECT_EQ(expired, 1) << "a touch does not begin it";
}

TEST_F(session_timeout_test, an_extension_moves_the_deadline_and_no_more) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    EXPECT_TRUE(timeout->extend(milliseconds{50}));
    EXPECT_TRUE(timeout->extend(milliseconds{50}));
    EXPECT_EQ(timeout->remaining(), milliseconds{200});
    loop.advance(milliseconds{20});
    timeout->touch();
    EXPECT_EQ(timeout->remaining(), milliseconds{180}) << "a touch shortens nothing";
    loop.advance(milliseconds{100});
    timeout->touch();
    EXPECT_EQ(timeout->remaining(), milliseconds{100});
    EXPECT_EQ(code(timeout->extend(milliseconds{-1})), code(errc::invalid_argument));
    loop.advance(milliseconds{101});
    EXPECT_EQ(expired, 1);
    EXPECT_EQ(code(timeout->extend(milliseconds{1})), code(errc::not_initialized));
}

TEST_F(session_timeout_test, durations_without_end_are_never) {
    start_server();
    for (const milliseconds each : {milliseconds{0}, never, never - milliseconds{1}}) {
        const auto timeout = counting(each);
        EXPECT_TRUE(timeout->is_active());
        EXPECT_EQ(timeout->remaining(), never);
        timeout->touch();
        loop.advance(hours{24});
        EXPECT_EQ(timeout->remaining(), never);
        EXPECT_EQ(timeout->elapsed(), hours{24});
    }
    const auto extended = counting(milliseconds{1});
    EXPECT_TRUE(extended->extend(never));
    EXPECT_TRUE(extended->extend(never));
    loop.advance(hours{24});
    EXPECT_EQ(extended->remaining(), never);
    EXPECT_EQ(expired, 0);
}

TEST_F(session_timeout_test, is_cancelled_from_anywhere) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    EXPECT_TRUE(timeout->cancel());
    EXPECT_FALSE(timeout->cancel());
    EXPECT_FALSE(timeout->is_active());
    EXPECT_FALSE(timeout->is_expired());
    EXPECT_EQ(timeout->remaining(), milliseconds{0});
    loop.run();
    EXPECT_TRUE(loop->deadlines().empty());
    ASSERT_TRUE(timeout->start(session));
    loop.in_batch([&] { EXPECT_TRUE(timeout->cancel()); });
    loop.advance(hours{1});
    EXPECT_EQ(expired, 0);
}

TEST_F(session_timeout_test, leaves_nothing_in_the_loop_when_it_is_destroyed) {
    start_server();
    const auto held = std::make_shared<int>(0);
    std::weak_ptr<int> watch = held;
    auto timeout = std::make_unique<session_timeout>(session, hours{24}, [held] {});
    loop.run();
    EXPECT_FALSE(loop->deadlines().empty());
    timeout.reset();
    EXPECT_EQ(held.use_count(), 1);
    loop.run();
    EXPECT_TRUE(loop->deadlines().empty());
}

TEST_F(session_timeout_test, what_cannot_begin_says_why) {
    start_server();
    session_timeout timeout(milliseconds{100}, [this] { ++expired; });
    EXPECT_EQ(code(timeout.started()), code(errc::not_initialized));
    EXPECT_EQ(code(timeout.start(nullptr)), code(errc::invalid_argument));
    EXPECT_EQ(code(timeout.start(fake("a test's"))), code(errc::not_supported));
    EXPECT_EQ(code(timeout.start(session, milliseconds{-1})), code(errc::invalid_argument));
    EXPECT_EQ(code(timeout.started()), code(errc::invalid_argument));
    const session_timeout negative(session, milliseconds{-1}, [this] { ++expired; });
    EXPECT_EQ(code(negative.started()), code(errc::invalid_argument));
    EXPECT_FALSE(negative.is_active());
    session->stop_session();
    EXPECT_EQ(code(timeout.start(session)), code(errc::connection_closed));
    loop.advance(hours{1});
    EXPECT_EQ(expired, 0);
}

TEST_F(session_timeout_test, begins_again_whenever_it_is_told_to) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    loop.advance(milliseconds{60});
    ASSERT_TRUE(timeout->start(session, milliseconds{200}));
    EXPECT_EQ(timeout->remaining(), milliseconds{200});
    loop.advance(milliseconds{199});
    EXPECT_EQ(expired, 0);
    loop.advance(milliseconds{2});
    EXPECT_EQ(expired, 1);
    ASSERT_TRUE(timeout->start(session));
    EXPECT_FALSE(timeout->is_expired());
    loop.advance(milliseconds{201});
    EXPECT_EQ(expired, 2) << "the new timeout holds from then on";
    EXPECT_EQ(code(timeout->start(nullptr)), code(errc::invalid_argument));
}

TEST_F(session_timeout_test, begins_again_in_its_own_callback) {
    start_server();
    std::optional<session_timeout> timeout;
    timeout.emplace(milliseconds{10}, [&](const session_ptr& who) {
        ++expired;
        EXPECT_TRUE(timeout->start(who));
        EXPECT_FALSE(timeout->is_expired());
    });
    ASSERT_TRUE(timeout->start(session));
    loop.advance(milliseconds{100});
    EXPECT_GE(expired, 8);
    EXPECT_LE(expired, 10);
}

TEST_F(session_timeout_test, begins_in_callbacks_of_the_session) {
    make(connection_role::client);
    std::unique_ptr<session_timeout> timeout;
    host->when_open = [&] { timeout = counting(milliseconds{50}); };
    host->when_message = [&](const session_ptr&, byte_span) { timeout->touch(); };
    loop.in_batch([this] { connection->start(); });
    feed(hello_frame());
    loop.advance(milliseconds{40});
    feed(wire_frame(0, 0, {1}));
    loop.advance(milliseconds{49});
    EXPECT_EQ(expired, 0);
    loop.advance(milliseconds{2});
    EXPECT_EQ(expired, 1);
}

TEST_F(session_timeout_test, begins_before_the_session_is_open) {
    start(connection_role::client);
    const auto timeout = counting(milliseconds{50});
    feed(hello_frame());
    loop.advance(milliseconds{51});
    EXPECT_EQ(expired, 1);
}

TEST_F(session_timeout_test, ends_without_a_call_with_its_session) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    bool was_active = true;
    host->when_closed = [&] {
        was_active = timeout->is_active();
        EXPECT_EQ(code(timeout->start(session)), code(errc::connection_closed));
    };
    feed_end();
    EXPECT_FALSE(was_active);
    EXPECT_TRUE(loop->deadlines().empty());
    EXPECT_FALSE(timeout->is_active());
    EXPECT_EQ(timeout->remaining(), milliseconds{0});
    loop.advance(hours{1});
    EXPECT_EQ(expired, 0);
    EXPECT_FALSE(timeout->is_expired());
}

TEST_F(session_timeout_test, does_not_call_while_the_session_closes) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    session->stop_session();
    loop.run();
    EXPECT_EQ(host->closed, 0) << "the peer has not ended it yet";
    EXPECT_FALSE(timeout->is_active());
    loop.advance(milliseconds{101});
    EXPECT_EQ(expired, 0);
    EXPECT_FALSE(timeout->is_expired());
}

TEST_F(session_timeout_test, ends_with_the_loop) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    loop.run();
    loop->shutdown();
    EXPECT_FALSE(timeout->is_active());
    EXPECT_EQ(code(timeout->start(session)), code(errc::connection_closed));
    timeout->touch();
    EXPECT_FALSE(timeout->cancel());
    EXPECT_EQ(expired, 0);
}

TEST_F(session_timeout_test, outlives_a_session_that_nobody_keeps) {
    start_server();
    const auto timeout = counting(milliseconds{100});
    std::weak_ptr<messaging_session> watch = session;
    feed_end();
    loop.run();
    session.reset();
    connection.reset();
    EXPECT_TRUE(watch.expired()) << "it does not keep the session";
    timeout->touch();
    EXPECT_EQ(timeout->remaining(), milliseconds{0});
    EXPECT_EQ(code(timeout->extend(milliseconds{1})), code(errc::not_initialized));
    EXPECT_FALSE(timeout->cancel());
}

TEST_F(session_timeout_test, a_callback_that_throws_closes_the_session) {
    start_server();
    const session_timeout timeout(session, milliseconds{10},
                                  [] { throw std::runtime_error("user code failed"); });
    loop.advance(milliseconds{11});
    EXPECT_EQ(host->exceptions, std::vector<std::string>{"user code failed"});
    EXPECT_TRUE(session->is_stopped());
    feed_end();
    expect_closed(errc::internal_error);
}

TEST_F(session_timeout_test, nothing_is_called_once_the_host_has_stopped) {
    start_server();
    const auto timeout = counting(milliseconds{10});
    host->gate()->close();
    loop.advance(milliseconds{11});
    EXPECT_EQ(expired, 0);
}

TEST_F(session_timeout_test, calls_in_every_form) {
    start_server();
    std::string told;
    const session_timeout one(session, milliseconds{1},
                              [&](const session_ptr& who) { told += who == session ? "s" : "?"; });
    const session_timeout two(session, milliseconds{2}, [&](const std::string& id) {
        told += id == session->id() ? "i" : "?";
    });
    const session_timeout three(session, milliseconds{3}, [&] { told += "n"; });
    const session_timeout empty(session, milliseconds{4}, nullptr);
    loop.advance(milliseconds{5});
    EXPECT_EQ(told, "sin");
    EXPECT_TRUE(empty.is_expired());
}

TEST_F(session_timeout_test, may_be_destroyed_in_its_own_callback) {
    start_server();
    std::unique_ptr<session_timeout> timeout;
    const auto held = std::make_shared<int>(1);
    timeout = std::make_unique<session_timeout>(session, milliseconds{10}, [&, held] {
        timeout.reset();
        EXPECT_EQ(held.use_count(), 2) << "what runs is not destroyed";
        ++expired;
    });
    loop.advance(milliseconds{11});
    EXPECT_EQ(expired, 1);
    EXPECT_EQ(held.use_count(), 1);
}

TEST_F(session_timeout_test, many_end_one_another) {
    start_server();
    std::vector<std::unique_ptr<session_timeout>> all;
    for (int i = 0; i < 100; ++i) {
        // Each ends its neighbours, which are due in the same millisecond, or far away.
        all.push_back(std::make_unique<session_timeout>(
            session, i % 2 == 0 ? milliseconds{10} : milliseconds{10'000}, [&all, i, this] {
                ++expired;
                all[static_cast<std::size_t>((i + 1) % 100)].reset();
                all[static_cast<std::size_t>((i + 98) % 100)].reset();
            }));
    }
    loop.advance(milliseconds{11});
    EXPECT_GT(expired, 0);
    EXPECT_LT(expired, 100);
    all.clear();
    loop.run();
    EXPECT_TRUE(loop->deadlines().empty());
}

}  // namespace
}  // namespace network_system::session

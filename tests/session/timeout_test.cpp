// Timeouts of an application's, in virtual time. A deadline set for a moment fires in the
// millisecond after it.
#include "session_fixture.h"
#include "support/fake_session.h"

#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#include <network_system/testing/simulation.h>
#include <network_system/utils/session_timeout.h>

#include <atomic>
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

class session_timeout_test : public session_fixture {
protected:
    /// One that counts.
    std::unique_ptr<session_timeout> counting(milliseconds timeout) {
        return std::make_unique<session_timeout>(session, timeout, [this] { ++expired; });
    }
    static int code(const VoidResult& result) { return code_of(result); }
    static int code(errc wanted) { return static_cast<int>(wanted); }

    int expired = 0;
};

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

TEST_F(session_timeout_test, the_destructor_waits_for_a_call_on_another_thread) {
    start_server();
    std::atomic<bool> has_entered{false};
    std::atomic<bool> is_destroying{false};
    std::atomic<bool> has_left{false};
    auto timeout = std::make_unique<session_timeout>(session, milliseconds{10}, [&] {
        has_entered = true;
        while (!is_destroying) {
            std::this_thread::yield();
        }
        for (int i = 0; i < 10'000; ++i) {
            std::this_thread::yield();
        }
        has_left = true;
    });
    std::thread io([this] { loop.advance(milliseconds{11}); });
    while (!has_entered) {
        std::this_thread::yield();
    }
    is_destroying = true;
    timeout.reset();
    EXPECT_TRUE(has_left);
    io.join();
}

TEST_F(session_timeout_test, threads_do_as_they_like) {
    start_server();
    std::atomic<int> calls{0};
    std::atomic<bool> is_inside{false};
    auto timeout = std::make_unique<session_timeout>(milliseconds{1}, [&] {
        EXPECT_FALSE(is_inside.exchange(true)) << "one at a time";
        ++calls;
        is_inside = false;
    });
    std::atomic<bool> is_over{false};
    std::thread io([&] {
        while (!is_over) {
            loop.run();
        }
    });
    std::vector<std::thread> others;
    for (int n = 0; n < 3; ++n) {
        others.emplace_back([&] {
            for (int i = 0; i < 300; ++i) {
                EXPECT_TRUE(timeout->start(session));
                timeout->touch();
                (void)timeout->extend(milliseconds{1});
                EXPECT_LE(timeout->remaining(), milliseconds{602});
                (void)timeout->is_active();
                if (i % 3 == 0) {
                    (void)timeout->cancel();
                }
            }
        });
    }
    for (auto& each : others) {
        each.join();
    }
    (void)timeout->start(session);
    timeout.reset();
    is_over = true;
    io.join();
    loop.run();
    EXPECT_TRUE(loop->deadlines().empty());
}

/// A server whose sessions are closed after a minute without a message, and a client that sends
/// five, 40 s apart, and no more.
template <typename Server, typename Client>
nanoseconds close_when_quiet(std::uint64_t seed) {
    simulation sim(seed);
    std::unique_ptr<session_timeout> quiet;
    std::optional<nanoseconds> closed;
    Server server("server", sim.on_host("server"));
    server.set_connection_callback([&](const session_ptr& who) {
        quiet = std::make_unique<session_timeout>(
            who, std::chrono::minutes{1}, [](const session_ptr& late) { late->stop_session(); });
    });
    server.set_receive_callback([&] { quiet->touch(); });
    server.set_disconnection_callback([&] { closed = sim.now(); });
    EXPECT_TRUE(server.start_server(4000));
    Client client("client", sim.on_host("client"));
    nanoseconds last{0};
    EXPECT_TRUE(client.start_client("server", 4000, [&](VoidResult started) {
        EXPECT_TRUE(started);
        for (int i = 1; i <= 5; ++i) {
            sim.after(std::chrono::seconds{40} * i, [&] {
                last = sim.now();
                EXPECT_TRUE(client.send_packet("still here"));
            });
        }
    }));
    EXPECT_TRUE(sim.run_until([&] { return closed.has_value(); }, hours{1}));
    return *closed - last;
}

TEST(session_timeout_simulated, closes_who_is_quiet) {
    const auto took = close_when_quiet<core::messaging_server, core::messaging_client>(7);
    EXPECT_GE(took, std::chrono::seconds{60});
    EXPECT_LE(took, std::chrono::seconds{61});
    EXPECT_EQ(took, (close_when_quiet<core::messaging_server, core::messaging_client>(7)));
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
TEST(session_timeout_simulated, runs_for_a_websocket) {
    simulation sim(7);
    core::messaging_ws_server server("server");
    std::unique_ptr<session_timeout> timeout;
    std::string told;
    server.set_connection_callback([&](const std::shared_ptr<ws_connection>& who) {
        timeout = std::make_unique<session_timeout>(who, std::chrono::minutes{1},
                                                    [&](const std::string& id) { told = id; });
        EXPECT_TRUE(timeout->is_active());
    });
    core::ws_server_config at_server = sim.on_host("server");
    at_server.port = 4000;
    ASSERT_TRUE(server.start_server(at_server));
    core::messaging_ws_client client("client");
    core::ws_client_config at_client = sim.on_host("client");
    at_client.host = "server";
    at_client.port = 4000;
    ASSERT_TRUE(client.start_client(at_client, [](VoidResult started) { EXPECT_TRUE(started); }));
    EXPECT_TRUE(sim.run_until([&] { return !told.empty(); }, hours{1}));
    EXPECT_GE(sim.now(), std::chrono::minutes{1});
    EXPECT_LE(sim.now(), std::chrono::seconds{62});
}
#endif

}  // namespace
}  // namespace network_system::session

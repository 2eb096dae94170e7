// fork() without a word to anybody: the child has copies of its parent's objects, and none of the
// threads behind them.
#include "support/child_process.h"
#include "support/context_runner.h"
#include "support/loopback.h"
#include "support/scratch_directory.h"

#include <network_system/core/listener.h>
#include <network_system/utils/thread_pool.h>

#include <optional>

#ifndef NETWORK_TEST_NO_FORK

namespace loopback {
namespace {

using network_system::core::listener;
using network_system::testing::are_left_alone;
using network_system::testing::child_end;
using network_system::testing::open_descriptors;
using network_system::testing::succeeds_in_child;
using network_system::testing::watched_descriptors;

// NOLINTNEXTLINE(readability-identifier-naming): the suite bears the name of what it lists
class field_faults_fork : public BothReadiness {
protected:
    void SetUp() override {
        server.emplace(for_server());
        client.emplace(for_client());
        port = server->start();
        ASSERT_TRUE(is_ok(client->connect(port)));
        ASSERT_TRUE(client->exchange("before"));
    }
    /// What an application does that does not know of the parent's objects.
    void round_trip_of_its_own() const {
        test_server own_server(for_server());
        test_client own_client(for_client());
        EXPECT_TRUE(is_ok(own_client.connect(own_server.start())));
        EXPECT_TRUE(own_client.exchange("in the child"));
        EXPECT_TRUE(is_ok(own_client.client.stop_client()));
        EXPECT_TRUE(is_ok(own_server.server.stop_server()));
    }
    void expect_parent_goes_on() {
        EXPECT_TRUE(client->exchange("after"));
        test_client next(for_client());
        EXPECT_TRUE(is_ok(next.connect(port)));
        EXPECT_TRUE(next.exchange("one more"));
    }

    // Of earlier tests, such as what Asio's own threads use.
    const std::size_t others = open_descriptors("anon_inode:");
    std::optional<test_server> server;
    std::optional<test_client> client;
    std::uint16_t port = 0;
};
INSTANTIATE_TEST_SUITE_P(method, field_faults_fork, both_methods(), method_of);

TEST_P(field_faults_fork, a_child_that_destroys_its_copies_hangs_and_breaks_the_parents) {
    const auto watched = watched_descriptors();
    EXPECT_TRUE(succeeds_in_child([&] {
        client.reset();
        server.reset();
        EXPECT_EQ(open_descriptors("socket:"), 0U);
        if (GetParam() == readiness::automatic) {
            EXPECT_LE(open_descriptors("anon_inode:"), others);
        }
    }));
    EXPECT_TRUE(are_left_alone(watched)) << "what is watched is the parent's";
    expect_parent_goes_on();
}

TEST_P(field_faults_fork, a_child_that_stops_its_copies_hangs) {
    const auto session = server->sessions.at(0);
    EXPECT_TRUE(succeeds_in_child([&] {
        constexpr auto expected = errc::not_supported;
        auto& serving = server->server;
        auto& calling = client->client;
        EXPECT_TRUE(fails_with(serving.stop_server(), expected));
        EXPECT_TRUE(fails_with(serving.wait_for_stop(), expected));
        EXPECT_TRUE(fails_with(serving.start_server(0), expected));
        EXPECT_TRUE(fails_with(serving.broadcast(bytes{1}), expected));
        EXPECT_TRUE(fails_with(serving.share_listener(), expected));
        EXPECT_TRUE(fails_with(serving.set_connection_callback({}), expected));
        EXPECT_FALSE(serving.is_running());
        EXPECT_TRUE(serving.get_sessions().empty());
        EXPECT_TRUE(fails_with(calling.send_packet("child"), expected));
        EXPECT_TRUE(fails_with(calling.ping(), expected));
        EXPECT_TRUE(fails_with(calling.start_client("127.0.0.1", port), expected));
        EXPECT_TRUE(fails_with(calling.stop_client(), expected));
        EXPECT_TRUE(fails_with(calling.wait_for_stop(), expected));
        EXPECT_FALSE(calling.is_connected());
        EXPECT_TRUE(fails_with(session->send_packet("child"), expected));
        EXPECT_TRUE(fails_with(session->pause_receiving(), expected));
        EXPECT_TRUE(fails_with(session->stop_session(), expected));
        EXPECT_TRUE(session->is_stopped());
        (void)session->metrics();
        (void)serving.metrics();
        (void)calling.metrics();
    }));
    expect_parent_goes_on();
}

TEST_P(field_faults_fork, a_client_and_a_server_that_a_child_starts_have_no_threads) {
    EXPECT_TRUE(succeeds_in_child([&] { round_trip_of_its_own(); }));
    EXPECT_TRUE(succeeds_in_child([&] {
        client.reset();
        server.reset();
        round_trip_of_its_own();
    }));
    // Of a child's child.
    EXPECT_TRUE(succeeds_in_child([&] {
        test_server own(for_server());
        (void)own.start();
        EXPECT_TRUE(succeeds_in_child([&] {
            EXPECT_TRUE(fails_with(own.server.stop_server(), errc::not_supported));
            round_trip_of_its_own();
        }));
        EXPECT_TRUE(is_ok(own.server.stop_server()));
    }));
    expect_parent_goes_on();
}

TEST_P(field_faults_fork, a_child_cannot_start_what_was_made_and_stopped_before) {
    test_server prepared(for_server());
    test_client ready(for_client());
    EXPECT_TRUE(is_ok(ready.connect(prepared.start())));
    EXPECT_TRUE(is_ok(ready.client.stop_client()));
    EXPECT_TRUE(is_ok(prepared.server.stop_server()));
    test_server fresh(for_server());
    EXPECT_TRUE(succeeds_in_child([&] {
        EXPECT_TRUE(is_ok(ready.connect(prepared.start())));
        EXPECT_TRUE(ready.exchange("in the child"));
        EXPECT_NE(fresh.start(), 0);
        EXPECT_TRUE(is_ok(fresh.server.stop_server()));
    }));
    expect_parent_goes_on();
}

TEST_P(field_faults_fork, the_exit_of_a_child_waits_for_threads_that_it_does_not_have) {
    // In a program that has nothing else: other tests leave statics of Asio's behind, which do
    // wait.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            static std::optional<test_server> of_the_program;
            of_the_program.emplace(for_server());
            (void)of_the_program->start();
            network_system::thread_pool pool(1);
            EXPECT_TRUE(succeeds_in_child([] {}, child_end::in_order));
            EXPECT_TRUE(succeeds_in_child([&] { round_trip_of_its_own(); }, child_end::in_order));
            of_the_program.reset();
            expect_parent_goes_on();
            std::_Exit(HasFailure() ? 1 : 0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_P(field_faults_fork, a_child_finds_locks_that_nobody_will_give_back) {
    if (is_sanitized) {
        GTEST_SKIP() << "the locks of a sanitizer are among those that nobody gives back";
    }
    // Other threads are in the middle of everything while this one forks.
    test_server sink(for_server());
    sink.on_receive = [](const session_ptr&, std::span<const std::uint8_t>) {};
    test_client source(for_client());
    ASSERT_TRUE(is_ok(source.connect(sink.start())));
    std::atomic<bool> is_over{false};
    std::vector<std::thread> busy;
    busy.emplace_back([&] {
        while (!is_over) {
            (void)source.client.send_packet("busy");
            (void)sink.server.metrics();
            (void)sink.server.get_sessions();
        }
    });
    busy.emplace_back([&] {
        while (!is_over) {
            test_server own_server(for_server());
            test_client own_client(for_client());
            (void)own_client.connect(own_server.start());
        }
    });
    busy.emplace_back([&] {
        while (!is_over) {
            network_system::set_log_sink([](const auto&) {});
        }
    });
    for (int i = 0; i < (is_sanitized ? 5 : 40) && !HasFailure(); ++i) {
        EXPECT_TRUE(succeeds_in_child([&] {
            network_system::set_log_sink({});
            (void)source.client.stop_client();
            (void)sink.server.stop_server();
            client.reset();
            server.reset();
            round_trip_of_its_own();
        }));
    }
    is_over = true;
    for (auto& each : busy) {
        each.join();
    }
    network_system::set_log_sink({});
    expect_parent_goes_on();
}

TEST_P(field_faults_fork, a_child_that_a_callback_forks_is_on_an_io_thread_for_ever) {
    event_counter done;
    server->on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        EXPECT_TRUE(succeeds_in_child([&] {
            EXPECT_TRUE(fails_with(session->send_packet("child"), errc::not_supported));
            round_trip_of_its_own();
        }));
        EXPECT_TRUE(is_ok(session->send_packet(data)));
        done.add();
    };
    EXPECT_TRUE(client->exchange("fork"));
    ASSERT_TRUE(done.wait_for(1));
}

TEST_P(field_faults_fork, a_child_that_returns_from_a_callback_spins) {
    if (GetParam() == readiness::per_socket) {
        GTEST_SKIP() << "Asio's own reactor cannot tell";
    }
    // As the exit of a child: it ends with its last thread, in order.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            server->on_receive = [&](const session_ptr& session,
                                     std::span<const std::uint8_t> data) {
                const ::pid_t child = ::fork();
                if (child == 0) {
                    ::alarm(10);
                    return;  // the thread has nothing left to run
                }
                int status = -1;
                EXPECT_EQ(::waitpid(child, &status, 0), child);
                EXPECT_FALSE(WIFSIGNALED(status));
                EXPECT_TRUE(is_ok(session->send_packet(data)));
            };
            EXPECT_TRUE(client->exchange("fork"));
            std::_Exit(HasFailure() ? 1 : 0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_P(field_faults_fork, a_child_joins_the_threads_of_a_pool) {
    auto pool = std::make_shared<network_system::thread_pool>(2);
    server_options options = for_server();
    options.callback_pool = pool;
    std::optional<test_server> pooled(options);
    test_client of_pool(for_client());
    ASSERT_TRUE(is_ok(of_pool.connect(pooled->start())));
    ASSERT_TRUE(of_pool.exchange("before"));
    EXPECT_TRUE(succeeds_in_child([&] {
        EXPECT_TRUE(fails_with(pool->submit([] {}), errc::not_supported));
        EXPECT_FALSE(pool->is_running());
        pool->stop();
        pooled.reset();
        pool.reset();
        network_system::thread_pool own(1);
        event_counter ran;
        EXPECT_TRUE(is_ok(own.submit([&] { ran.add(); })));
        EXPECT_TRUE(ran.wait_for(1));
    }));
    EXPECT_TRUE(of_pool.exchange("after"));
}

TEST_P(field_faults_fork, a_child_unlinks_the_file_of_its_parents_unix_socket) {
    const scratch_directory directory;
    server_options options = for_server();
    options.bind_address = "unix:" + directory.file("socket");
    std::optional<test_server> local(options);
    ASSERT_TRUE(is_ok(local->server.start_server(0)));
    auto shared = local->server.share_listener();
    ASSERT_TRUE(is_ok(shared));
    std::optional<test_server> second(options);
    ASSERT_TRUE(is_ok(second->server.start_server(std::move(shared).value())));
    auto own = second->server.share_listener();
    ASSERT_TRUE(is_ok(own));
    EXPECT_TRUE(succeeds_in_child([&] {
        (void)local->server.stop_server();
        local.reset();
        second.reset();
        // A listener is a descriptor: the child may serve it.
        test_server of_child(for_server());
        EXPECT_TRUE(is_ok(of_child.server.start_server(std::move(own).value())));
        EXPECT_TRUE(is_ok(of_child.server.stop_server()));
    }));
    EXPECT_TRUE(std::filesystem::exists(directory.file("socket")));
    test_client next(for_client());
    EXPECT_TRUE(is_ok(next.client.start_client(options.bind_address, 0)));
    EXPECT_TRUE(next.exchange("after"));
}

TEST_P(field_faults_fork, an_io_context_that_was_not_told_is_the_parents) {
    auto runner = std::make_unique<context_runner>(1);
    server_options options = for_server();
    options.io_context = &runner->context;
    std::optional<test_server> on_context(options);
    test_client next(for_client());
    ASSERT_TRUE(is_ok(next.connect(on_context->start())));
    ASSERT_TRUE(next.exchange("before"));
    EXPECT_TRUE(succeeds_in_child([&] {
        EXPECT_TRUE(fails_with(on_context->server.stop_server(), errc::not_supported));
        on_context.reset();
    }));
    EXPECT_TRUE(next.exchange("after"));
}

TEST_P(field_faults_fork, a_session_of_an_io_context_that_was_not_told_says_so) {
    for (const auto policy :
         {send_policy::reject, send_policy::drop_oldest, send_policy::conflate}) {
        context_runner runner(1);
        server_options options = for_server();
        options.io_context = &runner.context;
        options.session.policy = policy;
        test_server on_context(options);
        test_client next(for_client());
        ASSERT_TRUE(is_ok(next.connect(on_context.start())));
        ASSERT_TRUE(next.exchange("before"));
        const auto session = on_context.sessions.at(0);
        EXPECT_TRUE(succeeds_in_child([&] {
            constexpr auto expected = errc::not_supported;
            EXPECT_TRUE(fails_with(session->send_packet("child"), expected));
            EXPECT_TRUE(fails_with(session->send_conflated("key", "child"), expected));
            EXPECT_TRUE(fails_with(session->post([] {}), expected));
            EXPECT_TRUE(fails_with(session->ping({}), expected));
            EXPECT_TRUE(fails_with(session->stop_session(), expected));
        }));
        EXPECT_TRUE(next.exchange("after"));
    }
}

TEST_P(field_faults_fork, an_io_context_that_goes_in_a_child_changes_the_parents_set) {
    auto context = std::make_unique<asio::io_context>();
    server_options options = for_server();
    options.io_context = context.get();
    options.drain_timeout = 0ms;
    std::optional<test_server> on_context(options);
    const auto its_port = on_context->start();
    context->poll();
    raw_peer first = raw_peer::connect(its_port);
    while (on_context->sessions.size() == 0) {
        context->run_one();
    }
    client.reset();
    server.reset();
    const auto watched = watched_descriptors();
    EXPECT_TRUE(succeeds_in_child([&] {
        on_context.reset();
        context.reset();
        EXPECT_EQ(open_descriptors("socket:"), 1U) << "the peer's";
    }));
    EXPECT_TRUE(are_left_alone(watched));
    raw_peer peer = raw_peer::connect(its_port);
    while (on_context->sessions.size() < 2) {
        context->run_one();
    }
    on_context.reset();
}

}  // namespace
}  // namespace loopback

/// Asked by LeakSanitizer, where there is one: what only threads of the parent could reach is no
/// leak of the child's.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): its name
extern "C" int __lsan_is_turned_off() {
    return network_system::testing::is_forked_child ? 1 : 0;
}

#endif

// The operations with completion tokens, over real connections.
#include "support/loopback.h"

#include <network_system/async.h>
#include <network_system/core/messaging_udp_client.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace loopback {
namespace {

using network_system::async_ping;
using network_system::async_receive;
using network_system::async_request;
using network_system::async_send;
using network_system::async_start;
using network_system::async_stop;
using network_system::receive_mode;
using network_system::session_executor;

client_options pulling() {
    client_options options;
    options.session.receiving = receive_mode::pull;
    return options;
}

/// A server that echoes messages and answers requests, except "never".
class answering_server : public test_server {
public:
    answering_server() {
        (void)server.set_request_callback([this](const session_ptr&,
                                                 std::span<const std::uint8_t> data,
                                                 network_system::session::responder answer) {
            if (text_of(data) == "never") {
                kept.add(std::make_shared<network_system::session::responder>(std::move(answer)));
            } else {
                EXPECT_TRUE(is_ok(answer.respond(data)));
            }
        });
        port = start();
    }
    ~answering_server() { kept.clear(); }

    collector<std::shared_ptr<network_system::session::responder>> kept;
    std::uint16_t port = 0;
};

template <typename T>
Result<T> get(std::future<Result<T>> future) {
    if (future.wait_for(patience) != std::future_status::ready) {
        return network_system::error<T>(-1, "the future was not ready in time");
    }
    return future.get();
}

void rethrow(const std::exception_ptr& thrown) {
    if (thrown) {
        std::rethrow_exception(thrown);
    }
}

TEST(async, futures) {
    answering_server server;
    messaging_client client("futures", pulling());
    ASSERT_TRUE(is_ok(get(async_start(client, "127.0.0.1", server.port, asio::use_future))));
    ASSERT_TRUE(is_ok(get(async_send(client, "one", asio::use_future))));
    const auto received = get(async_receive(client, asio::use_future));
    ASSERT_TRUE(is_ok(received));
    EXPECT_EQ(text_of(received.value()), "one");
    EXPECT_TRUE(is_ok(get(async_ping(client, asio::use_future))));
    const auto answer = get(async_request(client, "question", 10s, asio::use_future));
    ASSERT_TRUE(is_ok(answer));
    EXPECT_EQ(text_of(answer.value()), "question");
    EXPECT_TRUE(is_ok(get(async_stop(client, asio::use_future))));
    EXPECT_FALSE(client.is_connected());
    EXPECT_TRUE(is_ok(get(async_stop(client, asio::use_future)))) << "stopped already";
    EXPECT_TRUE(is_ok(get(async_stop(server.server, asio::use_future))));
    EXPECT_FALSE(server.server.is_running());
    EXPECT_TRUE(is_ok(get(async_stop(server.server, asio::use_future))));
}

TEST(async, coroutines_on_the_users_context) {
    answering_server server;
    asio::io_context context;
    auto options = pulling();
    options.io_context = &context;
    messaging_client client("coroutines", options);
    bool is_done = false;
    const auto converse = [&]() -> asio::awaitable<void> {
        EXPECT_TRUE(
            is_ok(co_await async_start(client, "127.0.0.1", server.port, asio::use_awaitable)));
        for (int i = 0; i < 100; ++i) {
            EXPECT_TRUE(is_ok(co_await async_send(client, std::to_string(i), asio::use_awaitable)));
            const auto back = co_await async_receive(client, asio::use_awaitable);
            EXPECT_TRUE(is_ok(back));
            EXPECT_EQ(text_of(back.value_or(bytes{})), std::to_string(i));
        }
        EXPECT_TRUE(is_ok(co_await async_stop(client, asio::use_awaitable)));
        is_done = true;
    };
    asio::co_spawn(context, converse(), rethrow);
    context.run();
    EXPECT_TRUE(is_done);
}

TEST(async, coroutines_on_the_sessions_threads) {
    server_options options;
    options.io_threads = 2;
    options.session.receiving = receive_mode::pull;
    messaging_server server("echo", options);
    std::atomic<int> ended{0};
    (void)server.set_connection_callback([&](const session_ptr& session) {
        const auto echo = [](session_ptr with, std::atomic<int>& count) -> asio::awaitable<void> {
            for (;;) {
                auto message = co_await async_receive(with, asio::use_awaitable);
                EXPECT_TRUE(with->runs_here());
                if (message.is_err() || with->send_packet(std::move(message).value()).is_err()) {
                    break;
                }
            }
            ++count;
        };
        asio::co_spawn(session_executor(session), echo(session, ended), rethrow);
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    constexpr int clients = 4;
    {
        std::vector<std::unique_ptr<test_client>> all;
        for (int i = 0; i < clients; ++i) {
            all.push_back(std::make_unique<test_client>());
            ASSERT_TRUE(is_ok(all.back()->connect(server.local_port())));
        }
        for (int round = 0; round < 50; ++round) {
            for (auto& each : all) {
                ASSERT_TRUE(each->exchange(std::to_string(round)));
            }
        }
    }
    EXPECT_TRUE(is_ok(server.stop_server()));
    EXPECT_EQ(ended, clients);
}

TEST(async, a_coroutine_that_waits_at_stop_ends) {
    server_options options;
    options.session.receiving = receive_mode::pull;
    messaging_server server("waiting", options);
    std::atomic<bool> has_ended{false};
    event_counter waiting;
    (void)server.set_connection_callback([&](const session_ptr& session) {
        // No captures: they would be gone when the coroutine goes on.
        const auto wait = [](session_ptr with, event_counter& begun,
                             std::atomic<bool>& ended) -> asio::awaitable<void> {
            begun.add();
            const auto message = co_await async_receive(std::move(with), asio::use_awaitable);
            EXPECT_TRUE(fails_with(message, errc::connection_closed));
            ended = true;
        };
        asio::co_spawn(session_executor(session), wait(session, waiting, has_ended), rethrow);
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.local_port())));
    ASSERT_TRUE(waiting.wait_for(1));
    EXPECT_TRUE(is_ok(server.stop_server()));
    EXPECT_TRUE(has_ended);
}

TEST(async, a_handler_may_be_move_only_and_has_its_executor) {
    answering_server server;
    messaging_client client("moves", pulling());
    asio::thread_pool elsewhere(1);
    std::promise<std::thread::id> started;
    async_start(client, "127.0.0.1", server.port,
                asio::bind_executor(elsewhere.get_executor(),
                                    [&, own = std::make_unique<int>(7)](const VoidResult& result) {
                                        EXPECT_TRUE(is_ok(result));
                                        EXPECT_EQ(*own, 7);
                                        started.set_value(std::this_thread::get_id());
                                    }));
    const auto where = started.get_future().get();
    std::promise<std::thread::id> inside;
    asio::post(elsewhere, [&] { inside.set_value(std::this_thread::get_id()); });
    EXPECT_EQ(where, inside.get_future().get());
    EXPECT_TRUE(is_ok(client.stop_client()));
}

/// Counts what is allocated and freed through it.
template <typename T>
struct counting_allocator {
    using value_type = T;
    explicit counting_allocator(std::atomic<int>* count) : live(count) {}
    template <typename U>
    counting_allocator(const counting_allocator<U>& other) : live(other.live) {}
    T* allocate(std::size_t count) {
        ++*live;
        ++*made();
        return std::allocator<T>().allocate(count);
    }
    void deallocate(T* place, std::size_t count) {
        --*live;
        std::allocator<T>().deallocate(place, count);
    }
    static std::atomic<int>* made() {
        static std::atomic<int> all{0};
        return &all;
    }
    template <typename U>
    bool operator==(const counting_allocator<U>& other) const {
        return live == other.live;
    }
    std::atomic<int>* live;
};

struct allocating_handler {
    using allocator_type = counting_allocator<void>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(live); }
    void operator()(const Result<bytes>& result) const {
        EXPECT_EQ(*live, 0) << "freed before the handler runs";
        done->set_value(result.is_ok());
    }
    std::atomic<int>* live;
    std::promise<bool>* done;
};

TEST(async, memory_comes_from_the_handlers_allocator) {
    answering_server server;
    messaging_client client("allocates", pulling());
    ASSERT_TRUE(is_ok(get(async_start(client, "127.0.0.1", server.port, asio::use_future))));
    std::atomic<int> live{0};
    std::promise<bool> done;
    async_receive(client, allocating_handler{&live, &done});
    EXPECT_EQ(live, 1);
    ASSERT_TRUE(is_ok(client.send_packet("x")));
    EXPECT_TRUE(done.get_future().get());
    EXPECT_EQ(live, 0);
    EXPECT_TRUE(is_ok(client.stop_client()));
}

TEST(async, what_fails_at_once_does_not_run_inside_the_call) {
    asio::io_context context;
    messaging_client client("idle");
    int ran = 0;
    const auto expect_failure = [&](errc code) {
        return asio::bind_executor(context, [&ran, code](const auto& result) {
            EXPECT_TRUE(fails_with(result, code));
            ++ran;
        });
    };
    async_send(client, "x", expect_failure(errc::connection_closed));
    async_receive(client, expect_failure(errc::connection_closed));
    async_ping(client, expect_failure(errc::connection_closed));
    async_request(client, "x", 1s, expect_failure(errc::connection_closed));
    async_start(client, "", 1, expect_failure(errc::invalid_argument));
    EXPECT_EQ(ran, 0);
    context.run();
    EXPECT_EQ(ran, 5);
}

class async_cancellation : public testing::Test {
protected:
    /// Gives an operation a slot, cancels it, and expects it to end with `cancelled`.
    template <typename Initiate>
    void expect_cancelled(const Initiate& initiate) {
        asio::io_context context;
        asio::cancellation_signal signal;
        bool has_run = false;
        const auto handler = [&](const auto& result) {
            EXPECT_TRUE(fails_with(result, errc::cancelled));
            has_run = true;
        };
        initiate(
            asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, handler)));
        asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
        context.run();
        EXPECT_TRUE(has_run);
        signal.emit(asio::cancellation_type::terminal);  // too late: nothing happens
    }
};

TEST_F(async_cancellation, of_receive_and_request) {
    answering_server server;
    messaging_client client("cancels", pulling());
    ASSERT_TRUE(is_ok(get(async_start(client, "127.0.0.1", server.port, asio::use_future))));
    expect_cancelled([&](auto token) { async_receive(client, std::move(token)); });
    expect_cancelled([&](auto token) { async_request(client, "never", 1h, std::move(token)); });
    EXPECT_TRUE(is_ok(client.send_packet("still works")));
    const auto received = get(async_receive(client, asio::use_future));
    ASSERT_TRUE(is_ok(received));
    EXPECT_EQ(text_of(received.value()), "still works");
    EXPECT_TRUE(is_ok(client.stop_client()));
}

TEST_F(async_cancellation, of_start) {
    // Accepts, and never says hello.
    server_options options;
    options.session.frames = framing::raw;
    test_server silent(options);
    const auto port = silent.start();
    messaging_client client("impatient");
    expect_cancelled([&](auto token) { async_start(client, "127.0.0.1", port, std::move(token)); });
    EXPECT_FALSE(client.is_connected());
    // The client is free for another attempt, and a cancellation after success does nothing.
    answering_server server;
    asio::cancellation_signal signal;
    auto started = async_start(client, "127.0.0.1", server.port,
                               asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    ASSERT_TRUE(is_ok(get(std::move(started))));
    signal.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(is_ok(client.ping()));
    EXPECT_TRUE(is_ok(client.stop_client()));
}

TEST(field_faults, the_slot_of_a_start_that_fails_at_once_throws) {
    messaging_client client("client");
    network_system::core::messaging_udp_client datagrams("datagrams");
    const auto start_twice = [](auto& starting, const char* host, std::uint16_t port) {
        asio::io_context context;
        asio::cancellation_signal signal;
        int failed = 0;
        for (int i = 0; i < 2; ++i) {
            async_start(starting, host, port,
                        asio::bind_cancellation_slot(
                            signal.slot(), asio::bind_executor(context, [&](const auto& result) {
                                failed += fails_with(result, errc::invalid_argument) ? 1 : 0;
                            })));
            // Before the handler has run: the slot is still the operation's.
            EXPECT_NO_THROW(signal.emit(asio::cancellation_type::terminal));
        }
        context.run();
        EXPECT_EQ(failed, 2);
        EXPECT_NO_THROW(signal.emit(asio::cancellation_type::terminal));
    };
    start_twice(client, "localhost", 0);
    start_twice(datagrams, "localhost", 0);
}

TEST(async, stopping_a_session) {
    answering_server server;
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.port)));
    ASSERT_TRUE(server.sessions.wait_for(1));
    const session_ptr session = server.sessions.at(0);
    EXPECT_TRUE(is_ok(get(async_stop(session, asio::use_future))));
    EXPECT_TRUE(server.closed.wait_for(1));
    EXPECT_TRUE(is_ok(get(async_stop(session, asio::use_future))));
    EXPECT_TRUE(client.disconnected.wait_for(1));
}

TEST(async, the_stop_handler_comes_last) {
    test_server server;
    const auto port = server.start();
    constexpr std::size_t clients = 8;
    std::vector<std::unique_ptr<test_client>> all;
    for (std::size_t i = 0; i < clients; ++i) {
        all.push_back(std::make_unique<test_client>());
        ASSERT_TRUE(is_ok(all.back()->connect(port)));
    }
    std::promise<std::size_t> closed_before;
    ASSERT_TRUE(is_ok(server.server.stop_server([&](const VoidResult& result) {
        EXPECT_TRUE(is_ok(result));
        closed_before.set_value(server.closed.size());
    })));
    EXPECT_EQ(closed_before.get_future().get(), clients);
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(fails_with(server.server.stop_server([](const VoidResult&) { FAIL(); }),
                           errc::server_not_started));
}

// One that ran after the end would run after the destructor, too.
TEST(async, a_stop_handler_that_comes_while_another_runs_is_answered_before_the_end) {
    test_server server;
    (void)server.start();
    std::atomic<int> answered{0};
    ASSERT_TRUE(is_ok(server.server.stop_server([&](const VoidResult&) {
        EXPECT_TRUE(is_ok(server.server.stop_server([&](const VoidResult&) {
            EXPECT_TRUE(fails_with(server.server.start_server(0), errc::server_already_running));
            ++answered;
        })));
        EXPECT_EQ(answered, 0);
    })));
    EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
    EXPECT_EQ(answered, 1);
}

TEST(async, requests_in_both_directions_and_blocking) {
    answering_server server;
    test_client client;
    (void)client.client.set_request_callback(
        [](std::span<const std::uint8_t> data) -> Result<bytes> {
            bytes reversed(data.rbegin(), data.rend());
            return reversed;
        });
    ASSERT_TRUE(is_ok(client.connect(server.port)));
    const auto answer = client.client.request("hello", 10s);
    ASSERT_TRUE(is_ok(answer));
    EXPECT_EQ(text_of(answer.value()), "hello");
    EXPECT_TRUE(fails_with(client.client.request("never", 50ms), errc::connection_timeout));
    EXPECT_TRUE(fails_with(client.client.request("x", 0ms), errc::invalid_argument));

    ASSERT_TRUE(server.sessions.wait_for(1));
    const auto back = get(async_request(server.sessions.at(0), "abc", 10s, asio::use_future));
    ASSERT_TRUE(is_ok(back));
    EXPECT_EQ(text_of(back.value()), "cba");
}

}  // namespace
}  // namespace loopback

// A client written as coroutines on an io_context of its own: connect, ask, exchange messages,
// measure, stop. The server answers from callbacks on its own thread.

#include "sample.h"

// [readme:coroutine_includes]
#include <network_system/async.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <utility>

using namespace network_system;
using namespace std::chrono_literals;
using core::messaging_client;
using core::messaging_server;
// [/readme:coroutine_includes]

#include <asio/use_future.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

// [readme:coroutine_client]
/// Says something and asks something. Each step gives a Result: a value or an error.
asio::awaitable<VoidResult> converse(messaging_client& client, std::uint16_t port) {
    auto started = co_await async_start(client, "127.0.0.1", port, asio::use_awaitable);
    if (!started) {
        co_return started;
    }
    auto sent = co_await async_send(client, "hello", asio::use_awaitable);
    if (!sent) {
        co_return sent;
    }
    auto echoed = co_await async_receive(client, asio::use_awaitable);
    if (!echoed) {
        co_return echoed.error();
    }
    std::cout << "echoed " << echoed.value().size() << " bytes\n";

    auto answer = co_await async_request(client, "live", 1s, asio::use_awaitable);
    if (!answer) {
        co_return answer.error();
    }
    std::cout << "answered with " << answer.value().size() << " bytes\n";
    co_return ok();
}

VoidResult run_client(std::uint16_t port) {
    asio::io_context context;
    core::client_options options;
    options.io_context = &context;  // connection and coroutines share a thread: this one
    // Messages wait for async_receive instead of running the receive callback.
    options.session.receiving = receive_mode::pull;
    messaging_client client("coroutines", options);

    VoidResult ended = ok();
    const auto talk = [&]() -> asio::awaitable<void> {
        ended = co_await converse(client, port);
        // After an error, too: context.run() returns when the connection has ended.
        (void)co_await async_stop(client, asio::use_awaitable);
    };
    asio::co_spawn(context, talk, asio::detached);
    context.run();
    return ended;
}
// [/readme:coroutine_client]

/// Errors are values: a request that nobody answers is a Result like any other.
asio::awaitable<void> meet_errors(messaging_client& client, std::uint16_t port) {
    const auto before = co_await async_receive(client, asio::use_awaitable);
    sample::expect(before.is_err(), "no message without a connection");
    std::cout << "before start: " << before.error().message << '\n';

    sample::require(co_await async_start(client, "127.0.0.1", port, asio::use_awaitable), "start");
    const auto unanswered = co_await async_request(client, "never", 50ms, asio::use_awaitable);
    sample::expect(unanswered.is_err(), "a deadline ends the wait");
    std::cout << "no answer:    " << unanswered.error().message << '\n';
    const auto time = sample::require(co_await async_ping(client, asio::use_awaitable), "ping");
    std::cout << "still there:  " << time.count() << " us\n";
    sample::require(co_await async_stop(client, asio::use_awaitable), "stop");
}

void set_up(messaging_server& server, std::vector<session::responder>& kept) {
    server.set_receive_callback(
        [](const messaging_server::session_ptr& who, std::span<const std::uint8_t> data) {
            sample::require(who->send_packet(data), "echo");
        });
    server.set_request_callback([&kept](const messaging_server::session_ptr&,
                                        std::span<const std::uint8_t> data,
                                        session::responder answer) {
        std::string question = sample::text_of(data);
        if (question == "never") {
            kept.push_back(std::move(answer));  // answered by its destructor, when it is too late
            return;
        }
        std::reverse(question.begin(), question.end());
        sample::require(answer.respond(question), "respond");
    });
}

void show() {
    std::vector<session::responder> kept;
    messaging_server server("coroutine-sample");
    set_up(server, kept);
    sample::require(server.start_server(0), "start_server");

    sample::require(run_client(server.local_port()), "run_client");

    asio::io_context context;
    core::client_options options;
    options.io_context = &context;
    options.session.receiving = receive_mode::pull;
    messaging_client client("errors", options);
    const auto rethrow = [](const std::exception_ptr& thrown) {
        if (thrown) {
            std::rethrow_exception(thrown);
        }
    };
    asio::co_spawn(context, meet_errors(client, server.local_port()), rethrow);
    context.run();

    // The same operations for a thread that waits: futures.
    messaging_client waiting("futures");
    auto started = async_start(waiting, "127.0.0.1", server.local_port(), asio::use_future);
    sample::require(started.get(), "start");
    const auto answer = async_request(waiting, "stressed", 1s, asio::use_future).get();
    std::cout << "a future:     " << sample::text_of(answer.value()) << '\n';
    sample::require(async_stop(waiting, asio::use_future).get(), "stop");
    sample::require(server.stop_server(), "stop_server");
}

}  // namespace

int main() {
    return sample::run(show);
}

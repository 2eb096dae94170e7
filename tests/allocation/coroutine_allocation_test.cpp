// What a coroutine that echoes asks the heap for: nothing beyond the message it is given.
#include "allocation/counting_heap.h"
#include "support/loopback.h"

#include <network_system/async.h>

#include <asio/awaitable.hpp>
#include <asio/detached.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <cstddef>
#include <limits>
#include <utility>

namespace loopback {
namespace {

using network_system::async_receive;
using network_system::async_receive_all;
using network_system::session_awaitable;
using network_system::use_session_awaitable;

constexpr std::size_t warm_up = 2000;
constexpr std::size_t measured = 10000;
constexpr std::size_t in_flight = 8;
// Queues grow deeper than ever before when the machine stalls one side.
constexpr std::size_t most_new_blocks = 50;

template <typename Awaitable, typename Await>
Awaitable echo_each(session_ptr session, Await await) {
    for (;;) {
        auto message = co_await async_receive(session, await);
        if (message.is_err() || session->send_packet(std::move(message).value()).is_err()) {
            co_return;
        }
    }
}

session_awaitable<void> echo_all(session_ptr session) {
    network_system::received_messages messages;
    for (;;) {
        auto received =
            co_await async_receive_all(session, std::move(messages), use_session_awaitable);
        if (received.is_err()) {
            co_return;
        }
        messages = std::move(received).value();
        for (const network_system::message_view& message : messages) {
            if (session->send_packet(message.data).is_err()) {
                co_return;  // the client has enough
            }
        }
    }
}

/// How often the heap was asked while `measured` messages were echoed by what `spawn(session)`
/// spawns.
template <typename Spawn>
std::size_t allocations_of_echo(const Spawn& spawn) {
    server_options options;
    options.session.receiving = network_system::receive_mode::pull;
    messaging_server server("server", options);
    messaging_client client("client");
    const bytes message = pattern(64);
    std::size_t answers = 0;
    std::size_t allocations = std::numeric_limits<std::size_t>::max();
    event_counter done;
    const auto send = [&] {
        EXPECT_TRUE(is_ok(client.send_packet(std::span<const std::uint8_t>(message))));
    };
    EXPECT_TRUE(is_ok(server.set_connection_callback(spawn)));
    EXPECT_TRUE(is_ok(client.set_receive_callback([&](std::span<const std::uint8_t>) {
        ++answers;
        if (answers == warm_up) {
            counting_heap::start();
        } else if (answers == warm_up + measured) {
            allocations = counting_heap::stop();
            done.add();
            return;
        }
        if (answers < warm_up + measured) {
            send();
        }
    })));
    EXPECT_TRUE(is_ok(server.start_server(0)));
    EXPECT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    for (std::size_t i = 0; i < in_flight; ++i) {
        send();
    }
    EXPECT_TRUE(done.wait_for(1));
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_TRUE(is_ok(server.stop_server()));
    return allocations;
}

TEST(coroutine_allocations, are_none_of_one_that_receives_all) {
    EXPECT_LE(allocations_of_echo([](const session_ptr& session) {
                  network_system::co_spawn(session, echo_all(session), asio::detached);
              }),
              most_new_blocks);
}

TEST(coroutine_allocations, are_those_of_the_messages) {
    EXPECT_LE(allocations_of_echo([](const session_ptr& session) {
                  network_system::co_spawn(
                      session, echo_each<session_awaitable<void>>(session, use_session_awaitable),
                      asio::detached);
              }),
              measured + in_flight + most_new_blocks);
}

TEST(coroutine_allocations, are_those_of_the_messages_with_any_executor) {
    EXPECT_LE(allocations_of_echo([](const session_ptr& session) {
                  network_system::co_spawn(
                      session, echo_each<asio::awaitable<void>>(session, asio::use_awaitable),
                      asio::detached);
              }),
              measured + in_flight + most_new_blocks);
}

}  // namespace
}  // namespace loopback

// A pool of connections to a server of its own: borrowed and given back, made again when the server
// restarts, and what somebody who waits in vain is told.

#include "sample.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/resilience/connection_pool.h>
#include <network_system/resilience/pool_metrics_fields.h>
#include <network_system/utils/log.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace network_system;
using core::messaging_server;
using resilience::connection_pool;
using resilience::lease;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Answers each question with the same.
void answer(messaging_server& server) {
    (void)server.set_request_callback([](std::span<const std::uint8_t> question) {
        return std::vector<std::uint8_t>(question.begin(), question.end());
    });
}

void say_hello(std::uint16_t port) {
    // [readme:pool]
    connection_pool pool("127.0.0.1", port, 2);
    if (const auto begun = pool.initialize(); begun.is_err()) {
        std::cerr << begun.error().message << '\n';  // why no connection could be made
        return;
    }
    const auto borrowed = pool.acquire();  // waits for at most acquire_timeout
    if (borrowed.is_err()) {
        std::cerr << borrowed.error().message << '\n';  // why there is none
        return;
    }
    const auto sent = borrowed.value()->send_packet("hello");
    // [/readme:pool]
    sample::require(sent, "send_packet");
}  // given back

[[nodiscard]] resilience::pool_options to(std::uint16_t port) {
    resilience::pool_options options;
    options.server = {"127.0.0.1", port};
    options.min_size = 2;
    options.max_size = 3;
    // A server of this machine: its clients may come back at once.
    options.connection.client.reconnect.initial_delay = milliseconds(5);
    options.connection.client.reconnect.max_delay = milliseconds(50);
    return options;
}

/// One question over a connection of the pool.
void ask(connection_pool& pool, const std::string& question) {
    lease borrowed = sample::require(pool.acquire(), "acquire");
    const auto reply =
        sample::require(borrowed.client()->request(question, seconds(10)), "request");
    sample::expect(sample::text_of(reply) == question, "the answer is the question");
}  // given back

void use_from_many_threads(connection_pool& pool) {
    constexpr std::size_t threads = 6;
    constexpr std::size_t questions = 50;
    std::vector<std::future<void>> users;
    users.reserve(threads);
    for (std::size_t user = 0; user < threads; ++user) {
        users.push_back(std::async(std::launch::async, [&pool, user] {
            for (std::size_t i = 0; i < questions; ++i) {
                ask(pool, std::to_string(user) + "/" + std::to_string(i));
            }
        }));
    }
    for (auto& each : users) {
        each.get();
    }
    const auto counted = pool.metrics();
    std::cout << threads << " threads asked " << threads * questions << " questions over "
              << counted.size << " connections; " << counted.waited << " times one had to wait\n";
    sample::expect(counted.size <= 3, "there are never more connections than allowed");
    sample::expect(counted.acquired == threads * questions, "every acquire is counted");
}

void wait_in_vain(connection_pool& pool) {
    const lease one = sample::require(pool.acquire(), "the first");
    const lease two = sample::require(pool.acquire(), "the second");
    const lease three = sample::require(pool.acquire(), "the third");
    const auto refused = pool.acquire(milliseconds(50));
    sample::expect(refused.is_err(), "there is no fourth");
    std::cout << "all in use:  " << refused.error().message << '\n';
}

void wait_while_the_server_is_down(connection_pool& pool, messaging_server& server,
                                   std::uint16_t port) {
    // It says goodbye to its clients, and waits for theirs: what was idle is over when this
    // returns, and is not lent any more.
    sample::require(server.stop_server(), "stop_server");
    const auto refused = pool.acquire(milliseconds(100));
    sample::expect(refused.is_err(), "nobody is there");
    std::cout << "server down: " << refused.error().message << '\n';
    sample::expect(refused.error().details.find("cannot connect") != std::string::npos,
                   "the error says why");

    // Somebody waits, without a thread, while the server comes back.
    std::promise<Result<lease>> given;
    sample::require(pool.acquire([&](Result<lease> result) { given.set_value(std::move(result)); }),
                    "acquire with a handler");
    sample::require(server.start_server(port), "start_server");
    const lease again =
        sample::require(sample::await(given.get_future(), "a connection"), "a connection");
    std::cout << "server back: connected from " << again->local_endpoint().to_string() << '\n';
}

void demonstrate() {
    messaging_server server("server");
    answer(server);
    sample::require(server.start_server(0), "start_server");
    const std::uint16_t port = server.local_port();

    say_hello(port);

    connection_pool pool(to(port));
    sample::require(pool.initialize(), "initialize");
    std::cout << "initialized: " << pool.pool_size() << " connections\n";
    sample::expect(pool.pool_size() == 2, "the least is there");

    use_from_many_threads(pool);
    wait_in_vain(pool);
    wait_while_the_server_is_down(pool, server, port);
    ask(pool, "as before");

    std::cout << "\nmetrics:\n" << to_text(pool.metrics());
    sample::expect(pool.active_count() == 0, "everything was given back");
    sample::require(pool.shutdown(), "shutdown");
    sample::expect(pool.pool_size() == 0, "nothing is left");
}

}  // namespace

int main() {
    network_system::set_log_level(network_system::log_level::error);
    return sample::run(demonstrate);
}

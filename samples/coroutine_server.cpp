// An echo server written as coroutines: one per connection, on the thread that serves it.

#include "sample.h"

#include <network_system/async.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace network_system;
using core::messaging_client;
using core::messaging_server;

constexpr int client_count = 3;
constexpr int messages_per_client = 1000;

// [readme:coroutine_server]
asio::awaitable<void> echo(messaging_server::session_ptr session) {
    for (;;) {
        auto message = co_await async_receive(session, asio::use_awaitable);
        if (!message) {
            co_return;  // the connection has ended
        }
        // Queues and goes on, so that many answers leave together; async_send would wait for each.
        auto sent = session->send_packet(std::move(message).value());
        if (!sent) {
            co_return;
        }
    }
}

/// A server that runs `echo` for each connection; `when_ended` runs after each.
std::unique_ptr<messaging_server> make_server(const std::function<void()>& when_ended) {
    core::server_options options;
    // Messages wait for async_receive instead of running the receive callback.
    options.session.receiving = receive_mode::pull;
    auto server = std::make_unique<messaging_server>("coroutine-echo", options);
    server->set_connection_callback([when_ended](const messaging_server::session_ptr& session) {
        asio::co_spawn(session_executor(session), echo(session),
                       [when_ended](const std::exception_ptr&) { when_ended(); });
    });
    return server;
}
// [/readme:coroutine_server]

/// Sends numbers and expects them back, in order.
class counting_client {
public:
    explicit counting_client(int number) : client_("client-" + std::to_string(number)) {
        client_.set_receive_callback([this](std::span<const std::uint8_t> data) {
            in_order_ = in_order_ && sample::text_of(data) == std::to_string(received_);
            if (++received_ == messages_per_client) {
                done_.set_value(in_order_);
            }
        });
    }

    void run(std::uint16_t port) {
        sample::require(client_.start_client("127.0.0.1", port), "start_client");
        for (int i = 0; i < messages_per_client; ++i) {
            sample::require(client_.send_packet(std::to_string(i)), "send_packet");
        }
    }
    bool wait() { return sample::await(done_.get_future(), "the echoes"); }
    void stop() { sample::require(client_.stop_client(), "stop_client"); }

private:
    messaging_client client_;
    int received_ = 0;
    bool in_order_ = true;
    std::promise<bool> done_;
};

void show() {
    std::atomic<int> finished{0};
    const auto server = make_server([&finished] { ++finished; });
    sample::require(server->start_server(0), "start_server");

    std::vector<std::unique_ptr<counting_client>> clients;
    for (int i = 0; i < client_count; ++i) {
        clients.push_back(std::make_unique<counting_client>(i));
        clients.back()->run(server->local_port());
    }
    for (const auto& each : clients) {
        sample::expect(each->wait(), "every number comes back in order");
        each->stop();
    }
    sample::require(server->stop_server(), "stop_server");
    sample::expect(finished == client_count, "every coroutine has ended");
    std::cout << client_count << " clients, " << messages_per_client
              << " messages each, echoed by coroutines\n";
}

}  // namespace

int main() {
    return sample::run(show);
}

// Callbacks that take long run on a thread pool, and the I/O threads go on: a slow question does
// not hold up the quick ones of others. The threads of the server are named and told of.
#include "sample.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/integration/thread_integration.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <memory>
#include <span>
#include <string>

using namespace network_system;
using integration::basic_thread_pool;
using integration::thread_integration_manager;

namespace {

void show() {
    // [readme:callback_pool]
    // Any pool will do that implements thread_pool_interface: this one, thread_system's, or yours.
    auto pool = std::make_shared<basic_thread_pool>(4);
    thread_integration_manager::instance().set_thread_pool(pool);

    core::server_options options;
    options.callback_pool = pool;
    options.io_thread.name = "chat";  // "chat-0" in a debugger and in top -H
    options.io_thread.on_start = [](std::size_t i) {
        std::cout << "I/O thread " << i << " runs\n";
    };
    options.io_thread.on_stop = [](std::size_t i) { std::cout << "I/O thread " << i << " ends\n"; };
    core::messaging_server server("slow", options);
    // [/readme:callback_pool]

    // It answers "slow" only after somebody else was answered: with one thread for everything this
    // would wait for ever.
    std::promise<void> quick_was_answered;
    auto somebody_else = quick_was_answered.get_future().share();
    server.set_receive_callback([&](const auto& session, std::span<const std::uint8_t> message) {
        if (sample::text_of(message) == "slow") {
            somebody_else.wait();
        }
        sample::require(session->send_packet(message), "the answer");
    });
    sample::require(server.start_server(0), "start_server");

    std::promise<void> slow_answered;
    core::messaging_client patient("patient");
    patient.set_receive_callback([&] { slow_answered.set_value(); });
    sample::require(patient.start_client("localhost", server.local_port()), "start_client");
    sample::require(patient.send_packet("slow"), "send");

    core::messaging_client quick("quick");
    quick.set_receive_callback([&] {
        std::cout << "The quick client has its answer\n";
        quick_was_answered.set_value();
    });
    sample::require(quick.start_client("localhost", server.local_port()), "start_client");
    sample::require(quick.send_packet("quick"), "send");
    sample::await(slow_answered.get_future(), "the slow answer");
    std::cout << "The patient client has its answer\n";

    // A delayed task is a timer: no thread sleeps for it.
    std::promise<void> later;
    sample::require(thread_integration_manager::instance().submit_delayed_task(
                        [&] { later.set_value(); }, std::chrono::milliseconds(10)),
                    "submit_delayed_task");
    sample::await(later.get_future(), "the delayed task");
    sample::expect(pool->pending_tasks() == 0, "nothing is left to do");
    sample::require(server.stop_server(), "stop_server");
    thread_integration_manager::instance().set_thread_pool(nullptr);
}

}  // namespace

int main() {
    return sample::run(show);
}

// The life of a connection on real loopback sockets.

#include "bench_support.h"
#include "os/native_socket.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace network_system;
using core::messaging_client;
using core::messaging_server;

/// A closed connection keeps its pair of addresses for a minute (TIME_WAIT). Spread over several
/// destinations, a fast benchmark does not run out of ports. Only Linux answers on all of 127/8.
std::string loopback_address(std::uint64_t number) {
#ifdef __linux__
    return "127.0.0." + std::to_string(number % 200 + 1);
#else
    (void)number;
    return "127.0.0.1";
#endif
}

/// Connect, the server's hello, goodbye, and the end of the stream in both directions.
void connect_hello_close(benchmark::State& state) {
    auto options = bench::quiet_server();
    options.bind_address.clear();
    messaging_server server("bench", options);
    bench::require(server.start_server(0));
    messaging_client client("bench");
    std::uint64_t number = 0;
    for (auto _ : state) {
        bench::require(client.start_client(loopback_address(number++), server.local_port()));
        bench::require(client.stop_client());
    }
    bench::require(server.stop_server());
    bench::require(server.metrics().connections_accepted == number, "every connection was served");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(connect_hello_close)->Name("Connection/connect_hello_close")->UseRealTime();

/// Counts connections, so that the benchmark can wait for a number of them without polling.
class connection_counter {
public:
    void add(int change) {
        count_.fetch_add(change);
        count_.notify_one();
    }
    void wait_for(int wanted) {
        for (int now = count_.load(); now != wanted; now = count_.load()) {
            count_.wait(now);
        }
    }

private:
    std::atomic<int> count_{0};
};

/// What the server spends on a connection that says nothing: accept, session, hello.
void accept_idle(benchmark::State& state) {
    constexpr int connections = 128;
    connection_counter open;
    messaging_server server("bench", bench::quiet_server());
    server.set_connection_callback([&](const auto&) { open.add(1); });
    server.set_disconnection_callback([&](const auto&) { open.add(-1); });
    bench::require(server.start_server(0));
    const endpoint address = runtime::sockets::parse_address("127.0.0.1", server.local_port());

    std::vector<runtime::unique_socket> clients(connections);
    for (auto _ : state) {
        for (auto& each : clients) {
            const auto begun = runtime::sockets::connect(address, {}, each);
            bench::require(begun.kind != runtime::sockets::outcome::failed, "connect");
        }
        open.wait_for(connections);
        state.PauseTiming();
        for (auto& each : clients) {
            // A reset leaves nothing behind in TIME_WAIT.
            runtime::sockets::reset_on_close(each.get());
            each.reset();
        }
        open.wait_for(0);
        state.ResumeTiming();
    }
    bench::require(server.stop_server());
    state.SetItemsProcessed(state.iterations() * connections);
}
BENCHMARK(accept_idle)->Name("Connection/accept_idle")->UseRealTime();

}  // namespace

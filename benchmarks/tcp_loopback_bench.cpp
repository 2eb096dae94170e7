// Echo over real loopback TCP through the public API: one message at a time, and a window of them.
// The server and the client each have their own I/O thread.

#include "bench_support.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

namespace {

using namespace network_system;

/// A client that keeps `window` messages under way until a number of answers has arrived. Its
/// sends happen in its receive callback, except the first ones of a run.
class echo_client {
public:
    echo_client(std::uint16_t port, std::size_t window, std::size_t size)
        : window_(window), message_(size, 0x5A) {
        client_.set_receive_callback(
            [this](std::span<const std::uint8_t> answer) { on_answer(answer); });
        client_.set_disconnected_callback([this] { end(false); });
        bench::require(client_.start_client("127.0.0.1", port));
    }

    /// `count` round trips; at least as many as the window.
    void run(std::int64_t count) {
        to_send_ = count - static_cast<std::int64_t>(window_);
        to_receive_ = count;
        state_.store(state::running);
        for (std::size_t i = 0; i < window_; ++i) {
            bench::require(client_.send_packet(std::span<const std::uint8_t>(message_)));
        }
        state_.wait(state::running);
        bench::require(state_.load() == state::done, "every message was answered");
    }

private:
    enum class state { running, done, failed };

    void on_answer(std::span<const std::uint8_t> answer) {
        if (answer.size() != message_.size()) {
            end(false);
            return;
        }
        const std::int64_t missing = to_receive_.fetch_sub(1, std::memory_order_relaxed) - 1;
        if (missing == 0) {
            end(true);
        } else if (to_send_.fetch_sub(1, std::memory_order_relaxed) > 0 &&
                   !client_.send_packet(std::span<const std::uint8_t>(message_))) {
            end(false);
        }
    }
    void end(bool well) {
        state_.store(well ? state::done : state::failed);
        state_.notify_one();
    }

    const std::size_t window_;
    std::vector<std::uint8_t> message_;
    std::atomic<std::int64_t> to_send_{0};
    std::atomic<std::int64_t> to_receive_{0};
    std::atomic<state> state_{state::done};
    core::messaging_client client_{"bench"};
};

void echo(benchmark::State& state, std::size_t window, std::size_t size) {
    core::messaging_server server("bench", bench::quiet_server());
    server.set_receive_callback([](const auto& session, std::span<const std::uint8_t> message) {
        if (!session->send_packet(message)) {
            session->stop_session();  // the client would wait for ever
        }
    });
    bench::require(server.start_server(0));
    echo_client client(server.local_port(), window, size);
    // Many round trips a time, so that waking this thread does not count.
    const std::int64_t at_once = size < 16 * 1024 ? 2048 : 256;
    while (state.KeepRunningBatch(at_once)) {
        client.run(at_once);
    }
    state.SetItemsProcessed(state.iterations());
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

BENCHMARK_CAPTURE(echo, 64B, 1, 64)->Name("TcpLoopback/ping_pong/64B")->UseRealTime();
BENCHMARK_CAPTURE(echo, 1KB, 1, 1024)->Name("TcpLoopback/ping_pong/1KB")->UseRealTime();
BENCHMARK_CAPTURE(echo, 8KB, 1, 8192)->Name("TcpLoopback/ping_pong/8KB")->UseRealTime();
BENCHMARK_CAPTURE(echo, 64KB, 1, 65536)->Name("TcpLoopback/ping_pong/64KB")->UseRealTime();
BENCHMARK_CAPTURE(echo, 64B, 32, 64)->Name("TcpLoopback/pipelined/64B")->UseRealTime();
BENCHMARK_CAPTURE(echo, 1KB, 32, 1024)->Name("TcpLoopback/pipelined/1KB")->UseRealTime();
BENCHMARK_CAPTURE(echo, 8KB, 32, 8192)->Name("TcpLoopback/pipelined/8KB")->UseRealTime();
BENCHMARK_CAPTURE(echo, 64KB, 32, 65536)->Name("TcpLoopback/pipelined/64KB")->UseRealTime();

}  // namespace

// What it costs to borrow an idle connection of a pool and to give it back, without waiting and
// without a health check.

#include "bench_support.h"

#include <network_system/core/messaging_server.h>
#include <network_system/resilience/connection_pool.h>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace {

using namespace network_system;

resilience::pool_options quiet_pool(std::uint16_t port, std::size_t size, bool has_limits) {
    resilience::pool_options options;
    options.server = {"127.0.0.1", port};
    options.min_size = size;
    options.max_size = size;
    options.check_after =
        has_limits ? std::chrono::milliseconds{600'000} : std::chrono::milliseconds{0};
    if (!has_limits) {
        options.idle_timeout = std::chrono::milliseconds{0};
        options.max_lifetime = std::chrono::milliseconds{0};
    }
    return options;
}

/// With `range(0)` connections; `range(1)`: idle connections are asked after 10 min, which costs a
/// look at the clock.
void BM_AcquireRelease(benchmark::State& state) {
    core::messaging_server server("pool-bench", bench::quiet_server());
    bench::require(server.start_server(0));
    resilience::connection_pool pool(quiet_pool(
        server.local_port(), static_cast<std::size_t>(state.range(0)), state.range(1) != 0));
    bench::require(pool.initialize());
    for (auto _ : state) {
        auto borrowed = pool.acquire();
        benchmark::DoNotOptimize(borrowed);
        if (borrowed.is_err()) {
            state.SkipWithError("no connection");
            break;
        }
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_AcquireRelease)->Args({1, 0})->Args({16, 0})->Args({16, 1});

}  // namespace

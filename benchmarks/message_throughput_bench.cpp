// One message through the library's own objects, without a socket: encoded into a write queue,
// gathered for writing, and decoded again from the gathered bytes.

#include "bench_support.h"
#include "protocol/framing/frame.h"
#include "protocol/framing/frame_decoder.h"
#include "transport/write_queue.h"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace {

using namespace network_system;

// As framed_session queues a message that has no completion callback.
void append_message(transport::write_queue& queue, bytes_view payload) {
    std::uint8_t* const place = queue.claim(protocol::message_header_size + payload.size());
    protocol::write_header(place, framing::message, protocol::frame_type::data, 0, payload.size());
    std::memcpy(place + protocol::message_header_size, payload.data(), payload.size());
}

// The names of these functions are the names of the benchmarks.
void MessageThroughput(benchmark::State& state, std::size_t size) {
    runtime::block_pool blocks;
    transport::write_queue queue(&blocks);
    protocol::frame_decoder decoder(framing::message, session_config{}.max_message_size);
    const std::vector<std::uint8_t> payload(size, 0x5A);
    std::array<runtime::io_slice, 16> slices;
    std::uint64_t decoded_bytes = 0;
    const auto sink = [&](const protocol::frame& each) {
        benchmark::DoNotOptimize(each.payload.data());
        decoded_bytes += each.payload.size();
        return true;
    };

    for (auto _ : state) {
        append_message(queue, payload);
        while (!queue.empty()) {
            const auto gathered = queue.prepare(slices);
            for (const runtime::io_slice& each : std::span(slices).first(gathered.slices)) {
                const auto progress = decoder.consume({each.data(), each.size()}, sink);
                benchmark::DoNotOptimize(progress.unused);
            }
            queue.commit(gathered.bytes);
        }
    }

    const auto iterations = static_cast<std::uint64_t>(state.iterations());
    bench::require(decoded_bytes == iterations * size, "every message was decoded");
    bench::require(queue.messages_written() == iterations, "every message was counted");
    state.SetItemsProcessed(state.iterations());
    state.SetBytesProcessed(static_cast<std::int64_t>(decoded_bytes));
}
BENCHMARK_CAPTURE(MessageThroughput, 64B, 64);
BENCHMARK_CAPTURE(MessageThroughput, 256B, 256);
BENCHMARK_CAPTURE(MessageThroughput, 1KB, 1024);
BENCHMARK_CAPTURE(MessageThroughput, 8KB, 8192);

}  // namespace

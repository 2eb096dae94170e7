// WebSocket without a socket: frames to messages, masks, UTF-8.

#include <network_system/internal/utf8.h>
#include <network_system/internal/websocket_frame.h>
#include <network_system/internal/websocket_protocol.h>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace network_system;
using websocket::opcode;

constexpr websocket::masking_key key{0x37, 0xFA, 0x21, 0x3D};
constexpr std::size_t frames_per_read = 32;

std::vector<std::uint8_t> masked_frames(opcode type, std::string_view payload) {
    std::vector<std::uint8_t> stream;
    for (std::size_t i = 0; i < frames_per_read; ++i) {
        const auto header = websocket::encode_header(type, payload.size(), key);
        stream.insert(stream.end(), header.view().begin(), header.view().end());
        const std::size_t at = stream.size();
        stream.insert(stream.end(), payload.begin(), payload.end());
        websocket::apply_mask(std::span(stream).subspan(at), key);
    }
    return stream;
}

// Words of several scripts, and an emoji: what a branch predictor makes little of.
std::string mixed_text(std::size_t size) {
    constexpr std::array words{"Grüße ", "世界",   "! ", "Привет", ", ok; ",
                               "κόσμε ", "naïve ", "🙂", "x"};
    std::mt19937 random(1);
    std::string text;
    while (text.size() < size) {
        const std::string_view word = words[random() % words.size()];
        text += word.size() <= size - text.size() ? word : ".";
    }
    return text;
}

/// Decodes what a read has brought, into a fresh copy each time since payloads are unmasked in
/// place; the copy is measured too (`BM_copy`).
void decode(benchmark::State& state, opcode type, const std::string& payload) {
    const std::vector<std::uint8_t> stream = masked_frames(type, payload);
    std::vector<std::uint8_t> buffer(stream.size());
    websocket::message_decoder decoder(websocket::role::server, std::size_t{1} << 24U);
    std::size_t messages = 0;
    for (auto _ : state) {
        std::copy(stream.begin(), stream.end(), buffer.begin());
        const auto progress = decoder.consume(buffer, [&](const websocket::message& each) {
            benchmark::DoNotOptimize(each.payload.data());
            ++messages;
            return true;
        });
        benchmark::DoNotOptimize(progress.unused);
    }
    if (messages != static_cast<std::size_t>(state.iterations()) * frames_per_read) {
        state.SkipWithError("messages are missing");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(messages));
}

void BM_decode_binary(benchmark::State& state) {
    decode(state, opcode::binary, std::string(static_cast<std::size_t>(state.range(0)), 'x'));
}
BENCHMARK(BM_decode_binary)->Arg(16)->Arg(64)->Arg(1024)->Arg(4096);

void BM_decode_ascii(benchmark::State& state) {
    decode(state, opcode::text, std::string(static_cast<std::size_t>(state.range(0)), 'x'));
}
BENCHMARK(BM_decode_ascii)->Arg(64)->Arg(1024);

void BM_decode_mixed(benchmark::State& state) {
    decode(state, opcode::text, mixed_text(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_decode_mixed)->Arg(64)->Arg(1024);

/// What the copy of the benchmarks above costs for each message.
void BM_copy(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto stream = masked_frames(opcode::binary, std::string(size, 'x'));
    std::vector<std::uint8_t> buffer(stream.size());
    for (auto _ : state) {
        std::copy(stream.begin(), stream.end(), buffer.begin());
        benchmark::DoNotOptimize(buffer.data());
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(frames_per_read));
}
BENCHMARK(BM_copy)->Arg(16)->Arg(64)->Arg(1024)->Arg(4096);

void BM_mask(benchmark::State& state) {
    std::vector<std::uint8_t> payload(static_cast<std::size_t>(state.range(0)), 1);
    for (auto _ : state) {
        websocket::apply_mask(payload, key);
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_mask)->Arg(16)->Arg(64)->Arg(1024)->Arg(65536);

void check_utf8(benchmark::State& state, const std::string& text) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(internal::is_utf8(text));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
void BM_utf8_ascii(benchmark::State& state) {
    check_utf8(state, std::string(static_cast<std::size_t>(state.range(0)), 'x'));
}
BENCHMARK(BM_utf8_ascii)->Arg(64)->Arg(1024)->Arg(65536);
void BM_utf8_mixed(benchmark::State& state) {
    check_utf8(state, mixed_text(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(BM_utf8_mixed)->Arg(64)->Arg(1024)->Arg(65536);

}  // namespace

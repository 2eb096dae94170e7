// Any chunking of a WebSocket stream gives the same messages and the same error as one chunk, and
// so does stopping after every message; memory grows with what has arrived.
//
// Input: 1 byte of options, 1 byte n, n bytes of chunk sizes (used in turn), then the stream.
#include "support/bytes.h"
#include "support/require.h"
#include "support/websocket_reader.h"

#include <network_system/internal/utf8.h>
#include <network_system/internal/websocket_protocol.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace {

using namespace network_system;
using namespace network_system::testing;
using websocket::opcode;

constexpr std::array<std::size_t, 4> limits{16, 5000, 200'000, 0x7FFFFFFF};

ws_transcript read_in_chunks(ws_reader from, byte_span stream, byte_span sizes) {
    std::size_t arrived = 0;
    for (std::size_t turn = 0; !stream.empty(); ++turn) {
        // From one byte to a few thousand.
        const std::size_t size = sizes[turn % sizes.size()];
        const std::size_t chunk =
            std::min(size < 200 ? size + 1 : (size - 199) * 128, stream.size());
        const bool goes_on = from.feed(stream.first(chunk));
        require(from.largest_place() <= std::max<std::size_t>(2 * arrived, 16 * 1024),
                "memory grows with what has arrived");
        if (!goes_on) {
            break;
        }
        arrived += chunk;
        stream = stream.subspan(chunk);
    }
    return from.finish();
}

ws_transcript read_one_by_one(websocket::role side, std::size_t limit, byte_span stream) {
    websocket::message_decoder decoder(side, limit);
    ws_transcript seen;
    byte_string bytes = to_bytes(stream);
    std::span<std::uint8_t> rest = bytes;
    while (seen.error == nullptr) {
        std::size_t delivered = 0;
        const auto progress = decoder.consume(rest, [&](const websocket::message& each) {
            seen.messages.push_back({each.type, to_bytes(each.payload)});
            ++delivered;
            return false;
        });
        require(delivered <= 1, "nothing is delivered to a sink that has stopped");
        require(progress.unused <= rest.size(), "no more is left than there was");
        seen.error = progress.error;
        rest = rest.last(progress.unused);
        if (delivered == 0) {
            break;
        }
    }
    seen.ends_inside = seen.error == nullptr && decoder.is_inside_message();
    return seen;
}

void check(const ws_transcript& seen, std::size_t limit) {
    for (const seen_message& each : seen.messages) {
        if (!websocket::is_control(each.type)) {
            require(each.payload.size() <= limit, "no message is over the limit");
            require(each.type == opcode::binary || internal::is_utf8(each.payload),
                    "text is UTF-8");
            continue;
        }
        require(each.payload.size() <= websocket::max_control_payload, "control frames are short");
        if (each.type == opcode::close) {
            require(&each == &seen.messages.back(), "nothing follows a close");
            const auto close = websocket::decode_close(each.payload);
            require(each.payload.empty() || websocket::may_be_sent(close.code), "codes are valid");
            require(internal::is_utf8(close.reason), "reasons are UTF-8");
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const byte_span input(data, size);
    if (input.size() < 3) {
        return 0;
    }
    const auto side = (input[0] & 1U) != 0 ? websocket::role::client : websocket::role::server;
    const std::size_t limit = limits[(input[0] >> 2U) % limits.size()];
    const bool uses_place = (input[0] & 0x10U) != 0;
    const std::size_t plan = std::clamp<std::size_t>(input[1], 1, input.size() - 2);
    const byte_span sizes = input.subspan(2, plan);
    const byte_span stream = input.subspan(2 + plan);

    ws_reader whole(side, limit);
    (void)whole.feed(stream);
    const ws_transcript expected = whole.finish();
    check(expected, limit);
    require(read_in_chunks(ws_reader(side, limit, uses_place), stream, sizes) == expected,
            "chunks make no difference");
    require(read_one_by_one(side, limit, stream) == expected, "nor does stopping");
    return 0;
}

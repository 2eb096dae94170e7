// What a load exchanges: a frame as it is sent and the answer it is to get, both made once. Only
// the sequence number in them differs from message to message.
#pragma once

#include "common.h"

#include <array>
#include <cstring>

namespace compare {

inline constexpr std::size_t sequence_size = 8;
using masking_key = std::array<std::uint8_t, 4>;

// Seven bits a byte, so that the number is a text too.
inline std::uint64_t encode_sequence(std::uint64_t x) {
    x = (x & 0x0000'0000'0fff'ffff) | (x << 4 & 0x0fff'ffff'0000'0000);
    x = (x & 0x0000'3fff'0000'3fff) | (x << 2 & 0x3fff'0000'3fff'0000);
    return (x & 0x007f'007f'007f'007f) | (x << 1 & 0x7f00'7f00'7f00'7f00);
}

struct frame {
    std::vector<std::uint8_t> bytes;
    std::vector<std::size_t> sequence_at;  // where the number goes: once or twice
    std::uint64_t mask = 0;                // what the number is xored with

    void put(std::uint8_t* into, std::uint64_t sequence) const {
        const std::uint64_t number = encode_sequence(sequence) ^ mask;
        for (const std::size_t at : sequence_at) {
            std::memcpy(into + at, &number, sizeof number);
        }
    }
    std::size_t header_bytes() const { return sequence_at.front(); }
};

struct exchange {
    frame sent;
    frame answered;
};

// The framing of the library over TCP: a prefix, the number, and the rest of the payload.
inline frame message_frame(std::uint8_t first, std::size_t prefix, std::size_t payload) {
    frame made{std::vector<std::uint8_t>(header_size + prefix + payload, 0x5a), {}, {}};
    write_header(made.bytes.data(), {first, static_cast<std::uint32_t>(prefix + payload)});
    std::fill_n(made.bytes.begin() + header_size, prefix, std::uint8_t{0});
    made.sequence_at.push_back(header_size + prefix);
    return made;
}

inline exchange echo_exchange(std::size_t payload) {
    const frame made = message_frame(data_frame, 0, payload);
    return {made, made};
}

// A request begins with its id: the number serves as one, since it is not in use.
inline exchange request_exchange(std::size_t payload) {
    exchange made{message_frame(request_frame, request_prefix, payload),
                  message_frame(response_frame, response_prefix, payload)};
    for (frame* const each : {&made.sent, &made.answered}) {
        each->sequence_at.insert(each->sequence_at.begin(), header_size);
    }
    return made;
}

}  // namespace compare

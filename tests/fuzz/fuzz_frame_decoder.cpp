// Any chunking of a byte stream gives the same frames and the same error as one chunk, and memory
// grows with what has arrived.
//
// Input: 1 byte of options, 1 byte n, n bytes of chunk sizes (used in turn), then the stream.
#include "protocol/framing/frame_decoder.h"
#include "support/bytes.h"
#include "support/require.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace {

using namespace network_system;
using namespace network_system::testing;
using protocol::frame_decoder;

constexpr std::array<framing, 3> framings{framing::message, framing::length_prefixed, framing::raw};
constexpr std::array<std::size_t, 4> limits{16, 5000, 200'000, 0x7FFFFFFF};

struct seen_frame {
    protocol::frame_type type;
    std::uint8_t flags;
    byte_string payload;
    friend bool operator==(const seen_frame&, const seen_frame&) = default;
};

/// What a session would have seen of the stream.
struct transcript {
    std::vector<seen_frame> frames;
    std::optional<errc> error;
    bool ends_inside = false;
    friend bool operator==(const transcript&, const transcript&) = default;

    /// Raw bytes have no frames: only their sum means something.
    [[nodiscard]] byte_string all_bytes() const {
        byte_string all;
        for (const seen_frame& each : frames) {
            all += each.payload;
        }
        return all;
    }
};

/// Reads as a transport does: into the decoder's place first when `uses_place`.
class reader {
public:
    reader(framing frames, std::size_t limit, bool uses_place)
        : decoder_(frames, limit), limit_(limit), is_raw_(frames == framing::raw),
          uses_place_(uses_place) {}

    /// False when the stream is broken.
    bool feed(byte_span chunk) {
        arrived_ += chunk.size();
        const auto sink = [this](const protocol::frame& each) {
            require(!protocol::carries_message(each.type) || is_raw_ ||
                        each.payload.size() <=
                            limit_ + protocol::prefix_size(each.type, each.flags),
                    "no message is over the limit");
            seen_.frames.push_back({each.type, each.flags, to_bytes(each.payload)});
            return true;
        };
        if (uses_place_) {
            const auto place = decoder_.place();
            // What is reserved was earned, up to a first small buffer.
            require(place.size() <= std::max<std::size_t>(arrived_, 16 * 1024),
                    "memory grows with what has arrived");
            const std::size_t count = std::min(place.size(), chunk.size());
            if (count > 0) {
                std::memcpy(place.data(), chunk.data(), count);
            }
            decoder_.placed(count, sink);
            chunk = chunk.subspan(count);
        }
        const auto progress = decoder_.consume(chunk, sink);
        require(progress.unused <= chunk.size(), "no more is left than there was");
        require(progress.error || progress.unused == 0, "all is used");
        seen_.error = progress.error;
        return !progress.error;
    }
    [[nodiscard]] transcript finish() {
        seen_.ends_inside = !seen_.error && decoder_.is_inside_frame();
        return seen_;
    }

private:
    frame_decoder decoder_;
    transcript seen_;
    std::size_t limit_;
    std::size_t arrived_ = 0;
    bool is_raw_;
    bool uses_place_;
};

transcript read_in_chunks(reader from, byte_span stream, byte_span sizes) {
    for (std::size_t turn = 0; !stream.empty(); ++turn) {
        // From one byte to a few thousand.
        const std::size_t size = sizes[turn % sizes.size()];
        const std::size_t chunk =
            std::min(size < 200 ? size + 1 : (size - 199) * 128, stream.size());
        if (!from.feed(stream.first(chunk))) {
            break;
        }
        stream = stream.subspan(chunk);
    }
    return from.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    byte_span input(data, size);
    if (input.size() < 3) {
        return 0;
    }
    const framing frames = framings[input[0] % framings.size()];
    const std::size_t limit = limits[(input[0] >> 2U) % limits.size()];
    const bool uses_place = (input[0] & 0x10U) != 0;
    const std::size_t plan = std::clamp<std::size_t>(input[1], 1, input.size() - 2);
    const byte_span sizes = input.subspan(2, plan);
    const byte_span stream = input.subspan(2 + plan);

    reader whole(frames, limit, false);
    if (!stream.empty()) {
        (void)whole.feed(stream);
    }
    const transcript expected = whole.finish();
    const transcript actual = read_in_chunks(reader(frames, limit, uses_place), stream, sizes);
    if (frames == framing::raw) {
        require(actual.all_bytes() == expected.all_bytes(), "raw bytes pass as they are");
    } else {
        require(actual == expected, "chunks make no difference");
    }
    return 0;
}

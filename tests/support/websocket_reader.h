// What a session would have seen of a stream of WebSocket frames.
#pragma once

#include "support/bytes.h"

#include <network_system/internal/websocket_protocol.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <ostream>
#include <span>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::testing {

struct seen_message {
    websocket::opcode type;
    byte_string payload;
    friend bool operator==(const seen_message&, const seen_message&) = default;
    friend std::ostream& operator<<(std::ostream& out, const seen_message& each) {
        return out << "{opcode " << static_cast<int>(each.type) << ", " << each.payload.size()
                   << " bytes}";
    }
};

struct ws_transcript {
    std::vector<seen_message> messages;
    const websocket::violation* error = nullptr;
    bool ends_inside = false;
    friend bool operator==(const ws_transcript&, const ws_transcript&) = default;
    friend std::ostream& operator<<(std::ostream& out, const ws_transcript& seen) {
        for (const seen_message& each : seen.messages) {
            out << each << ' ';
        }
        return out << (seen.error != nullptr ? seen.error->text : std::string_view("no error"))
                   << (seen.ends_inside ? ", inside a message" : "");
    }
};

/// Reads as a transport does: into the decoder's place first when `uses_place`.
class ws_reader {
public:
    ws_reader(websocket::role side, std::size_t limit, bool uses_place = false)
        : decoder_(side, limit), uses_place_(uses_place) {}

    /// Whether the decoder has taken it all: else the stream is broken or closed.
    bool feed(byte_span bytes) {
        // A copy of its own, so that reading or writing beyond it shows under a sanitizer.
        byte_string chunk = to_bytes(bytes);
        std::span<std::uint8_t> rest = chunk;
        const auto sink = [this](const websocket::message& each) {
            seen_.messages.push_back({each.type, to_bytes(each.payload)});
            return true;
        };
        if (uses_place_) {
            const auto place = decoder_.place();
            largest_place_ = std::max(largest_place_, place.size());
            const std::size_t count = std::min(place.size(), rest.size());
            if (count > 0) {
                std::memcpy(place.data(), rest.data(), count);
            }
            seen_.error = decoder_.placed(count, sink).error;
            rest = rest.subspan(count);
            if (seen_.error != nullptr) {
                return false;
            }
        }
        const auto progress = decoder_.consume(rest, sink);
        seen_.error = progress.error;
        unused_ = progress.unused;
        return progress.error == nullptr && progress.unused == 0;
    }
    [[nodiscard]] ws_transcript finish() {
        seen_.ends_inside = seen_.error == nullptr && decoder_.is_inside_message();
        return seen_;
    }
    [[nodiscard]] std::size_t unused() const noexcept { return unused_; }
    [[nodiscard]] std::size_t largest_place() const noexcept { return largest_place_; }

private:
    websocket::message_decoder decoder_;
    ws_transcript seen_;
    std::size_t unused_ = 0;
    std::size_t largest_place_ = 0;
    bool uses_place_;
};

}  // namespace network_system::testing

#pragma once

#include "protocol/framing/frame.h"

#include <network_system/internal/websocket_frame.h>
#include <network_system/internal/websocket_protocol.h>
#include <network_system/session/message.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace network_system::inline v0_1::session {

/// How this side of a connection writes the messages of the application: a value, so that a short
/// message costs no call through a table.
class message_encoder {
public:
    explicit message_encoder(framing frames) noexcept
        : header_size_(static_cast<std::uint8_t>(protocol::header_size(frames))), frames_(frames) {}
    explicit message_encoder(websocket::role side) noexcept
        : is_websocket_(true), is_masked_(side == websocket::role::client) {}

    /// Whether a message may be empty: 0, else 1.
    [[nodiscard]] std::size_t smallest_message() const noexcept { return is_websocket_ ? 0 : 1; }
    /// Whether there are pings, and a last word at the end.
    [[nodiscard]] bool has_control_frames() const noexcept {
        return is_websocket_ || frames_ == framing::message;
    }
    /// Whether payloads are changed on their way, each with a key of its own.
    [[nodiscard]] bool is_masked() const noexcept { return is_masked_; }

    [[nodiscard]] std::size_t header_size(std::size_t payload) const noexcept {
        return is_websocket_ ? websocket::header_size(payload, is_masked_) : header_size_;
    }

    /// `use(header)`, which knows what comes before messages that are not masked: by its type, so
    /// that one question is enough for all there is to do. `header.size(payload)`, and
    /// `header.write(to, kind, payload)` which returns where it ends.
    template <typename Use>
    auto with_unmasked_header(const Use& use) const noexcept {
        return is_websocket_ ? use(websocket_header()) : use(framed_header{frames_, header_size_});
    }
    static void write(const auto& header, std::uint8_t* to, message_kind kind,
                      bytes_view data) noexcept {
        copy(header.write(to, kind, data.size()), data);
    }
    /// Writes a whole message, `header_size(size) + size` bytes. `make_key()` is asked for the key
    /// of a masked one.
    template <typename MakeKey>
    void write(std::uint8_t* to, message_kind kind, bytes_view data,
               const MakeKey& make_key) const noexcept {
        if (is_masked_) {
            const websocket::masking_key key = make_key();
            websocket::copy_masked(write_header(to, kind, data.size(), key), data, key);
        } else {
            with_unmasked_header([&](const auto& header) { write(header, to, kind, data); });
        }
    }
    [[nodiscard]] websocket::frame_header encode_header(message_kind kind, std::size_t size,
                                                        websocket::masking_key key) const noexcept {
        websocket::frame_header header;
        const std::uint8_t* const end = write_header(header.bytes.data(), kind, size, key);
        header.size = static_cast<std::uint8_t>(end - header.bytes.data());
        return header;
    }

private:
    struct websocket_header {
        static std::size_t size(std::size_t payload) noexcept {
            return websocket::header_size(payload, false);
        }
        static std::uint8_t* write(std::uint8_t* to, message_kind kind,
                                   std::size_t payload) noexcept {
            return websocket::write_header(to, opcode_of(kind), payload);
        }
    };
    struct framed_header {
        framing frames;
        std::uint8_t own_size;

        [[nodiscard]] std::size_t size(std::size_t) const noexcept { return own_size; }
        std::uint8_t* write(std::uint8_t* to, message_kind, std::size_t payload) const noexcept {
            protocol::write_header(to, frames, protocol::frame_type::data, 0, payload);
            return to + own_size;
        }
    };

    template <std::size_t Size>
    static void copy_ends(std::uint8_t* to, const std::uint8_t* from, std::size_t size) noexcept {
        std::memcpy(to, from, Size);
        std::memcpy(to + size - Size, from + size - Size, Size);
    }
    /// memcpy, without a call where that would cost more than the copy. Two copies that overlap
    /// leave no rest.
    static void copy(std::uint8_t* to, bytes_view data) noexcept {
        const std::uint8_t* const from = data.data();
        const std::size_t size = data.size();
        if (size > 128) {
            std::memcpy(to, from, size);
        } else if (size > 64) {
            // Not copy_ends<64>, which GCC makes a string instruction of.
            copy_ends<32>(to, from, 64);
            copy_ends<32>(to + size - 64, from + size - 64, 64);
        } else if (size > 32) {
            copy_ends<32>(to, from, size);
        } else if (size >= 16) {
            copy_ends<16>(to, from, size);
        } else if (size >= 8) {
            copy_ends<8>(to, from, size);
        } else {
            for (std::size_t at = 0; at < size; ++at) {
                to[at] = from[at];
            }
        }
    }
    [[nodiscard]] static websocket::opcode opcode_of(message_kind kind) noexcept {
        static_assert(static_cast<int>(websocket::opcode::text) ==
                      static_cast<int>(message_kind::text) + 1);
        static_assert(static_cast<int>(websocket::opcode::binary) ==
                      static_cast<int>(message_kind::binary) + 1);
        return static_cast<websocket::opcode>(static_cast<int>(kind) + 1);
    }
    /// Writes `header_size(size)` bytes; where they end. The key is used when masked.
    std::uint8_t* write_header(std::uint8_t* to, message_kind kind, std::size_t size,
                               websocket::masking_key key) const noexcept {
        if (is_masked_) {
            return websocket::write_header(to, opcode_of(kind), size, key);
        }
        return with_unmasked_header(
            [&](const auto& header) { return header.write(to, kind, size); });
    }

    // Without WebSocket.
    std::uint8_t header_size_ = 0;
    framing frames_ = framing::raw;
    bool is_websocket_ = false;
    bool is_masked_ = false;
};

}  // namespace network_system::session

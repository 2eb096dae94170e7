#pragma once

#include "protocol/frame.h"
#include "session/session_host.h"

#include <network_system/internal/websocket_frame.h>
#include <network_system/internal/websocket_protocol.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace network_system::session {

/// How this side of a connection writes the messages of the application: a value, so that a short
/// message costs no call through a table.
class message_encoder {
public:
    explicit message_encoder(framing frames) noexcept
        : header_size_(static_cast<std::uint8_t>(protocol::header_size(frames))), frames_(frames) {}
    explicit message_encoder(websocket::role side) noexcept
        : is_websocket_(true), is_masked_(side == websocket::role::client) {}

    /// Whether a message may be empty.
    [[nodiscard]] bool takes_empty() const noexcept { return is_websocket_; }
    /// Whether there are pings, and a last word at the end.
    [[nodiscard]] bool has_control_frames() const noexcept {
        return is_websocket_ || frames_ == framing::message;
    }
    /// Whether payloads are changed on their way, each with a key of its own.
    [[nodiscard]] bool is_masked() const noexcept { return is_masked_; }

    [[nodiscard]] std::size_t header_size(std::size_t payload) const noexcept {
        return is_websocket_ ? websocket::header_size(payload, is_masked_) : header_size_;
    }

    /// Writes a whole message, `header_size(size) + size` bytes. `make_key()` is asked for the key
    /// of a masked one.
    template <typename MakeKey>
    void write(std::uint8_t* to, message_kind kind, protocol::bytes_view data,
               const MakeKey& make_key) const noexcept {
        if (!is_websocket_) {
            protocol::write_header(to, frames_, protocol::frame_type::data, 0, data.size());
            std::memcpy(to + header_size_, data.data(), data.size());
            return;
        }
        if (is_masked_) {
            const websocket::masking_key key = make_key();
            websocket::copy_masked(write_header(to, kind, data.size(), key), data, key);
            return;
        }
        to = websocket::write_header(to, opcode_of(kind), data.size());
        if (!data.empty()) {
            std::memcpy(to, data.data(), data.size());
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
    [[nodiscard]] static websocket::opcode opcode_of(message_kind kind) noexcept {
        return kind == message_kind::text ? websocket::opcode::text : websocket::opcode::binary;
    }
    /// Writes `header_size(size)` bytes; where they end. The key is used when masked.
    std::uint8_t* write_header(std::uint8_t* to, message_kind kind, std::size_t size,
                               websocket::masking_key key) const noexcept {
        if (!is_websocket_) {
            protocol::write_header(to, frames_, protocol::frame_type::data, 0, size);
            return to + header_size_;
        }
        return is_masked_ ? websocket::write_header(to, opcode_of(kind), size, key)
                          : websocket::write_header(to, opcode_of(kind), size);
    }

    std::uint8_t header_size_ = 0;
    framing frames_ = framing::raw;
    bool is_websocket_ = false;
    bool is_masked_ = false;
};

}  // namespace network_system::session

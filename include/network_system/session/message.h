#pragma once

#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1 {

/// What a message is said to contain. Only WebSocket tells; all other messages are binary.
enum class message_kind : std::uint8_t {
    /// UTF-8; what arrives has been checked.
    text,
    binary,
};

/// A whole message that lies somewhere else: valid as long as that is, mostly during the call that
/// delivers it.
struct message_view {
    message_kind type = message_kind::binary;
    /// Empty on WebSocket only.
    std::span<const std::uint8_t> data = {};

    [[nodiscard]] bool is_text() const noexcept { return type == message_kind::text; }
    /// The same bytes as characters.
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(data.data()), data.size()};
    }
};

/// A message that was asked for; see `receive_mode::pull`.
struct received_message {
    message_kind type = message_kind::binary;
    /// Empty on WebSocket only.
    std::vector<std::uint8_t> data = {};

    [[nodiscard]] bool is_text() const noexcept { return type == message_kind::text; }
    /// The same bytes as characters, valid as long as `data` is.
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(data.data()), data.size()};
    }
};

namespace session {

/// Gets one message in pull mode and what kind it is of, or the error that says there will be none.
using message_handler = unique_function<void(Result<received_message>)>;

}  // namespace session
}  // namespace network_system

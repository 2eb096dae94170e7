#pragma once

#include <network_system/internal/http_head.h>
#include <network_system/utils/result_types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::protocol {

/// Appends "name: value" and the end of the line.
void append_field(std::string& to, std::string_view name, std::string_view value);

/// Appends the user's fields to a head. An error if one could be taken for more than it is (a line
/// break in a value), is of those that say how the message is framed or belong to the handshake, or
/// contradicts another; and if the head gets longer than 65,535 bytes.
[[nodiscard]] VoidResult append_fields(std::string& to,
                                       std::span<const websocket::header_field> fields);

/// The phrase of a status, such as "Not Found"; empty when it is not known.
[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

/// What is wrong with an argument.
[[nodiscard]] error_info invalid_handshake(std::string text);

}  // namespace network_system::protocol

#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace network_system::inline v0_1::protocol {

/// A date of HTTP (RFC 9110 section 5.6.7), in any of its three forms; nothing when it is none.
/// `now` says which century a year of two digits is of.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text,
                                                                      std::chrono::sys_seconds now);

/// The value of Retry-After (RFC 9110 section 10.2.3), seconds or a date: how long after `now`. 0
/// for what is past. The largest number there is for one that is beyond it. Nothing when the value
/// is neither.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                                    std::chrono::sys_seconds now);

}  // namespace network_system::protocol

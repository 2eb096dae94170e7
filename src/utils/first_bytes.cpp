#include "utils/first_bytes.h"

#include "utils/ascii.h"

#include <algorithm>
#include <array>

namespace network_system::inline v0_1::detail {

using namespace std::string_view_literals;

std::string_view protocol_begun_by(std::string_view first) noexcept {
    struct beginning {
        std::string_view bytes;
        std::string_view protocol;
    };
    constexpr std::array known{
        beginning{"\x14\x03"sv, "TLS"},
        beginning{"\x15\x03"sv, "TLS"},
        beginning{"\x16\x03"sv, "TLS"},
        beginning{"\x17\x03"sv, "TLS"},
        beginning{"HTTP/"sv, "HTTP"},
        beginning{"GET "sv, "HTTP"},
        beginning{"HEAD "sv, "HTTP"},
        beginning{"POST "sv, "HTTP"},
        beginning{"PUT "sv, "HTTP"},
        beginning{"DELETE "sv, "HTTP"},
        beginning{"OPTIONS "sv, "HTTP"},
        beginning{"CONNECT "sv, "HTTP"},
        beginning{"PATCH "sv, "HTTP"},
        beginning{"TRACE "sv, "HTTP"},
        beginning{"PRI * HTTP/2"sv, "HTTP/2"},
        beginning{"PROXY "sv, "a header of the PROXY protocol"},
        beginning{"\r\n\r\n\0\r\nQUIT\n"sv, "a header of the PROXY protocol"},
        beginning{"SSH-"sv, "SSH"},
        beginning{"\x40\0\0\0\x0E"sv, "the hello of framing::message"},
    };
    const auto* const found = std::find_if(known.begin(), known.end(), [&](const beginning& each) {
        return first.starts_with(each.bytes);
    });
    return found != known.end() ? found->protocol : std::string_view{};
}

std::string describe_received(std::string_view first) {
    if (first.empty()) {
        return "nothing was received";
    }
    std::string text = "received " + in_quotes(first, kept_first_bytes);
    if (const auto protocol = protocol_begun_by(first); !protocol.empty()) {
        text.append(", which is ").append(protocol);
    }
    return text;
}

std::string describe_received(std::span<const std::uint8_t> first) {
    return describe_received(
        std::string_view(reinterpret_cast<const char*>(first.data()), first.size()));
}

}  // namespace network_system::detail

// Any chunking of an opening handshake is answered in the same way, and nothing a user gives makes
// a message that is read as more than it is.
//
// Input: 1 byte of what is fuzzed, 1 byte n, n bytes of chunk sizes (used in turn), then a request,
// a response, or what a user gives.
#include "support/bytes.h"
#include "support/require.h"

#include <network_system/internal/websocket_handshake.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace network_system;
using namespace network_system::testing;
namespace ws = network_system::websocket;

constexpr ws::handshake_limits limits{2000, 500, 20};
constexpr ws::handshake_key key{'t', 'h', 'e', ' ', 's', 'a', 'm', 'p',
                                'l', 'e', ' ', 'n', 'o', 'n', 'c', 'e'};

template <typename Parser>
std::size_t feed(Parser& parser, byte_span stream, byte_span sizes) {
    std::size_t used = 0;
    for (std::size_t turn = 0; used < stream.size(); ++turn) {
        const std::size_t size = sizes.empty() ? stream.size() : sizes[turn % sizes.size()] + 1U;
        const std::size_t chunk = std::min(size, stream.size() - used);
        const std::size_t taken = parser.consume(stream.subspan(used, chunk));
        require(taken <= chunk, "no more is taken than there is");
        used += taken;
        if (taken < chunk || parser.state() != Parser::status::incomplete) {
            require(parser.state() != Parser::status::incomplete, "all is taken until the end");
            break;
        }
    }
    return used;
}

void check_upgrade(const ws::handshake_request& request) {
    require(request.path().starts_with('/'), "a path begins with a slash");
    require(!request.host().empty(), "there is a host");
    const auto offered = request.subprotocols();
    const auto chosen = offered.empty() ? std::string_view{} : offered.back();
    const auto answer = ws::encode_accept(request, chosen);
    require(answer.is_ok(), "what was offered can be accepted");
    ws::http_head_parser head;
    const byte_string bytes = text_bytes(answer.value());
    require(head.consume(bytes) == bytes.size(), "the answer is one head");
    require(head.state() == ws::http_head_parser::status::complete, "and a whole one");
    require(head.head().field_count() == (chosen.empty() ? 3U : 4U), "of the fields meant");
}

void fuzz_request(byte_span stream, byte_span sizes) {
    ws::request_parser whole(limits);
    ws::request_parser parts(limits);
    const std::size_t used = feed(whole, stream, {});
    require(feed(parts, stream, sizes) == used, "chunks make no difference to what is taken");
    require(used <= limits.max_head_bytes + 1, "it is bounded");
    require(parts.state() == whole.state(), "nor to the answer");
    switch (whole.state()) {
        case ws::request_parser::status::incomplete: break;
        case ws::request_parser::status::refused:
            require(parts.error().status == whole.error().status, "nor to the status");
            require(whole.error().status >= 400 && whole.error().status < 600, "it is an error");
            (void)ws::encode_response(whole.error());
            break;
        case ws::request_parser::status::plain: break;
        case ws::request_parser::status::upgrade: check_upgrade(parts.request()); break;
    }
}

ws::client_handshake chat() {
    ws::client_handshake handshake;
    handshake.host = "a";
    handshake.subprotocols = {"chat"};
    return handshake;
}

void fuzz_response(byte_span stream, byte_span sizes) {
    ws::response_parser whole(chat(), key, limits);
    ws::response_parser parts(chat(), key, limits);
    const std::size_t used = feed(whole, stream, {});
    require(feed(parts, stream, sizes) == used, "chunks make no difference to what is taken");
    require(used <= limits.max_head_bytes + 1, "it is bounded");
    require(parts.state() == whole.state() && parts.reason() == whole.reason() &&
                parts.http_status() == whole.http_status(),
            "nor to the answer");
    const std::string& reason = whole.reason();
    require(std::all_of(reason.begin(), reason.end(),
                        [](char each) { return each >= ' ' && each < 0x7F; }),
            "a reason can be shown to people");
    require(reason.size() < 600, "and is short");
    if (whole.state() == ws::response_parser::status::accepted) {
        require(whole.subprotocol().empty() || whole.subprotocol() == "chat", "it was offered");
    }
}

/// Parts separated by bytes 0xFE: host, target, subprotocol, then names and values of fields.
void fuzz_user(byte_span given) {
    std::vector<std::string> parts(1);
    for (const std::uint8_t each : given) {
        if (each == 0xFE) {
            parts.emplace_back();
        } else {
            parts.back() += static_cast<char>(each);
        }
    }
    ws::client_handshake handshake;
    handshake.host = parts[0];
    handshake.target = parts.size() > 1 ? parts[1] : "/";
    if (parts.size() > 2) {
        handshake.subprotocols = {parts[2]};
    }
    for (std::size_t i = 3; i + 1 < parts.size(); i += 2) {
        handshake.headers.push_back({parts[i], parts[i + 1]});
    }
    const auto request = ws::encode_request(handshake, key);
    if (!request) {
        return;
    }
    const byte_string bytes = text_bytes(request.value());
    ws::http_head_parser head({65'535, 65'535, 65'535});
    const std::size_t used = head.consume(bytes);
    if (head.state() == ws::http_head_parser::status::malformed) {
        require(head.error().status != 400, "only its size may be wrong with what was built");
        return;
    }
    require(used == bytes.size(), "one request was built");
    const ws::handshake_request read(head.take_head());
    require(read.host() == handshake.host && read.target() == handshake.target, "for this target");
    require(read.head().field_count() ==
                5 + handshake.subprotocols.size() + handshake.headers.size(),
            "of the fields meant");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const byte_span input(data, size);
    if (input.size() < 2) {
        return 0;
    }
    const std::size_t plan = std::min<std::size_t>(input[1], input.size() - 2);
    const byte_span sizes = input.subspan(2, plan);
    const byte_span rest = input.subspan(2 + plan);
    switch (input[0] % 3) {
        case 0: fuzz_request(rest, sizes); break;
        case 1: fuzz_response(rest, sizes); break;
        default: fuzz_user(rest); break;
    }
    return 0;
}

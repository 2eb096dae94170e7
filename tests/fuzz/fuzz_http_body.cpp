// Any chunking of a response's body gives the same answer, what is kept and what is read on are
// bounded, and what goes into an error can be shown.
//
// Input: 1 byte of what frames the body, 1 byte n, n bytes of chunk sizes (used in turn), then the
// stream; framed by its own head, that comes first.
#include "protocol/http1/body.h"
#include "protocol/websocket/redirect.h"
#include "support/bytes.h"
#include "support/require.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace network_system;
using namespace network_system::testing;
using protocol::response_body;
using status = response_body::status;

constexpr std::size_t limit = 300;
constexpr std::size_t longest_excerpt = 50;

struct outcome {
    status how = status::incomplete;
    std::string body;
    std::size_t used = 0;
    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome read(const websocket::http_head& head, unsigned http_status, byte_span stream,
             byte_span sizes) {
    response_body body(http_status, head, limit);
    outcome seen;
    for (std::size_t turn = 0; seen.used < stream.size() && body.state() == status::incomplete;
         ++turn) {
        const std::size_t size = sizes.empty() ? stream.size() : sizes[turn % sizes.size()] + 1U;
        const std::size_t chunk = std::min(size, stream.size() - seen.used);
        const std::size_t taken = body.consume(stream.subspan(seen.used, chunk));
        require(taken <= chunk, "no more is taken than there is");
        require(taken == chunk || body.state() != status::incomplete, "and all until the end");
        seen.used += taken;
    }
    body.end();
    seen.how = body.state();
    seen.body = body.take();
    require(seen.how != status::incomplete, "an end ends it");
    require(seen.body.size() <= limit, "it is bounded");
    return seen;
}

/// What a Location leads to is a URL of its own.
void fuzz_location(byte_span given) {
    const std::string text(given.begin(), given.end());
    const websocket::url from{true, "a.example", 444, "/b/c?d"};
    const auto to = websocket::resolve_location(from, text, "fuzz");
    if (!to) {
        return;
    }
    const auto again = websocket::parse_url(websocket::to_string(to.value()), "fuzz");
    require(again.is_ok(), "where it leads is a URL");
    require(again.value().target == to.value().target, "of the same target");
    require(again.value().port == to.value().port, "and port");
    const auto path = to.value().target.substr(0, to.value().target.find('?'));
    require(path.find("/../") == std::string::npos && path.find("/./") == std::string::npos,
            "without dots to go up with");
    require(!to.value().host.starts_with("unix:"), "nor anything of this machine's files");
}

constexpr std::array<std::string_view, 4> framings{
    "", "Content-Length: 200\r\n", "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\nContent-Type: text/plain\r\n"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const byte_span input(data, size);
    if (input.size() < 2) {
        return 0;
    }
    const std::size_t plan = std::min<std::size_t>(input[1], input.size() - 2);
    const byte_span sizes = input.subspan(2, plan);
    byte_span stream = input.subspan(2 + plan);
    const unsigned kind = input[0] % (framings.size() + 2);
    if (kind == framings.size() + 1) {
        fuzz_location(stream);
        return 0;
    }
    websocket::http_head_parser parser;
    if (kind < framings.size()) {
        (void)parser.consume(
            text_bytes("HTTP/1.1 403 Forbidden\r\n" + std::string(framings[kind]) + "\r\n"));
    } else {
        stream = stream.subspan(parser.consume(stream));
    }
    if (parser.state() != websocket::http_head_parser::status::complete) {
        return 0;
    }
    const outcome whole = read(parser.head(), 403, stream, {});
    require(read(parser.head(), 403, stream, sizes) == whole, "the pieces do not matter");
    const std::string shown = protocol::excerpt_of(parser.head(), whole.body, longest_excerpt);
    require(shown.size() <= longest_excerpt + 3, "an excerpt is short");
    require(std::all_of(shown.begin(), shown.end(),
                        [](char each) { return each >= ' ' && each < 0x7F; }),
            "and can be shown to people");
    return 0;
}

// Any chunking of a PROXY header gives the same answer, and never a byte after it is taken.
//
// Input: 1 byte n, n bytes of chunk sizes (used in turn), then the stream.
#include "protocol/proxy/header.h"
#include "support/bytes.h"
#include "support/require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace {

using namespace network_system;
using namespace network_system::testing;
using protocol::proxy_header_parser;
using status = proxy_header_parser::status;

struct answer {
    status state = status::incomplete;
    std::size_t taken = 0;
    endpoint source;
    endpoint destination;
    friend bool operator==(const answer&, const answer&) = default;
};

template <typename NextSize>
answer read(byte_span stream, const NextSize& next_size) {
    proxy_header_parser parser;
    answer seen;
    while (seen.taken < stream.size() && parser.state() == status::incomplete) {
        const std::size_t wanted = parser.wanted();
        require(wanted > 0 && wanted <= proxy_header_parser::max_size, "it wants a bounded rest");
        const std::size_t size =
            std::min<std::size_t>(next_size(wanted), stream.size() - seen.taken);
        const std::size_t used = parser.consume(stream.subspan(seen.taken, size));
        require(used == size || parser.state() != status::incomplete, "it takes what it wants");
        seen.taken += used;
    }
    require(seen.taken <= proxy_header_parser::max_size, "it is bounded");
    seen.state = parser.state();
    seen.source = parser.header().source;
    seen.destination = parser.header().destination;
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size < 1U + data[0]) {
        return 0;
    }
    const byte_span chunks(data + 1, data[0]);
    const byte_span stream(data + 1 + chunks.size(), size - 1 - chunks.size());

    const answer exact = read(stream, [](std::size_t wanted) { return wanted; });
    const answer by_bytes = read(stream, [](std::size_t) { return std::size_t{1}; });
    std::size_t turn = 0;
    const answer chunked = read(stream, [&](std::size_t) {
        return chunks.empty() ? stream.size()
                              : std::max<std::size_t>(1, chunks[turn++ % chunks.size()]);
    });
    require(chunked.state == by_bytes.state && exact.state == by_bytes.state,
            "the pieces do not matter");
    require(by_bytes.state == status::malformed || (chunked == by_bytes && exact == by_bytes),
            "and what is read is the same");
    require(by_bytes.state == status::complete ||
                (by_bytes.source == endpoint{} && by_bytes.destination == endpoint{}),
            "only a complete header names anybody");
    (void)by_bytes.source.to_string();
    return 0;
}

// Any chunking of a proxy's answers gives the same result, and never a byte behind them is taken.
//
// Input: 1 byte kind (even HTTP, odd SOCKS; the second bit: with a user), 1 byte n, n bytes of
// chunk sizes (used in turn), then the stream.
#include "protocol/proxy/http_connect.h"
#include "protocol/proxy/socks5.h"
#include "support/bytes.h"
#include "support/require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace {

using namespace network_system;
using namespace network_system::testing;
using protocol::tunnel_request;
using status = tunnel_request::status;

/// No answer is longer: SOCKS has 2 bytes twice and a reply with a name of 255.
constexpr std::size_t longest_socks = 2 + 2 + 5 + 255 + 2;

std::unique_ptr<tunnel_request> new_request(std::uint8_t kind) {
    const protocol::proxy_credentials who =
        (kind & 2U) != 0 ? protocol::proxy_credentials{"someone", "topsecret"}
                         : protocol::proxy_credentials{};
    if ((kind & 1U) == 0) {
        return protocol::http_connect::to("example.org:443", who, {}).value();
    }
    return protocol::socks5_connect::to({"example.org", {}, 443}, who).value();
}

struct result_of_reading {
    status state = status::asking;
    std::size_t taken = 0;
    errc code{};
    std::string text;
    std::size_t sent = 0;
    friend bool operator==(const result_of_reading&, const result_of_reading&) = default;
};

template <typename NextSize>
result_of_reading read(std::uint8_t kind, byte_span stream, const NextSize& next_size) {
    const auto request = new_request(kind);
    result_of_reading seen;
    seen.sent = request->take_output().size();
    while (seen.taken < stream.size() && request->state() == status::asking) {
        const std::size_t wanted = request->wanted();
        require(wanted > 0, "it wants something as long as it asks");
        const std::size_t size =
            std::min<std::size_t>(next_size(wanted), stream.size() - seen.taken);
        const std::size_t used = request->consume(stream.subspan(seen.taken, size));
        require(used <= size, "it takes what there is");
        require(used == size || request->state() != status::asking, "it takes all while it asks");
        require(size > wanted || used == size || request->state() == status::failed,
                "what it wants belongs to the answer");
        seen.taken += used;
        seen.sent += request->take_output().size();
    }
    require(request->state() == status::asking || request->wanted() == 0, "it wants no more");
    require(seen.taken <=
                ((kind & 1U) == 0 ? protocol::http_connect::max_head_size + 1 : longest_socks),
            "it is bounded");
    seen.state = request->state();
    seen.code = request->code();
    seen.text = request->text();
    require((seen.state == status::failed) == (seen.code != errc{}), "a failure has a code");
    require(seen.text.find("topsecret") == std::string::npos, "no secret is told");
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size < 2U + data[1]) {
        return 0;
    }
    const std::uint8_t kind = data[0];
    const byte_span chunks(data + 2, data[1]);
    const byte_span stream(data + 2 + chunks.size(), size - 2 - chunks.size());

    const auto exact = read(kind, stream, [](std::size_t wanted) { return wanted; });
    const auto by_bytes = read(kind, stream, [](std::size_t) { return std::size_t{1}; });
    std::size_t turn = 0;
    const auto chunked = read(kind, stream, [&](std::size_t) {
        return chunks.empty() ? stream.size()
                              : std::max<std::size_t>(1, chunks[turn++ % chunks.size()]);
    });
    require(exact.state == by_bytes.state && chunked.state == by_bytes.state &&
                exact.text == by_bytes.text && chunked.text == by_bytes.text,
            "the pieces do not matter");
    require(by_bytes.state == status::failed || (exact == by_bytes && chunked == by_bytes),
            "and what is read is the same");
    return 0;
}

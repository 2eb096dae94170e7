// What is read of MessagePack comes back when it is written, keeps to the limits, and is read the
// same again.
//
// Input: the message.
#include "support/require.h"

#include <network_system/integration/basic_container.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace {

using namespace network_system;
using namespace network_system::integration;
using network_system::testing::require;

constexpr basic_container_options small{.max_depth = 8, .max_values = 1'000, .max_length = 4'096};

struct counted {
    std::size_t values = 0;
    std::size_t depth = 0;
};

// NOLINTNEXTLINE(misc-no-recursion): no deeper than what was read.
void count(const value& what, std::size_t depth, counted& all) {
    ++all.values;
    all.depth = std::max(all.depth, depth);
    if (const auto* const list = what.get_if<value_list>()) {
        for (const value& each : *list) {
            count(each, depth + 1, all);
        }
    } else if (const auto* const map = what.get_if<value_map>()) {
        for (const auto& [key, each] : *map) {
            require(key.size() <= small.max_length, "keys keep to max_length");
            count(each, depth + 1, all);
        }
    }
}

std::vector<std::uint8_t> written(const basic_container& container, const value& what) {
    std::vector<std::uint8_t> bytes;
    require(container.serialize(what, bytes).is_ok(), "what was read can be written");
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const basic_container container(small);
    const auto read = container.deserialize({data, size});
    if (read.is_err()) {
        require(read.error() == errc::protocol_error, "a peer's fault");
        return 0;
    }
    counted all;
    count(read.value(), 0, all);
    require(all.values <= small.max_values + 1, "no more values than max_values");
    require(all.depth <= small.max_depth, "no deeper than max_depth");
    const auto bytes = written(container, read.value());
    // A float of four bytes is written with eight.
    require(bytes.size() <= 2 * size, "the shortest form is no longer");
    const auto again = container.deserialize(bytes);
    require(again.is_ok(), "what was written can be read");
    // Of NaN only the bytes are equal.
    require(written(container, again.value()) == bytes, "and is the same");
    return 0;
}

#include "protocol/proxy/header.h"
#include "support/proxy_headers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace network_system::inline v0_1::protocol {
namespace {

using namespace network_system::testing;
using header_status = proxy_header_parser::status;

struct valid_row {
    const char* name;
    byte_string header;
    const char* source;
    const char* destination;
};

const std::string full_path(108, 'p');

[[nodiscard]] std::vector<valid_row> valid_headers() {
    const byte_string v4 = proxy_tcp4_block();
    const std::size_t room = proxy_header_parser::max_size - proxy_header_parser::fixed_size;
    using namespace std::string_view_literals;
    return {
        {"TCP over IPv4", proxy_wire(proxy_proxy, proxy_tcp4, v4), "192.0.2.7:4711",
         "198.51.100.1:443"},
        {"TCP over IPv6", proxy_wire(proxy_proxy, proxy_tcp6, proxy_tcp6_block()),
         "[2001:db8::7]:4711", "[2001:db8::1]:443"},
        {"Unix", proxy_wire(proxy_proxy, proxy_unix, proxy_unix_block("/a", "/b")), "unix:/a",
         "unix:/b"},
        {"Unix without a name", proxy_wire(proxy_proxy, proxy_unix, proxy_unix_block("", "/b")),
         "unix:", "unix:/b"},
        {"Unix, abstract", proxy_wire(proxy_proxy, proxy_unix, proxy_unix_block("\0ab"sv, "/b")),
         "unix:@ab", "unix:/b"},
        {"Unix, the longest path",
         proxy_wire(proxy_proxy, proxy_unix, proxy_unix_block(full_path, "/b")), nullptr,
         "unix:/b"},
        {"with extensions",
         proxy_wire(proxy_proxy, proxy_tcp4,
                    concat({v4, proxy_tlv(1, 2), proxy_tlv(4, 0), proxy_tlv(0xE0, 300)})),
         "192.0.2.7:4711", "198.51.100.1:443"},
        {"the largest",
         proxy_wire(proxy_proxy, proxy_tcp4, concat({v4, proxy_tlv(4, room - v4.size() - 3)})),
         "192.0.2.7:4711", "198.51.100.1:443"},
        {"over 4 KiB",
         proxy_wire(proxy_proxy, proxy_tcp4,
                    concat({v4, proxy_tlv(0x20, 3000), proxy_tlv(4, 2000)})),
         "192.0.2.7:4711", "198.51.100.1:443"},
        {"UNSPEC, the largest", proxy_wire(proxy_proxy, proxy_unspecified, pattern(room)),
         "unspecified", "unspecified"},
        {"LOCAL", proxy_wire(proxy_local, proxy_unspecified, {}), "unspecified", "unspecified"},
        {"LOCAL with addresses", proxy_wire(proxy_local, proxy_tcp4, v4), "unspecified",
         "unspecified"},
        {"LOCAL with anything", proxy_wire(proxy_local, 0xFF, pattern(33)), "unspecified",
         "unspecified"},
        {"UNSPEC", proxy_wire(proxy_proxy, proxy_unspecified, {}), "unspecified", "unspecified"},
        {"UNSPEC with anything", proxy_wire(proxy_proxy, proxy_unspecified, pattern(33)),
         "unspecified", "unspecified"},
    };
}

struct broken_row {
    const char* name;
    byte_string header;
    /// How many bytes it takes to see it.
    std::size_t shown_after;
};

[[nodiscard]] byte_string with(byte_string header, std::size_t at, std::uint8_t value) {
    header[at] = value;
    return header;
}

[[nodiscard]] std::vector<broken_row> broken_headers() {
    const byte_string v4 = proxy_tcp4_block();
    const byte_string good = proxy_wire(proxy_proxy, proxy_tcp4, v4);
    std::vector<broken_row> rows{
        {"version 1", text_bytes("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n"), 1},
        {"version 3", with(good, 12, 0x31), 13},
        {"an unknown command", with(good, 12, 0x22), 13},
        {"datagrams over IPv4", with(good, 13, 0x12), 14},
        {"datagrams over IPv6", with(good, 13, 0x22), 14},
        {"an unknown family", with(good, 13, 0x41), 14},
        {"no family, but a protocol", with(good, 13, 0x01), 14},
        {"a family, but no protocol", with(good, 13, 0x10), 14},
        {"no room for the addresses", proxy_wire(proxy_proxy, proxy_tcp4, pattern(11)), 27},
        {"no addresses at all", proxy_wire(proxy_proxy, proxy_tcp6, {}), 16},
        {"half a Unix address", proxy_wire(proxy_proxy, proxy_unix, pattern(108)), 124},
        {"half an extension's header", proxy_wire(proxy_proxy, proxy_tcp4, concat({v4, {4, 0}})),
         30},
        {"an extension beyond the end",
         proxy_wire(proxy_proxy, proxy_tcp4, concat({v4, {4, 0, 9, 1}})), 32},
        {"one byte after the last extension",
         proxy_wire(proxy_proxy, proxy_tcp4, concat({v4, proxy_tlv(4, 2), {0}})), 34},
    };
    for (std::size_t i = 0; i < 12; ++i) {
        rows.push_back({"the signature", with(good, i, 0x7F), i + 1});
    }
    return rows;
}

/// Feeds chunks of the size until the parser wants no more; how many bytes it took.
std::size_t feed(proxy_header_parser& parser, const byte_string& stream, std::size_t chunk) {
    std::size_t taken = 0;
    while (taken < stream.size() && parser.state() == header_status::incomplete) {
        const auto size = std::min(chunk, stream.size() - taken);
        const auto used = parser.consume(bytes_view(stream).subspan(taken, size));
        taken += used;
        if (used < size) {
            break;
        }
    }
    return taken;
}

TEST(proxy_header, is_understood_in_every_chunking) {
    const byte_string next = text_bytes("what follows");
    for (const valid_row& row : valid_headers()) {
        const byte_string stream = concat({row.header, next});
        // Of the largest not every one: they are tens of thousands.
        for (std::size_t chunk = 1; chunk <= stream.size();
             chunk = chunk < 600 ? chunk + 1 : chunk * 2 + 1) {
            proxy_header_parser parser;
            ASSERT_EQ(feed(parser, stream, chunk), row.header.size())
                << row.name << ": not a byte more, chunks of " << chunk;
            ASSERT_EQ(parser.state(), header_status::complete)
                << row.name << ", chunks of " << chunk;
            EXPECT_EQ(parser.wanted(), 0U);
            EXPECT_EQ(parser.header().source.to_string(),
                      row.source != nullptr ? row.source : "unix:" + full_path)
                << row.name;
            EXPECT_EQ(parser.header().destination.to_string(), row.destination) << row.name;
        }
    }
}

TEST(proxy_header, is_not_complete_before_its_last_byte) {
    for (const valid_row& row : valid_headers()) {
        proxy_header_parser parser;
        for (std::size_t i = 0; i < row.header.size(); ++i) {
            ASSERT_EQ(parser.state(), header_status::incomplete) << row.name << " at " << i;
            ASSERT_EQ(parser.wanted(), (i < 16 ? 16 : row.header.size()) - i) << row.name;
            ASSERT_EQ(parser.consume(bytes_view(row.header).subspan(i, 1)), 1U);
        }
        EXPECT_EQ(parser.state(), header_status::complete) << row.name;
    }
}

TEST(proxy_header, is_refused_as_soon_as_it_is_broken) {
    for (const broken_row& row : broken_headers()) {
        for (const std::size_t chunk : {std::size_t{1}, std::size_t{5}, std::size_t{5000}}) {
            proxy_header_parser parser;
            (void)feed(parser, row.header, chunk);
            EXPECT_EQ(parser.state(), header_status::malformed)
                << row.name << ", chunks of " << chunk;
            EXPECT_EQ(parser.wanted(), 0U);
            EXPECT_EQ(parser.consume(bytes_view(row.header)), 0U) << "it takes no more";
            EXPECT_EQ(parser.header().source, endpoint{}) << row.name;
        }
        proxy_header_parser parser;
        EXPECT_EQ(feed(parser, row.header, 1), row.shown_after) << row.name;
    }
}

}  // namespace
}  // namespace network_system::protocol

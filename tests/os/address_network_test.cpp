#include "os/address_network.h"

#include "os/native_socket.h"

#include <gtest/gtest.h>

#include <vector>

namespace network_system::inline v0_1::runtime {
namespace {

TEST(address_network, contains_its_addresses) {
    struct row {
        const char* network;
        std::vector<const char*> inside;
        std::vector<const char*> outside;
    };
    const std::vector<row> rows{
        {"192.0.2.1", {"192.0.2.1", "::ffff:192.0.2.1"}, {"192.0.2.2", "::1", "unix:/x"}},
        {"192.0.2.1/32", {"192.0.2.1"}, {"192.0.2.0"}},
        {"10.0.0.0/8", {"10.0.0.0", "10.255.255.255"}, {"11.0.0.0", "9.255.255.255", "a00::"}},
        {"172.16.0.0/12", {"172.16.0.1", "172.31.255.255"}, {"172.32.0.0", "172.15.0.0"}},
        {"0.0.0.0/0", {"0.0.0.0", "255.255.255.255"}, {"::", "2001:db8::1"}},
        {"::1", {"::1"}, {"::", "::2", "127.0.0.1"}},
        {"2001:db8::/32", {"2001:db8::", "2001:db8:ffff::1"}, {"2001:db9::", "32.1.13.184"}},
        {"[2001:db8::]/32", {"2001:db8::1"}, {"2001:db9::"}},
        {"2001:db8::/33", {"2001:db8:7fff::1"}, {"2001:db8:8000::"}},
        {"::/0", {"::", "fe80::1"}, {"1.2.3.4"}},
        {"::ffff:10.0.0.0/104", {"10.1.2.3"}, {"11.0.0.0"}},
        {"::ffff:10.0.0.1", {"10.0.0.1"}, {"10.0.0.2"}},
        {"unix:", {"unix:", "unix:/run/x", "unix:@x"}, {"0.0.0.0", "::"}},
    };
    for (const row& each : rows) {
        const auto network = address_network::parse(each.network);
        ASSERT_TRUE(network) << each.network;
        for (const char* inside : each.inside) {
            EXPECT_TRUE(network->contains(sockets::parse_address(inside, 80)))
                << each.network << " " << inside;
        }
        for (const char* outside : each.outside) {
            EXPECT_FALSE(network->contains(sockets::parse_address(outside, 80)))
                << each.network << " " << outside;
        }
        EXPECT_FALSE(network->contains({}));
    }
}

TEST(address_network, takes_nothing_else) {
    for (const char* text : {"",
                             "/",
                             "/8",
                             "proxy",
                             "localhost",
                             "10",
                             "10.1",
                             "[10.0.0.0]/8",
                             "10.0.0.0/",
                             "10.0.0.0/33",
                             "10.0.0.0/-1",
                             "10.0.0.0/8x",
                             "10.0.0.0/ 8",
                             "10.0.0.1/8",
                             "0x0a.0.0.1",
                             "010.0.0.1",
                             "2001:db8::/129",
                             "2001:db8::1/32",
                             "::ffff:10.0.0.0/95",
                             "fe80::1%1",
                             "unix:/run/x",
                             "10.0.0.0/8/8",
                             "10.0.0.0/99999999999999999999"}) {
        EXPECT_FALSE(address_network::parse(text)) << text;
    }
}

TEST(source_counted_as, takes_the_network_of_ipv6_and_the_address_of_the_rest) {
    struct row {
        const char* peer;
        unsigned prefix;
        const char* counted;
    };
    for (const row& each : {
             row{"2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"},
             row{"2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::"},
             row{"2001:db8:1:ff02::6", 49, "2001:db8:1:8000::"},
             row{"2001:db8::6", 1, "::"},
             row{"a001:db8::6", 1, "8000::"},
             row{"2001:db8::6", 127, "2001:db8::6"},
             row{"2001:db8::7", 127, "2001:db8::6"},
             row{"2001:db8::7", 128, "2001:db8::7"},
             row{"::ffff:192.0.2.1", 64, "192.0.2.1"},
             row{"192.0.2.1", 1, "192.0.2.1"},
             row{"fe80::1", 64, "fe80::1"},
             row{"febf::1", 8, "febf::1"},
             row{"fec0::1", 64, "fec0::"},
         }) {
        const auto counted =
            source_counted_as(sockets::parse_address(each.peer, 4711), each.prefix);
        EXPECT_EQ(counted, sockets::parse_address(each.counted, 0))
            << each.peer << "/" << each.prefix << ": " << counted.to_string();
    }
    const auto path = endpoint::unix_domain("/run/x");
    EXPECT_EQ(source_counted_as(path, 64), path);
    const endpoint zoned(endpoint::family::ipv6, {0xFE, 0x80}, 80, 3);
    EXPECT_EQ(source_counted_as(zoned, 64).scope_id(), 3U);
}

}  // namespace
}  // namespace network_system::runtime

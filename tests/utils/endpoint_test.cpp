#include <network_system/utils/endpoint.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <unordered_set>
#include <vector>

namespace network_system::inline v0_1 {
namespace {

using family = endpoint::family;

endpoint v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port) {
    return {family::ipv4, {a, b, c, d}, port};
}

endpoint::address_bytes v6_bytes(std::initializer_list<std::uint8_t> head, std::uint8_t last) {
    endpoint::address_bytes bytes{};
    std::copy(head.begin(), head.end(), bytes.begin());
    bytes[15] = last;
    return bytes;
}

TEST(endpoint, a_default_one_is_unspecified) {
    const endpoint none;
    EXPECT_EQ(none.kind(), family::unspecified);
    EXPECT_EQ(none.port(), 0);
    EXPECT_EQ(none.scope_id(), 0U);
    EXPECT_EQ(none.address(), "");
    EXPECT_EQ(none.to_string(), "unspecified");
}

TEST(endpoint, text) {
    struct row {
        endpoint value;
        const char* address;
        const char* text;
    };
    const std::vector<row> rows{
        {v4(192, 0, 2, 1, 80), "192.0.2.1", "192.0.2.1:80"},
        {v4(0, 0, 0, 0, 0), "0.0.0.0", "0.0.0.0:0"},
        {v4(255, 255, 255, 255, 65535), "255.255.255.255", "255.255.255.255:65535"},
        {{family::ipv6, v6_bytes({0x20, 0x01, 0x0d, 0xb8}, 1), 443},
         "2001:db8::1",
         "[2001:db8::1]:443"},
        {{family::ipv6, {}, 1}, "::", "[::]:1"},
        {{family::ipv6, v6_bytes({}, 1), 1}, "::1", "[::1]:1"},
        {{family::ipv6, v6_bytes({0xfe, 0x80}, 1), 9, 2}, "fe80::1%2", "[fe80::1%2]:9"},
    };
    for (const row& each : rows) {
        EXPECT_EQ(each.value.address(), each.address);
        EXPECT_EQ(each.value.to_string(), each.text);
    }
}

TEST(endpoint, mapped_addresses_become_ipv4) {
    endpoint::address_bytes mapped{};
    mapped[10] = mapped[11] = 0xFF;
    mapped[12] = 203;
    mapped[14] = 113;
    mapped[15] = 7;
    const endpoint made{family::ipv6, mapped, 8080, 3};
    EXPECT_EQ(made, v4(203, 0, 113, 7, 8080));
    EXPECT_EQ(made.kind(), family::ipv4);
    EXPECT_EQ(made.scope_id(), 0U);
    EXPECT_EQ(made.to_string(), "203.0.113.7:8080");

    // One bit off the prefix, and it is an ordinary IPv6 address.
    for (std::size_t i = 0; i < 12; ++i) {
        endpoint::address_bytes other = mapped;
        other[i] = static_cast<std::uint8_t>(other[i] ^ 1U);
        EXPECT_EQ(endpoint(family::ipv6, other, 1).kind(), family::ipv6) << i;
    }
}

TEST(endpoint, ipv4_ignores_the_insignificant_bytes) {
    endpoint::address_bytes noisy{};
    noisy.fill(0xAA);
    std::copy_n(std::vector<std::uint8_t>{10, 0, 0, 1}.begin(), 4, noisy.begin());
    EXPECT_EQ(endpoint(family::ipv4, noisy, 5), v4(10, 0, 0, 1, 5));
}

TEST(endpoint, ipv4_has_no_scope) {
    EXPECT_EQ(endpoint(family::ipv4, {10, 0, 0, 1}, 5, 7).scope_id(), 0U);
    EXPECT_EQ(endpoint(family::ipv4, {10, 0, 0, 1}, 5, 7), v4(10, 0, 0, 1, 5));
}

TEST(endpoint, equality_looks_at_everything) {
    const endpoint base{family::ipv6, v6_bytes({0xfe, 0x80}, 1), 9, 2};
    EXPECT_EQ(base, endpoint(family::ipv6, v6_bytes({0xfe, 0x80}, 1), 9, 2));
    EXPECT_NE(base, endpoint(family::ipv6, v6_bytes({0xfe, 0x80}, 2), 9, 2));
    EXPECT_NE(base, endpoint(family::ipv6, v6_bytes({0xfe, 0x80}, 1), 8, 2));
    EXPECT_NE(base, endpoint(family::ipv6, v6_bytes({0xfe, 0x80}, 1), 9, 3));
    EXPECT_NE(v4(0, 0, 0, 0, 0), endpoint());
}

TEST(endpoint, order_is_total_and_hash_agrees_with_equality) {
    std::vector<endpoint> all{endpoint(),
                              v4(10, 0, 0, 1, 1),
                              v4(10, 0, 0, 1, 2),
                              v4(10, 0, 0, 2, 1),
                              v4(9, 0, 0, 1, 1),
                              {family::ipv6, v6_bytes({0xfe, 0x80}, 1), 1, 1},
                              {family::ipv6, v6_bytes({0xfe, 0x80}, 1), 1, 2}};
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t j = 0; j < all.size(); ++j) {
            EXPECT_EQ(all[i] == all[j], i == j);
            EXPECT_EQ((all[i] < all[j]) + (all[j] < all[i]) + (all[i] == all[j]), 1);
        }
    }
    const std::set<endpoint> ordered(all.begin(), all.end());
    std::unordered_set<endpoint> hashed(all.begin(), all.end());
    EXPECT_EQ(ordered.size(), all.size());
    EXPECT_EQ(hashed.size(), all.size());
    EXPECT_EQ(hashed.count(v4(10, 0, 0, 2, 1)), 1U);
    EXPECT_TRUE(std::is_sorted(ordered.begin(), ordered.end()));
}

TEST(endpoint, hash_separates_ports_and_neighbours) {
    std::set<std::size_t> values;
    for (std::uint8_t last = 0; last < 50; ++last) {
        for (std::uint16_t port = 1000; port < 1050; ++port) {
            values.insert(std::hash<endpoint>{}(v4(10, 0, 0, last, port)));
        }
    }
    EXPECT_EQ(values.size(), 2500U);
}

TEST(endpoint, unix_domain_sockets) {
    const endpoint file = endpoint::unix_domain("/run/app.sock");
    EXPECT_EQ(file.kind(), family::unix_domain);
    EXPECT_EQ(file.path(), "/run/app.sock");
    EXPECT_EQ(file.address(), "/run/app.sock");
    EXPECT_EQ(file.to_string(), "unix:/run/app.sock");
    EXPECT_EQ(file.port(), 0);
    EXPECT_EQ(endpoint::unix_domain("@app").to_string(), "unix:@app");
    EXPECT_EQ(endpoint::unix_domain({}).to_string(), "unix:");
    EXPECT_EQ(endpoint::unix_domain("/a\n\x7F"
                                    "b")
                  .to_string(),
              "unix:/a\\x0a\\x7fb");
    EXPECT_EQ(v4(1, 2, 3, 4, 5).path(), "");
}

TEST(endpoint, bytes_make_no_unix_domain_socket) {
    endpoint::address_bytes noise;
    noise.fill(0xAA);
    const endpoint made{family::unix_domain, noise, 1};
    EXPECT_EQ(made.kind(), family::unspecified);
    EXPECT_EQ(made.path(), "");
}

TEST(endpoint, unix_domain_sockets_compare_by_their_text) {
    const endpoint one = endpoint::unix_domain("/a");
    const endpoint same = endpoint::unix_domain("/a");
    const endpoint other = endpoint::unix_domain("/b");
    const endpoint nameless = endpoint::unix_domain({});
    EXPECT_EQ(one, same);
    EXPECT_NE(one, other);
    EXPECT_LT(one, other);
    EXPECT_LT(nameless, one);
    EXPECT_NE(nameless, endpoint{});
    const std::hash<endpoint> hash;
    EXPECT_EQ(hash(one), hash(same));
    EXPECT_EQ((std::unordered_set<endpoint>{one, same, other, nameless, {}}).size(), 4U);
}

}  // namespace
}  // namespace network_system

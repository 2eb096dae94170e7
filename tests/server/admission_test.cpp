// Who gets a place in a server: limits, addresses, the accept callback's answers, and the counters.
#include "server/admission.h"

#include <gtest/gtest.h>

#include <string>

namespace network_system::inline v0_1::core {
namespace {

endpoint peer(const std::string& address, std::uint16_t port = 1) {
    if (address.find(':') == std::string::npos) {
        endpoint::address_bytes bytes{};
        std::size_t at = 0;
        for (std::size_t begin = 0; begin < address.size(); ++at) {
            std::size_t used = 0;
            bytes[at] = static_cast<std::uint8_t>(std::stoul(address.substr(begin), &used));
            begin += used + 1;
        }
        return {endpoint::family::ipv4, bytes, port};
    }
    // "2001:db8:<subnet>::<host>"
    endpoint::address_bytes bytes{0x20, 0x01, 0x0D, 0xB8};
    const std::size_t host = address.find("::");
    bytes[7] = static_cast<std::uint8_t>(std::stoul(address.substr(9, host - 9)));
    bytes[15] = static_cast<std::uint8_t>(std::stoul(address.substr(host + 2)));
    return {endpoint::family::ipv6, bytes, port};
}

server_metrics counts_of(const admission& of) {
    server_metrics all;
    of.add_to(all);
    return all;
}

TEST(admission, without_limits_everybody_has_a_place) {
    admission all({}, 0);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(all.admit(peer("192.0.2.1")));
    }
    EXPECT_EQ(counts_of(all).connections_refused, 0U);
}

TEST(admission, a_place_that_is_released_is_taken_again) {
    admission two({2}, 0);
    EXPECT_TRUE(two.admit(peer("192.0.2.1")));
    EXPECT_TRUE(two.admit(peer("192.0.2.2")));
    EXPECT_FALSE(two.admit(peer("192.0.2.3")));
    EXPECT_FALSE(two.admit(peer("192.0.2.1")));
    EXPECT_EQ(counts_of(two).connections_refused, 2U);
    two.release(peer("192.0.2.1"));
    EXPECT_TRUE(two.admit(peer("192.0.2.3")));
    EXPECT_FALSE(two.admit(peer("192.0.2.4")));
}

TEST(admission, counts_for_addresses_without_their_ports) {
    admission two_each({0, 2}, 7);
    EXPECT_TRUE(two_each.admit(peer("192.0.2.1", 1)));
    EXPECT_TRUE(two_each.admit(peer("192.0.2.1", 2)));
    EXPECT_FALSE(two_each.admit(peer("192.0.2.1", 3)));
    EXPECT_TRUE(two_each.admit(peer("192.0.2.2", 3)));
    two_each.release(peer("192.0.2.1", 2));
    EXPECT_TRUE(two_each.admit(peer("192.0.2.1", 4)));
}

TEST(admission, an_address_with_too_many_takes_no_place_of_the_others) {
    admission limited({2, 1}, 7);
    EXPECT_TRUE(limited.admit(peer("192.0.2.1")));
    EXPECT_FALSE(limited.admit(peer("192.0.2.1")));
    EXPECT_TRUE(limited.admit(peer("192.0.2.2"))) << "the second place is still there";
    EXPECT_FALSE(limited.admit(peer("192.0.2.3")));
}

TEST(admission, networks_of_ipv6_count_as_one) {
    admission one_each({0, 1, 64}, 7);
    EXPECT_TRUE(one_each.admit(peer("2001:db8:1::1")));
    EXPECT_FALSE(one_each.admit(peer("2001:db8:1::2")));
    EXPECT_TRUE(one_each.admit(peer("2001:db8:2::1")));
    admission exact({0, 1, 128}, 7);
    EXPECT_TRUE(exact.admit(peer("2001:db8:1::1")));
    EXPECT_TRUE(exact.admit(peer("2001:db8:1::2")));
}

TEST(admission, peers_without_an_address_count_for_none) {
    admission one_each({3, 1}, 7);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(one_each.admit(endpoint{}));
    }
    EXPECT_FALSE(one_each.admit(endpoint{}));
    one_each.release({});
    EXPECT_TRUE(one_each.admit(endpoint{}));
}

TEST(admission, a_proxied_connection_counts_for_its_client_once_that_is_known) {
    admission limited({3, 1}, 7);
    ASSERT_TRUE(limited.admit(endpoint{}));
    EXPECT_TRUE(limited.identify(peer("192.0.2.1")));
    ASSERT_TRUE(limited.admit(endpoint{}));
    EXPECT_FALSE(limited.identify(peer("192.0.2.1")));
    EXPECT_EQ(counts_of(limited).connections_refused, 1U);
    limited.release({});
    // Both places are given back with the first.
    limited.release(peer("192.0.2.1"));
    EXPECT_TRUE(limited.admit(peer("192.0.2.1")));
    EXPECT_TRUE(limited.admit(peer("192.0.2.2")));
    EXPECT_TRUE(limited.admit(peer("192.0.2.3")));
    EXPECT_FALSE(limited.admit(peer("192.0.2.4")));
}

TEST(admission, the_accept_callback_has_the_last_word) {
    admission one({1, 1}, 7);
    const endpoint client = peer("192.0.2.1");
    accept_answer yes;
    ASSERT_TRUE(one.admit(client));
    EXPECT_EQ(one.settle(client, &yes), verdict::admitted);
    EXPECT_FALSE(one.admit(client)) << "it keeps its place";
    one.release(client);

    accept_answer no;
    no.reject();
    ASSERT_TRUE(one.admit(client));
    EXPECT_EQ(one.settle(client, &no), verdict::rejected);
    ASSERT_TRUE(one.admit(client)) << "its place is free again";
    EXPECT_EQ(one.settle(client, nullptr), verdict::rejected) << "nobody has looked at it";
    EXPECT_TRUE(one.admit(client));
    EXPECT_EQ(counts_of(one).connections_rejected, 2U);
    EXPECT_EQ(counts_of(one).connections_refused, 1U);
}

TEST(admission, so_many_are_told_at_a_time_why_they_have_no_place) {
    admission quiet({1}, 0);
    EXPECT_FALSE(quiet.begin_telling()) << "not unless it is asked for";
    admission telling({1, 0, 128, 2}, 0);
    EXPECT_TRUE(telling.begin_telling());
    EXPECT_TRUE(telling.begin_telling());
    EXPECT_FALSE(telling.begin_telling());
    telling.end_telling();
    EXPECT_TRUE(telling.begin_telling());
    EXPECT_TRUE(telling.admit(peer("192.0.2.1"))) << "they take no place";
}

TEST(admission, counts_what_comes_in) {
    admission all({}, 0);
    all.record_accepted();
    all.record_accepted();
    all.record_refused();
    EXPECT_EQ(all.accepted(), 2U);
    EXPECT_EQ(counts_of(all).connections_accepted, 2U);
    EXPECT_EQ(counts_of(all).connections_refused, 1U);
}

}  // namespace
}  // namespace network_system::core

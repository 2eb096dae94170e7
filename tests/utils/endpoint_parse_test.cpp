#include <network_system/utils/endpoint.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace network_system::inline v0_1 {
namespace {

TEST(endpoint_parse, reads_what_to_string_writes) {
    for (const char* const text : {
             "192.0.2.1:80",
             "0.0.0.0:0",
             "255.255.255.255:65535",
             "[::]:1",
             "[::1]:80",
             "[2001:db8::1]:443",
             "[fe80::1%2]:9",
             "unix:/run/chat.sock",
             "unix:@name",
             "unix:with:colon",
             "unix:",
         }) {
        const auto parsed = endpoint::parse(text);
        ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
        EXPECT_EQ(parsed.value().to_string(), text);
        EXPECT_EQ(endpoint::parse(parsed.value().to_string()).value(), parsed.value());
    }
}

TEST(endpoint_parse, gives_the_canonical_form) {
    struct row {
        const char* given;
        const char* text;
    };
    for (const auto& [given, text] : std::vector<row>{
             {"[2001:DB8:0:0::1]:443", "[2001:db8::1]:443"},
             {"[::ffff:192.0.2.1]:80", "192.0.2.1:80"},
             {"192.0.2.1:0080", "192.0.2.1:80"},
             {"[fe80::1%02]:9", "[fe80::1%2]:9"},
         }) {
        const auto parsed = endpoint::parse(given);
        ASSERT_TRUE(parsed) << given << ": " << parsed.error().message;
        EXPECT_EQ(parsed.value().to_string(), text);
    }
}

TEST(endpoint_parse, says_what_is_wrong_with_a_text) {
    struct row {
        const char* text;
        const char* flaw;
    };
    for (const auto& [text, flaw] : std::vector<row>{
             {"", "the endpoint is empty"},
             {"192.0.2.1", "has no port"},
             {"[::1]", "has no port"},
             {"192.0.2.1:", "has a port that is none"},
             {"192.0.2.1:x", "has a port that is none"},
             {"192.0.2.1:+80", "has a port that is none"},
             {"192.0.2.1:-1", "has a port that is none"},
             {"192.0.2.1: 80", "has a port that is none"},
             {"192.0.2.1:80 ", "has a port that is none"},
             {"192.0.2.1:65536", "has a port that is none"},
             {"192.0.2.1:4294967376", "has a port that is none"},
             {":80", "the host is empty"},
             {"[]:80", "has brackets, which stand around an IPv6 address"},
             {"[192.0.2.1]:80", "has brackets, which stand around an IPv6 address"},
             {"[::1:80", "brackets that do not match"},
             {"::1]:80", "brackets that do not match"},
             {"[[::1]]:80", "has brackets"},
             {"::1:80", "stands in brackets"},
             {"2001:db8::1", "stands in brackets"},
             {"[fe80::1%eth0]:80", "has a zone that is not the number of an interface"},
             {"[fe80::1%4294967296]:80", "has a zone that is not the number of an interface"},
             {"[fe80::1%]:80", "has a zone that is no network interface"},
             {"[2001:db8::1%1]:80", "has a zone, which only link-local addresses have"},
             {"example.org:80", "is a name, and no numeric address"},
             {"127.1:80", "is no IPv4 address"},
             {"192.0.2.256:80", "is no IPv4 address"},
             {"http://192.0.2.1:80", "stands in brackets"},
             {"unspecified", "has no port"},
         }) {
        const auto parsed = endpoint::parse(text);
        ASSERT_TRUE(parsed.is_err()) << text << " became " << parsed.value().to_string();
        EXPECT_EQ(parsed.error(), errc::invalid_argument) << text;
        EXPECT_NE(parsed.error().message.find(flaw), std::string::npos)
            << text << ": " << parsed.error().message;
    }
}

TEST(endpoint_parse, takes_host_and_port_apart) {
    EXPECT_EQ(endpoint::parse("192.0.2.1", 80).value().to_string(), "192.0.2.1:80");
    EXPECT_EQ(endpoint::parse("::1", 80).value().to_string(), "[::1]:80");
    EXPECT_EQ(endpoint::parse("[::1]", 80).value().to_string(), "[::1]:80");
    EXPECT_EQ(endpoint::parse("fe80::1%3", 80).value().scope_id(), 3U);
    EXPECT_EQ(endpoint::parse("unix:/run/a", 0).value(), endpoint::unix_domain("/run/a"));
    EXPECT_EQ(endpoint::parse("unix:/run/a", 1).error(), errc::invalid_argument);
    EXPECT_EQ(endpoint::parse("192.0.2.1:80", 80).error(), errc::invalid_argument);
    EXPECT_EQ(endpoint::parse("localhost", 80).error(), errc::invalid_argument);
    EXPECT_EQ(endpoint::parse("", 80).error(), errc::invalid_argument);
}

TEST(endpoint_parse, a_constructor_takes_host_and_port) {
    EXPECT_EQ(endpoint("192.0.2.1", 80), endpoint::parse("192.0.2.1:80").value());
    EXPECT_EQ(endpoint("::1", 80), endpoint::parse("[::1]:80").value());
    EXPECT_EQ(endpoint("unix:/run/a", 0), endpoint::unix_domain("/run/a"));
}

TEST(endpoint_parse_death_test, the_constructor_aborts_where_parse_fails) {
    EXPECT_DEATH(endpoint("localhost", 80), "is a name, and no numeric address");
}

}  // namespace
}  // namespace network_system

// The one place where a host is understood: every text, and each form of it.
#include "utils/host.h"

#include "support/wrong_hosts.h"

#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::detail {
namespace {

using testing_hosts = std::vector<network_system::testing::wrong_host>;

TEST(host, has_the_form_that_each_use_needs) {
    struct row {
        std::string given;
        std::string text;
        std::string bracketed;
        std::string certificate_name;
        std::string authority;
    };
    const std::string label(63, 'a');
    const std::string longest =
        label + '.' + label + '.' + label + '.' + std::string(61, 'b');  // 253
    const std::vector<row> rows{
        {"example.org", "example.org", "example.org", "example.org", "example.org"},
        {"example.org.", "example.org.", "example.org.", "example.org", "example.org"},
        {"EXAMPLE.org", "EXAMPLE.org", "EXAMPLE.org", "EXAMPLE.org", "EXAMPLE.org"},
        {"localhost", "localhost", "localhost", "localhost", "localhost"},
        {"localhost.", "localhost", "localhost", "localhost", "localhost"},
        {"LocalHost.", "LocalHost", "LocalHost", "LocalHost", "LocalHost"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example",
         "xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"my_service-1", "my_service-1", "my_service-1", "my_service-1", "my_service-1"},
        {"-a-", "-a-", "-a-", "-a-", "-a-"},
        {"web.1", "web.1", "web.1", "web.1", "web.1"},
        {"1and1.example", "1and1.example", "1and1.example", "1and1.example", "1and1.example"},
        {"beef", "beef", "beef", "beef", "beef"},
        {longest, longest, longest, longest, longest},
        {longest + '.', longest + '.', longest + '.', longest, longest},
        {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
        {"::1", "::1", "[::1]", "::1", "[::1]"},
        {"[::1]", "::1", "[::1]", "::1", "[::1]"},
        {"2001:DB8:0:0::1", "2001:db8::1", "[2001:db8::1]", "2001:db8::1", "[2001:db8::1]"},
        {"::", "::", "[::]", "::", "[::]"},
        {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
        {"[::FFFF:c000:201]", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
        {"::192.0.2.1", "::192.0.2.1", "[::192.0.2.1]", "::192.0.2.1", "[::192.0.2.1]"},
        {"fe80::1%eth0", "fe80::1%eth0", "[fe80::1%eth0]", "fe80::1", "[fe80::1]"},
        {"[FE80::1%eth0.7]", "fe80::1%eth0.7", "[fe80::1%eth0.7]", "fe80::1", "[fe80::1]"},
        {"fe80::1%2", "fe80::1%2", "[fe80::1%2]", "fe80::1", "[fe80::1]"},
        {"fe80::1", "fe80::1", "[fe80::1]", "fe80::1", "[fe80::1]"},
        {"ff02::1%eth0", "ff02::1%eth0", "[ff02::1%eth0]", "ff02::1", "[ff02::1]"},
        {"unix:/run/app", "unix:/run/app", "unix:/run/app", "", "localhost"},
        {"unix:@app", "unix:@app", "unix:@app", "", "localhost"},
        {"unix:", "unix:", "unix:", "", "localhost"},
    };
    for (const row& each : rows) {
        const auto parsed = host::parse(each.given);
        ASSERT_TRUE(parsed) << each.given << ": " << parsed.error().message;
        EXPECT_EQ(parsed.value().text(), each.text);
        EXPECT_EQ(parsed.value().bracketed(), each.bracketed);
        EXPECT_EQ(parsed.value().certificate_name(), each.certificate_name);
        EXPECT_EQ(parsed.value().authority(), each.authority);
        for (const std::string& form : {each.text, each.bracketed}) {
            const auto again = host::parse(form);
            ASSERT_TRUE(again) << form;
            EXPECT_EQ(again.value().text(), each.text) << "it is the same host";
        }
    }
}

TEST(host, is_a_name_an_address_or_a_path) {
    using family = endpoint::family;
    const auto kind = [](const char* text) { return host::parse(text).value().address().kind(); };
    EXPECT_EQ(kind("example.org"), family::unspecified);
    EXPECT_EQ(kind("192.0.2.1"), family::ipv4);
    EXPECT_EQ(kind("::ffff:192.0.2.1"), family::ipv4);
    EXPECT_EQ(kind("[::1]"), family::ipv6);
    EXPECT_EQ(kind("unix:/x"), family::unix_domain);
    EXPECT_EQ(host::parse("unix:/x").value().address().path(), "/x");
    EXPECT_EQ(host::parse("fe80::1%eth0").value().zone(), "eth0");
    EXPECT_EQ(host::parse("fe80::1").value().zone(), "");
}

TEST(host, that_is_none_is_refused_by_name) {
    testing_hosts wrong = network_system::testing::wrong_hosts();
    wrong.insert(wrong.end(), {{"", "", "is empty"},
                               {"", "\t", "control"},
                               {"", "a\x7F", "control"},
                               {"", "a%b", "'%'"},
                               {"", "*.example.org", "'*'"},
                               {"", "a\\b", "'\\'"},
                               {"", "localhost]", "brackets"},
                               {"", "[", "brackets"},
                               {"", "]", "brackets"},
                               {"", "]::1[", "brackets"},
                               {"", ":", "port"},
                               {"", "1::2::3", "IPv6"},
                               {"", "::1%", "link-local"},
                               {"", "::ffff:192.0.2.1%1", "link-local"},
                               {"", "ff05::1%eth0", "link-local"},
                               {"", "fe80::1%a]", "brackets"},
                               {"", "[fe80::1%a]]", "zone"},
                               {"", "fe80::1%a/b", "zone"},
                               {"", "010.0.0.1", "four numbers"},
                               {"", "1.2.3.4.5", "four numbers"},
                               {"", "0x", "four numbers"},
                               {"", "256.0.0.1", "four numbers"},
                               {"", ".a", "label"},
                               {"", "UNIX:/x", "port"},
                               {"", std::string(100'000, 'a'), "253"},
                               {"", std::string(100'000, '\xFF'), "xn--"}});
    for (const auto& each : wrong) {
        const auto parsed = host::parse(each.text, "somebody", "thing");
        ASSERT_FALSE(parsed) << each.text;
        EXPECT_EQ(parsed.error().code, static_cast<int>(errc::invalid_argument));
        EXPECT_EQ(parsed.error().source, "somebody");
        const std::string& message = parsed.error().message;
        EXPECT_TRUE(message.starts_with("the thing ")) << message;
        EXPECT_NE(message.find(each.reason), std::string::npos) << message;
        EXPECT_LT(message.size(), 400U);
    }
}

TEST(host, of_a_host_field_may_have_a_port) {
    const std::vector<std::pair<const char*, const char*>> right{
        {"example.org", "example.org"}, {"example.org:8080", "example.org"},
        {"192.0.2.1:1", "192.0.2.1"},   {"[::1]", "::1"},
        {"[::1]:65535", "::1"},         {"[fe80::1]:80", "fe80::1"}};
    for (const auto& [field, text] : right) {
        const auto parsed = host::parse_authority(field, "test", "field");
        ASSERT_TRUE(parsed) << field;
        EXPECT_EQ(parsed.value().text(), text);
    }
    for (const char* field : {"",
                              ":",
                              ":80",
                              "a:",
                              "a:b",
                              "a:-1",
                              "a:65536",
                              "a:80:90",
                              "a:80 ",
                              "::1",
                              "fe80::1",
                              "[::1",
                              "[::1]80",
                              "[::1]:",
                              "[::1]:x",
                              "[a]:80",
                              "[fe80::1%lo]:80",
                              "127.1:80",
                              "unix:/x",
                              "unix:x]",
                              "unix:[x]:80",
                              "unix:-]-",
                              "http://a"}) {
        const auto parsed = host::parse_authority(field, "test", "field");
        ASSERT_FALSE(parsed) << field;
        EXPECT_EQ(parsed.error().code, static_cast<int>(errc::invalid_argument));
    }
}

}  // namespace
}  // namespace network_system::detail

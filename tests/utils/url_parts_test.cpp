// URLs are cut into their parts, whatever is in them.
#include "utils/url_parts.h"

#include <gtest/gtest.h>

#include <string_view>

namespace network_system::inline v0_1::detail {
namespace {

using namespace std::string_view_literals;

TEST(url_parts, are_what_stands_between_the_separators) {
    const auto all = split_url("ws://user@host:1/path://?a#b");
    EXPECT_EQ(all.scheme, "ws");
    EXPECT_EQ(all.authority, "user@host:1");
    EXPECT_EQ(all.rest, "/path://?a#b");
    const auto short_one = split_url("ws://?a");
    EXPECT_EQ(short_one.authority, "");
    EXPECT_EQ(short_one.rest, "?a");
    const auto none = split_url("host/path");
    EXPECT_EQ(none.scheme, "");
    EXPECT_EQ(none.authority, "host");
    EXPECT_EQ(none.rest, "/path");
}

TEST(url_parts, of_an_authority_are_its_user_its_host_and_what_follows) {
    struct {
        std::string_view text;
        std::string_view host;
        std::string_view behind;
    } const rows[] = {
        {"", "", ""},
        {"host", "host", ""},
        {"host:", "host", ":"},
        {"host:80", "host", ":80"},
        {":80", "", ":80"},
        {"::1", "", "::1"},
        {"[::1]", "[::1]", ""},
        {"[::1]:80", "[::1]", ":80"},
        {"[::1]80", "[::1]", "80"},
        {"[::1:80", "[::1:80", ""},
        {"[", "[", ""},
        {"a]b:80", "a]b", ":80"},
    };
    for (const auto& each : rows) {
        const auto parts = split_authority(each.text);
        EXPECT_FALSE(parts.user) << each.text;
        EXPECT_EQ(parts.host, each.host) << each.text;
        EXPECT_EQ(parts.behind_host, each.behind) << each.text;
    }
    EXPECT_EQ(split_authority("a@b:c@host:1").user, "a@b:c"sv) << "up to the last";
    EXPECT_EQ(split_authority("a@b:c@host:1").host, "host");
    EXPECT_EQ(split_authority("@host").user, ""sv);
}

TEST(url_parts, have_ports_that_are_numbers) {
    EXPECT_EQ(port_in("1"), 1);
    EXPECT_EQ(port_in("0080"), 80);
    EXPECT_EQ(port_in("65535"), 65535);
    for (const auto wrong :
         {"", "0", "65536", "99999999999999999999", "-1", "+1", "1 ", " 1", "1x"}) {
        EXPECT_FALSE(port_in(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace network_system::detail

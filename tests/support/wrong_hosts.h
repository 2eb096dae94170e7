// Texts that are no hosts, for the tests of every protocol.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing {

struct wrong_host {
    /// Of the test.
    const char* name;
    std::string text;
    /// A part of what the error says.
    const char* reason;

    friend void PrintTo(const wrong_host& each, std::ostream* out) { *out << each.name; }
};

/// Hosts that are none, which every protocol refuses in the same words. The empty one, which is no
/// wrong `bind_address`, is not among them.
[[nodiscard]] inline const std::vector<wrong_host>& wrong_hosts() {
    static const std::vector<wrong_host> all{
        {"not_ascii",
         "b\xC3\xBC"
         "cher.example",
         "xn--"},
        {"nul", std::string("localhost\0.example", 18), "control character"},
        {"nul_after_an_address", std::string("127.0.0.1\0", 10), "control character"},
        {"line_break", "localhost\r\nX: y", "control character"},
        {"space", "local host", "space"},
        {"space_at_the_end", "127.0.0.1 ", "space"},
        {"url", "http://localhost", "URL"},
        {"path", "localhost/chat", "'/'"},
        {"user", "me@localhost", "'@'"},
        {"port", "localhost:80", "port"},
        {"port_of_an_address", "127.0.0.1:80", "port"},
        {"port_behind_brackets", "[::1]:80", "port"},
        {"open_bracket", "[::1", "brackets"},
        {"closed_bracket", "::1]", "brackets"},
        {"empty_brackets", "[]", "brackets"},
        {"twice_in_brackets", "[[::1]]", "brackets"},
        {"name_in_brackets", "[localhost]", "brackets"},
        {"v4_in_brackets", "[127.0.0.1]", "brackets"},
        {"no_address_in_brackets", "[::1::2]", "brackets"},
        {"zone_of_the_loopback", "::1%lo", "link-local"},
        {"empty_zone", "fe80::1%", "zone"},
        {"zone_of_v4", "127.0.0.1%lo", "'%'"},
        {"short_v4", "127.1", "four numbers"},
        {"number", "2130706433", "four numbers"},
        {"hexadecimal_v4", "0x7f.0.0.1", "four numbers"},
        {"v4_out_of_range", "300.1.1.1", "four numbers"},
        {"v4_with_a_dot", "127.0.0.1.", "four numbers"},
        {"dot", ".", "label"},
        {"two_dots", "localhost..", "label"},
        {"empty_label", "a..example", "label"},
        {"long_label", std::string(64, 'a') + ".example", "63"},
        {"long_name",
         [] {
             std::string name;
             for (int i = 0; i < 64; ++i) {
                 name += "abc.";
             }
             return name.substr(0, 254);
         }(),
         "253"},
    };
    return all;
}

}  // namespace network_system::testing

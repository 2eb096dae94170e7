#include "protocol/proxy/socks5.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::protocol {
namespace {

using namespace network_system::testing;
using tunnel_status = tunnel_request::status;

const socks5_connect::target a_name{"example.org", {}, 0x1234};

std::unique_ptr<socks5_connect> socks_request(const proxy_credentials& who = {}) {
    return socks5_connect::to(a_name, who).value();
}

byte_string request_for(const socks5_connect::target& where) {
    const auto made = socks5_connect::to(where, {}).value();
    EXPECT_EQ(made->take_output(), (byte_string{5, 1, 0}));
    EXPECT_EQ(made->consume(byte_string{5, 0}), 2U);
    return made->take_output();
}

TEST(socks5_connect, asks_for_names_and_addresses) {
    EXPECT_EQ(request_for(a_name),
              concat({{5, 1, 0, 3, 11}, text_bytes("example.org"), {0x12, 0x34}}));
    EXPECT_EQ(request_for({"", endpoint::parse("192.0.2.7:443").value(), 443}),
              (byte_string{5, 1, 0, 1, 192, 0, 2, 7, 1, 0xBB}));
    EXPECT_EQ(
        request_for({"", endpoint::parse("[2001:db8::7]:1").value(), 1}),
        (byte_string{5, 1, 0, 4, 0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1}));
    const std::string longest(255, 'n');
    EXPECT_EQ(request_for({longest, {}, 1}),
              concat({{5, 1, 0, 3, 255}, text_bytes(longest), {0, 1}}));
}

TEST(socks5_connect, says_who_asks_when_asked) {
    const std::string longest(255, 'x');
    for (const auto& [user, password] :
         {std::pair<std::string, std::string>{"user", "pass"}, {longest, longest}, {"u", "p"}}) {
        const auto made = socks_request({user, password});
        EXPECT_EQ(made->take_output(), (byte_string{5, 2, 0, 2}));
        (void)made->consume(byte_string{5, 2});
        EXPECT_EQ(made->take_output(), concat({{1, static_cast<std::uint8_t>(user.size())},
                                               text_bytes(user),
                                               {static_cast<std::uint8_t>(password.size())},
                                               text_bytes(password)}));
        (void)made->consume(byte_string{1, 0});
        EXPECT_EQ(made->take_output().size(), 18U);
    }
    // The proxy asks for nothing: the password stays here.
    const auto unasked = socks_request({"user", "pass"});
    (void)unasked->take_output();
    (void)unasked->consume(byte_string{5, 0});
    EXPECT_EQ(unasked->take_output(), request_for(a_name));
}

TEST(socks5_connect, refuses_what_has_no_place_in_a_request) {
    const std::string long_text(256, 's');
    const endpoint local = endpoint::unix_domain("/run/app");
    struct row {
        socks5_connect::target where;
        proxy_credentials who;
        const char* expected;
    };
    for (const row& each : {
             row{a_name, {long_text, "p"}, "at most 255 bytes"},
             row{a_name, {"u", long_text}, "at most 255 bytes"},
             row{a_name, {"secret", ""}, "go together"},
             row{a_name, {"", "secret"}, "go together"},
             row{{long_text, {}, 1}, {}, "neither a name nor an address"},
             row{{"", {}, 1}, {}, "neither a name nor an address"},
             row{{"", local, 1}, {}, "neither a name nor an address"},
         }) {
        const auto made = socks5_connect::to(each.where, each.who);
        ASSERT_TRUE(made.is_err()) << each.expected;
        EXPECT_EQ(made.error(), errc::invalid_argument);
        EXPECT_NE(made.error().message.find(each.expected), std::string::npos);
        EXPECT_EQ(made.error().message.find("secret"), std::string::npos);
    }
}

byte_string reply_with(std::uint8_t type, const byte_string& address) {
    return concat({{5, 0, 0, type}, address, {0x12, 0x34}});
}

struct socks_row {
    const char* name;
    byte_string answers;
    tunnel_status expected;
    errc code = {};
    std::string text = {};
    bool has_user = false;
};

[[nodiscard]] std::vector<socks_row> socks_answers() {
    const byte_string v4 = reply_with(1, {127, 0, 0, 1});
    const auto rejected = [](std::uint8_t reply, errc code, const char* text) {
        return socks_row{text,
                         {5, 0, 5, reply},
                         tunnel_status::failed,
                         code,
                         std::string("the proxy says: ") + text + " (reply " +
                             std::to_string(reply) + ")"};
    };
    return {
        {"IPv4", concat({{5, 0}, v4}), tunnel_status::open},
        {"IPv6", concat({{5, 0}, reply_with(4, byte_string(16))}), tunnel_status::open},
        {"a name", concat({{5, 0}, reply_with(3, concat({{3}, text_bytes("abc")}))}),
         tunnel_status::open},
        {"an empty name", concat({{5, 0}, reply_with(3, {0})}), tunnel_status::open},
        {"the longest name", concat({{5, 0}, reply_with(3, concat({{255}, byte_string(255)}))}),
         tunnel_status::open},
        {"with a user", concat({{5, 2, 1, 0}, v4}), tunnel_status::open, {}, {}, true},
        {"of authentication 5", concat({{5, 2, 5, 0}, v4}), tunnel_status::open, {}, {}, true},
        {"with a user that nobody wants", concat({{5, 0}, v4}), tunnel_status::open, {}, {}, true},
        {"the user is refused",
         {5, 2, 1, 1},
         tunnel_status::failed,
         errc::handshake_rejected,
         "the proxy has refused the user and password",
         true},
        {"a user is wanted",
         {5, 0xFF},
         tunnel_status::failed,
         errc::handshake_rejected,
         "the proxy asks for authentication, and no user was given"},
        {"something else is wanted",
         {5, 0xFF},
         tunnel_status::failed,
         errc::handshake_rejected,
         "the proxy takes no method that was offered (none, user and password)",
         true},
        {"a method that was not offered",
         {5, 2},
         tunnel_status::failed,
         errc::protocol_error,
         "the proxy has chosen a method that was not offered"},
        {"GSSAPI",
         {5, 1},
         tunnel_status::failed,
         errc::protocol_error,
         "the proxy has chosen a method that was not offered",
         true},
        rejected(1, errc::connection_failed, "general failure"),
        rejected(2, errc::handshake_rejected, "connection not allowed by its rules"),
        rejected(3, errc::connection_failed, "network unreachable"),
        rejected(4, errc::connection_failed, "host unreachable"),
        rejected(5, errc::connection_refused, "connection refused"),
        rejected(6, errc::connection_timeout, "TTL expired"),
        rejected(7, errc::handshake_rejected, "command not supported"),
        rejected(8, errc::handshake_rejected, "address type not supported"),
        rejected(9, errc::connection_failed, "no reason known to us"),
        rejected(255, errc::connection_failed, "no reason known to us"),
        {"HTTP", text_bytes("HTTP/1.1 400"), tunnel_status::failed, errc::protocol_error,
         "the proxy does not speak SOCKS 5"},
        {"SOCKS 4",
         {0, 90},
         tunnel_status::failed,
         errc::protocol_error,
         "the proxy does not speak SOCKS 5"},
        {"another version later",
         {5, 0, 4, 0},
         tunnel_status::failed,
         errc::protocol_error,
         "the proxy does not speak SOCKS 5"},
        {"an unknown type", concat({{5, 0}, reply_with(2, {1})}), tunnel_status::failed,
         errc::protocol_error, "the proxy's reply is malformed"},
        {"type 0", concat({{5, 0}, reply_with(0, {1})}), tunnel_status::failed,
         errc::protocol_error, "the proxy's reply is malformed"},
        {"not reserved",
         {5, 0, 5, 0, 1, 1, 127},
         tunnel_status::failed,
         errc::protocol_error,
         "the proxy's reply is malformed"},
    };
}

TEST(socks5_connect, reads_answers_in_any_pieces) {
    for (const socks_row& each : socks_answers()) {
        const byte_string stream = concat({each.answers, pattern(20)});
        for (std::size_t size = 0; size <= stream.size(); ++size) {
            const auto request =
                socks_request(each.has_user ? proxy_credentials{"u", "p"} : proxy_credentials{});
            std::size_t taken = 0;
            while (taken < stream.size() && request->state() == tunnel_status::asking) {
                ASSERT_GT(request->wanted(), 0U);
                const std::size_t piece =
                    std::min(size != 0 ? size : request->wanted(), stream.size() - taken);
                taken += request->consume(byte_span(stream).subspan(taken, piece));
            }
            ASSERT_EQ(request->state(), each.expected) << each.name << " in pieces of " << size;
            EXPECT_EQ(request->code(), each.code) << each.name;
            EXPECT_EQ(request->text(), each.text) << each.name;
            EXPECT_EQ(request->wanted(), 0U);
            if (each.expected == tunnel_status::open) {
                EXPECT_EQ(taken, each.answers.size()) << each.name << " in pieces of " << size;
            }
        }
    }
}

TEST(socks5_connect, waits_for_whole_answers_and_wants_no_more) {
    for (const socks_row& each : socks_answers()) {
        if (each.expected != tunnel_status::open) {
            continue;
        }
        for (std::size_t cut = 0; cut < each.answers.size(); ++cut) {
            const auto request =
                socks_request(each.has_user ? proxy_credentials{"u", "p"} : proxy_credentials{});
            EXPECT_EQ(request->consume(byte_span(each.answers).first(cut)), cut);
            EXPECT_EQ(request->state(), tunnel_status::asking) << each.name << " cut at " << cut;
            EXPECT_GE(request->wanted(), 1U);
            EXPECT_LE(request->wanted(), each.answers.size() - cut) << each.name;
        }
    }
}

}  // namespace
}  // namespace network_system::protocol

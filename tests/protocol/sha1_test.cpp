#include "protocol/websocket/sha1.h"

#include "protocol/websocket/base64.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace network_system::inline v0_1::protocol {
namespace {

using testing::byte_string;
using testing::text_bytes;

std::string digest(const byte_string& message) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned each : sha1(message)) {
        text += digits[each / 16];
        text += digits[each % 16];
    }
    return text;
}

std::string repeated(std::string_view piece, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) {
        text += piece;
    }
    return text;
}

TEST(sha1, vectors_of_rfc_3174) {
    EXPECT_EQ(digest(text_bytes("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(digest(text_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    EXPECT_EQ(digest(byte_string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    EXPECT_EQ(digest(text_bytes(repeated(
                  "0123456701234567012345670123456701234567012345670123456701234567", 10))),
              "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

TEST(sha1, nothing) {
    EXPECT_EQ(digest({}), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

// Where the padding needs a block of its own. The values are those of sha1sum.
TEST(sha1, around_the_end_of_a_block) {
    EXPECT_EQ(digest(byte_string(55, 'a')), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    EXPECT_EQ(digest(byte_string(56, 'a')), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
    EXPECT_EQ(digest(byte_string(63, 'a')), "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
    EXPECT_EQ(digest(byte_string(64, 'a')), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
    EXPECT_EQ(digest(byte_string(65, 'a')), "11655326c708d70319be2610e8a57d9a5b959d3b");
}

TEST(base64, vectors_of_rfc_4648) {
    EXPECT_EQ(to_base64(text_bytes("")), "");
    EXPECT_EQ(to_base64(text_bytes("f")), "Zg==");
    EXPECT_EQ(to_base64(text_bytes("fo")), "Zm8=");
    EXPECT_EQ(to_base64(text_bytes("foo")), "Zm9v");
    EXPECT_EQ(to_base64(text_bytes("foob")), "Zm9vYg==");
    EXPECT_EQ(to_base64(text_bytes("fooba")), "Zm9vYmE=");
    EXPECT_EQ(to_base64(text_bytes("foobar")), "Zm9vYmFy");
    EXPECT_EQ(to_base64(byte_string{0xFB, 0xFF, 0xFE}), "+//+");
}

}  // namespace
}  // namespace network_system::protocol

#include "support/bytes.h"

#include <network_system/internal/utf8.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::internal {
namespace {

using namespace network_system::testing;
using namespace std::string_view_literals;

/// Decodes by the table of RFC 3629 section 4, character by character: where the first byte is that
/// makes the text invalid, or its size; and whether it is complete there.
struct reading {
    std::size_t valid_bytes = 0;
    bool is_complete = true;
};
reading read_by_the_book(byte_span text) {
    struct form {
        std::uint8_t first_least, first_most, second_least, second_most;
        std::size_t size;
    };
    constexpr form forms[] = {
        {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    std::size_t at = 0;
    while (at < text.size()) {
        const form* found = nullptr;
        for (const form& each : forms) {
            if (text[at] >= each.first_least && text[at] <= each.first_most) {
                found = &each;
            }
        }
        if (found == nullptr) {
            return {at, false};
        }
        for (std::size_t i = 1; i < found->size; ++i) {
            if (at + i == text.size()) {
                return {text.size(), false};
            }
            const unsigned least = i == 1 ? found->second_least : 0x80;
            const unsigned most = i == 1 ? found->second_most : 0xBF;
            if (text[at + i] < least || text[at + i] > most) {
                return {at + i, false};
            }
        }
        at += found->size;
    }
    return {at, true};
}

/// Fed byte by byte: as above.
reading read_bytewise(byte_span text) {
    utf8_validator validator;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!validator.feed(text.subspan(i, 1))) {
            return {i, false};
        }
    }
    return {text.size(), validator.is_complete()};
}

void expect_same(const byte_string& text) {
    const reading expected = read_by_the_book(text);
    const reading actual = read_bytewise(text);
    ASSERT_EQ(actual.valid_bytes, expected.valid_bytes);
    ASSERT_EQ(actual.is_complete, expected.is_complete);
    ASSERT_EQ(is_utf8(text), expected.is_complete);
}

struct sample {
    std::string_view what;
    std::string_view text;
    /// The bytes that pass before it fails; nothing when it is valid.
    std::optional<std::size_t> fails_at;
};

const std::vector<sample>& samples() {
    static const std::vector<sample> all{
        {"nothing", ""sv, {}},
        {"a zero", "\x00"sv, {}},
        {"one byte, least and most", "\x01\x7F"sv, {}},
        {"two bytes, least and most", "\xC2\x80\xDF\xBF"sv, {}},
        {"three bytes, least and most", "\xE0\xA0\x80\xEF\xBF\xBF"sv, {}},
        {"four bytes, least and most", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"sv, {}},
        {"around the surrogates", "\xED\x9F\xBF\xEE\x80\x80"sv, {}},
        {"replacement character and byte order mark", "\xEF\xBF\xBD\xEF\xBB\xBF"sv, {}},
        {"noncharacters are characters", "\xEF\xBF\xBE\xEF\xBF\xBF\xEF\xB7\x90"sv, {}},
        {"noncharacters of other planes", "\xF0\x9F\xBF\xBF\xF4\x8F\xBF\xBE"sv, {}},
        {"kosme", "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5"sv, {}},

        {"first continuation byte alone", "\x80"sv, 0},
        {"last continuation byte alone", "\xBF"sv, 0},
        {"continuation after a character", "\xC2\x80\x80"sv, 2},
        {"five continuation bytes", "a\x80\xBF\x80\xBF\x80"sv, 1},
        {"first byte of two, then a space", "\xC2 "sv, 1},
        {"first byte of three, then a space", "\xE1 "sv, 1},
        {"two of three, then a space", "\xE1\x80 "sv, 2},
        {"first byte of four, then a space", "\xF1 "sv, 1},
        {"three of four, then a space", "\xF1\x80\x80 "sv, 3},
        {"a first byte after a first byte", "\xE1\xC3\xA4"sv, 1},
        {"two of two, cut off", "\xC3"sv, 1},
        {"three of four, cut off", "\xF1\x80\x80"sv, 3},

        {"fe", "\xFE"sv, 0},
        {"ff", "\xFF"sv, 0},
        {"first byte of five", "\xF8\x88\x80\x80\x80"sv, 0},
        {"first byte of six", "\xFC\x84\x80\x80\x80\x80"sv, 0},

        {"slash in two bytes", "\xC0\xAF"sv, 0},
        {"overlong, most of two bytes", "\xC1\xBF"sv, 0},
        {"slash in three bytes", "\xE0\x80\xAF"sv, 1},
        {"overlong, most of three bytes", "\xE0\x9F\xBF"sv, 1},
        {"slash in four bytes", "\xF0\x80\x80\xAF"sv, 1},
        {"overlong, most of four bytes", "\xF0\x8F\xBF\xBF"sv, 1},
        {"zero in two bytes", "\xC0\x80"sv, 0},

        {"first high surrogate", "\xED\xA0\x80"sv, 1},
        {"last low surrogate", "\xED\xBF\xBF"sv, 1},
        {"a pair of surrogates", "\xED\xA0\x80\xED\xB0\x80"sv, 1},

        {"beyond the last plane", "\xF4\x90\x80\x80"sv, 1},
        {"far beyond the last plane", "\xF5\x80\x80\x80"sv, 0},
        {"kosme, then a surrogate, then text",
         "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80"
         "edited"sv,
         12},
    };
    return all;
}

TEST(utf8, samples_byte_by_byte) {
    for (const sample& each : samples()) {
        SCOPED_TRACE(each.what);
        const byte_string text = text_bytes(each.text);
        const reading seen = read_bytewise(text);
        EXPECT_EQ(seen.valid_bytes, each.fails_at.value_or(text.size()));
        EXPECT_EQ(seen.is_complete, !each.fails_at);
        expect_same(text);
    }
}

TEST(utf8, samples_in_any_place_of_a_long_text) {
    // Behind ASCII, behind characters of every size, and at every place of the blocks in which a
    // long text is looked at.
    for (const std::string_view filler : {"a", "\xC3\xA4", "\xE4\xB8\x96", "\xF0\x9F\x99\x82"}) {
        for (std::size_t before = 0; before < 290; ++before) {
            for (const sample& each : samples()) {
                std::string text;
                for (std::size_t i = 0; i < before; ++i) {
                    text += filler;
                }
                text += each.text;
                const bool is_valid = !each.fails_at;
                ASSERT_EQ(is_utf8(text), is_valid) << each.what << " behind " << before;
                text.append(300, 'z');
                const bool may_go_on = each.what.find("cut off") == std::string_view::npos;
                ASSERT_EQ(is_utf8(text), is_valid && may_go_on) << each.what << " in " << before;
            }
        }
    }
}

TEST(utf8, every_text_of_two_bytes) {
    for (unsigned value = 0; value < 0x10000; ++value) {
        expect_same({static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)});
    }
}

TEST(utf8, every_text_of_four_bytes_from_the_limits_of_the_table) {
    constexpr std::uint8_t limits[] = {0x00, 0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                       0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                       0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
    for (const std::uint8_t a : limits) {
        for (const std::uint8_t b : limits) {
            for (const std::uint8_t c : limits) {
                for (const std::uint8_t d : limits) {
                    expect_same({a, b, c, d});
                }
            }
        }
    }
}

void append_character(byte_string& to, std::uint32_t code) {
    const auto rest = [&](unsigned shift) {
        to.push_back(static_cast<std::uint8_t>(0x80U | ((code >> shift) & 0x3FU)));
    };
    if (code < 0x80) {
        to.push_back(static_cast<std::uint8_t>(code));
    } else if (code < 0x800) {
        to.push_back(static_cast<std::uint8_t>(0xC0U | code >> 6U));
        rest(0);
    } else if (code < 0x10000) {
        to.push_back(static_cast<std::uint8_t>(0xE0U | code >> 12U));
        rest(6);
        rest(0);
    } else {
        to.push_back(static_cast<std::uint8_t>(0xF0U | code >> 18U));
        rest(12);
        rest(6);
        rest(0);
    }
}

TEST(utf8, every_character) {
    for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
        const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
        byte_string text;
        append_character(text, code);
        ASSERT_EQ(is_utf8(text), !is_surrogate) << std::hex << code;
    }
}

TEST(utf8, seeded_texts_in_seeded_pieces_with_seeded_damage) {
    for (unsigned seed = 0; seed < 3000; ++seed) {
        std::mt19937 random(seed);
        byte_string text;
        const std::size_t size = pick(random, 0, 1500);
        while (text.size() < size) {
            // Each size of a character as often as the others.
            const std::size_t most[] = {0x7F, 0x7FF, 0xD7FF, 0x10FFFF};
            const std::size_t least[] = {0, 0x80, 0x800, 0x10000};
            const std::size_t kind = pick(random, 0, 3);
            append_character(text,
                             static_cast<std::uint32_t>(pick(random, least[kind], most[kind])));
        }
        if (seed % 2 != 0 && !text.empty()) {
            text[pick(random, 0, text.size() - 1)] = static_cast<std::uint8_t>(random());
        }
        const reading expected = read_by_the_book(text);
        ASSERT_EQ(is_utf8(text), expected.is_complete) << seed;

        utf8_validator validator;
        std::size_t at = 0;
        bool is_valid = true;
        while (at < text.size()) {
            const std::size_t count = std::min(text.size() - at, pick(random, 1, 400));
            is_valid = validator.feed(byte_span(text).subspan(at, count));
            at += count;
            ASSERT_EQ(is_valid, at <= expected.valid_bytes) << seed;
        }
        ASSERT_EQ(is_valid && validator.is_complete(), expected.is_complete) << seed;
    }
}

TEST(utf8, stays_invalid_until_it_is_reset) {
    utf8_validator validator;
    EXPECT_FALSE(validator.feed(text_bytes("\xFF")));
    EXPECT_FALSE(validator.feed(text_bytes("a")));
    EXPECT_FALSE(validator.is_complete());
    validator.reset();
    EXPECT_TRUE(validator.feed(text_bytes("a")));
    EXPECT_TRUE(validator.is_complete());
}

}  // namespace
}  // namespace network_system::internal

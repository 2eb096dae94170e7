// Bodies of responses (RFC 9112 sections 6.3 and 7.1): how each ends, in whatever pieces it comes,
// and what hostile ones cost.
#include "protocol/http1/body.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::protocol {
namespace {

using namespace network_system::testing;
using body_status = response_body::status;

[[nodiscard]] websocket::http_head head_with(std::string_view fields,
                                             std::string_view start_line = "HTTP/1.1 403 No") {
    websocket::http_head_parser parser;
    const auto text = text_bytes(std::string(start_line) + "\r\n" + std::string(fields) + "\r\n");
    EXPECT_EQ(parser.consume(text), text.size());
    EXPECT_EQ(parser.state(), websocket::http_head_parser::status::complete) << fields;
    return parser.take_head();
}

struct outcome {
    body_status how = body_status::incomplete;
    std::string body = {};
    std::size_t used = 0;
};

/// What becomes of the stream in pieces of this size, whose end comes behind it.
[[nodiscard]] outcome read(response_body body, std::string_view stream, std::size_t piece) {
    const auto bytes = text_bytes(stream);
    outcome seen;
    while (seen.used < bytes.size() && body.state() == body_status::incomplete) {
        const auto next = std::min(piece, bytes.size() - seen.used);
        const auto taken = body.consume(byte_span(bytes).subspan(seen.used, next));
        EXPECT_TRUE(taken == next || body.state() != body_status::incomplete);
        seen.used += taken;
    }
    body.end();
    seen.how = body.state();
    seen.body = body.take();
    return seen;
}

struct body_row {
    const char* name;
    std::string fields;
    std::string stream;
    outcome wanted;
    unsigned http_status = 403;
    std::size_t limit = 1000;
    std::string_view start_line = "HTTP/1.1 403 No";
};

constexpr const char* chunked = "Transfer-Encoding: chunked\r\n";

[[nodiscard]] std::vector<body_row> bodies() {
    return {
        {"until the end", "", "denied", {body_status::complete, "denied", 6}},
        {"until the end, nothing", "", "", {body_status::complete, "", 0}},
        {"until the end, as much as fits", "", "1234", {body_status::complete, "1234", 4}, 403, 4},
        {"until the end, too long", "", "12345", {body_status::cut, "1234", 4}, 403, 4},
        {"a length",
         "Content-Length: 6\r\n",
         "denied, and more",
         {body_status::complete, "denied", 6}},
        {"no length", "Content-Length: 0\r\n", "more", {body_status::complete, "", 0}},
        {"a length, cut short", "Content-Length: 6\r\n", "den", {body_status::cut, "den", 3}},
        {"a length, as much as fits",
         "Content-Length: 4\r\n",
         "1234",
         {body_status::complete, "1234", 4},
         403,
         4},
        {"a length, too long",
         "Content-Length: 5\r\n",
         "12345",
         {body_status::cut, "1234", 4},
         403,
         4},
        {"the same length twice",
         "Content-Length: 2\r\nContent-Length: 2\r\n",
         "no",
         {body_status::complete, "no", 2}},
        {"the largest length",
         "Content-Length: 18446744073709551615\r\n",
         "no",
         {body_status::cut, "no", 2}},
        {"a length that is no number", "Content-Length: 0x2\r\n", "no", {body_status::cut, "", 0}},
        {"a negative length", "Content-Length: -2\r\n", "no", {body_status::cut, "", 0}},
        {"a length over 64 bits",
         "Content-Length: 18446744073709551616\r\n",
         "no",
         {body_status::cut, "", 0}},
        {"an empty length", "Content-Length:\r\n", "no", {body_status::cut, "", 0}},
        {"two lengths",
         "Content-Length: 2\r\nContent-Length: 3\r\n",
         "no!",
         {body_status::cut, "", 0}},
        {"204", "Content-Length: 2\r\n", "no", {body_status::complete, "", 0}, 204},
        {"304", chunked, "no", {body_status::complete, "", 0}, 304},
        {"1xx", "", "no", {body_status::complete, "", 0}, 103},

        {"chunks",
         chunked,
         "2\r\nno\r\nA\r\nt for you!\r\n0\r\n\r\nmore",
         {body_status::complete, "not for you!", 27}},
        {"no chunk", chunked, "0\r\n\r\nmore", {body_status::complete, "", 5}},
        {"coding in other letters",
         "transfer-encoding: Chunked\r\n",
         "1\r\nx\r\n0\r\n\r\n",
         {body_status::complete, "x", 11}},
        {"chunks win over a length",
         "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
         "2\r\nno\r\n0\r\n\r\n",
         {body_status::complete, "no", 12}},
        {"zeros before a size",
         chunked,
         "0000000000000002\r\nno\r\n00\r\n\r\n",
         {body_status::complete, "no", 28}},
        {"extensions",
         chunked,
         "2;a=b;c=\"d;e\"\r\nno\r\n0 ; last\r\n\r\n",
         {body_status::complete, "no", 31}},
        {"blanks behind a size",
         chunked,
         "2  \r\nno\r\n0\t\r\n\r\n",
         {body_status::complete, "no", 15}},
        {"trailers",
         chunked,
         "2\r\nno\r\n0\r\nA: b\r\nC: d\r\n\r\nmore",
         {body_status::complete, "no", 24}},
        {"chunks, cut short", chunked, "3\r\nno", {body_status::cut, "no", 5}},
        {"chunks without the last", chunked, "2\r\nno\r\n", {body_status::cut, "no", 7}},
        {"chunks without the last line", chunked, "2\r\nno\r\n0\r\n", {body_status::cut, "no", 10}},
        {"chunks, as much as fits",
         chunked,
         "2\r\n12\r\n2\r\n34\r\n0\r\n\r\n",
         {body_status::complete, "1234", 19},
         403,
         4},
        {"a chunk that is too long",
         chunked,
         "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n",
         {body_status::cut, "1234", 12},
         403,
         4},
        {"a chunk too many",
         chunked,
         "4\r\n1234\r\n1\r\n5\r\n0\r\n\r\n",
         {body_status::cut, "1234", 12},
         403,
         4},
        {"a chunk of 64 bits",
         chunked,
         "FFFFFFFFFFFFFFFF\r\n12345",
         {body_status::cut, "1234", 22},
         403,
         4},
        {"a size over 64 bits", chunked, "00000000000000001\r\nx\r\n", {body_status::cut, "", 17}},
        {"no size", chunked, "\r\nno\r\n", {body_status::cut, "", 1}},
        {"no number", chunked, "g\r\n", {body_status::cut, "", 1}},
        {"a negative size", chunked, "-1\r\n", {body_status::cut, "", 1}},
        {"a size in C's words", chunked, "0x2\r\nno\r\n", {body_status::cut, "", 2}},
        {"two sizes", chunked, "2 2\r\nno\r\n", {body_status::cut, "", 3}},
        {"a line feed alone", chunked, "2\nno\n", {body_status::cut, "", 2}},
        {"a line feed in an extension", chunked, "2;a\nno", {body_status::cut, "", 4}},
        {"a zero byte in an extension",
         chunked,
         std::string("2;\0\r\nno", 7),
         {body_status::cut, "", 3}},
        {"a carriage return alone", chunked, "2\rno", {body_status::cut, "", 3}},
        {"a chunk that is longer than it says",
         chunked,
         "2\r\nnot\r\n",
         {body_status::cut, "no", 6}},
        {"a chunk's end without its line feed", chunked, "2\r\nno\rx", {body_status::cut, "no", 7}},
        {"a line feed alone in a trailer", chunked, "0\r\nA: b\n\r\n", {body_status::cut, "", 8}},
        {"a last line that is none", chunked, "0\r\n\rx", {body_status::cut, "", 5}},
        {"an endless extension",
         chunked,
         "1;" + std::string(20'000, 'x'),
         {body_status::cut, "", 2 + 16 * 1024 + 1}},
        {"endless trailers",
         chunked,
         "0\r\n" + std::string(20'000, 'x'),
         {body_status::cut, "", 3 + 16 * 1024 + 1}},

        {"another coding",
         "Transfer-Encoding: gzip\r\n",
         "\x1f\x8b",
         {body_status::complete, "\x1f\x8b", 2}},
        {"another coding, in chunks",
         "Transfer-Encoding: gzip, chunked\r\n",
         "1\r\nz\r\n0\r\n\r\n",
         {body_status::complete, "z", 11}},
        {"chunks in another coding",
         "Transfer-Encoding: chunked, gzip\r\n",
         "zz",
         {body_status::complete, "zz", 2}},
        {"chunked twice",
         "Transfer-Encoding: chunked, chunked\r\n",
         "0\r\n\r\n",
         {body_status::cut, "", 0}},
        {"no coding", "Transfer-Encoding: ,\r\n", "0\r\n\r\n", {body_status::cut, "", 0}},
        {"a coding of HTTP/1.0",
         chunked,
         "0\r\n\r\n",
         {body_status::cut, "", 0},
         403,
         1000,
         "HTTP/1.0 403 No"},
    };
}

TEST(http_body, ends_where_it_ends_whatever_the_chunks) {
    for (const body_row& each : bodies()) {
        const auto head = head_with(each.fields, each.start_line);
        for (const std::size_t piece : {1U, 2U, 3U, 5U, 7U, 1000U, 100'000U}) {
            const auto seen =
                read(response_body(each.http_status, head, each.limit), each.stream, piece);
            EXPECT_EQ(seen.how, each.wanted.how) << each.name << ", " << piece;
            EXPECT_EQ(seen.body, each.wanted.body) << each.name << ", " << piece;
            EXPECT_EQ(seen.used, each.wanted.used) << each.name << ", " << piece;
        }
    }
}

TEST(http_body, is_cut_in_two_at_every_place) {
    const auto head = head_with(chunked);
    const std::string stream = "2;x=y\r\nno\r\nA\r\nt for you!\r\n0\r\nA: b\r\n\r\n";
    for (std::size_t at = 0; at <= stream.size(); ++at) {
        response_body body(403, head, 100);
        EXPECT_EQ(body.consume(text_bytes(stream.substr(0, at))), at);
        EXPECT_EQ(body.state(),
                  at == stream.size() ? body_status::complete : body_status::incomplete);
        EXPECT_EQ(body.consume(text_bytes(stream.substr(at))), stream.size() - at);
        EXPECT_EQ(body.state(), body_status::complete);
        EXPECT_EQ(body.take(), "not for you!");
    }
}

TEST(http_body, in_chunks_of_one_byte_is_bounded) {
    const auto head = head_with(chunked);
    response_body body(403, head, 1000);
    const auto chunk = text_bytes("0000000000000001\r\nx\r\n");
    std::size_t used = 0;
    while (body.state() == body_status::incomplete && used < 1'000'000) {
        used += body.consume(chunk);
    }
    EXPECT_EQ(body.state(), body_status::cut);
    EXPECT_LT(used, 1001 * chunk.size());
    EXPECT_EQ(body.take(), std::string(1000, 'x'));
}

struct excerpt_row {
    std::string fields;
    std::string_view body;
    std::string_view wanted;
};

TEST(http_body, of_text_goes_into_an_error) {
    using namespace std::string_view_literals;
    for (const excerpt_row& each : {
             excerpt_row{"", "", ""},
             excerpt_row{"", "the database is down\n", "the database is down"},
             excerpt_row{"", "\r\n a \t\r\n b \n", "a b"},
             excerpt_row{"", "\x01\x02", ""},
             excerpt_row{"", "caf\xC3\xA9", ""},
             excerpt_row{"Content-Type: text/plain; charset=utf-8\r\n", "caf\xC3\xA9", "caf??"},
             excerpt_row{"Content-Type: TEXT/HTML\r\n", "<h1>No</h1>", "<h1>No</h1>"},
             excerpt_row{"Content-Type: text/plain\r\n", "a\0\x1b[31mb"sv, "a??[31mb"},
             excerpt_row{"Content-Type: application/json\r\n", R"({"error":1})", R"({"error":1})"},
             excerpt_row{"Content-Type: application/problem+json\r\n", "{}", "{}"},
             excerpt_row{"Content-Type: application/atom+xml ;x\r\n", "<a/>", "<a/>"},
             excerpt_row{"Content-Type: image/png\r\n", "PNG", ""},
             excerpt_row{"Content-Type: application/jsonl\r\n", "{}", ""},
             excerpt_row{"Content-Encoding: gzip\r\n", "text", ""},
             excerpt_row{"Transfer-Encoding: gzip, chunked\r\n", "text", ""},
             excerpt_row{"Transfer-Encoding: chunked\r\n", "text", "text"},
             excerpt_row{"", "01234567890123456789", "01234567890123456789"},
             excerpt_row{"", "01234567890123456789a", "01234567890123456789..."},
             excerpt_row{"", "01234567890123456789 \n", "01234567890123456789"},
         }) {
        EXPECT_EQ(excerpt_of(head_with(each.fields), each.body, 20), each.wanted)
            << each.fields << each.body;
    }
}

}  // namespace
}  // namespace network_system::protocol

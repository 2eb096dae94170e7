// Pull mode over WebSocket: messages wait with their kind.
#include "websocket/session/fixture.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

class websocket_pull : public websocket_both_sides {
protected:
    websocket_pull() { config.receiving = receive_mode::pull; }

    /// "t:" or "b:" and what the message says; of an error its code.
    session::ws_receive_handler record() {
        return [this](Result<received_ws_message> result) {
            heard.push_back(result ? (result.value().is_text() ? "t:" : "b:") +
                                         std::string(result.value().text())
                                   : std::to_string(result.error().code));
        };
    }
    int pull(session::operation_id operation = session::operation_id::none) {
        const int code = code_of(socket->receive_message(record(), operation));
        loop.run();
        return code;
    }
    static std::string code_text(errc code) { return std::to_string(static_cast<int>(code)); }

    using strings = std::vector<std::string>;
    strings heard;
};

TEST_P(websocket_pull, tells_text_from_binary_whoever_comes_first) {
    open(GetParam());
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    feed(concat({frame(text_frame, "1"), frame(binary_frame, "2"), frame(binary_frame, "3"),
                 frame(text_frame, "4")}));
    EXPECT_EQ(heard, (strings{"t:1", "b:2"}));
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(heard, (strings{"t:1", "b:2", "b:3", "t:4"}));
    EXPECT_TRUE(host->messages.empty());
    EXPECT_EQ(session->metrics().messages_received, 4U);
}

TEST_P(websocket_pull, empty_messages_have_a_kind) {
    open(GetParam());
    feed(concat({frame(text_frame), frame(binary_frame)}));
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(heard, (strings{"t:", "b:"}));
}

TEST_P(websocket_pull, fragments_are_one_message_of_the_first_ones_kind) {
    open(GetParam());
    feed(concat({frame(0x01, "one "), frame(ping_frame), frame(0x00, "and "), frame(0x80, "all")}));
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    feed(frame(0x02, "a"));
    EXPECT_EQ(heard, strings{"t:one and all"});
    feed(frame(0x80, "b"));
    EXPECT_EQ(heard, (strings{"t:one and all", "b:ab"}));
}

TEST_P(websocket_pull, may_be_mixed_with_asking_for_bytes) {
    open(GetParam());
    std::vector<byte_string> bytes;
    const auto pull_bytes = [&] {
        EXPECT_EQ(code_of(session->receive_packet(
                      [&](Result<byte_string> got) { bytes.push_back(std::move(got).value()); })),
                  0);
        loop.run();
    };
    feed(concat({frame(text_frame, "1"), frame(text_frame, "2")}));
    pull_bytes();
    EXPECT_EQ(pull(), 0);
    pull_bytes();
    EXPECT_EQ(pull(), 0);
    feed(concat({frame(binary_frame, "3"), frame(binary_frame, "4")}));
    EXPECT_EQ(bytes, (std::vector<byte_string>{text_bytes("1"), text_bytes("3")}));
    EXPECT_EQ(heard, (strings{"t:2", "b:4"}));
}

TEST_P(websocket_pull, the_peers_close_answers_who_waits) {
    open(GetParam());
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(pull(), 0);
    feed(concat({frame(text_frame, "last"), frame(close_frame, close_payload(1000))}));
    feed_end();
    EXPECT_EQ(heard, (strings{"t:last", code_text(errc::connection_closed)}));
    EXPECT_EQ(pull(), static_cast<int>(errc::connection_closed));
}

TEST_P(websocket_pull, what_came_before_the_close_can_still_be_had) {
    open(GetParam());
    feed(concat({frame(text_frame, "last"), frame(close_frame, close_payload(1000))}));
    feed_end();
    EXPECT_EQ(pull(), 0);
    EXPECT_EQ(heard, strings{"t:last"});
    EXPECT_EQ(pull(), static_cast<int>(errc::connection_closed));
}

TEST_P(websocket_pull, can_be_cancelled) {
    open(GetParam());
    const auto id = session::next_operation_id();
    EXPECT_EQ(pull(id), 0);
    EXPECT_EQ(pull(), 0);
    session->cancel(id);
    loop.run();
    EXPECT_EQ(heard, strings{code_text(errc::cancelled)});
    feed(frame(text_frame, "for the other"));
    EXPECT_EQ(heard, (strings{code_text(errc::cancelled), "t:for the other"}));
}

TEST_P(websocket_pull, is_asked_for_by_the_configuration_and_needs_a_handler) {
    open(GetParam());
    EXPECT_EQ(code_of(socket->receive_message({})), static_cast<int>(errc::invalid_argument));
    config.receiving = receive_mode::callback;
    open(GetParam());
    EXPECT_EQ(pull(), static_cast<int>(errc::not_supported));
}

INSTANTIATE_TEST_SUITE_P(roles, websocket_pull,
                         ::testing::Values(connection_role::server, connection_role::client),
                         role_name);

}  // namespace
}  // namespace network_system::testing

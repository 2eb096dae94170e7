#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1 {
namespace {

struct registered {
    errc code;
    int number;
    std::optional<std::errc> equivalent;
};

// The table of the design: numbers are a promise to everybody who stored or compared one.
const std::vector<registered>& registry() {
    static const std::vector<registered> table{
        {errc::invalid_argument, -10, std::errc::invalid_argument},
        {errc::not_initialized, -11, {}},
        {errc::already_exists, -12, std::errc::already_connected},
        {errc::not_supported, -13, std::errc::operation_not_supported},
        {errc::would_block, -14, std::errc::operation_would_block},
        {errc::cancelled, -15, std::errc::operation_canceled},
        {errc::out_of_memory, -16, std::errc::not_enough_memory},
        {errc::internal_error, -99, {}},
        {errc::connection_failed, -600, {}},
        {errc::connection_refused, -601, std::errc::connection_refused},
        {errc::connection_timeout, -602, std::errc::timed_out},
        {errc::connection_closed, -603, std::errc::not_connected},
        {errc::resolve_failed, -604, {}},
        {errc::protocol_error, -605, std::errc::protocol_error},
        {errc::tls_handshake_failed, -606, {}},
        {errc::certificate_verification_failed, -607, {}},
        {errc::certificate_load_failed, -608, {}},
        {errc::connection_truncated, -609, std::errc::connection_reset},
        {errc::handshake_rejected, -610, {}},
        {errc::session_not_found, -620, {}},
        {errc::session_expired, -621, std::errc::timed_out},
        {errc::invalid_session, -622, {}},
        {errc::send_failed, -640, {}},
        {errc::receive_failed, -641, {}},
        {errc::message_too_large, -642, std::errc::message_size},
        {errc::send_buffer_full, -643, std::errc::no_buffer_space},
        {errc::decryption_failed, -644, {}},
        {errc::decompression_failed, -645, {}},
        {errc::pipeline_mismatch, -646, {}},
        {errc::message_superseded, -647, {}},
        {errc::delivery_expired, -648, {}},
        {errc::delivery_forgotten, -649, {}},
        {errc::circuit_open, -650, {}},
        {errc::server_not_started, -660, std::errc::not_connected},
        {errc::server_already_running, -661, {}},
        {errc::bind_failed, -662, {}},
        {errc::server_full, -663, {}},
        {errc::rate_limited, -664, {}},
    };
    return table;
}

TEST(error_codes, every_number_is_the_registered_one) {
    for (const registered& each : registry()) {
        EXPECT_EQ(static_cast<int>(each.code), each.number);
        EXPECT_EQ(make_error_code(each.code).value(), each.number);
    }
}

TEST(error_codes, every_code_has_a_message_of_its_own) {
    std::set<std::string> seen;
    for (const registered& each : registry()) {
        const std::string message = make_error_code(each.code).message();
        EXPECT_FALSE(message.empty()) << each.number;
        EXPECT_EQ(message.find("unknown"), std::string::npos) << each.number;
        EXPECT_TRUE(seen.insert(message).second) << "twice: " << message;
    }
}

TEST(error_codes, std_errc_equivalents) {
    for (const registered& each : registry()) {
        const std::error_code code = each.code;
        if (each.equivalent) {
            EXPECT_EQ(code, *each.equivalent) << each.number;
        } else {
            EXPECT_EQ(code.default_error_condition().category(), error_category()) << each.number;
            EXPECT_EQ(code.default_error_condition().value(), each.number);
        }
        // Equivalence is not identity: codes of different categories never compare equal.
        EXPECT_NE(code, std::error_code(each.number, std::generic_category()));
    }
}

TEST(error_codes, unknown_numbers_say_so) {
    for (const int number : {0, 1, -1, -17, -100, -611, -665, 12345}) {
        const std::error_code code(number, error_category());
        EXPECT_NE(code.message().find("unknown"), std::string::npos) << number;
    }
}

TEST(error_codes, category_is_one_object_with_our_name) {
    EXPECT_STREQ(error_category().name(), "network_system");
    EXPECT_EQ(&error_category(), &make_error_code(errc::send_failed).category());
    const std::error_code implicit = errc::send_failed;
    EXPECT_TRUE(implicit);
    EXPECT_EQ(implicit, make_error_code(errc::send_failed));
}

}  // namespace
}  // namespace network_system

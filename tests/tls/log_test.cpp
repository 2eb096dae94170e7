// What the log says of TLS, and what it must never say.
#include "support/heard_log.h"
#include "support/secure.h"

#include <network_system/utils/log.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace secure {
namespace {

using network_system::testing::heard_line;
using network_system::testing::heard_log;

/// Everything that is logged, however unimportant.
class secure_log_test : public testing::Test {
protected:
    void SetUp() override {
        network_system::set_log_sink([lines = lines_](const network_system::log_record& record) {
            lines->add({record.level, to_string(record)});
        });
        network_system::set_log_level(network_system::log_level::trace);
    }
    void TearDown() override {
        network_system::set_log_level(network_system::log_level::off);
        network_system::set_log_sink({});
    }

    using line = std::pair<network_system::log_level, std::string>;

    [[nodiscard]] bool has(network_system::log_level level, std::string_view part) const {
        const auto all = lines_->all();
        return std::any_of(all.begin(), all.end(), [&](const line& each) {
            return each.first == level && each.second.find(part) != std::string::npos;
        });
    }
    void expect_nowhere(std::string_view part) const {
        for (const line& each : lines_->all()) {
            EXPECT_EQ(each.second.find(part), std::string::npos) << each.second;
        }
    }

    // A line may be on its way to the sink when the next one is set.
    const std::shared_ptr<collector<line>> lines_ = std::make_shared<collector<line>>();
};

TEST_F(secure_log_test, warns_of_whoever_is_not_verified) {
    secure_server server(for_server());
    secure_client client(false);
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(has(network_system::log_level::warning, "localhost is not verified"));
}

TEST_F(secure_log_test, says_nothing_of_the_kind_of_a_verified_server) {
    secure_server server(for_server());
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    expect_nowhere("not verified");
}

TEST_F(secure_log_test, holds_no_key_no_password_and_no_plaintext) {
    const std::string password = "a-password-that-is-seen-at-once";
    const auto files = authority().write("locked", authority().intermediate(), {}, password);
    tls_config locked;
    locked.identity = {files.certificate, files.key, password, {}};
    {
        secure_server server(locked);
        EXPECT_TRUE(is_ok(server.server.start_server(0)));
    }
    locked.identity.key_password = password + "-wrong";
    secure_server refused(locked);
    EXPECT_TRUE(fails_with(refused.server.start_server(0), errc::certificate_load_failed));

    // A message, and one that ends the session: the log says why, not what.
    const std::string message = "plaintext-that-is-seen-at-once";
    secure_server server(for_server());
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(client.exchange(message));
    server.on_receive = [](const session_ptr&, std::span<const std::uint8_t>) {
        throw std::runtime_error("thrown");
    };
    EXPECT_TRUE(is_ok(client.client.send_packet(message)));
    EXPECT_TRUE(client.disconnected.wait_for(1));
    // And a handshake that fails.
    secure_client stranger;
    EXPECT_TRUE(fails_with(stranger.client.start_client("localhost", server.server.local_port()),
                           errc::certificate_verification_failed));
    EXPECT_GT(lines_->size(), 0U);
    expect_nowhere("PRIVATE KEY");
    expect_nowhere(password);
    expect_nowhere(message);
}

TEST(secure_log, a_health_check_is_no_session_error_and_no_warning) {
    for (const bool resets : {false, true}) {
        const heard_log heard(network_system::log_level::info);
        secure_server server(for_server());
        raw_peer checker = raw_peer::unconnected();
        ASSERT_TRUE(checker.connect_to(server.start()));
        if (resets) {
            checker.reset();
        } else {
            checker.close();
        }
        ASSERT_TRUE(server.errors.wait_for(1));
        ASSERT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_EQ(server.server.metrics().session_errors, 0U) << resets;
        EXPECT_EQ(heard.warnings(), std::vector<std::string>{});
    }
}

TEST(secure_log, who_leaves_in_the_handshake_is_a_session_error_and_a_warning) {
    const heard_log heard(network_system::log_level::warning);
    secure_server server(for_server());
    raw_peer peer = raw_peer::unconnected();
    ASSERT_TRUE(peer.connect_to(server.start()));
    ASSERT_TRUE(peer.send(bytes{0x16, 0x03, 0x01}));
    peer.half_close();
    ASSERT_TRUE(server.errors.wait_for(1));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().session_errors, 1U);
    EXPECT_EQ(heard.warnings().size(), 1U);
}

TEST(secure_log, debug_shows_the_version_and_the_cipher_before_the_session_is_open) {
    const heard_log heard(network_system::log_level::debug);
    secure_server server(for_server());
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(client.exchange("hello"));
    const std::string id = server.sessions.at(0)->id();
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    const auto of_session =
        heard.texts([&](const heard_line& each) { return each.session_id == id; });
    ASSERT_EQ(of_session.size(), 4U) << testing::PrintToString(of_session);
    EXPECT_EQ(of_session[1].rfind("TLS handshake: TLSv1.3, TLS_", 0), 0U) << of_session[1];
    EXPECT_EQ(of_session[2], "open");
    EXPECT_NE(heard.find("listening on").text.find("framing::message over TLS"), std::string::npos);
}

TEST(secure_object_log, lines_of_tls_go_to_the_sink_of_their_server_or_client) {
    const heard_log process(network_system::log_level::debug);
    const network_system::testing::heard_output of_server(network_system::log_level::debug);
    const network_system::testing::heard_output of_client(network_system::log_level::warning);
    tls_config traced = for_server();
    traced.key_log_file = testing::TempDir() + "object_log.keys";
    server_options logged;
    logged.log = of_server.output;
    client_options also_logged;
    also_logged.log = of_client.output;
    secure_server server(traced, logged);
    secure_client client(false, also_logged);
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(of_server.find("the secrets of connections").component, "tls");
    EXPECT_EQ(of_server.find("TLS handshake: TLSv1.3").level, network_system::log_level::debug);
    EXPECT_EQ(of_client.find("is not verified").component, "tls");
    EXPECT_TRUE(process.lines().empty()) << process.lines().front().text;
}

}  // namespace
}  // namespace secure

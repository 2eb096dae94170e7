// Which failures of TLS are worth another attempt.
#include "support/secure.h"

namespace tls_reconnect_test {
namespace {

using namespace secure;
using network_system::core::client_options;

[[nodiscard]] client_options coming_back(unsigned most = 3) {
    client_options options;
    options.auto_reconnect = true;
    options.reconnect.initial_delay = 1ms;
    options.reconnect.max_delay = 10ms;
    options.reconnect.max_attempts = most;
    options.reconnect.retry_start_for = std::chrono::milliseconds::max();
    return options;
}

TEST(tls_reconnection, does_not_ask_a_wrong_certificate_again) {
    const test_authority other;
    tls_config mistrust;
    mistrust.ca_file = other.ca_file();
    secure_server server(for_server());
    const auto port = server.start();

    secure_client client(mistrust, coming_back());
    EXPECT_TRUE(fails_with(client.client.start_client("localhost", port),
                           errc::certificate_verification_failed));
    EXPECT_EQ(client.client.metrics().tls.verification_failures, 1U);

    client_options stubborn = coming_back();
    stubborn.reconnect.after_rejection = true;
    secure_client again(mistrust, stubborn);
    EXPECT_TRUE(fails_with(again.client.start_client("localhost", port),
                           errc::certificate_verification_failed));
    EXPECT_EQ(again.client.metrics().tls.verification_failures, 4U);
}

TEST(tls_reconnection, ends_when_the_certificate_has_become_a_wrong_one) {
    secure_server first(for_server());
    const auto port = first.start();
    secure_client client(for_client(), coming_back(0));
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", port)));
    EXPECT_TRUE(is_ok(first.server.stop_server()));

    const test_authority other;
    const auto wrong = other.issue_local("server");
    tls_config config;
    config.identity = identity_of(wrong);
    secure_server second(config);
    ASSERT_TRUE(is_ok(second.server.start_server(port)));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
    EXPECT_EQ(client.errors.all().back(), errc::certificate_verification_failed);
    EXPECT_EQ(client.connected.count(), 1U);
}

TEST(tls_reconnection, tries_again_where_nobody_speaks_tls) {
    test_server plain;
    secure_client client(for_client(), coming_back(2));
    EXPECT_TRUE(fails_with(client.client.start_client("localhost", plain.start()),
                           errc::tls_handshake_failed));
    EXPECT_EQ(client.client.metrics().connect_failures, 3U);
}

}  // namespace
}  // namespace tls_reconnect_test

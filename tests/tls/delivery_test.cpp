// A sender of messages with ids belongs to the certificate it came with first.
#include "support/loopback.h"

#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>
#include <network_system/testing/certificates.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

using core::client_certificates;
using core::secure_messaging_client;
using core::secure_messaging_server;
using core::tls_config;
using loopback::collector;
using loopback::event_counter;

class delivery_and_certificates : public ::testing::Test {
protected:
    delivery_and_certificates()
        : authority(certificate_authority::create().value()), server("server", of_server()) {
        (void)server.set_receive_callback([] {});
        EXPECT_TRUE(server.start_server(0));
    }

    [[nodiscard]] tls_config of_server() const {
        tls_config config;
        config.identity = authority.issue_server().value();
        config.ca_file = authority.ca_file();
        config.client_certificate_mode = client_certificates::optional;
        return config;
    }
    /// As who, or nobody.
    [[nodiscard]] tls_config as(const std::string& who) const {
        tls_config config;
        config.ca_file = authority.ca_file();
        if (!who.empty()) {
            config.identity = authority.issue_client(who).value();
        }
        return config;
    }
    /// What ends the connection; ok when its message is acknowledged.
    std::error_code outcome(const tls_config& config, std::uint64_t id) {
        core::client_options options;
        options.delivery = sends;
        secure_messaging_client client("client", config, options);
        collector<std::error_code> answers;
        (void)client.set_acknowledged_callback(
            [&](std::uint64_t, std::error_code error) { answers.add(error); });
        (void)client.set_error_callback([&](std::error_code error) { answers.add(error); });
        EXPECT_TRUE(client.start_client("localhost", server.local_port()));
        if (const auto session = client.get_session()) {
            (void)session.value()->send_with_id("hello", id);
        }
        EXPECT_TRUE(answers.wait_for(1));
        return answers.at(0);
    }

    const certificate_authority authority;
    const std::shared_ptr<session::delivery_sender> sends =
        std::make_shared<session::delivery_sender>();
    secure_messaging_server server;
};

TEST_F(delivery_and_certificates, one_sender_one_certificate) {
    const tls_config alice = as("alice");
    EXPECT_EQ(outcome(alice, 1), std::error_code{});
    EXPECT_EQ(outcome(as("bob"), 2), errc::protocol_error);
    EXPECT_EQ(outcome(as(""), 2), errc::protocol_error);
    EXPECT_EQ(outcome(alice, 2), std::error_code{});
    EXPECT_EQ(server.metrics().totals.messages_acknowledged, 2U);
}

TEST_F(delivery_and_certificates, one_that_came_without_a_certificate_has_none) {
    EXPECT_EQ(outcome(as(""), 1), std::error_code{});
    EXPECT_EQ(outcome(as("mallory"), 2), errc::protocol_error);
    EXPECT_EQ(outcome(as(""), 2), std::error_code{});
}

}  // namespace
}  // namespace network_system::testing

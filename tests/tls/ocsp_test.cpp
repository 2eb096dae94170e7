// Certificate status that servers staple (OCSP), on clients that require it.
#include "tls/credentials/ocsp.h"

#include "support/secure.h"
#include "tls/versions.h"

#include <functional>

namespace secure {
namespace {

using network_system::testing::status_wishes;

constexpr int status_revoked = 1;
constexpr int unknown = 2;

certificate_wishes leaf_wishes() {
    certificate_wishes wishes;
    wishes.names = {"DNS:localhost"};
    return wishes;
}

certificate_wishes responder_wishes(const char* usage, long valid_to = 3600) {
    certificate_wishes wishes;
    wishes.common_name = "responder";
    wishes.extended_usage = usage;
    wishes.valid_to = valid_to;
    return wishes;
}

struct cast {
    const issued_certificate& authority = secure::authority().intermediate();
    issued_certificate leaf{leaf_wishes(), &authority};
    issued_certificate other{leaf_wishes(), &authority};
    issued_certificate responder{responder_wishes("OCSPSigning"), &authority};
    issued_certificate expired_responder{responder_wishes("OCSPSigning", -60), &authority};
    issued_certificate no_responder{responder_wishes("serverAuth"), &authority};
    issued_certificate foreign_responder{responder_wishes("OCSPSigning"),
                                         &secure::authority().root()};
};

const cast& all() {
    static const cast one;
    return one;
}

struct status_case {
    const char* name;
    std::function<std::string()> response;
    /// Empty: accepted.
    const char* reason;
};

std::string status(const std::function<void(status_wishes&)>& change) {
    status_wishes wishes;
    change(wishes);
    return all().authority.status_of(all().leaf, wishes);
}

class required_staple_test : public testing::TestWithParam<std::tuple<status_case, tls_version>> {};

TEST_P(required_staple_test, is_verified) {
    const auto& [row, version] = GetParam();
    tls_config serving;
    serving.max_version = version;
    serving.identity = identity_of(authority().write("stapled", all().leaf, all().authority.pem()));
    if (const std::string response = row.response(); !response.empty()) {
        serving.identity.ocsp_response_file = authority().write_text("status.der", response);
    }
    secure_server server(serving);
    const std::uint16_t port = server.start();
    tls_config requiring = for_client();
    requiring.require_ocsp_staple = true;
    secure_client client(requiring);
    const auto started = client.client.start_client("localhost", port);
    if (*row.reason == '\0') {
        ASSERT_TRUE(is_ok(started));
        EXPECT_TRUE(client.exchange("hello"));
        EXPECT_FALSE(client.client.get_session().value()->tls().value().ocsp_response.empty());
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        // What is resumed was stapled before.
        ASSERT_TRUE(is_ok(client.client.start_client("localhost", port)));
        EXPECT_TRUE(client.client.get_session().value()->tls().value().is_resumed);
        return;
    }
    ASSERT_TRUE(fails_with(started, errc::certificate_verification_failed));
    EXPECT_NE(started.error().message.find(row.reason), std::string::npos)
        << started.error().message;
    EXPECT_EQ(client.client.metrics().tls.verification_failures, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    all, required_staple_test,
    testing::Combine(
        testing::Values(
            status_case{"good", [] { return status([](auto&) {}); }, ""},
            status_case{"good_by_sha256",
                        [] { return status([](auto& one) { one.uses_sha256 = true; }); }, ""},
            status_case{"good_by_a_certified_responder",
                        [] { return status([](auto& one) { one.responder = &all().responder; }); },
                        ""},
            status_case{"good_without_next_update",
                        [] { return status([](auto& one) { one.next = 0; }); }, ""},
            status_case{"none", [] { return std::string(); }, "stapled no certificate status"},
            status_case{"garbage", [] { return std::string("any bytes"); }, "no OCSP response"},
            status_case{"trailing_bytes", [] { return status([](auto&) {}) + "x"; },
                        "no OCSP response"},
            // OCSPResponse { responseStatus tryLater }
            status_case{"error_of_the_responder",
                        [] { return std::string("\x30\x03\x0a\x01\x03", 5); }, "trylater"},
            status_case{"revoked",
                        [] { return status([](auto& one) { one.status = status_revoked; }); },
                        "\"revoked\""},
            status_case{"unknown", [] { return status([](auto& one) { one.status = unknown; }); },
                        "\"unknown\""},
            status_case{"expired", [] { return status([](auto& one) { one.next = -600; }); },
                        "out of date"},
            status_case{"old_without_next_update",
                        [] {
                            return status([](auto& one) {
                                one.made = -2 * 24 * 3600;
                                one.next = 0;
                            });
                        },
                        "out of date"},
            status_case{"of_the_future", [] { return status([](auto& one) { one.made = 600; }); },
                        "of the future"},
            status_case{"of_another_certificate",
                        [] { return all().authority.status_of(all().other); },
                        "about another certificate"},
            status_case{"signed_by_the_certificate_itself",
                        [] { return status([](auto& one) { one.responder = &all().leaf; }); },
                        "not signed by the certificate's authority"},
            status_case{
                "signed_by_who_is_no_responder",
                [] { return status([](auto& one) { one.responder = &all().no_responder; }); },
                "not signed by the certificate's authority"},
            status_case{
                "signed_by_a_responder_of_another_authority",
                [] { return status([](auto& one) { one.responder = &all().foreign_responder; }); },
                "not signed by the certificate's authority"},
            status_case{
                "signed_by_an_expired_responder",
                [] { return status([](auto& one) { one.responder = &all().expired_responder; }); },
                "not signed by the certificate's authority"}),
        network_system::testing::both_versions()),
    [](const auto& each) {
        return std::string(std::get<0>(each.param).name) + '_' +
               network_system::testing::name_of_version(std::get<1>(each.param));
    });

}  // namespace
}  // namespace secure

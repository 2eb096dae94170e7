// The lists of a configuration: each element of `ciphers`, `cipher_suites`, `groups` and
// `application_protocols` counts, or the start says which does not.
#include "tls/credentials/lists.h"

#include "support/secure.h"

#include <functional>

namespace secure {
namespace {

using network_system::core::cipher_match;
using network_system::core::known_part;
using network_system::core::parse_cipher_list;
using network_system::core::wrong_in_ciphers;
using network_system::core::wrong_in_names;

struct list_case {
    const char* name;
    std::function<void(tls_config&)> change;
    /// What the error says; empty = the list is taken.
    std::string reason;
};

void PrintTo(const list_case& each, std::ostream* out) {
    *out << each.name;
}

std::string name_of_list_case(const testing::TestParamInfo<list_case>& each) {
    return each.param.name;
}

list_case ciphers(const char* name, std::string list, std::string reason = {}) {
    return {name, [list = std::move(list)](tls_config& one) { one.ciphers = list; },
            std::move(reason)};
}
list_case suites(const char* name, std::string list, std::string reason = {}) {
    return {name, [list = std::move(list)](tls_config& one) { one.cipher_suites = list; },
            std::move(reason)};
}
list_case groups(const char* name, std::string list, std::string reason = {}) {
    return {name, [list = std::move(list)](tls_config& one) { one.groups = list; },
            std::move(reason)};
}

class lists_test : public testing::TestWithParam<list_case> {
protected:
    static void expect_as_said(const VoidResult& started) {
        if (GetParam().reason.empty()) {
            EXPECT_TRUE(is_ok(started));
            return;
        }
        ASSERT_TRUE(fails_with(started, errc::invalid_argument));
        EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
            << started.error().message;
    }
};

TEST_P(lists_test, are_read_element_by_element_by_a_server) {
    tls_config config = for_server();
    GetParam().change(config);
    secure_server server(config);
    expect_as_said(server.server.start_server(0));
}

TEST_P(lists_test, are_read_element_by_element_by_a_client) {
    secure_server server(for_server());
    tls_config config = for_client();
    GetParam().change(config);
    secure_client client(config);
    expect_as_said(client.client.start_client("localhost", server.start()));
}

INSTANTIATE_TEST_SUITE_P(
    ciphers, lists_test,
    testing::Values(
        ciphers("typo_beside_a_good_name", "ECDHE+AESGCM:ECDHE+CHACHA21", "'CHACHA21' is unknown"),
        ciphers("typo_in_a_combination", "ECDHE+AESGCN:HIGH:!aNULL", "'AESGCN' is unknown"),
        ciphers("typo_in_an_exclusion", "ECDHE+AESGCM:!AES182", "'AES182' is unknown"),
        ciphers("typo_in_a_removal", "ECDHE+AESGCM:-AES182", "'AES182' is unknown"),
        ciphers("typo_in_a_move", "ECDHE+AESGCM:+AES182", "'AES182' is unknown"),
        ciphers("typo_in_an_excluded_combination", "ECDHE+AESGCM:!ECDHE+AES182",
                "'AES182' is unknown"),
        ciphers("typo_in_an_excluded_cipher", "ECDHE+AESGCM:!ECDHE-RSA-AES128-GCM-SHA265",
                "'ECDHE-RSA-AES128-GCM-SHA265' is unknown"),
        ciphers("typo_behind_an_exclamation_mark", "ECDHE+AESGCM!AES182", "'AES182' is unknown"),
        ciphers("wrong_case", "ECDHE+AESGCM:!rc4", "'rc4' is unknown"),
        ciphers("what_this_openssl_does_not_have", "ECDHE+AESGCM:KRB5", "'KRB5' names no cipher"),
        ciphers("combination_of_nothing", "ECDHE+AESGCM:kRSA+aECDSA", "'kRSA+aECDSA' names no"),
        ciphers("needs_pre_shared_keys", "ECDHE+AESGCM:PSK-AES128-GCM-SHA256", "cannot be used"),
        ciphers("suite_of_1_3", "ECDHE+AESGCM:TLS_AES_128_GCM_SHA256", "see cipher_suites"),
        ciphers("excluded_suite_of_1_3", "ECDHE+AESGCM:!TLS_AES_128_GCM_SHA256",
                "see cipher_suites"),
        ciphers("empty_element", "ECDHE+AESGCM::ECDHE+CHACHA20", "an element is empty"),
        ciphers("empty_first_element", ":ECDHE+AESGCM", "an element is empty"),
        ciphers("empty_last_element", "ECDHE+AESGCM:", "an element is empty"),
        ciphers("only_a_blank", " ", "an element is empty"),
        ciphers("tabulator", "ECDHE+AESGCM:\tAES", "'\\x09AES' is not a name"),
        ciphers("zero_byte", std::string("ECDHE+AESGCM\0:!AES256", 21), "is not a name"),
        ciphers("unfinished_combination", "ECDHE+", "'ECDHE+' is not a name"),
        ciphers("lonely_operator", "ECDHE+AESGCM:!", "'!' is not a name"),
        ciphers("unknown_command", "ECDHE+AESGCM:@STRENGHT", "'@STRENGHT'"),
        ciphers("security_level_out_of_range", "ECDHE+AESGCM:@SECLEVEL=6", "'@SECLEVEL=6'"),
        ciphers("more_behind_a_command", "ECDHE+AESGCM:@STRENGTH!AES256", "'@STRENGTH!AES256'"),
        ciphers("default_too_late", "ECDHE+AESGCM:DEFAULT", "'DEFAULT' has to come first"),
        ciphers("default_in_a_combination", "DEFAULT+AESGCM", "'DEFAULT' has to come first"),
        ciphers("nearly_default", "DEFAULTS", "'DEFAULTS' is unknown"),
        ciphers("suite_b_with_more", "SUITEB128:!AES256", "'SUITEB128' has to be alone"),
        ciphers("nothing_left", "ECDHE+AESGCM:!AES", "tls_config: ciphers"),
        ciphers("fine_with_colons", "ECDHE+AESGCM:ECDHE-RSA-CHACHA20-POLY1305"),
        ciphers("fine_with_blanks_and_commas",
                "ECDHE+AESGCM, ECDHE+CHACHA20 AES256 ; AES128 !aNULL"),
        ciphers("fine_with_an_empty_class", "HIGH:MEDIUM:!aNULL"),
        ciphers("fine_with_a_default", " DEFAULT:!kRSA:@STRENGTH"),
        ciphers("fine_with_a_security_level", "DEFAULT@SECLEVEL=1"),
        ciphers("fine_exclusions", "HIGH:!RC4:!MD5:!EXPORT:!3DES:!aNULL:!eNULL:!PSK:!SRP:!DSS:!LOW:"
                                   "!EXP:!SEED:!IDEA:!KRB5:!kDHd:!SSLv2:-CAMELLIA:+AES256"),
        ciphers("fine_exclusions_of_ciphers",
                "HIGH:!aNULL:!DES-CBC3-SHA:!KRB5-DES-CBC3-SHA:!EDH-RSA-DES-CBC3-SHA:!EXP-RC4-MD5:"
                "!ECDH-RSA-AES128-SHA:!ECDHE-RSA-AES128-SHA:!TLS_RSA_WITH_RC4_128_SHA")),
    name_of_list_case);

INSTANTIATE_TEST_SUITE_P(
    suites, lists_test,
    testing::Values(
        suites("typo_beside_a_good_suite", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA265",
               "'TLS_AES_128_GCM_SHA265' is unknown"),
        suites("cipher_of_1_2_in_suites", "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES128-GCM-SHA256",
               "'ECDHE-RSA-AES128-GCM-SHA256' is not a suite of TLS 1.3"),
        suites("standard_name_of_1_2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
               "is not a suite of TLS 1.3"),
        suites("signal_as_suite", "TLS_AES_256_GCM_SHA384:TLS_FALLBACK_SCSV",
               "'TLS_FALLBACK_SCSV' is"),
        suites("suite_twice", "TLS_AES_256_GCM_SHA384:TLS_AES_256_GCM_SHA384", "is there twice"),
        suites("empty_suite", "TLS_AES_256_GCM_SHA384:", "an element is empty"),
        suites("suites_with_a_blank", "TLS_AES_256_GCM_SHA384: TLS_AES_128_GCM_SHA256",
               "is not a name"),
        suites("suites_with_a_zero_byte", std::string("TLS_AES_256_GCM_SHA384\0X", 24),
               "is not a name"),
        suites("fine_suites", "TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_SHA256")),
    name_of_list_case);

INSTANTIATE_TEST_SUITE_P(
    groups, lists_test,
    testing::Values(
        groups("typo_in_a_group", "X2551:P-256", "groups: 'X2551' is unknown to this OpenSSL"),
        groups("group_twice", "P-256:P-384:P-256", "'P-256' is there twice"),
        groups("group_under_two_names", "P-256:secp256r1",
               "'secp256r1' is another name of 'P-256'"),
        groups("weak_group", "X25519:P-192", "'P-192' cannot be used"),
        groups("empty_group", "X25519::P-256", "an element is empty"),
        groups("groups_with_a_blank", "X25519: P-256", "' P-256' is not a name"),
        groups("groups_with_a_zero_byte", std::string("X25519\0:P-256", 13), "is not a name"),
        groups("groups_for_1_2_only", "brainpoolP256r1", "none is left for TLS 1.3"),
        groups("groups_for_1_3_only", "ffdhe2048", "none is left for TLS 1.2"),
        groups("fine_groups", "P-384:X25519:P-256")),
    name_of_list_case);

std::vector<std::string> protocols_of(std::size_t count, std::size_t size) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(std::to_string(i));
        all.back().resize(size, 'x');
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(
    protocols, lists_test,
    testing::Values(
        list_case{"protocol_twice",
                  [](tls_config& one) {
                      one.application_protocols = {"a", "b", "a"};
                  },
                  "application_protocols: 'a' is there twice"},
        list_case{"more_protocols_than_a_hello_holds",
                  [](tls_config& one) { one.application_protocols = protocols_of(300, 250); },
                  "application_protocols"},
        list_case{"many_protocols",
                  [](tls_config& one) { one.application_protocols = protocols_of(60, 250); }, ""}),
    name_of_list_case);

TEST(a_version_without_ciphers, is_not_started) {
    tls_config config = for_server();
    config.ciphers = "ECDHE+AESGCM:!ECDSA:!RSA:!aRSA:!aECDSA";
    EXPECT_TRUE(fails_with(secure_server(config).server.start_server(0), errc::invalid_argument));
    // The other version would have had some; of one that is not allowed none are needed.
    config.ciphers = "PSK:@SECLEVEL=2";
    config.max_version = tls_version::tls_1_2;
    EXPECT_TRUE(fails_with(secure_server(config).server.start_server(0), errc::invalid_argument));
}

TEST(groups, of_both_sides_decide) {
    // RSA: with TLS 1.2 the groups are also the curves that a certificate may have.
    certificate_wishes wishes;
    wishes.names = {"DNS:localhost"};
    wishes.rsa_bits = 2048;
    const auto files = authority().issue("groups", wishes);
    for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
        tls_config config;
        config.identity = identity_of(files);
        config.min_version = config.max_version = version;
        config.groups = "P-384";
        secure_server server(config);
        const std::uint16_t port = server.start();
        tls_config asking = for_client();
        asking.groups = "X25519:P-384";
        EXPECT_TRUE(is_ok(secure_client(asking).client.start_client("localhost", port)));
        asking.groups = "X25519:P-521";
        EXPECT_TRUE(fails_with(secure_client(asking).client.start_client("localhost", port),
                               errc::tls_handshake_failed));
    }
}

TEST(groups, of_one_client_are_not_those_of_another) {
    // Clients of equal configurations share a context; the groups are a part of it.
    tls_config config = for_server();
    config.groups = "P-384";
    secure_server server(config);
    const std::uint16_t port = server.start();
    tls_config asking = for_client();
    asking.groups = "P-384";
    secure_client first(asking);
    ASSERT_TRUE(is_ok(first.client.start_client("localhost", port)));
    asking.groups = "P-521";
    EXPECT_TRUE(fails_with(secure_client(asking).client.start_client("localhost", port),
                           errc::tls_handshake_failed));
}

TEST(diffie_hellman_ciphers, work_where_a_list_names_them) {
    certificate_wishes wishes;
    wishes.names = {"DNS:localhost"};
    wishes.rsa_bits = 2048;
    tls_config config;
    config.identity = identity_of(authority().issue("dhe", wishes));
    config.max_version = tls_version::tls_1_2;
    config.ciphers = "DHE-RSA-AES128-GCM-SHA256";
    secure_server server(config);
    tls_config asking = for_client();
    asking.ciphers = "DHE+AESGCM";
    secure_client client(asking);
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_EQ(client.client.get_session().value()->tls().value().cipher,
              "DHE-RSA-AES128-GCM-SHA256");
}

TEST(known_part, of_a_default_list_is_what_is_left) {
    const auto without = [](std::string gone) {
        return [gone = std::move(gone)](const std::string& name) {
            return name.find(gone) != std::string::npos ? "is unknown" : "";
        };
    };
    EXPECT_EQ(known_part("X25519:P-256:X448", without("X")), "P-256");
    EXPECT_EQ(known_part("X25519:P-256:X448", without("nothing")), "X25519:P-256:X448");
    EXPECT_EQ(known_part("X25519:X448", without("X")), "");
}

TEST(exclusions, of_what_an_openssl_does_not_have_are_fine) {
    // One without ChaCha20, as the FIPS provider is.
    const auto lookup = [](const std::string& words) {
        return words == "ECDHE" || words == "RSA" || words == "AES128" ? cipher_match::usable
                                                                       : cipher_match::none;
    };
    const auto wrong = [&](const char* list) {
        return wrong_in_ciphers(parse_cipher_list(list), lookup);
    };
    EXPECT_EQ(wrong("ECDHE:!CHACHA20:!ECDHE-RSA-CHACHA20-POLY1305"), "");
    EXPECT_EQ(wrong("ECDHE:!ECDHE-RSA-AES128-SHA1"), "");  // SHA1 is not there either
    EXPECT_EQ(wrong("ECDHE:!ECDHE-RSA-AES128-XYZ"),
              "'ECDHE-RSA-AES128-XYZ' is unknown to this OpenSSL");
    EXPECT_EQ(wrong("CHACHA20"), "'CHACHA20' names no cipher of this OpenSSL");
}

}  // namespace
}  // namespace secure

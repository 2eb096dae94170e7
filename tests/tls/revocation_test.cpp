// lists_test of revoked certificates (CRLs): where they come from, and what they do.
#include "support/secure.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <functional>

namespace secure {
namespace {

using network_system::core::crl_policy;
using network_system::testing::crl_wishes;

certificate_wishes wishes_of(const std::string& name, bool is_authority = false) {
    certificate_wishes wishes;
    wishes.common_name = name;
    wishes.is_authority = is_authority;
    if (!is_authority) {
        wishes.names = {"DNS:localhost"};
    }
    return wishes;
}

/// root - middle - leaf, and an authority that shares the root's name only.
struct chain {
    issued_certificate root{wishes_of("CRL Root", true)};
    issued_certificate middle{wishes_of("CRL Middle", true), &root};
    issued_certificate leaf{wishes_of("leaf"), &middle};
    issued_certificate forger{wishes_of("CRL Root", true)};
};

const chain& certificates() {
    static const chain one;
    return one;
}

std::string write(const std::string& name, const std::string& text) {
    return authority().write_text(name, text);
}

/// What a client that trusts `config` says of the leaf.
VoidResult verdict_with(const tls_config& config) {
    const chain& all = certificates();
    static const auto files = authority().write("crl_leaf", all.leaf, all.middle.pem());
    tls_config serving;
    serving.identity = identity_of(files);
    secure_server server(serving);
    return secure_client(config).client.start_client("localhost", server.start());
}

struct place_case {
    const char* name;
    std::function<void(tls_config&, const std::string& crls)> put;
};

class crl_places : public testing::TestWithParam<place_case> {};

TEST_P(crl_places, are_all_looked_into) {
    const chain& all = certificates();
    for (const bool is_revoked : {false, true}) {
        tls_config config;
        config.ca_pem = all.root.pem();
        crl_wishes wishes;
        if (is_revoked) {
            wishes.revoked = {&all.leaf};
        }
        GetParam().put(config, all.middle.crl(wishes));
        const auto verdict = verdict_with(config);
        if (!is_revoked) {
            EXPECT_TRUE(is_ok(verdict));
            continue;
        }
        ASSERT_TRUE(fails_with(verdict, errc::certificate_verification_failed));
        EXPECT_NE(verdict.error().message.find("certificate revoked (depth 0, subject CN=leaf"),
                  std::string::npos)
            << verdict.error().message;
    }
}

std::string der_of(const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> crl(
        PEM_read_bio_X509_CRL(memory.get(), nullptr, nullptr, nullptr), &X509_CRL_free);
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_CRL(crl.get(), &bytes);
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

INSTANTIATE_TEST_SUITE_P(
    all, crl_places,
    testing::Values(
        place_case{"ca_pem", [](tls_config& to, const std::string& crls) { to.ca_pem += crls; }},
        place_case{"ca_file",
                   [](tls_config& to, const std::string& crls) {
                       to.ca_file = write("root_and_crl.pem", to.ca_pem + crls);
                       to.ca_pem.clear();
                   }},
        place_case{"ca_path",
                   [](tls_config& to, const std::string& crls) {
                       const auto directory = authority().directory() / "crl_path";
                       std::filesystem::create_directory(directory);
                       const auto put = [&](const std::string& name, const std::string& text) {
                           std::ofstream(directory / name, std::ios::binary) << text;
                       };
                       put(certificates().root.hash_name() + "0", to.ca_pem);
                       put(certificates().middle.hash_name() + "r0", crls);
                       to.ca_path = directory.string();
                       to.ca_pem.clear();
                   }},
        place_case{"crl_file",
                   [](tls_config& to, const std::string& crls) {
                       to.crl_file = write("crls.pem", "words\n" + crls + "more words\n");
                   }},
        place_case{"crl_file_in_der",
                   [](tls_config& to, const std::string& crls) {
                       to.crl_file = write("crls.der", der_of(crls));
                   }}),
    [](const auto& each) { return std::string(each.param.name); });

struct policy_case {
    const char* name;
    std::function<std::string(const chain&)> crls;
    crl_policy policy;
    /// Empty: accepted.
    const char* reason;
};

class crl_policies : public testing::TestWithParam<policy_case> {};

TEST_P(crl_policies, decide) {
    const policy_case& row = GetParam();
    tls_config config;
    config.ca_pem = certificates().root.pem() + row.crls(certificates());
    config.crl_policy = row.policy;
    const auto verdict = verdict_with(config);
    if (*row.reason == '\0') {
        EXPECT_TRUE(is_ok(verdict));
        return;
    }
    ASSERT_TRUE(fails_with(verdict, errc::certificate_verification_failed));
    EXPECT_NE(verdict.error().message.find(row.reason), std::string::npos)
        << verdict.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    all, crl_policies,
    testing::Values(policy_case{"none", [](const chain&) { return ""; }, crl_policy::if_present,
                                ""},
                    policy_case{"of_root_only", [](const chain& all) { return all.root.crl(); },
                                crl_policy::if_present, ""},
                    policy_case{"intermediate_revoked",
                                [](const chain& all) { return all.root.crl({{&all.middle}}); },
                                crl_policy::if_present, "certificate revoked (depth 1"},
                    policy_case{"expired",
                                [](const chain& all) {
                                    crl_wishes wishes;
                                    wishes.next = -60;
                                    return all.middle.crl(wishes);
                                },
                                crl_policy::if_present, "CRL has expired"},
                    policy_case{"not_yet_valid",
                                [](const chain& all) {
                                    crl_wishes wishes;
                                    wishes.made = 600;
                                    return all.middle.crl(wishes);
                                },
                                crl_policy::if_present, "CRL is not yet valid"},
                    policy_case{"badly_signed",
                                [](const chain& all) {
                                    crl_wishes wishes;
                                    wishes.forger = &all.forger;
                                    return all.root.crl(wishes);
                                },
                                crl_policy::if_present, "CRL signature failure"},
                    policy_case{"expired_and_its_successor",
                                [](const chain& all) {
                                    crl_wishes expired;
                                    expired.made = -7200;
                                    expired.next = -60;
                                    return all.middle.crl(expired) + all.middle.crl();
                                },
                                crl_policy::if_present, ""},
                    policy_case{"of_other_certificates_only",
                                [](const chain& all) {
                                    crl_wishes wishes;
                                    wishes.extension = "issuingDistributionPoint";
                                    wishes.extension_value = "critical,onlyCA:TRUE";
                                    return all.middle.crl(wishes);
                                },
                                crl_policy::if_present, "CRL"},
                    policy_case{"unknown_critical_extension",
                                [](const chain& all) {
                                    crl_wishes wishes;
                                    wishes.extension = "1.2.3.4";
                                    wishes.extension_value = "critical,ASN1:UTF8String:anything";
                                    return all.middle.crl(wishes);
                                },
                                crl_policy::if_present, "unhandled critical CRL extension"},
                    policy_case{"required_of_all",
                                [](const chain& all) { return all.root.crl() + all.middle.crl(); },
                                crl_policy::require, ""},
                    policy_case{"required_but_not_of_the_leaf_s_authority",
                                [](const chain& all) { return all.root.crl(); },
                                crl_policy::require, "unable to get certificate CRL (depth 0"},
                    policy_case{"required_but_not_of_the_root",
                                [](const chain& all) { return all.middle.crl(); },
                                crl_policy::require, "unable to get certificate CRL (depth 1"}),
    [](const auto& each) { return std::string(each.param.name); });

struct bad_text_case {
    const char* name;
    std::function<void(tls_config&, const chain&)> put;
    errc code;
    const char* reason;
};

class bad_trust : public testing::TestWithParam<bad_text_case> {};

TEST_P(bad_trust, is_refused_at_the_start) {
    tls_config config;
    config.ca_pem = certificates().root.pem();
    GetParam().put(config, certificates());
    const auto verdict = secure_client(config).client.start_client("localhost", 1);
    ASSERT_TRUE(fails_with(verdict, GetParam().code));
    EXPECT_NE(verdict.error().message.find(GetParam().reason), std::string::npos)
        << verdict.error().message;
}

std::string crl_with(const chain& all, const char* extension, const char* value) {
    crl_wishes wishes;
    wishes.extension = extension;
    wishes.extension_value = value;
    return all.middle.crl(wishes);
}

std::string with_short_begin(std::string pem) {
    return pem.replace(pem.find("CRL-----"), 8, "CRL----");
}

INSTANTIATE_TEST_SUITE_P(
    all, bad_trust,
    testing::Values(
        bad_text_case{"key",
                      [](tls_config& to, const chain& all) { to.ca_pem += all.root.key_pem(); },
                      errc::certificate_load_failed, "neither a certificate nor a CRL"},
        bad_text_case{"key_in_a_file",
                      [](tls_config& to, const chain& all) {
                          to.ca_file = write("with_key.pem", to.ca_pem + all.root.key_pem());
                      },
                      errc::certificate_load_failed, "with_key.pem"},
        bad_text_case{"cut_off",
                      [](tls_config& to, const chain&) { to.ca_pem.resize(to.ca_pem.size() / 2); },
                      errc::certificate_load_failed, "cannot be read"},
        bad_text_case{"begin_that_is_not_quite_one",
                      [](tls_config& to, const chain& all) {
                          to.ca_pem += with_short_begin(all.middle.crl({{&all.leaf}}));
                      },
                      errc::certificate_load_failed, "only 1 of 2 PEM blocks"},
        bad_text_case{"certificate_that_is_none",
                      [](tls_config& to, const chain&) {
                          to.ca_pem += "-----BEGIN CERTIFICATE-----\nMAA=\n"
                                       "-----END CERTIFICATE-----\n";
                      },
                      errc::certificate_load_failed, "certificate 2 cannot be read"},
        bad_text_case{"no_crl",
                      [](tls_config& to, const chain&) { to.crl_file = write("no_crl", "words"); },
                      errc::certificate_load_failed, "no_crl"},
        bad_text_case{"certificates_as_crls",
                      [](tls_config& to, const chain& all) {
                          to.crl_file = write("ca_as_crl", all.root.pem());
                      },
                      errc::certificate_load_failed, "holds no CRL"},
        bad_text_case{"crl_file_missing",
                      [](tls_config& to, const chain&) { to.crl_file = "/does/not/exist"; },
                      errc::certificate_load_failed, "/does/not/exist"},
        bad_text_case{"directory_missing",
                      [](tls_config& to, const chain&) { to.ca_path = "/does/not/exist"; },
                      errc::certificate_load_failed, "/does/not/exist"},
        bad_text_case{"delta_crl",
                      [](tls_config& to, const chain& all) {
                          to.ca_pem += crl_with(all, "2.5.29.27", "critical,DER:020101");
                      },
                      errc::certificate_load_failed, "delta CRL"},
        bad_text_case{"indirect_crl",
                      [](tls_config& to, const chain& all) {
                          to.ca_pem += crl_with(all, "issuingDistributionPoint",
                                                "critical,indirectCRL:TRUE");
                      },
                      errc::certificate_load_failed, "indirect CRL"},
        bad_text_case{"crl_for_some_reasons",
                      [](tls_config& to, const chain& all) {
                          to.ca_pem += crl_with(all, "issuingDistributionPoint",
                                                "critical,onlysomereasons:keyCompromise");
                      },
                      errc::certificate_load_failed, "some reasons"},
        bad_text_case{"required_without_any",
                      [](tls_config& to, const chain&) { to.crl_policy = crl_policy::require; },
                      errc::invalid_argument, "without any CRL"},
        bad_text_case{"crls_without_verifying",
                      [](tls_config& to, const chain& all) {
                          to = {};
                          to.verify_peer = false;
                          to.crl_file = write("unused.crl", all.root.crl());
                      },
                      errc::invalid_argument, "verify nothing"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(crl_on_servers, revoked_clients_are_refused) {
    const chain& all = certificates();
    const issued_certificate good(wishes_of("good"), &all.middle);
    tls_config config = for_server();
    config.client_certificate_mode = client_certificates::required;
    config.ca_pem = all.root.pem() + all.middle.crl({{&all.leaf}});
    secure_server server(config);
    const std::uint16_t port = server.start();
    const auto verdict_on = [&](const issued_certificate& who, const char* name) {
        tls_config presenting = for_client();
        presenting.identity = identity_of(authority().write(name, who, all.middle.pem()));
        return secure_client(presenting).client.start_client("localhost", port);
    };
    EXPECT_TRUE(is_ok(verdict_on(good, "good_client")));
    const auto refused = verdict_on(all.leaf, "revoked_client");
    ASSERT_TRUE(fails_with(refused, errc::tls_handshake_failed));
    EXPECT_NE(refused.error().message.find("certificate revoked"), std::string::npos)
        << refused.error().message;
}

TEST(crl_on_servers, without_client_certificates_they_are_refused) {
    tls_config config = for_server();
    config.crl_file = write("root.crl", certificates().root.crl());
    const auto started = secure_server(config).server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find("nothing would be verified"), std::string::npos)
        << started.error().message;
}

}  // namespace
}  // namespace secure

// The lists and versions under an OpenSSL that does not have all of them: its provider lacks
// algorithms, or openssl.cnf switches versions off.
#include "support/narrow_provider.h"
#include "support/secure.h"

#include <openssl/ssl.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

namespace secure {
namespace {

using network_system::testing::narrow_openssl;

class narrow_provider_test : public testing::Test {
protected:
    // The child starts anew: in this process OpenSSL has its algorithms already.
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

    /// Ends the process: with 0, or with the reason on standard error.
    static void end_with(const std::string& wrong) {
        std::cerr << wrong << std::endl;
        std::_Exit(wrong.empty() ? 0 : 1);
    }
    /// What is wrong with a connection between these; empty = nothing.
    static std::string wrong_between(const tls_config& serving, const tls_config& asking) {
        secure_server server(serving);
        if (const auto started = server.server.start_server(0); started.is_err()) {
            return "server: " + started.error().message;
        }
        secure_client client(asking);
        const auto started = client.client.start_client("localhost", server.server.local_port());
        if (started.is_err()) {
            return "client: " + started.error().message;
        }
        return client.exchange("hello") ? "" : "no echo";
    }
};

TEST_F(narrow_provider_test, leaves_of_the_default_lists_what_it_has) {
    for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
        EXPECT_EXIT(
            {
                if (!narrow_openssl()) {
                    end_with("the provider cannot be narrowed");
                }
                tls_config serving = for_server();
                serving.min_version = serving.max_version = version;
                end_with(wrong_between(serving, for_client()));
            },
            testing::ExitedWithCode(0), "");
    }
}

TEST_F(narrow_provider_test, does_not_have_what_a_user_may_name) {
    const auto expect_refused = [](const std::function<void(tls_config&)>& change,
                                   const char* reason) {
        EXPECT_EXIT(
            {
                if (!narrow_openssl()) {
                    end_with("the provider cannot be narrowed");
                }
                tls_config serving = for_server();
                change(serving);
                end_with(wrong_between(serving, for_client()));
            },
            testing::ExitedWithCode(1), reason);
    };
    expect_refused([](tls_config& one) { one.groups = "X25519:P-256"; },
                   "groups: 'X25519' is unknown to this OpenSSL");
    expect_refused([](tls_config& one) { one.ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"; },
                   "ciphers: 'ECDHE.CHACHA20' names no cipher");
    expect_refused(
        [](tls_config& one) {
            one.cipher_suites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
        },
        "cipher_suites: 'TLS_CHACHA20_POLY1305_SHA256' is unknown to this OpenSSL");
}

TEST_F(narrow_provider_test, exclusions_of_what_is_not_there_are_fine) {
    EXPECT_EXIT(
        {
            if (!narrow_openssl()) {
                end_with("the provider cannot be narrowed");
            }
            tls_config serving = for_server();
            serving.ciphers = "ECDHE+AESGCM:!CHACHA20:!ECDHE-RSA-CHACHA20-POLY1305";
            end_with(wrong_between(serving, for_client()));
        },
        testing::ExitedWithCode(0), "");
}

class system_configuration : public narrow_provider_test {
protected:
    /// From here on this process has OpenSSL with these words about TLS in its openssl.cnf.
    static void configure_openssl(const std::string& words) {
        const std::string path =
            testing::TempDir() + "network_system_openssl_" + std::to_string(::getpid()) + ".cnf";
        std::ofstream(path) << "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\n"
                               "system_default = tls\n[tls]\n"
                            << words << '\n';
        ::setenv("OPENSSL_CONF", path.c_str(), 1);
        OPENSSL_init_ssl(0, nullptr);  // reads it
        std::filesystem::remove(path);
    }
};

TEST_F(system_configuration, may_leave_one_of_the_versions) {
    EXPECT_EXIT(
        {
            configure_openssl("Protocol = -TLSv1.3");
            end_with(wrong_between(for_server(), for_client()));
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(system_configuration, does_not_make_the_names_of_its_versions_wrong) {
    EXPECT_EXIT(
        {
            configure_openssl("Protocol = -TLSv1.2");
            tls_config serving = for_server();
            serving.ciphers = "ECDHE+AESGCM";
            serving.groups = "P-256";
            end_with(wrong_between(serving, for_client()));
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(system_configuration, without_the_only_version_that_is_asked_for_is_refused) {
    EXPECT_EXIT(
        {
            configure_openssl("Protocol = -TLSv1.3");
            tls_config serving = for_server();
            serving.min_version = tls_version::tls_1_3;
            end_with(wrong_between(serving, for_client()));
        },
        testing::ExitedWithCode(1), "server: tls_config: min_version: this OpenSSL");
}

TEST_F(system_configuration, does_not_set_the_versions_that_are_asked_for) {
    for (const char* words : {"MinProtocol = TLSv1.3", "MaxProtocol = TLSv1.2"}) {
        for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
            EXPECT_EXIT(
                {
                    configure_openssl(words);
                    tls_config serving = for_server();
                    serving.min_version = serving.max_version = version;
                    end_with(wrong_between(serving, for_client()));
                },
                testing::ExitedWithCode(0), "");
        }
    }
}

}  // namespace
}  // namespace secure

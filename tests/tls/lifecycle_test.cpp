// resumption_test, certificates exchanged while a server runs, the end of streams, and bad peers.
#include "support/secure.h"
#include "tls/versions.h"

#include <openssl/crypto.h>

#include <cstdlib>
#include <latch>
#include <thread>

namespace secure {
namespace {

class Versions : public testing::TestWithParam<tls_version> {
protected:
    [[nodiscard]] static tls_config limited(tls_config config) {
        config.min_version = config.max_version = GetParam();
        return config;
    }
};

class resumption_test : public Versions {};

/// Connects, exchanges a message (which brings the ticket along) and stops; whether it resumed.
bool resumes(secure_client& client, std::uint16_t port) {
    EXPECT_TRUE(is_ok(client.client.start_client("localhost", port)));
    EXPECT_TRUE(client.exchange("hello"));
    const auto agreed = client.client.get_session().value()->tls();
    EXPECT_TRUE(is_ok(agreed));
    // A resumed connection knows whom it resumed.
    EXPECT_TRUE(agreed && agreed.value().peer);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    return agreed && agreed.value().is_resumed;
}

TEST_P(resumption_test, happens_from_the_second_connection_on) {
    secure_server server(limited(for_server()));
    const std::uint16_t port = server.start();
    secure_client client(limited(for_client()));
    EXPECT_FALSE(resumes(client, port));
    EXPECT_TRUE(resumes(client, port));
    EXPECT_TRUE(resumes(client, port));
    // Another client of the same configuration shares its sessions.
    secure_client equal(limited(for_client()));
    EXPECT_TRUE(resumes(equal, port));
    EXPECT_EQ(server.server.metrics().tls.resumptions, 3U);
    EXPECT_EQ(server.server.metrics().tls.handshakes, 4U);
}

TEST_P(resumption_test, can_be_switched_off_by_either_side) {
    tls_config off = limited(for_server());
    off.session_resumption = false;
    secure_server forgetful(off);
    secure_client client(limited(for_client()));
    const std::uint16_t port = forgetful.start();
    EXPECT_FALSE(resumes(client, port));
    EXPECT_FALSE(resumes(client, port));

    secure_server server(limited(for_server()));
    tls_config never = limited(for_client());
    never.session_resumption = false;
    secure_client fresh(never);
    const std::uint16_t other_port = server.start();
    EXPECT_FALSE(resumes(fresh, other_port));
    EXPECT_FALSE(resumes(fresh, other_port));
}

TEST_P(resumption_test, never_leads_into_another_configuration) {
    secure_server server(limited(for_server()));
    const std::uint16_t port = server.start();
    tls_config trusting;
    trusting.verify_peer = false;
    secure_client unverified(limited(trusting));
    EXPECT_FALSE(resumes(unverified, port));
    EXPECT_TRUE(resumes(unverified, port));
    // One that verifies begins anew, and refuses whom the other one would have resumed with.
    const test_authority foreign;
    tls_config strict;
    strict.ca_file = foreign.ca_file();
    secure_client verifying(limited(strict));
    EXPECT_TRUE(fails_with(verifying.client.start_client("localhost", port),
                           errc::certificate_verification_failed));
}

TEST_P(resumption_test, keeps_the_certificate_of_the_client) {
    certificate_wishes wishes;
    wishes.common_name = "alice";
    tls_config config = limited(for_server());
    config.client_certificate_mode = client_certificates::required;
    config.ca_file = authority().ca_file();
    secure_server server(config);
    std::vector<std::string> seen;
    server.on_connect = [&](const session_ptr& session) {
        seen.push_back(session->peer_certificate().value().subject +
                       (session->tls().value().is_resumed ? " resumed" : ""));
    };
    tls_config presenting = limited(for_client());
    presenting.identity = identity_of(authority().issue("alice", wishes));
    secure_client client(presenting);
    const std::uint16_t port = server.start();
    EXPECT_FALSE(resumes(client, port));
    EXPECT_TRUE(resumes(client, port));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(seen, (std::vector<std::string>{"CN=alice", "CN=alice resumed"}));
}

INSTANTIATE_TEST_SUITE_P(all, resumption_test, network_system::testing::both_versions(),
                         network_system::testing::version_of);

TEST(reload, gives_new_connections_the_new_certificate_and_leaves_the_old_ones_alone) {
    const auto first = authority().issue_local("before");
    tls_config config;
    config.identity = {
        authority().write_text("live.pem", ""), authority().write_text("live.key", ""), {}, {}};
    const auto install = [](const test_authority::files& from) {
        for (const char* end : {".pem", ".key"}) {
            std::filesystem::copy_file(std::string(end) == ".pem" ? from.certificate : from.key,
                                       authority().directory() / (std::string("live") + end),
                                       std::filesystem::copy_options::overwrite_existing);
        }
    };
    install(first);
    secure_server server(config);
    const std::uint16_t port = server.start();
    const auto subject_seen_by = [](secure_client& client) {
        return client.client.get_session().value()->peer_certificate().value().subject;
    };
    tls_config fresh = for_client();
    fresh.session_resumption = false;
    secure_client early(fresh);
    ASSERT_TRUE(is_ok(early.client.start_client("localhost", port)));
    EXPECT_EQ(subject_seen_by(early), "CN=before");
    secure_client resuming(for_client());
    EXPECT_FALSE(resumes(resuming, port));

    install(authority().issue_local("after"));
    ASSERT_TRUE(is_ok(server.server.reload_certificates()));
    secure_client late(fresh);
    ASSERT_TRUE(is_ok(late.client.start_client("localhost", port)));
    EXPECT_EQ(subject_seen_by(late), "CN=after");
    EXPECT_TRUE(early.exchange("still here"));
    EXPECT_TRUE(resumes(resuming, port)) << "the keys of the tickets were not carried over";

    // A bad file leaves the pair in force.
    (void)authority().write_text("live.pem", "garbage");
    EXPECT_TRUE(fails_with(server.server.reload_certificates(), errc::certificate_load_failed));
    secure_client last(fresh);
    ASSERT_TRUE(is_ok(last.client.start_client("localhost", port)));
    EXPECT_EQ(subject_seen_by(last), "CN=after");
}

TEST(reload, under_load_loses_no_connection) {
    secure_server server(for_server());
    const std::uint16_t port = server.start();
    std::atomic<bool> is_over{false};
    std::thread reloading([&] {
        while (!is_over) {
            EXPECT_TRUE(is_ok(server.server.reload_certificates()));
        }
    });
    for (std::size_t i = 0; i < scaled(40); ++i) {
        secure_client client(for_client());
        EXPECT_TRUE(is_ok(client.client.start_client("localhost", port)));
        EXPECT_TRUE(client.exchange("hello"));
    }
    is_over = true;
    reloading.join();
}

TEST(bad_peers, plaintext_and_garbage_end_the_handshake) {
    secure_server server(for_server());
    const std::uint16_t port = server.start();
    const bytes http{'G', 'E', 'T', ' ', '/', ' ', 'H',  'T',
                     'T', 'P', '/', '1', '.', '1', '\r', '\n'};
    for (const bytes& said : {http, hello_frame(), pattern(100'000, 3)}) {
        raw_peer peer = raw_peer::connect(port);
        (void)peer.send(said);
        EXPECT_NE(peer.drain(), stream_end::none);
    }
    ASSERT_TRUE(server.errors.wait_for(3));
    for (const auto& each : server.errors.all()) {
        EXPECT_EQ(each.code, errc::tls_handshake_failed);
    }
    EXPECT_EQ(server.server.metrics().tls.protocol_failures, 3U);
    EXPECT_EQ(server.sessions.size(), 0U);
}

TEST(bad_peers, a_plain_server_is_not_taken_for_a_secure_one) {
    test_server plain;
    secure_client client(for_client());
    const auto started = client.client.start_client("localhost", plain.start());
    ASSERT_TRUE(fails_with(started, errc::tls_handshake_failed));
    EXPECT_NE(started.error().message.find("does not seem to speak TLS"), std::string::npos)
        << started.error().message;
}

TEST(bad_peers, a_connection_to_itself_is_a_refusal_and_no_handshake) {
    const refusing_port nobody(true);
    client_options options;
    options.bind_port = nobody.number();
    secure_client client(for_client(), options);
    EXPECT_TRUE(fails_with(client.client.start_client("127.0.0.1", nobody.number()),
                           errc::connection_refused));
}

TEST(bad_peers, a_stalled_handshake_ends_at_its_deadline_and_holds_nobody_up) {
    tls_config config = for_server();
    config.handshake_timeout = is_sanitized ? 8000ms : 1500ms;  // enough for who is not silent
    secure_server server(config);
    const std::uint16_t port = server.start();
    std::vector<raw_peer> silent;
    for (int i = 0; i < 20; ++i) {
        silent.push_back(raw_peer::connect(port));
    }
    secure_client client(for_client());
    EXPECT_TRUE(is_ok(client.client.start_client("localhost", port)));
    ASSERT_TRUE(server.errors.wait_for(silent.size()));
    for (const auto& each : server.errors.all()) {
        EXPECT_EQ(each.code, errc::connection_timeout);
    }
    EXPECT_EQ(server.server.metrics().tls.timeouts, silent.size());
    EXPECT_TRUE(client.exchange("still here"));
}

TEST(bad_peers, a_server_that_never_answers_ends_the_start_with_the_reason) {
    const raw_listener mute;
    tls_config config = for_client();
    config.handshake_timeout = 100ms;
    secure_client client(config);
    const auto started = client.client.start_client("localhost", mute.port());
    ASSERT_TRUE(fails_with(started, errc::connection_timeout));
    EXPECT_NE(started.error().message.find(
                  "no complete handshake within handshake_timeout (100 ms): nothing"),
              std::string::npos)
        << started.error().message;
}

TEST(limits, a_full_server_tells_it_with_an_alert) {
    server_options options;
    options.max_connections = 1;
    secure_server server(for_server(), options);
    const std::uint16_t port = server.start();
    secure_client first(for_client());
    ASSERT_TRUE(is_ok(first.client.start_client("localhost", port)));
    secure_client second(for_client());
    const auto refused = second.client.start_client("localhost", port);
    // The alert, or, where the reset overtakes it, only the end.
    EXPECT_TRUE(fails_with(refused, errc::tls_handshake_failed));
    EXPECT_EQ(server.server.metrics().connections_refused, 1U);
    EXPECT_TRUE(first.exchange("still here"));
}

TEST(bad_peers, stopping_does_not_wait_for_handshakes_that_stall) {
    server_options options;
    options.drain_timeout = 10min;  // longer than any test may take
    secure_server server(for_server(), options);
    const raw_peer silent = raw_peer::connect(server.start());
    ASSERT_TRUE(eventually([&] { return server.server.metrics().connections_accepted == 1; }));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().tls.disconnects, 1U);
}

TEST(bad_peers, those_that_wait_to_be_accepted_are_closed_in_order_by_a_server_that_stops) {
    secure_server server(for_server());
    event_counter is_busy;
    std::latch goes_on(1);
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        is_busy.add();
        goes_on.wait();
    };
    const auto port = server.start();
    secure_client busy(for_client());
    ASSERT_TRUE(is_ok(busy.connect(port)));
    EXPECT_TRUE(is_ok(busy.client.send_packet("busy")));
    EXPECT_TRUE(is_busy.wait_for(1));
    std::vector<raw_peer> waiting;
    for (int i = 0; i < 4; ++i) {
        waiting.push_back(raw_peer::connect(port));
        const bytes begun_record{22, 3, 1, 2, 0, 1};
        EXPECT_TRUE(i % 2 == 0 || waiting.back().send(begun_record));
    }
    std::thread stopping([&] { EXPECT_TRUE(is_ok(server.server.stop_server())); });
    EXPECT_TRUE(eventually([&] { return !server.server.is_running(); }));
    goes_on.count_down();
    for (auto& each : waiting) {
        EXPECT_EQ(each.drain(), stream_end::orderly);
    }
    stopping.join();
}

TEST(bad_peers, a_clients_stop_does_not_wait_for_a_handshake_that_stalls) {
    const raw_listener silent;
    client_options options;
    options.connect_timeout = options.drain_timeout = 10min;  // longer than any test may take
    secure_client client(for_client(), options);
    std::thread starting([&] {
        EXPECT_TRUE(fails_with(client.client.start_client("localhost", silent.port()),
                               errc::connection_closed));
    });
    const raw_peer accepted = silent.accept();
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    starting.join();
}

TEST(bad_peers, nobody_sees_them_before_their_handshake_is_complete) {
    secure_server server(for_server());
    const std::uint16_t port = server.start();
    const raw_peer silent = raw_peer::connect(port);
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", port)));
    ASSERT_TRUE(eventually([&] { return server.server.metrics().connections_accepted == 2; }));
    EXPECT_EQ(server.server.connection_count(), 1U);
    EXPECT_EQ(server.server.get_sessions().size(), 1U);
    EXPECT_EQ(server.server.metrics().connections_active, 1U);
    const auto result = server.server.broadcast("news");
    ASSERT_TRUE(is_ok(result));
    EXPECT_EQ(result.value().receivers, 1U);
    EXPECT_EQ(result.value().queued, 1U);
    EXPECT_TRUE(client.received.wait_for(1));
}

bool looks_at_openssl_last = false;

/// Runs after every handler of an exit.
[[gnu::destructor]] void look_at_openssl() {
    if (looks_at_openssl_last) {
        std::_Exit(OPENSSL_init_crypto(0, nullptr) == 1 ? 0 : 1);
    }
}

/// I/O threads use it until the process ends, whoever has used it first.
TEST(secure_exit, comes_before_the_end_of_openssl) {
    // The child starts anew.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            (void)for_server();
            looks_at_openssl_last = true;
            std::exit(2);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace secure

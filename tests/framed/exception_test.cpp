// What a callback throws ends its session with internal_error, and nothing else.
#include "framed/callback_places.h"

#include <atomic>
#include <stdexcept>

namespace loopback {
namespace {

/// Collects log lines while it lives.
class log_watch {
public:
    log_watch() {
        network_system::set_log_level(network_system::log_level::error);
        network_system::set_log_sink([lines = lines_](const network_system::log_record& record) {
            lines->add(to_string(record));
        });
    }
    log_watch(const log_watch&) = delete;
    log_watch& operator=(const log_watch&) = delete;
    ~log_watch() {
        network_system::set_log_level(network_system::log_level::off);
        network_system::set_log_sink({});
    }

    [[nodiscard]] bool has(std::string_view text) const {
        for (const std::string& line : lines_->all()) {
            if (line.find(text) != std::string::npos) {
                return true;
            }
        }
        return false;
    }

private:
    std::shared_ptr<collector<std::string>> lines_ = std::make_shared<collector<std::string>>();
};

/// What ended the sessions, as far as the error callback was told.
struct error_notes {
    collector<std::error_code> all;
    [[nodiscard]] bool has(errc code) const {
        for (const std::error_code& each : all.all()) {
            if (each == make_error_code(code)) {
                return true;
            }
        }
        return false;
    }
};

class server_exceptions : public AnyPlace {};
INSTANTIATE_TEST_SUITE_P(place, server_exceptions, server_places(), place_of);

TEST_P(server_exceptions, end_one_session_only) {
    for (const bool is_standard : {true, false}) {
        const log_watch log;
        messaging_server server("thrower", for_server());
        const auto guest = std::make_shared<visitor>(where(), [&] {
            if (is_standard) {
                throw std::runtime_error("thrown on purpose");
            }
            throw 42;
        });
        receive_guest(server, guest);
        error_notes errors;
        (void)server.set_error_callback([&, guest](const session_ptr&, std::error_code code) {
            errors.all.add(code);
            guest->visit(place::error);
        });
        ASSERT_TRUE(is_ok(server.start_server(0)));
        visit_server(server.local_port());
        ASSERT_TRUE(eventually([&] { return server.metrics().callback_exceptions == 1; }));
        ASSERT_TRUE(eventually([&] { return server.connection_count() == 0; }));
        EXPECT_TRUE(
            log.has(is_standard ? "thrown on purpose" : "an exception that is no std::exception"));
        EXPECT_TRUE(log.has("thrower")) << "who";
        if (where() != place::error && where() != place::disconnection) {
            EXPECT_TRUE(errors.has(errc::internal_error));
        }
        // The server goes on.
        test_client other;
        ASSERT_TRUE(is_ok(other.connect(server.local_port())));
        ASSERT_TRUE(is_ok(other.client.send_packet("are you there")));
        EXPECT_TRUE(other.received.wait_for(1));
        EXPECT_EQ(server.metrics().callback_exceptions, 1U);
    }
}

class client_exceptions : public AnyPlace {};
INSTANTIATE_TEST_SUITE_P(place, client_exceptions, client_places(), place_of);

TEST_P(client_exceptions, end_the_connection) {
    const raw_listener listener;
    for (const bool is_standard : {true, false}) {
        const log_watch log;
        messaging_client client("thrower", for_client());
        const auto guest = std::make_shared<visitor>(where(), [&] {
            if (is_standard) {
                throw std::runtime_error("thrown on purpose");
            }
            throw 42;
        });
        receive_guest(client, guest);
        error_notes errors;
        (void)client.set_error_callback([&, guest](std::error_code code) {
            errors.all.add(code);
            guest->visit(place::error);
        });
        ASSERT_TRUE(is_ok(client.start_client(
            "127.0.0.1", listener.port(), [guest](VoidResult) { guest->visit(place::started); })));
        visit_client(listener);
        EXPECT_TRUE(is_ok(client.wait_for_stop()));
        EXPECT_EQ(client.metrics().callback_exceptions, 1U);
        EXPECT_TRUE(
            log.has(is_standard ? "thrown on purpose" : "an exception that is no std::exception"));
        if (where() != place::error && where() != place::disconnection) {
            EXPECT_TRUE(errors.has(errc::internal_error));
        }
    }
}

class exception_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, exception_test, both_methods(), method_of);

TEST_P(exception_test, a_throwing_connected_callback_fails_the_start) {
    test_server server(for_server());
    messaging_client client("thrower", for_client());
    (void)client.set_connected_callback([] { throw std::runtime_error("not today"); });
    EXPECT_TRUE(fails_with(client.start_client("127.0.0.1", server.start()), errc::internal_error));
    EXPECT_TRUE(is_ok(client.wait_for_stop()));
    EXPECT_FALSE(client.is_connected());
    EXPECT_EQ(client.metrics().callback_exceptions, 1U);
}

TEST_P(exception_test, others_are_unaffected_while_one_throws) {
    test_server server(for_server());
    server.on_receive = [](const session_ptr& session, std::span<const std::uint8_t> data) {
        if (text_of(data) == "throw") {
            throw std::runtime_error("as told");
        }
        (void)session->send_packet(data);
    };
    const auto port = server.start();
    test_client well(for_client());
    ASSERT_TRUE(is_ok(well.connect(port)));
    constexpr std::size_t rounds = 20;
    for (std::size_t i = 0; i < rounds; ++i) {
        test_client bad(for_client());
        ASSERT_TRUE(is_ok(bad.connect(port)));
        ASSERT_TRUE(is_ok(bad.client.send_packet("throw")));
        ASSERT_TRUE(well.exchange("meanwhile"));
        ASSERT_TRUE(bad.errors.wait_for(1));
        EXPECT_EQ(bad.errors.at(0), make_error_code(errc::internal_error)) << "the peer is told";
        EXPECT_TRUE(is_ok(bad.client.wait_for_stop()));
    }
    EXPECT_EQ(server.server.metrics().callback_exceptions, rounds);
    EXPECT_EQ(well.errors.size(), 0U);
}

TEST_P(exception_test, messages_behind_the_one_that_threw_are_not_delivered) {
    test_server server(for_server());
    std::atomic<int> calls{0};
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        ++calls;
        throw 1;
    };
    raw_peer peer = raw_peer::connect(server.start());
    bytes many;
    for (int i = 0; i < 100; ++i) {
        const bytes one = frame_of(type_data, pattern(10));
        many.insert(many.end(), one.begin(), one.end());
    }
    ASSERT_TRUE(peer.send(many));
    EXPECT_NE(peer.drain(), stream_end::none);
    peer.close();
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(server.sessions.at(0)->metrics().messages_received, 1U);
}

}  // namespace
}  // namespace loopback

// The network itself goes away and comes back: a link between two network namespaces is taken down.
#include "framework/stream_protocols.h"
#include "support/network_link.h"

namespace integration {
namespace {

struct link_case {
    protocol which;
    // The end that goes down: the client's machine has no network, or the server's has none.
    bool is_near;
};

class link_down : public testing::TestWithParam<link_case> {
protected:
    void SetUp() override {
        if (!link.missing().empty()) {
            GTEST_SKIP() << "a network link needs " << link.missing();
        }
        failure_settings settings;
        settings.set_limits(50ms, 300ms);
        settings.drain_timeout = 100ms;
        settings.client_context = &link.near.context();
        settings.server_context = &link.far.context();
        server = make_server(GetParam().which, settings);
        link.far.run([&] { port = server->start(); });
        client = make_client(GetParam().which, settings);
        client->on_attempt = [this](const reconnect_attempt&) { attempts.add(); };
        client->on_message = [this](const auto&) { answers.add(); };
        client->on_error = [this](std::error_code error) { errors.add(error); };
    }

    /// Whether a message is answered. A connection that was taken for dead is no reason to fail.
    [[nodiscard]] bool exchanges() {
        const std::size_t before = answers.count();
        return eventually([&] {
            (void)client->send(pattern(100), {});
            return answers.count() > before;
        });
    }
    void set_link(const char* state) {
        auto& end = GetParam().is_near ? link.near : link.far;
        const std::string device = GetParam().is_near ? "near" : "far";
        EXPECT_TRUE(end.ip("link set " + device + " " + state));
    }

    loopback::network_link link;
    std::uint16_t port = 0;
    event_counter attempts;
    event_counter answers;
    collector<std::error_code> errors;
    std::unique_ptr<any_server> server;
    std::unique_ptr<any_client> client;  // after what its callbacks write
};

[[nodiscard]] std::vector<link_case> all_links() {
    std::vector<link_case> all;
    for (const protocol each : all_protocols()) {
        all.push_back({each, true});
        all.push_back({each, false});
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(over, link_down, testing::ValuesIn(all_links()), [](const auto& each) {
    return name_of(each.param.which) + (each.param.is_near ? "_near" : "_far");
});

TEST_P(link_down, is_noticed_by_pings_and_survived) {
    ASSERT_TRUE(is_ok(client->start("10.77.0.2", port)));
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(exchanges());
        const std::size_t known = errors.size();
        set_link("down");
        ASSERT_TRUE(eventually([&] { return !client->is_connected(); }));
        ASSERT_TRUE(errors.wait_for(known + 1));
        EXPECT_EQ(errors.at(known), errc::connection_timeout) << "no pong came";
        EXPECT_TRUE(attempts.wait_for(attempts.count() + 2));
        EXPECT_FALSE(client->is_connected());
        set_link("up");
    }
    ASSERT_TRUE(exchanges());
    EXPECT_TRUE(is_ok(client->stop()));
    const auto counted = client->metrics();
    EXPECT_GE(counted.session_errors, 2U);
    EXPECT_EQ(counted.connects + counted.connect_failures, counted.reconnect_attempts + 1);
}

TEST_P(link_down, does_not_keep_a_client_from_stopping) {
    ASSERT_TRUE(is_ok(client->start("10.77.0.2", port)));
    ASSERT_TRUE(exchanges());
    set_link("down");
    (void)client->send(pattern(100), {});
    EXPECT_TRUE(is_ok(client->stop()));
    EXPECT_FALSE(client->is_connected());
}

}  // namespace
}  // namespace integration

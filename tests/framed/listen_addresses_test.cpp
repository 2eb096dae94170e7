// A server that listens on several addresses: all of them or none, and everything counts together.
#include "support/heard_log.h"
#include "support/hosts.h"
#include "support/loopback.h"
#include "support/no_descriptors.h"
#include "support/scratch_directory.h"

#include <network_system/core/listener.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace loopback {
namespace {

using network_system::endpoint;
using network_system::core::listen_address;
using network_system::core::listener;
using network_system::testing::has_ipv6;
using network_system::testing::no_descriptors;

class listen_addresses_test : public BothReadiness {
protected:
    [[nodiscard]] server_options on_three() const {
        server_options options = for_server();
        options.bind_address = "127.0.0.1";
        options.listen_addresses = {{second}, {address}};
        return options;
    }
    [[nodiscard]] static testing::AssertionResult echoes(std::string_view host,
                                                         std::uint16_t port) {
        test_client client(for_client());
        if (const auto started = client.client.start_client(host, port); !started) {
            return testing::AssertionFailure() << host << ": " << started.error().message;
        }
        return client.exchange("hello");
    }

    [[nodiscard]] static std::string shown(const std::string& host, std::uint16_t port) {
        return (host == "::1" ? "[::1]" : host) + ":" + std::to_string(port);
    }

    // Of the other family, where the machine has it.
    const std::string second = has_ipv6() ? "::1" : "127.0.0.2";
    scratch_directory directory;
    const std::string path = directory.file("server.sock");
    const std::string address = "unix:" + path;
};
INSTANTIATE_TEST_SUITE_P(method, listen_addresses_test, both_methods(), method_of);

TEST_P(listen_addresses_test, serves_all_of_them_and_tells_where) {
    test_server server(on_three());
    const auto port = server.start();
    ASSERT_NE(port, 0);
    std::vector<std::string> texts;
    for (const endpoint& each : server.server.local_endpoints()) {
        texts.push_back(each.to_string());
    }
    EXPECT_EQ(texts, (std::vector<std::string>{"127.0.0.1:" + std::to_string(port),
                                               shown(second, port), address}))
        << "one port, unless another one is named";
    EXPECT_TRUE(echoes("127.0.0.1", port));
    EXPECT_TRUE(echoes(second, port));
    EXPECT_TRUE(echoes(address, 0));
    ASSERT_TRUE(server.closed.wait_for(3));
    EXPECT_EQ(server.server.metrics().connections_accepted, 3U);
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(server.server.local_endpoints().empty());
    for (const auto& [host, number] :
         {std::pair<std::string, std::uint16_t>{"127.0.0.1", port}, {second, port}, {address, 0}}) {
        EXPECT_FALSE(echoes(host, number)) << host << " is closed";
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE(is_ok(server.server.start_server(0))) << "again, on all of them";
    EXPECT_EQ(server.server.local_endpoints().size(), 3U);
}

TEST_P(listen_addresses_test, a_port_of_its_own_may_be_named_or_picked) {
    server_options options = for_server();
    options.bind_address = "127.0.0.1";
    options.listen_addresses = {{"127.0.0.1", 0}};
    test_server server(options);
    const auto port = server.start();
    const auto all = server.server.local_endpoints();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_NE(all[1].port(), port);
    EXPECT_TRUE(echoes("127.0.0.1", all[1].port()));
}

TEST_P(listen_addresses_test, one_that_cannot_be_had_is_named_and_the_others_are_given_back) {
    test_server other(for_server());
    const auto taken = other.start();
    server_options options = for_server();
    options.bind_address = address;
    options.listen_addresses = {{"127.0.0.1", 0}, {"127.0.0.1", taken}};
    test_server server(options);
    const auto started = server.server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::bind_failed));
    EXPECT_NE(started.error().message.find("127.0.0.1:" + std::to_string(taken)), std::string::npos)
        << started.error().message;
    EXPECT_FALSE(server.server.is_running());
    EXPECT_FALSE(std::filesystem::exists(path)) << "nothing is left behind";
    ASSERT_TRUE(is_ok(other.server.stop_server()));
    EXPECT_TRUE(is_ok(server.server.start_server(0)));
}

TEST_P(listen_addresses_test, an_address_that_is_none_is_an_invalid_argument) {
    server_options options = for_server();
    options.listen_addresses = {{"not an address"}};
    test_server server(options);
    const auto started = server.server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find("not an address"), std::string::npos)
        << started.error().message;
}

TEST_P(listen_addresses_test, limits_count_the_connections_of_all) {
    server_options options = on_three();
    options.max_connections = 2;
    test_server server(options);
    const auto port = server.start();
    test_client one(for_client());
    test_client two(for_client());
    ASSERT_TRUE(is_ok(one.client.start_client("127.0.0.1", port)));
    ASSERT_TRUE(is_ok(two.client.start_client(second, port)));
    test_client three(for_client());
    EXPECT_TRUE(fails_with(three.client.start_client(address, 0), errc::server_full));
    EXPECT_EQ(server.server.metrics().connections_refused, 1U);
}

TEST_P(listen_addresses_test, stop_accepting_closes_all_and_connections_go_on) {
    test_server server(on_three());
    const auto port = server.start();
    test_client one(for_client());
    test_client two(for_client());
    ASSERT_TRUE(is_ok(one.client.start_client(second, port)));
    ASSERT_TRUE(is_ok(two.client.start_client(address, 0)));
    ASSERT_TRUE(is_ok(server.server.stop_accepting()));
    EXPECT_TRUE(fails_with(server.server.share_listeners(), errc::server_not_started));
    ASSERT_TRUE(eventually([&] { return !echoes("127.0.0.1", port); }));
    ASSERT_TRUE(eventually([&] { return !echoes(second, port); }));
    EXPECT_FALSE(echoes(address, 0));
    EXPECT_TRUE(one.exchange("still here"));
    EXPECT_TRUE(two.exchange("here, too"));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
}

TEST_P(listen_addresses_test, all_of_them_can_be_handed_over) {
    test_server old(on_three());
    const auto port = old.start();
    auto shared = old.server.share_listeners();
    ASSERT_TRUE(is_ok(shared));
    ASSERT_EQ(shared.value().size(), 3U);
    EXPECT_EQ(shared.value()[1].local_endpoint(), old.server.local_endpoints()[1]);
    ASSERT_TRUE(is_ok(old.server.stop_server()));
    test_server next(for_server());
    auto incomplete = std::move(shared).value();
    listener kept = std::exchange(incomplete[1], listener{});
    EXPECT_TRUE(
        fails_with(next.server.start_server(std::move(incomplete)), errc::invalid_argument));
    // NOLINTNEXTLINE(bugprone-use-after-move): documented
    ASSERT_TRUE(incomplete[0].is_open()) << "left intact on error";
    incomplete[1] = std::move(kept);
    ASSERT_TRUE(is_ok(next.server.start_server(std::move(incomplete))));
    EXPECT_EQ(next.server.local_endpoints().size(), 3U);
    EXPECT_TRUE(echoes("127.0.0.1", port));
    EXPECT_TRUE(echoes(second, port));
    EXPECT_TRUE(echoes(address, 0));
    ASSERT_TRUE(is_ok(next.server.stop_server()));
    EXPECT_FALSE(std::filesystem::exists(path)) << "the file goes with the last server";
}

TEST_P(listen_addresses_test, without_descriptors_each_of_them_waits_and_recovers) {
    const network_system::testing::heard_output heard(network_system::log_level::warning);
    server_options options = on_three();
    options.log = heard.output;
    test_server server(options);
    const auto port = server.start();
    raw_peer first = raw_peer::unconnected();
    {
        const no_descriptors left;
        ASSERT_TRUE(first.connect_to(port));
        ASSERT_TRUE(server.errors.wait_for(1));
    }
    EXPECT_NE(heard.find("accept on 127.0.0.1:").text, "");
    EXPECT_TRUE(echoes(second, port));
    EXPECT_TRUE(echoes(address, 0));
    EXPECT_TRUE(echoes("127.0.0.1", port));
}

}  // namespace
}  // namespace loopback

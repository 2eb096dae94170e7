// Servers, clients and sockets with a log of their own: each line goes to one place.
#include "support/context_runner.h"
#include "support/heard_log.h"
#include "support/loopback.h"
#include "support/no_descriptors.h"

#include <network_system/core/messaging_udp_server.h>
#include <network_system/internal/tcp_socket.h>

#include <algorithm>
#include <string>
#include <vector>

namespace loopback {
namespace {

using network_system::log_level;
using network_system::log_output;
using network_system::testing::heard_line;
using network_system::testing::heard_lines;
using network_system::testing::heard_log;
using network_system::testing::heard_output;
using network_system::testing::no_descriptors;

server_options logging_to(const heard_output& heard) {
    server_options options;
    options.log = heard.output;
    return options;
}

testing::AssertionResult are_all_of(const heard_lines& heard, const std::string& component) {
    for (const heard_line& each : heard.lines()) {
        if (each.component != component) {
            return testing::AssertionFailure() << each.component << ": " << each.text;
        }
    }
    return heard.lines().empty() ? testing::AssertionFailure() << "nothing was heard"
                                 : testing::AssertionSuccess();
}

std::size_t count_of(const heard_lines& heard, std::string_view beginning) {
    const auto lines = heard.lines();
    return static_cast<std::size_t>(
        std::count_if(lines.begin(), lines.end(),
                      [&](const heard_line& each) { return each.text.rfind(beginning, 0) == 0; }));
}

TEST(object_log, two_servers_write_each_to_its_own_sink_and_level) {
    const heard_log process(log_level::trace);
    const heard_output detailed(log_level::debug);
    const heard_output brief(log_level::info);
    test_server one(logging_to(detailed));
    test_server other(logging_to(brief));
    const auto port = one.start();
    const auto other_port = other.start();
    client_options quiet;
    quiet.log = std::make_shared<log_output>(network_system::log_sink(), log_level::off);
    test_client client(quiet);
    test_client second(quiet);
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(is_ok(second.connect(other_port)));
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(is_ok(second.client.stop_client()));
    ASSERT_TRUE(is_ok(one.server.stop_server()));
    ASSERT_TRUE(is_ok(other.server.stop_server()));

    const auto names_port = [](const heard_lines& heard, std::uint16_t which) {
        return heard.find("listening on").text.find(':' + std::to_string(which)) !=
               std::string::npos;
    };
    EXPECT_TRUE(names_port(detailed, port));
    EXPECT_TRUE(names_port(brief, other_port));
    EXPECT_EQ(count_of(detailed, "listening on"), 1U);
    EXPECT_EQ(count_of(brief, "listening on"), 1U);
    // The lines of sessions are the server's too.
    EXPECT_EQ(count_of(detailed, "accepted on"), 1U);
    EXPECT_EQ(count_of(detailed, "closed"), 1U);
    EXPECT_EQ(count_of(brief, "accepted on"), 0U) << "its level is info";
    EXPECT_TRUE(process.lines().empty()) << process.lines().front().text;
}

TEST(object_log, a_level_can_be_changed_while_the_server_runs) {
    const heard_output heard(log_level::off);
    test_server server(logging_to(heard));
    server.start();
    EXPECT_TRUE(heard.lines().empty());
    heard.output->set_level(log_level::info);
    EXPECT_EQ(heard.output->level(), log_level::info);
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(count_of(heard, "stop begun"), 1U);
}

TEST(object_log, lines_with_a_limit_and_their_sum_go_to_the_objects_sink) {
    constexpr std::size_t peers = 30;
    const heard_log process(log_level::warning);
    const heard_output heard(log_level::warning);
    test_server server(logging_to(heard));
    const auto port = server.start();
    for (std::size_t i = 0; i < peers; ++i) {
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(peer.send(frame_of(99, pattern(3))));
        EXPECT_NE(peer.drain(), stream_end::none);
    }
    ASSERT_TRUE(server.closed.wait_for(peers));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_GE(count_of(heard, "closing: "), 10U);
    EXPECT_GE(count_of(heard, "violations of the protocol: and "), 1U);
    EXPECT_TRUE(process.lines().empty());
}

TEST(object_log, errors_of_accepting_and_of_callbacks_go_to_the_objects_sink) {
    const heard_log process(log_level::warning);
    const heard_output heard(log_level::warning);
    server_options options = logging_to(heard);
    options.drain_timeout = 100ms;  // the peer takes its time
    test_server server(options);
    server.on_connect = [](const session_ptr&) { throw std::runtime_error("on purpose"); };
    const auto port = server.start();
    raw_peer peer = raw_peer::unconnected();
    {
        const no_descriptors left;
        ASSERT_TRUE(peer.connect_to(port));
        ASSERT_TRUE(server.errors.wait_for(1));
    }
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_GE(count_of(heard, "accept on "), 1U);
    EXPECT_EQ(count_of(heard, "a callback threw"), 1U);
    EXPECT_TRUE(process.lines().empty());
}

TEST(object_log, a_client_an_adopted_socket_and_udp_have_one_too) {
    const heard_log process(log_level::debug);
    const heard_output of_client(log_level::info);
    client_options options;
    options.log = of_client.output;
    test_client client(options);
    EXPECT_FALSE(client.connect(1).is_ok());
    EXPECT_TRUE(are_all_of(of_client, "messaging_client"));

    const heard_output of_datagrams(log_level::info);
    network_system::core::udp_server_options datagrams;
    datagrams.log = of_datagrams.output;
    network_system::core::messaging_udp_server udp("udp", datagrams);
    ASSERT_TRUE(is_ok(udp.start_server(0)));
    ASSERT_TRUE(is_ok(udp.stop_server()));
    EXPECT_TRUE(are_all_of(of_datagrams, "messaging_udp_server"));

    const heard_output of_socket(log_level::debug);
    {
        context_runner runner(1);
        auto pair = runner.connected_pair();
        network_system::internal::tcp_socket_options socket_options;
        socket_options.log = of_socket.output;
        auto adopted = network_system::internal::tcp_socket::adopt(
            runner.context, std::move(pair.first), socket_options);
        ASSERT_TRUE(is_ok(adopted));
        event_counter closed;
        ASSERT_TRUE(
            is_ok(adopted.value()->set_closed_callback([&](std::error_code) { closed.add(); })));
        ASSERT_TRUE(is_ok(adopted.value()->start_read()));
        pair.second.close();
        ASSERT_TRUE(closed.wait_for(1));
    }
    EXPECT_TRUE(are_all_of(of_socket, "tcp_socket"));
    EXPECT_TRUE(process.lines().empty()) << process.lines().front().text;
}

TEST(object_log, a_sink_that_throws_harms_nobody) {
    server_options options;
    options.log = std::make_shared<log_output>(
        [](const network_system::log_record&) { throw std::runtime_error("on purpose"); },
        log_level::debug);
    test_server server(options);
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(client.exchange("all is well"));
}

}  // namespace
}  // namespace loopback

// Messages arrive as they were sent: sizes, types, fragments, threads, places to run.
#include "support/context_runner.h"
#include "support/scratch_directory.h"
#include "support/websocket.h"

#include <network_system/utils/thread_pool.h>

#include <thread>

namespace ws {
namespace {

constexpr auto binary_type = ws_message_type::binary;
constexpr auto text_type = ws_message_type::text;

[[nodiscard]] bytes letters(std::size_t size) {
    bytes data = pattern(size, static_cast<std::uint32_t>(size));
    for (auto& each : data) {
        each = static_cast<std::uint8_t>('a' + each % 26);
    }
    return data;
}

class websocket_echo_test : public testing::TestWithParam<readiness> {
protected:
    websocket_echo_test() {
        server.config.readiness_method = GetParam();
        client.config.readiness_method = GetParam();
    }
    ws_test_server server;
    ws_test_client client;
};

TEST_P(websocket_echo_test, messages_of_every_size_return_unchanged) {
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    // Around the sizes at which the wire format or the library changes its way.
    for (const std::size_t size : {0U, 1U, 2U, 64U, 125U, 126U, 127U, 2047U, 2048U, 2049U, 12'288U,
                                   16'384U, 65'535U, 65'536U, 65'537U, 300'000U, 5'000'017U}) {
        EXPECT_TRUE(client.exchange({binary_type, pattern(size, static_cast<std::uint32_t>(size))}))
            << size << " bytes";
        EXPECT_TRUE(client.exchange({text_type, letters(size)})) << size << " characters";
    }
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(client.errors.size(), 0U);
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST_P(websocket_echo_test, many_messages_in_flight_keep_their_order_and_type) {
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    const std::size_t count = scaled(2000);
    std::vector<kept_message> sent;
    for (std::size_t i = 0; i < count; ++i) {
        const bool is_text = i % 3 == 0;
        const std::size_t size = i * 37 % 1500;
        sent.emplace_back(is_text ? text_type : binary_type,
                          is_text ? letters(size) : pattern(size, 7));
        const auto& last = sent.back();
        ASSERT_TRUE(eventually([&] {
            return (is_text ? client.client.send_text(text_of(last.data))
                            : client.client.send_binary(std::span<const std::uint8_t>(last.data)))
                .is_ok();
        }));
    }
    ASSERT_TRUE(client.received.wait_for(count));
    EXPECT_EQ(client.received.all(), sent);
}

TEST_P(websocket_echo_test, many_threads_send_through_one_client) {
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    const std::size_t each = scaled(500);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (std::size_t sent = 0; sent < each; ++sent) {
                EXPECT_TRUE(is_ok(client.client.send_text("from a thread")));
            }
        });
    }
    for (auto& one : threads) {
        one.join();
    }
    ASSERT_TRUE(client.received.wait_for(4 * each));
    for (const auto& one : client.received.all()) {
        ASSERT_EQ(text_of(one.data), "from a thread");
    }
}

INSTANTIATE_TEST_SUITE_P(both, websocket_echo_test, both_methods(), method_of);

TEST(websocket_messages, fragments_are_one_message_and_control_frames_pass_between_them) {
    ws_test_server server;
    auto peer = ws_peer::open(server.start());
    EXPECT_TRUE(peer.send_frame(op_text, bytes_of("Hel"), false));
    EXPECT_TRUE(peer.send_frame(op_ping, bytes_of("here?")));
    EXPECT_TRUE(peer.send_frame(op_continuation, bytes_of("l"), false));
    EXPECT_TRUE(peer.send_frame(op_continuation, bytes_of("o")));
    const auto pong = peer.receive_ws_frame();
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->opcode, op_pong);
    EXPECT_EQ(text_of(pong->payload), "here?");
    const auto answer = peer.receive_ws_frame();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->opcode, op_text);
    EXPECT_TRUE(answer->is_final);
    EXPECT_EQ(text_of(answer->payload), "Hello");
}

TEST(websocket_messages, each_callback_gets_what_it_is_for_and_the_general_one_both) {
    messaging_ws_server server("server");
    collector<std::string> seen;
    (void)server.set_message_callback([&](const connection_ptr& from, const ws_message& message) {
        seen.add(std::string("any:") + (message.is_text() ? "text" : "binary"));
        echo(from, message);
    });
    (void)server.set_text_message_callback(
        [&](const connection_ptr&, const std::string& said) { seen.add("text:" + said); });
    (void)server.set_binary_message_callback(
        [&](const connection_ptr&, const std::vector<std::uint8_t>& data) {
            seen.add("binary:" + text_of(data));
        });
    ASSERT_TRUE(is_ok(server.start_server(0)));

    messaging_ws_client client("client");
    collector<std::string> heard;
    (void)client.set_text_message_callback(
        [&](std::string_view said) { heard.add("text:" + std::string(said)); });
    (void)client.set_binary_message_callback(
        [&](std::span<const std::uint8_t> data) { heard.add("binary:" + text_of(data)); });
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    EXPECT_TRUE(is_ok(client.send_text("one")));
    EXPECT_TRUE(is_ok(client.send_binary({'t', 'w', 'o'})));
    ASSERT_TRUE(heard.wait_for(2));
    EXPECT_EQ(heard.all(), (std::vector<std::string>{"text:one", "binary:two"}));
    EXPECT_EQ(seen.all(),
              (std::vector<std::string>{"any:text", "text:one", "any:binary", "binary:two"}));
}

TEST(websocket_messages, completions_run_once_each) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    event_counter done;
    const auto note = [&](const VoidResult& result) {
        EXPECT_TRUE(is_ok(result));
        done.add();
    };
    EXPECT_TRUE(is_ok(client.client.send_text("text", note)));
    EXPECT_TRUE(is_ok(client.client.send_binary(pattern(100'000), note)));
    EXPECT_TRUE(is_ok(client.client.send_binary({1, 2, 3}, note)));
    EXPECT_TRUE(done.wait_for(3));
    EXPECT_TRUE(client.received.wait_for(3));
    EXPECT_EQ(done.count(), 3U);
}

TEST(websocket_messages, several_io_threads_serve_many_clients) {
    ws_server_config config;
    config.io_threads = 3;
    ws_test_server server(config);
    const auto port = server.start();
    std::vector<std::unique_ptr<ws_test_client>> clients;
    for (int i = 0; i < 12; ++i) {
        clients.push_back(std::make_unique<ws_test_client>());
        ASSERT_TRUE(is_ok(clients.back()->connect(port)));
    }
    for (int round = 0; round < 10; ++round) {
        for (const auto& each : clients) {
            ASSERT_TRUE(each->exchange("round " + std::to_string(round)));
        }
    }
    EXPECT_EQ(server.server.connection_count(), 12U);
}

TEST(websocket_messages, runs_on_the_users_context) {
    context_runner runner(2);
    {
        ws_server_config at_server;
        at_server.io_context = &runner.context;
        ws_client_config at_client;
        at_client.io_context = &runner.context;
        ws_test_server server(at_server);
        ws_test_client client(at_client);
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        EXPECT_TRUE(client.exchange("on your context"));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
    }
    EXPECT_TRUE(runner.comes_to_rest());
}

TEST(websocket_messages, runs_callbacks_on_a_pool) {
    const auto pool = std::make_shared<network_system::thread_pool>(2);
    ws_server_config at_server;
    at_server.callback_pool = pool;
    ws_client_config at_client;
    at_client.callback_pool = pool;
    {
        ws_test_server server(at_server);
        ws_test_client client(at_client);
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        for (int i = 0; i < 50; ++i) {
            ASSERT_TRUE(client.exchange("text on a pool"));
            ASSERT_TRUE(client.exchange({binary_type, pattern(3000)}));
        }
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        ASSERT_TRUE(server.closed.wait_for(1));
        EXPECT_EQ(server.closed.at(0).code, ws_close_code::normal);
        EXPECT_EQ(client.closed.size(), 1U);
    }
    pool->stop();
}

TEST(websocket_messages, are_pulled) {
    ws_client_config pulling;
    pulling.receiving = network_system::receive_mode::pull;
    ws_test_server server;
    ws_test_client client(pulling);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    collector<std::string> got;
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(is_ok(client.client.receive_packet([&](Result<std::vector<std::uint8_t>> data) {
            got.add(data ? text_of(data.value()) : data.error().message);
        })));
    }
    EXPECT_TRUE(is_ok(client.client.send_text("first")));
    EXPECT_TRUE(is_ok(client.client.send_text("second")));
    ASSERT_TRUE(got.wait_for(2));
    EXPECT_EQ(got.all(), (std::vector<std::string>{"first", "second"}));
    EXPECT_EQ(client.received.size(), 0U);
}

TEST(websocket_messages, go_over_a_unix_domain_socket) {
    const scratch_directory directory;
    ws_server_config config;
    config.bind_address = "unix:" + directory.file("ws.sock");
    ws_test_server server(config);
    (void)server.start();
    ws_client_config target;
    target.host = config.bind_address;
    ws_test_client client(target);
    ASSERT_TRUE(is_ok(client.connect(0)));
    EXPECT_TRUE(client.exchange("through a file"));
}

TEST(websocket_messages, over_the_limit_end_the_connection_with1009) {
    ws_server_config config;
    config.max_message_size = 1000;
    ws_test_server server(config);
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(client.exchange({binary_type, pattern(1000)}));
    EXPECT_TRUE(is_ok(client.client.send_binary(pattern(1001))));
    ASSERT_TRUE(client.closed.wait_for(1));
    EXPECT_EQ(client.closed.at(0).code, ws_close_code::message_too_big);
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::message_too_large);
    EXPECT_TRUE(fails_with(server.server.broadcast_binary(pattern(1001)), errc::message_too_large));
}

}  // namespace
}  // namespace ws

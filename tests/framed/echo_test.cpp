// Messages arrive as they were sent: sizes, framings, many clients, many threads.
#include "support/loopback.h"

#include <array>
#include <atomic>
#include <tuple>

namespace loopback {
namespace {

class echo_test : public testing::TestWithParam<std::tuple<framing, readiness>> {
protected:
    [[nodiscard]] static server_options for_server() {
        server_options options;
        options.session.frames = std::get<0>(GetParam());
        options.readiness_method = std::get<1>(GetParam());
        return options;
    }
    [[nodiscard]] static client_options for_client() {
        client_options options;
        options.session.frames = std::get<0>(GetParam());
        options.readiness_method = std::get<1>(GetParam());
        return options;
    }
};

TEST_P(echo_test, messages_of_every_size_return_unchanged) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    // Around the sizes at which the library changes its way: gather buffer, direct send, the
    // shared read buffer, placed reads, the high watermark.
    for (const std::size_t size :
         {1U, 2U, 4U, 5U, 64U, 2047U, 2048U, 2049U, 16379U, 16384U, 16385U, 65531U, 65536U, 65537U,
          300'000U, 1U << 20U, 4194304U, 5'000'017U}) {
        EXPECT_TRUE(client.exchange(pattern(size, static_cast<std::uint32_t>(size))))
            << size << " bytes";
    }
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(client.errors.size(), 0U);
}

TEST_P(echo_test, many_messages_in_flight_keep_their_order) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    const std::size_t count = scaled(2000);
    for (std::size_t i = 0; i < count; ++i) {
        const bytes data = pattern(1 + i * 37 % 1500, static_cast<std::uint32_t>(i));
        ASSERT_TRUE(eventually([&] { return client.client.send_packet(data).is_ok(); }));
    }
    ASSERT_TRUE(client.received.wait_for(count));
    const auto answers = client.received.all();
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(answers[i], pattern(1 + i * 37 % 1500, static_cast<std::uint32_t>(i))) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(
    framed, echo_test,
    testing::Combine(testing::Values(framing::message, framing::length_prefixed), both_methods()),
    [](const auto& chosen) {
        return std::string(std::get<0>(chosen.param) == framing::message ? "message_"
                                                                         : "length_prefixed_") +
               readiness_name(std::get<1>(chosen.param));
    });

class echo_both_test : public BothReadiness {};

TEST_P(echo_both_test, raw_framing_is_a_stream_of_bytes) {
    server_options options = for_server();
    options.session.frames = framing::raw;
    client_options raw_client = for_client();
    raw_client.session.frames = framing::raw;
    test_server server(options);
    test_client client(raw_client);
    collector<std::size_t> arrived;
    event_counter byte_count;
    bytes all;
    client.on_receive = [&](std::span<const std::uint8_t> data) {
        all.insert(all.end(), data.begin(), data.end());
        byte_count.add(data.size());
    };
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    bytes expected;
    for (const std::size_t size : {1U, 100U, 70'000U, 1'000'000U}) {
        const bytes data = pattern(size, static_cast<std::uint32_t>(size));
        expected.insert(expected.end(), data.begin(), data.end());
        ASSERT_TRUE(is_ok(client.client.send_packet(data)));
    }
    ASSERT_TRUE(byte_count.wait_for(expected.size()));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(all, expected);
}

TEST_P(echo_both_test, many_clients_are_served_at_the_same_time) {
    server_options options = for_server();
    options.io_threads = 3;
    test_server server(options);
    const auto port = server.start();
    constexpr std::size_t clients = 24;
    const std::size_t messages = scaled(80);
    std::vector<std::unique_ptr<test_client>> all;
    for (std::size_t i = 0; i < clients; ++i) {
        all.push_back(std::make_unique<test_client>(for_client()));
        ASSERT_TRUE(is_ok(all.back()->connect(port)));
    }
    const auto data_of = [](std::size_t who, std::size_t which) {
        return pattern(1 + (who * 131 + which * 977) % 20'000,
                       static_cast<std::uint32_t>(who * 1000 + which));
    };
    for (std::size_t m = 0; m < messages; ++m) {
        for (std::size_t i = 0; i < clients; ++i) {
            ASSERT_TRUE(is_ok(all[i]->client.send_packet(data_of(i, m))));
        }
    }
    for (std::size_t i = 0; i < clients; ++i) {
        ASSERT_TRUE(all[i]->received.wait_for(messages)) << "client " << i;
        const auto answers = all[i]->received.all();
        for (std::size_t m = 0; m < messages; ++m) {
            ASSERT_EQ(answers[m], data_of(i, m)) << "client " << i << " message " << m;
        }
    }
    EXPECT_EQ(server.server.connection_count(), clients);
}

TEST_P(echo_both_test, every_threads_messages_keep_their_order) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    constexpr std::size_t threads = 4;
    const std::uint32_t each = static_cast<std::uint32_t>(scaled(1000));
    std::vector<std::thread> senders;
    for (std::uint8_t t = 0; t < threads; ++t) {
        senders.emplace_back([&, t] {
            for (std::uint32_t i = 0; i < each; ++i) {
                bytes data{t};
                put_length(data, i);
                ASSERT_TRUE(eventually([&] { return client.client.send_packet(data).is_ok(); }));
            }
        });
    }
    for (auto& sender : senders) {
        sender.join();
    }
    ASSERT_TRUE(client.received.wait_for(threads * each));
    std::array<int, threads> next{};
    for (const bytes& answer : client.received.all()) {
        ASSERT_EQ(answer.size(), 5U);
        EXPECT_EQ(reason_of(std::span(answer).subspan(1)), next.at(answer[0])++);
    }
}

TEST_P(echo_both_test, callbacks_of_a_one_thread_server_never_overlap) {
    test_server server(for_server());
    std::atomic<int> inside{0};
    std::atomic<bool> has_overlapped{false};
    const auto enter = [&] {
        has_overlapped = has_overlapped || inside.fetch_add(1) != 0;
        std::this_thread::yield();
        inside.fetch_sub(1);
    };
    server.on_connect = [&](const session_ptr&) { enter(); };
    server.on_disconnect = [&](const std::string&) { enter(); };
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        enter();
        (void)session->send_packet(data);
    };
    const auto port = server.start();
    std::vector<std::thread> users;
    for (int t = 0; t < 4; ++t) {
        users.emplace_back([&] {
            for (int round = 0; round < 5; ++round) {
                test_client client(for_client());
                ASSERT_TRUE(is_ok(client.connect(port)));
                ASSERT_TRUE(client.exchange("one"));
                ASSERT_TRUE(client.exchange("two"));
            }
        });
    }
    for (auto& user : users) {
        user.join();
    }
    EXPECT_TRUE(server.closed.wait_for(20));
    EXPECT_FALSE(has_overlapped);
}

TEST_P(echo_both_test, a_slow_reader_gets_everything_in_small_pieces) {
    test_server server(for_server());
    raw_peer slow = raw_peer::connect(server.start(), 4096);
    const bytes message = pattern(300'000);
    ASSERT_TRUE(slow.receive_frame_of(type_hello));
    ASSERT_TRUE(slow.send(frame_of(type_data, message)));
    bytes answer;
    const std::size_t wanted = message.size() + 5;
    while (answer.size() < wanted) {
        const bytes part = slow.receive_some(777);
        ASSERT_FALSE(part.empty());
        answer.insert(answer.end(), part.begin(), part.end());
    }
    EXPECT_EQ(answer, frame_of(type_data, message));
}

TEST_P(echo_both_test, a_message_sent_byte_by_byte_arrives_whole) {
    test_server server(for_server());
    raw_peer peer = raw_peer::connect(server.start());
    peer.set(IPPROTO_TCP, TCP_NODELAY, 1);
    ASSERT_TRUE(peer.receive_frame_of(type_hello));
    for (const std::uint8_t each : frame_of(type_data, pattern(40))) {
        ASSERT_TRUE(peer.send(std::span(&each, 1)));
    }
    const auto answer = peer.receive_frame();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->payload, pattern(40));
    EXPECT_EQ(server.received.count(), 1U);
}

INSTANTIATE_TEST_SUITE_P(method, echo_both_test, both_methods(), method_of);

}  // namespace
}  // namespace loopback

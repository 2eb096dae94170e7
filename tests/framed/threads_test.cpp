// Many threads at once: order per thread, callbacks that never overlap, getters while all is busy.
#include "framed/thread_order.h"

#include <atomic>

namespace loopback {
namespace {

class threads_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, threads_test, both_methods(), method_of);

TEST_P(threads_test, a_client_keeps_the_order_of_every_thread) {
    test_server server(for_server());
    order_check order;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t> data) {
        order.record(data);
    };
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    const auto each = static_cast<std::uint32_t>(scaled(1000));
    send_from_threads(each, [&](bytes data, bool is_owned) {
        return is_owned ? client.client.send_packet(std::move(data))
                        : client.client.send_packet(std::span<const std::uint8_t>(data));
    });
    EXPECT_TRUE(order.wait_for(sending_threads * each));
}

TEST_P(threads_test, a_servers_session_keeps_the_order_of_every_thread) {
    test_server server(for_server());
    order_check order;
    test_client client(for_client());
    client.on_receive = [&](std::span<const std::uint8_t> data) { order.record(data); };
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(server.sessions.wait_for(1));
    const auto session = server.sessions.at(0);
    const auto each = static_cast<std::uint32_t>(scaled(1000));
    send_from_threads(each, [&](bytes data, bool is_owned) {
        return is_owned ? session->send_packet(std::move(data))
                        : session->send_packet(std::span<const std::uint8_t>(data));
    });
    EXPECT_TRUE(order.wait_for(sending_threads * each));
}

TEST_P(threads_test, sends_in_a_callback_do_not_overtake_those_before) {
    test_server server(for_server());
    const auto session_of = [&] { return server.sessions.at(0); };
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t>) {
        // Queued by another thread, and not taken over yet: this comes after it.
        std::thread([&] {
            EXPECT_TRUE(is_ok(session_of()->send_packet(numbered(0, 0))));
            EXPECT_TRUE(is_ok(session_of()->send_packet(numbered(0, 1))));
        }).join();
        EXPECT_TRUE(is_ok(session->send_packet(numbered(0, 2))));
        EXPECT_TRUE(is_ok(session->send_packet(pattern(100'000))));
        EXPECT_TRUE(is_ok(session->send_packet(numbered(0, 3))));
    };
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(client.client.send_packet("go")));
    ASSERT_TRUE(client.received.wait_for(5));
    EXPECT_EQ(client.received.at(0), numbered(0, 0));
    EXPECT_EQ(client.received.at(1), numbered(0, 1));
    EXPECT_EQ(client.received.at(2), numbered(0, 2));
    EXPECT_EQ(client.received.at(3), pattern(100'000));
    EXPECT_EQ(client.received.at(4), numbered(0, 3));
}

TEST_P(threads_test, callbacks_of_one_session_never_overlap) {
    server_options options = for_server();
    options.io_threads = 4;
    test_server server(options);
    std::atomic<bool> has_overlapped{false};
    std::atomic<int> finished{0};
    server.on_connect = [](const session_ptr& session) {
        session->set_user_data(std::make_shared<std::atomic<int>>(0));
    };
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        const auto inside = session->user_data_as<std::atomic<int>>();
        has_overlapped = has_overlapped || inside->fetch_add(1) != 0;
        std::this_thread::yield();
        (void)session->send_packet(data, [&, inside](VoidResult) {
            has_overlapped = has_overlapped || inside->load() != 0;
            ++finished;
        });
        inside->fetch_sub(1);
    };
    const auto port = server.start();
    std::vector<std::unique_ptr<test_client>> clients;
    for (int i = 0; i < 16; ++i) {
        clients.push_back(std::make_unique<test_client>(for_client()));
        ASSERT_TRUE(is_ok(clients.back()->connect(port)));
    }
    const std::size_t each = scaled(100);
    for (std::size_t m = 0; m < each; ++m) {
        for (const auto& client : clients) {
            ASSERT_TRUE(is_ok(client->client.send_packet(pattern(200))));
        }
    }
    for (const auto& client : clients) {
        ASSERT_TRUE(client->received.wait_for(each));
    }
    EXPECT_TRUE(eventually([&] { return finished == static_cast<int>(16 * each); }));
    EXPECT_FALSE(has_overlapped);
}

TEST_P(threads_test, getters_work_while_everything_is_busy) {
    server_options options = for_server();
    options.io_threads = 2;
    test_server server(options);
    const auto port = server.start();
    std::atomic<bool> is_over{false};
    std::vector<std::thread> readers;
    for (int t = 0; t < 2; ++t) {
        readers.emplace_back([&] {
            std::uint64_t accepted = 0;
            while (!is_over) {
                const auto metrics = server.server.metrics();
                EXPECT_GE(metrics.connections_accepted, accepted) << "counters do not go back";
                accepted = metrics.connections_accepted;
                (void)server.server.session_stats();
                (void)server.server.connection_count();
                (void)server.server.broadcast("to everyone");
                for (const auto& session : server.server.get_sessions()) {
                    (void)server.server.get_session(session->id());
                    (void)session->metrics();
                    (void)session->queued_bytes();
                    (void)session->user_data();
                }
            }
        });
    }
    std::vector<std::thread> users;
    for (int t = 0; t < 3; ++t) {
        users.emplace_back([&] {
            for (std::size_t i = 0; i < scaled(24); ++i) {
                client_options plain = for_client();
                test_client client(plain);
                ASSERT_TRUE(is_ok(client.connect(port)));
                ASSERT_TRUE(is_ok(client.client.send_packet("hello")));
                ASSERT_TRUE(client.received.wait_for(1));
                (void)client.client.metrics();
                (void)client.client.is_connected();
            }
        });
    }
    for (auto& user : users) {
        user.join();
    }
    is_over = true;
    for (auto& reader : readers) {
        reader.join();
    }
}

TEST_P(threads_test, start_and_stop_from_many_threads) {
    test_server server(for_server());
    const auto port = server.start();
    test_client client(for_client());
    std::vector<std::thread> users;
    for (int t = 0; t < 4; ++t) {
        users.emplace_back([&] {
            for (std::size_t i = 0; i < scaled(40); ++i) {
                const auto started = client.connect(port);
                EXPECT_TRUE(started.is_ok() ||
                            started.error().code == static_cast<int>(errc::already_exists) ||
                            started.error().code == static_cast<int>(errc::connection_closed))
                    << started.error().message;
                (void)client.client.send_packet("whoever is connected");
                EXPECT_TRUE(is_ok(client.client.stop_client()));
            }
        });
    }
    for (auto& user : users) {
        user.join();
    }
    EXPECT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(eventually([&] { return client.client.is_connected(); }));
}

}  // namespace
}  // namespace loopback

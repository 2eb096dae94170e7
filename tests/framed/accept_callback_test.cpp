// The accept callback: it sees a connection before there is a session, and may turn it away.
#include "support/context_runner.h"
#include "support/lifetime_watch.h"
#include "support/proxy_headers.h"

#include <network_system/utils/thread_pool.h>

#include <stdexcept>

namespace loopback {
namespace {

using network_system::endpoint;
using network_system::core::accept_answer;

class accept_callback : public BothReadiness {
protected:
    /// What becomes user data, and is to be freed.
    std::shared_ptr<int> make_data(int value) { return last_.watch(std::make_shared<int>(value)); }
    [[nodiscard]] bool is_freed() const {
        return eventually([this] { return last_.is_over(); });
    }

private:
    network_system::testing::lifetime_watch last_;
};
INSTANTIATE_TEST_SUITE_P(method, accept_callback, both_methods(), method_of);

TEST_P(accept_callback, what_it_attaches_is_there_before_the_connection_callback) {
    const auto pool = std::make_shared<network_system::thread_pool>(2);
    for (const bool is_pooled : {false, true}) {
        server_options options = for_server();
        options.io_threads = 3;
        options.callback_pool = is_pooled ? pool : nullptr;
        test_server server(options);
        collector<std::uint16_t> ports;
        (void)server.server.set_accept_callback([&](const endpoint& client, accept_answer& answer) {
            EXPECT_FALSE(pool->runs_here());
            EXPECT_EQ(client.address(), "127.0.0.1");
            ports.add(client.port());
            answer.set_user_data(make_data(client.port()));
        });
        server.on_connect = [&](const session_ptr& who) {
            const auto data = who->user_data<int>();
            ASSERT_NE(data, nullptr);
            EXPECT_EQ(*data, who->remote_endpoint().port());
        };
        const auto port = server.start();
        for (std::size_t i = 0; i < 6; ++i) {
            test_client client(for_client());
            ASSERT_TRUE(is_ok(client.connect(port)));
            EXPECT_TRUE(client.exchange("hello"));
            EXPECT_EQ(ports.size(), i + 1);
        }
        EXPECT_EQ(server.server.metrics().connections_rejected, 0U);
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        server.sessions.clear();
        EXPECT_TRUE(is_freed()) << "with the session";
    }
}

TEST_P(accept_callback, who_is_rejected_is_told_counted_and_takes_no_place) {
    server_options options = for_server();
    options.max_connections = 1;
    options.max_connections_per_address = 1;
    test_server server(options);
    std::atomic<bool> is_wanted{false};
    (void)server.server.set_accept_callback([&](const endpoint&, accept_answer& answer) {
        answer.set_user_data(make_data(1));
        if (!is_wanted) {
            answer.reject();
            EXPECT_FALSE(answer.is_accepted());
        }
    });
    const auto port = server.start();
    for (int i = 0; i < 3; ++i) {
        test_client client(for_client());
        EXPECT_TRUE(fails_with(client.connect(port), errc::connection_refused));
        raw_peer peer = raw_peer::connect(port);
        const auto said = peer.receive_frame();
        ASSERT_TRUE(said);
        EXPECT_EQ(said->type, type_goodbye);
        EXPECT_EQ(reason_of(said->payload), static_cast<int>(errc::connection_refused));
        EXPECT_EQ(peer.drain(), stream_end::orderly);
    }
    EXPECT_TRUE(is_freed()) << "at once";
    EXPECT_EQ(server.server.metrics().connections_rejected, 6U);
    EXPECT_EQ(server.server.metrics().connections_refused, 0U);
    EXPECT_EQ(server.sessions.size() + server.closed.size() + server.errors.size(), 0U);
    is_wanted = true;
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(port))) << "the only place is free";
    test_client another(for_client());
    EXPECT_TRUE(fails_with(another.connect(port), errc::server_full)) << "that is not asked about";
    EXPECT_EQ(server.server.metrics().connections_rejected, 6U);
}

TEST_P(accept_callback, one_that_throws_refuses_the_connection) {
    test_server server(for_server());
    int calls = 0;
    (void)server.server.set_accept_callback([&](const endpoint&, accept_answer& answer) {
        if (++calls == 1) {
            answer.set_user_data(make_data(1));
            throw std::runtime_error("no idea who that is");
        }
    });
    const auto port = server.start();
    test_client refused(for_client());
    EXPECT_TRUE(fails_with(refused.connect(port), errc::connection_refused));
    EXPECT_TRUE(is_freed());
    EXPECT_EQ(server.server.metrics().callback_exceptions, 1U);
    EXPECT_EQ(server.server.metrics().connections_rejected, 1U);
    test_client next(for_client());
    ASSERT_TRUE(is_ok(next.connect(port))) << "the server goes on";
    EXPECT_TRUE(next.exchange("hello"));
}

TEST_P(accept_callback, sees_the_client_behind_a_proxy) {
    using namespace network_system::testing;
    server_options options = for_server();
    options.proxy_protocol.trusted = {"127.0.0.1"};
    options.max_connections_per_address = 1;
    test_server server(options);
    collector<std::string> seen;
    (void)server.server.set_accept_callback([&](const endpoint& client, accept_answer& answer) {
        seen.add(client.to_string());
        answer.set_user_data(make_data(client.bytes()[3]));
        if (client.bytes()[3] == 66) {
            answer.reject();
        }
    });
    const auto port = server.start();
    for (int round = 0; round < 2; ++round) {
        raw_peer rejected = raw_peer::connect(port);
        ASSERT_TRUE(rejected.send(proxy_wire(proxy_proxy, proxy_tcp4, proxy_tcp4_block(66))));
        const auto said = rejected.receive_frame();
        ASSERT_TRUE(said);
        EXPECT_EQ(said->type, type_goodbye);
        EXPECT_EQ(reason_of(said->payload), static_cast<int>(errc::connection_refused));
    }
    raw_peer accepted = raw_peer::connect(port);
    ASSERT_TRUE(accepted.send(proxy_wire(proxy_proxy, proxy_tcp4, proxy_tcp4_block(7))));
    ASSERT_TRUE(accepted.receive_frame_of(type_hello));
    EXPECT_EQ(seen.all(),
              (std::vector<std::string>{"192.0.2.66:4711", "192.0.2.66:4711", "192.0.2.7:4711"}));
    EXPECT_EQ(*server.sessions.at(0)->user_data_as<int>(), 7);
    EXPECT_EQ(server.server.metrics().connections_rejected, 2U);
    EXPECT_EQ(server.server.metrics().proxy_errors, 0U);
}

TEST_P(accept_callback, is_set_before_the_start_and_may_end_the_server) {
    auto server = std::make_unique<messaging_server>("server", for_server());
    event_counter asked;
    ASSERT_TRUE(is_ok(server->set_accept_callback([&](const endpoint&, accept_answer&) {
        server.reset();
        asked.add();
    })));
    ASSERT_TRUE(is_ok(server->start_server(0)));
    EXPECT_TRUE(fails_with(server->set_accept_callback({}), errc::invalid_argument));
    raw_peer peer = raw_peer::connect(server->local_port());
    ASSERT_TRUE(asked.wait_for(1));
    (void)peer.drain();
    EXPECT_EQ(server, nullptr);
}

TEST_P(accept_callback, runs_on_an_io_context_of_the_applications) {
    context_runner runner(2);
    server_options options = for_server();
    options.io_context = &runner.context;
    test_server server(options);
    std::atomic<int> inside{0};
    (void)server.server.set_accept_callback([&](const endpoint& client, accept_answer& answer) {
        EXPECT_EQ(inside.fetch_add(1), 0) << "one at a time";
        answer.set_user_data(make_data(client.port()));
        --inside;
    });
    const auto port = server.start();
    for (int i = 0; i < 5; ++i) {
        test_client client(for_client());
        ASSERT_TRUE(is_ok(client.connect(port)));
        EXPECT_TRUE(client.exchange("hello"));
    }
    EXPECT_EQ(*server.sessions.at(4)->user_data_as<int>(),
              server.sessions.at(4)->remote_endpoint().port());
    EXPECT_TRUE(is_ok(server.server.stop_server()));
}

}  // namespace
}  // namespace loopback

// Both sides of every connection are counted, and the books agree: what was accepted was sent or
// dropped, what arrived is a prefix of what was handed over, and the totals are sums of sessions.
#include "framework/metrics_sum.h"
#include "framework/numbered_message.h"
#include "framework/system_fixture.h"

#include <future>
#include <map>

namespace integration {
namespace {

/// Where one side of a connection sends from and receives to.
struct side {
    numbered_sender sender;
    numbered_receiver receiver;
    std::shared_ptr<network_system::session::messaging_session> session;

    [[nodiscard]] session_metrics metrics() const { return session->metrics(); }
};

/// One closed direction of a connection.
void expect_balanced(const side& from, const side& to) {
    const session_metrics sent = from.metrics();
    EXPECT_EQ(from.sender.accepted(), sent.messages_sent + sent.messages_dropped);
    EXPECT_EQ(sent.queued_bytes, 0U);
    EXPECT_EQ(to.receiver.received(), to.metrics().messages_received);
    EXPECT_EQ(to.receiver.wrong(), 0U) << "a prefix, in order and unharmed";
    EXPECT_LE(to.receiver.received(), sent.messages_sent);
    EXPECT_LE(to.metrics().bytes_received, sent.bytes_sent);
}

void expect_complete(const side& from, const side& to) {
    EXPECT_EQ(from.metrics().messages_dropped, 0U);
    EXPECT_EQ(to.receiver.received(), from.sender.accepted());
}

/// Returns when the session has stopped reading.
void pause(const side& at) {
    EXPECT_TRUE(is_ok(at.session->pause_receiving()));
    std::promise<void> is_paused;
    ASSERT_TRUE(at.session->post([&] { is_paused.set_value(); }));
    is_paused.get_future().wait();
}

/// A server and clients that keep books. Both sides send only what the tests tell them to.
class accounting_test : public BothReadiness {
protected:
    struct connection {
        explicit connection(const client_options& options) : peer(options) {
            peer.on_receive = [this](std::span<const std::uint8_t> data) {
                near.receiver.take(data);
            };
        }
        side near;
        side far;
        test_client peer;  // last: gone, with its callbacks, before the books
    };

    void start(server_options options = for_server()) {
        make_server(std::move(options));
        listen();
    }
    void make_server(server_options options) {
        server_ = std::make_unique<test_server>(std::move(options));
        server_->on_receive = [](const session_ptr& session, std::span<const std::uint8_t> data) {
            session->user_data_as<connection>()->far.receiver.take(data);
        };
    }
    void listen() { port_ = server_->start(); }
    connection& connect(const client_options& options = for_client()) {
        auto& made = *connections_.emplace_back(std::make_shared<connection>(options));
        EXPECT_TRUE(is_ok(made.peer.connect(port_)));
        EXPECT_TRUE(server_->sessions.wait_for(connections_.size()));
        made.near.session = made.peer.client.get_session().value();
        made.far.session = server_->sessions.at(connections_.size() - 1);
        made.far.session->set_user_data(std::shared_ptr<void>(std::shared_ptr<void>(), &made));
        return made;
    }
    static void send(side& from, std::size_t count, std::size_t size = 200) {
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_TRUE(from.sender.send(*from.session, size + i % 64));
        }
    }
    test_server& server() { return *server_; }

    /// After the last connection has ended.
    void expect_balanced_books() {
        expect_totals();
        for (const auto& each : connections_) {
            expect_balanced(each->near, each->far);
            expect_balanced(each->far, each->near);
        }
    }
    /// The same; of the totals only.
    void expect_totals() {
        EXPECT_TRUE(is_ok(server_->server.stop_server()));
        session_metrics sum;
        for (const auto& each : connections_) {
            EXPECT_TRUE(is_ok(each->peer.client.wait_for_stop()));
            expect_equal(each->peer.client.metrics().totals, each->near.metrics());
            add(sum, each->far.metrics());
        }
        const auto all = server_->server.metrics();
        EXPECT_EQ(all.connections_active, 0U);
        EXPECT_EQ(all.connections_accepted, connections_.size());
        EXPECT_EQ(all.session_errors, server_->errors.size());
        expect_equal(all.totals, sum);
    }

private:
    std::uint16_t port_ = 0;
    std::vector<std::shared_ptr<connection>> connections_;
    std::unique_ptr<test_server> server_;  // last: gone before the books its sessions point to
};

INSTANTIATE_TEST_SUITE_P(method, accounting_test, both_methods(), method_of);

TEST_P(accounting_test, a_clean_close_by_the_clients_delivers_all_they_sent) {
    start();
    for (int i = 0; i < 5; ++i) {
        auto& each = connect();
        send(each.near, scaled(2000));
        EXPECT_TRUE(is_ok(each.peer.client.stop_client()));
        ASSERT_TRUE(server().closed.wait_for(static_cast<std::size_t>(i) + 1));
        expect_complete(each.near, each.far);
        EXPECT_EQ(each.near.metrics().bytes_sent, each.far.metrics().bytes_received);
    }
    expect_balanced_books();
    EXPECT_EQ(server().errors.size(), 0U);
}

TEST_P(accounting_test, a_clean_close_by_the_server_delivers_all_it_sent) {
    start();
    for (int i = 0; i < 5; ++i) {
        auto& each = connect();
        send(each.far, scaled(2000));
        EXPECT_TRUE(is_ok(each.far.session->stop_session()));
        EXPECT_TRUE(is_ok(each.peer.client.wait_for_stop()));
        expect_complete(each.far, each.near);
        EXPECT_EQ(each.peer.errors.size(), 0U);
    }
    expect_balanced_books();
    EXPECT_EQ(server().errors.size(), 0U);
}

TEST_P(accounting_test, traffic_in_both_directions_is_balanced_whoever_closes) {
    start();
    for (std::size_t round = 0; round < 12; ++round) {
        auto& each = connect();
        std::thread far_side([&] {
            while (each.far.sender.send(*each.far.session, 300)) {}  // until it is closed or full
        });
        while (each.near.receiver.received() < 10 * round) {
            (void)each.near.sender.send(*each.near.session, 100);
        }
        if (round % 3 == 0) {
            EXPECT_TRUE(is_ok(each.peer.client.stop_client()));
        } else if (round % 3 == 1) {
            EXPECT_TRUE(is_ok(each.far.session->stop_session()));
        } else {
            EXPECT_TRUE(is_ok(each.far.session->stop_session()));
            EXPECT_TRUE(is_ok(each.peer.client.stop_client()));
        }
        far_side.join();
        ASSERT_TRUE(server().closed.wait_for(round + 1));
    }
    expect_balanced_books();
}

TEST_P(accounting_test, a_connection_cut_in_the_middle_of_traffic_loses_nothing_from_the_books) {
    // However long this thread is kept from running, the system takes no more than its buffers
    // hold: when the connection is cut, the queues are not empty.
    const auto hasty = [](auto options) {
        options.drain_timeout = 0ms;  // a stop resets the connection instead of closing it
        options.socket.send_buffer_size = 4096;
        options.socket.receive_buffer_size = 4096;
        return options;
    };
    start(hasty(for_server()));
    for (std::size_t round = 0; round < 10; ++round) {
        auto& each = connect(hasty(for_client()));
        pause(each.far);
        pause(each.near);
        std::thread far_side([&] {
            while (each.far.sender.send(*each.far.session, 20'000)) {}
        });
        while (each.near.sender.send(*each.near.session, 20'000)) {}
        far_side.join();
        EXPECT_GT(each.near.metrics().queued_bytes, 0U);
        if (round % 2 == 0) {
            EXPECT_TRUE(is_ok(each.peer.client.stop_client()));
            EXPECT_TRUE(is_ok(each.far.session->stop_session()));
        } else {
            EXPECT_TRUE(is_ok(each.far.session->stop_session()));
            (void)each.near.session->resume_receiving();  // fails when it has noticed already
        }
        ASSERT_TRUE(server().closed.wait_for(round + 1));
        ASSERT_TRUE(each.peer.disconnected.wait_for(1));
        EXPECT_GT(each.near.metrics().messages_dropped, 0U);
        EXPECT_GT(each.far.metrics().messages_dropped, 0U);
    }
    expect_balanced_books();
}

TEST_P(accounting_test, refused_sends_are_counted_and_nothing_else_is_lost) {
    start();
    client_options options = for_client();
    options.session.high_watermark = 100'000;
    options.session.low_watermark = 10'000;
    auto& each = connect(options);
    EXPECT_TRUE(is_ok(each.far.session->pause_receiving()));
    std::uint64_t refused = 0;
    for (int burst = 0; burst < 3; ++burst) {
        while (each.near.sender.send(*each.near.session, 5000)) {}
        ++refused;
        for (int i = 0; i < 99; ++i) {
            refused += each.near.sender.send(*each.near.session, 60'000) ? 0U : 1U;
        }
        EXPECT_EQ(each.near.metrics().sends_rejected, refused);
        const auto accepted = each.near.sender.accepted();
        EXPECT_TRUE(is_ok(each.far.session->resume_receiving()));
        ASSERT_TRUE(eventually([&] { return each.far.receiver.received() == accepted; }));
        EXPECT_TRUE(is_ok(each.far.session->pause_receiving()));
    }
    EXPECT_TRUE(is_ok(each.far.session->resume_receiving()));
    EXPECT_TRUE(is_ok(each.peer.client.stop_client()));
    ASSERT_TRUE(server().closed.wait_for(1));
    expect_complete(each.near, each.far);
    expect_balanced_books();
}

TEST_P(accounting_test, a_stop_with_full_queues_counts_what_it_drops) {
    server_options options = for_server();
    options.drain_timeout = 100ms;
    options.socket.send_buffer_size = 4096;
    options.session.high_watermark = 500'000;
    options.session.low_watermark = 100'000;
    start(options);
    // The system must not take what the queues hold.
    client_options small = for_client();
    small.socket.receive_buffer_size = 4096;
    constexpr std::size_t count = 8;
    std::vector<connection*> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(&connect(small));
        if (i % 2 == 0) {
            pause(all[i]->near);
        }
    }
    for (std::size_t i = 0; i < count; i += 2) {
        while (all[i]->far.sender.send(*all[i]->far.session, 10'000)) {}
    }
    for (std::size_t i = 1; i < count; i += 2) {
        send(all[i]->far, 20);
    }
    EXPECT_TRUE(is_ok(server().server.stop_server()));
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 2 == 0) {
            EXPECT_GT(all[i]->far.metrics().messages_dropped, 0U);
            EXPECT_TRUE(is_ok(all[i]->near.session->resume_receiving()));
        }
        ASSERT_TRUE(all[i]->peer.disconnected.wait_for(1));
    }
    expect_balanced_books();
    EXPECT_GE(server().errors.size(), count / 2);
}

TEST_P(accounting_test, every_send_of_many_threads_is_counted_once) {
    server_options options = for_server();
    options.io_threads = 2;
    start(options);
    std::vector<connection*> all{&connect(), &connect(), &connect()};
    constexpr std::size_t threads = 4;
    const std::size_t each_sends = scaled(2000);
    std::atomic<std::uint64_t> completed{0};
    std::vector<std::thread> senders;
    for (std::size_t t = 0; t < threads; ++t) {
        senders.emplace_back([&, t] {
            for (std::size_t i = 0; i < each_sends; ++i) {
                connection& to = *all[(i + t) % all.size()];
                side& from = i % 2 == 0 ? to.near : to.far;
                const auto note = [&](const VoidResult& result) {
                    completed += result.is_ok() ? 1U : 0U;
                };
                while (!from.sender.send(*from.session, 20 + i % 500, note)) {
                    std::this_thread::yield();  // full
                }
            }
        });
    }
    for (auto& each : senders) {
        each.join();
    }
    for (connection* const each : all) {
        const auto near_sent = each->near.sender.accepted();
        const auto far_sent = each->far.sender.accepted();
        ASSERT_TRUE(eventually([&] {
            return each->far.receiver.received() == near_sent &&
                   each->near.receiver.received() == far_sent;
        }));
        EXPECT_TRUE(is_ok(each->peer.client.stop_client()));
    }
    ASSERT_TRUE(server().closed.wait_for(all.size()));
    EXPECT_EQ(completed, threads * each_sends);
    for (connection* const each : all) {
        expect_complete(each->near, each->far);
        expect_complete(each->far, each->near);
    }
    expect_balanced_books();
    EXPECT_EQ(server().server.metrics().totals.messages_received +
                  server().server.metrics().totals.messages_sent,
              threads * each_sends);
}

/// The counters of messages with ids.
[[nodiscard]] bool is_of_ids(std::string_view counter) {
    return counter == "messages_acknowledged" || counter == "messages_repeated" ||
           counter == "messages_refused";
}

TEST_P(accounting_test, the_totals_are_the_sums_of_every_counter) {
    server_options pulling = for_server();
    pulling.session.receiving = network_system::receive_mode::pull;  // and nobody asks
    pulling.session.max_messages_per_second = 20;
    pulling.socket.receive_buffer_size = 4096;
    make_server(pulling);
    collector<std::shared_ptr<network_system::session::responder>> unanswered;
    (void)server().server.set_request_callback([&](const session_ptr&,
                                                   std::span<const std::uint8_t>,
                                                   network_system::session::responder answer) {
        unanswered.add(std::make_shared<network_system::session::responder>(std::move(answer)));
    });
    listen();
    client_options options = for_client();
    options.session.high_watermark = 200'000;
    options.session.low_watermark = 100'000;
    options.socket.send_buffer_size = 4096;
    session_metrics both;
    for (std::size_t round = 0; round < 3; ++round) {
        auto& each = connect(options);
        std::promise<VoidResult> outcome;
        ASSERT_TRUE(is_ok(each.near.session->request(
            "is anybody there?", 1ms, [&](const Result<std::span<const std::uint8_t>>& answer) {
                outcome.set_value(answer.is_ok() ? network_system::ok()
                                                 : VoidResult(answer.error()));
            })));
        EXPECT_TRUE(fails_with(outcome.get_future().get(), errc::connection_timeout));
        ASSERT_TRUE(unanswered.wait_for(round + 1));
        EXPECT_TRUE(is_ok(unanswered.at(round)->respond("too late")));
        ASSERT_TRUE(eventually([&] { return each.near.metrics().late_responses == 1; }));
        send(each.near, 100, 100);
        ASSERT_TRUE(eventually([&] { return each.far.metrics().rate_pauses > 0; }));
        pause(each.far);
        while (each.near.sender.send(*each.near.session, 20'000)) {}
        // What is on its way now, the server discards.
        ASSERT_TRUE(eventually(
            [&] { return each.near.metrics().bytes_sent > each.far.metrics().bytes_received; }));
        EXPECT_TRUE(is_ok(each.far.session->stop_session()));
        ASSERT_TRUE(server().closed.wait_for(round + 1));
        ASSERT_TRUE(each.peer.disconnected.wait_for(1));
        add(both, each.near.metrics());
        add(both, each.far.metrics());
    }
    expect_totals();
    for (const auto& each : network_system::metrics_table<session_metrics>::fields) {
        if (each.kind == network_system::metric_kind::counter && !is_of_ids(each.name)) {
            EXPECT_GT(each.get(both), 0U) << each.name << ": not tested";
        }
    }
}

TEST_P(accounting_test, the_totals_have_messages_with_ids_too) {
    server_options forgetful = for_server();
    forgetful.delivery.window = 1;
    test_server server(forgetful);
    const auto port = server.start();
    client_options options = for_client();
    options.delivery = std::make_shared<network_system::session::delivery_sender>();
    test_client client(options);
    event_counter answers;
    (void)client.client.set_acknowledged_callback([&](std::uint64_t) { answers.add(); });
    session_metrics near;
    session_metrics far;
    for (std::uint64_t round = 0; round < 2; ++round) {
        ASSERT_TRUE(is_ok(client.connect(port)));
        const auto session = client.client.get_session().value();
        for (const std::uint64_t id : {round * 10 + 5, round * 10 + 5, round * 10 + 1}) {
            EXPECT_TRUE(is_ok(session->send_with_id("numbered", id)));
        }
        ASSERT_TRUE(answers.wait_for(3 * (round + 1)));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        ASSERT_TRUE(server.closed.wait_for(round + 1));
        add(near, session->metrics());
        add(far, server.sessions.at(round)->metrics());
    }
    const session_metrics of_client = client.client.metrics().totals;
    const session_metrics of_server = server.server.metrics().totals;
    for (const auto& each : network_system::metrics_table<session_metrics>::fields) {
        if (is_of_ids(each.name)) {
            EXPECT_GT(each.get(far), 0U) << each.name << ": not tested";
            EXPECT_EQ(each.get(of_client), each.get(near)) << each.name;
            EXPECT_EQ(each.get(of_server), each.get(far)) << each.name;
        }
    }
}

TEST_P(accounting_test, a_clients_totals_are_the_sum_of_its_connections) {
    test_server server(for_server());
    const auto port = server.start();
    test_client client(for_client());
    session_metrics sum;
    std::vector<std::shared_ptr<network_system::session::messaging_session>> sessions;
    for (std::uint32_t i = 0; i < 10; ++i) {
        ASSERT_TRUE(is_ok(client.connect(port)));
        sessions.push_back(client.client.get_session().value());
        for (std::uint32_t m = 0; m <= i; ++m) {
            ASSERT_TRUE(client.exchange(pattern(100 + m, i)));
        }
        EXPECT_TRUE(is_ok(client.client.stop_client()));
    }
    for (const auto& each : sessions) {
        add(sum, each->metrics());
    }
    expect_equal(client.client.metrics().totals, sum);
    EXPECT_EQ(sum.messages_sent, 55U);
    EXPECT_EQ(sum.messages_received, 55U);
}

}  // namespace
}  // namespace integration

// Many connections that are used at random, by slow readers too, and end at random in every way.
// For each of them, both directions: what was accepted was handed over or dropped, and what arrived
// is a prefix of what was handed over; all of it where the receiver saw a clean end.
//
// NETWORK_TEST_SEED repeats the choices of a run; with NETWORK_FULL_LENGTH it is a load test.
#include "framework/metrics_sum.h"
#include "framework/random_connection.h"
#include "support/context_runner.h"

#include <network_system/utils/thread_pool.h>

#include <functional>
#include <iostream>
#include <optional>

namespace integration {
namespace {

enum class hosting : std::uint8_t { own_threads, callback_pool, io_context };

struct accounting_case {
    std::string name;
    send_policy policy;
    hosting where;
    readiness method;
};

class accounting_load : public testing::TestWithParam<accounting_case> {
protected:
    static constexpr std::size_t driving_threads = 4;

    accounting_load()
        : is_full_(number_from("NETWORK_FULL_LENGTH", 0) != 0),
          seed_(number_from("NETWORK_TEST_SEED", std::random_device{}())) {
        if (GetParam().where == hosting::io_context) {
            runner_.emplace(2);
        } else if (GetParam().where == hosting::callback_pool) {
            pool_ = std::make_shared<network_system::thread_pool>(2);
        }
        std::cout << "NETWORK_TEST_SEED=" << seed_ << std::endl;
    }
    ~accounting_load() override { server_.reset(); }

    [[nodiscard]] std::uint32_t seed() const { return seed_; }

    template <typename Options>
    [[nodiscard]] Options options() {
        Options chosen;
        chosen.io_context = runner_ ? &runner_->context : nullptr;
        chosen.callback_pool = pool_;
        chosen.callback_queue_limit = std::size_t{32} * 1024;
        chosen.readiness_method = GetParam().method;
        chosen.drain_timeout = 1s;
        chosen.session.policy = GetParam().policy;
        chosen.session.send_wait_timeout = 1ms;
        chosen.session.high_watermark = std::size_t{64} * 1024;
        chosen.session.low_watermark = std::size_t{16} * 1024;
        chosen.socket.send_buffer_size = 16 * 1024;
        chosen.socket.receive_buffer_size = 16 * 1024;
        return chosen;
    }

    void start_server();
    void connect_all(dice& rolls);
    /// One connection meets the policy, and loses messages, whatever the traffic will be.
    void overfill();
    /// Until the server has stopped.
    void run_traffic();
    void expect_balanced_books();

private:
    [[nodiscard]] static bool may_supersede() {
        return GetParam().policy == send_policy::drop_oldest ||
               GetParam().policy == send_policy::conflate;
    }
    [[nodiscard]] std::size_t connection_count() const { return is_full_ ? 200 : 16 + scaled(48); }
    [[nodiscard]] std::size_t most_steps() const { return is_full_ ? 2000 : scaled(400); }
    void connect(connection& made);
    void drive(std::size_t first, std::uint32_t seed);
    void step(connection& one, dice& rolls);
    void send_some(connection& one, dice& rolls);
    void end(connection& one);
    void stop_server();
    void expect_balanced(const connection& one);
    void expect_balanced(const side& from, const side& to, bool is_told);

    const bool is_full_;
    const std::uint32_t seed_;
    std::optional<context_runner> runner_;
    std::shared_ptr<network_system::thread_pool> pool_;
    std::vector<std::unique_ptr<connection>> connections_;
    std::vector<std::thread> plain_peers_;
    collector<session_ptr> sessions_;
    event_counter driven_;
    event_counter stops_;
    std::atomic<bool> is_server_stopped_{false};
    std::size_t complete_ = 0;
    std::unique_ptr<messaging_server> server_;
};

void accounting_load::start_server() {
    auto chosen = options<server_options>();
    chosen.io_threads = 2;
    server_ = std::make_unique<messaging_server>("accounted", chosen);
    (void)server_->set_connection_callback(
        [this](const session_ptr& session) { sessions_.add(session); });
    (void)server_->set_receive_callback(
        [](const session_ptr& session, std::span<const std::uint8_t> message) {
            const auto of_it = session->user_data_as<connection>();
            take(of_it->far, of_it->near.out, message);
        });
    (void)server_->set_error_callback([](const session_ptr& session, std::error_code error) {
        ASSERT_NE(session, nullptr) << error.message();
        ++session->user_data_as<connection>()->far.errors;
    });
    ASSERT_TRUE(is_ok(server_->start_server(0)));
}

void accounting_load::connect(connection& made) {
    auto chosen = options<client_options>();
    if (made.how == ending::client_aborts) {
        chosen.drain_timeout = 0ms;
    }
    made.client = std::make_unique<messaging_client>("accounted", chosen);
    (void)made.client->set_receive_callback(
        [&made](std::span<const std::uint8_t> message) { take(made.near, made.far.out, message); });
    (void)made.client->set_error_callback([&made](std::error_code) { ++made.near.errors; });
    ASSERT_TRUE(is_ok(made.client->start_client("127.0.0.1", server_->local_port())));
    made.near.session = made.client->get_session().value();
}

void accounting_load::connect_all(dice& rolls) {
    for (std::size_t i = 0; i < connection_count(); ++i) {
        // Each way at least once.
        const auto how = static_cast<ending>(i < all_endings ? i : rolls.below(all_endings));
        auto& made =
            *connections_.emplace_back(std::make_unique<connection>(how, rolls, most_steps()));
        raw_peer peer;
        if (made.has_client()) {
            connect(made);
        } else {
            peer = raw_peer::connect(server_->local_port(), 16 * 1024);
        }
        ASSERT_TRUE(sessions_.wait_for(i + 1));
        made.far.session = sessions_.at(i);
        // Not owned: it outlives its session's callbacks, and keeps the session.
        made.far.session->set_user_data(std::shared_ptr<void>(std::shared_ptr<void>(), &made));
        if (!made.has_client()) {
            plain_peers_.emplace_back(
                [&made, rolls = dice(rolls.any()), peer = std::move(peer)]() mutable {
                    be_plain_peer(made, std::move(peer), rolls);
                });
        }
    }
}

void accounting_load::overfill() {
    connection& one = *connections_.at(static_cast<std::size_t>(ending::session_stops_unread));
    ASSERT_EQ(one.how, ending::session_stops_unread);
    // A newer message replaces one that waits for the I/O thread, not for the peer.
    if (GetParam().policy != send_policy::conflate) {
        one.is_slow = false;
        ASSERT_TRUE(is_ok(one.near.session->pause_receiving()));
    }
    EXPECT_TRUE(eventually([&] {
        bool is_refused = false;
        for (int i = 0; i < 8 && !is_refused; ++i) {
            is_refused = !one.far.out.send(*one.far.session, 1000, "the same");
        }
        return may_supersede() ? one.far.out.superseded() > 0 : is_refused;
    }));
}

void accounting_load::send_some(connection& one, dice& rolls) {
    side& from = one.has_client() && rolls.one_in(2) ? one.near : one.far;
    for (std::size_t count = 1 + rolls.below(8); count > 0; --count) {
        (void)from.out.send(*from.session, size_of(rolls), key_of(rolls));
    }
}

void accounting_load::step(connection& one, dice& rolls) {
    side& at = one.has_client() && rolls.one_in(2) ? one.near : one.far;
    if (one.is_slow && rolls.one_in(4)) {
        (void)at.session->pause_receiving();
    } else if (one.is_slow && rolls.one_in(2)) {
        (void)at.session->resume_receiving();
    } else {
        send_some(one, rolls);
    }
    if (++one.steps == one.lifetime) {
        end(one);
    }
}

void accounting_load::end(connection& one) {
    (void)one.far.session->resume_receiving();
    if (one.has_client() && one.how != ending::session_stops_unread) {
        (void)one.near.session->resume_receiving();
    }
    const auto stop_session = [&] {
        one.far.has_stopped = true;
        EXPECT_TRUE(is_ok(one.far.session->stop_session()));
    };
    const auto stop_client = [&] {
        one.near.has_stopped = true;
        // Its error: the connection has ended already.
        (void)one.client->stop_client([](VoidResult) {});
    };
    switch (one.how) {
        case ending::client_stops:
        case ending::client_aborts: stop_client(); break;
        case ending::session_stops: stop_session(); break;
        case ending::both_stop:
            stop_session();
            stop_client();
            break;
        case ending::client_destroyed:
            one.near.has_stopped = true;
            one.client.reset();
            break;
        case ending::session_stops_unread:
            (void)one.near.session->pause_receiving();
            stop_session();
            break;
        case ending::server_stops:
        case ending::peer_resets:
        case ending::peer_vanishes: break;
    }
}

/// The connections of one driving thread: to their ends, then until the server has stopped.
void accounting_load::drive(std::size_t first, std::uint32_t seed) {
    dice rolls(seed);
    std::vector<connection*> all;
    for (std::size_t i = first; i < connections_.size(); i += driving_threads) {
        all.push_back(connections_[i].get());
    }
    for (auto left = all; !left.empty();) {
        const auto chosen = left.begin() + static_cast<std::ptrdiff_t>(rolls.below(left.size()));
        step(**chosen, rolls);
        if ((*chosen)->steps == (*chosen)->lifetime) {
            left.erase(chosen);
        }
    }
    driven_.add();
    while (!is_server_stopped_) {
        for (connection* const each : all) {
            send_some(*each, rolls);
        }
        std::this_thread::yield();
    }
}

void accounting_load::run_traffic() {
    std::vector<std::thread> drivers;
    for (std::size_t i = 0; i < driving_threads; ++i) {
        drivers.emplace_back([this, i] { drive(i, seed_ + static_cast<std::uint32_t>(i)); });
    }
    EXPECT_TRUE(driven_.wait_for(driving_threads, is_full_ ? 10min : 2min));
    for (std::thread& each : plain_peers_) {
        each.join();
    }
    stop_server();
    is_server_stopped_ = true;
    for (std::thread& each : drivers) {
        each.join();
    }
}

void accounting_load::stop_server() {
    for (const auto& each : connections_) {
        if (each->how == ending::server_stops) {
            each->far.has_stopped = true;
        } else if (each->how != ending::session_stops_unread) {
            // What the others do not read by now they would read for nobody.
            EXPECT_TRUE(eventually([&] { return !server_->get_session(each->far.session->id()); }));
        }
    }
    if (runner_) {
        // Without a limit: the blocking stop does not wait for an io_context for ever.
        EXPECT_TRUE(is_ok(server_->stop_server([](VoidResult) {})));
        EXPECT_TRUE(is_ok(server_->wait_for_stop()));
    } else {
        EXPECT_TRUE(is_ok(server_->stop_server()));
    }
    for (const auto& each : connections_) {
        if (each->client) {
            (void)each->near.session->resume_receiving();  // those that learn of the end only now
            EXPECT_TRUE(is_ok(each->client->wait_for_stop()));
        }
    }
}

void accounting_load::expect_balanced(const side& from, const side& to, bool is_told) {
    const session_metrics sent = from.session->metrics();
    from.out.expect_balanced(sent, is_told);
    from.out.expect_prefix();
    if (to.session) {
        EXPECT_EQ(from.out.received(), to.session->metrics().messages_received);
        // Without an error there was a goodbye, behind all the messages.
        if (to.errors == 0 && !to.has_stopped) {
            EXPECT_EQ(from.out.received(), sent.messages_sent);
            ++complete_;
        }
    }
}

void accounting_load::expect_balanced(const connection& one) {
    SCOPED_TRACE("ending " + std::to_string(static_cast<int>(one.how)));
    expect_balanced(one.far, one.near, true);
    if (!one.has_client()) {
        one.near.out.expect_prefix();
        EXPECT_EQ(one.near.out.received(), one.far.session->metrics().messages_received);
        EXPECT_GT(one.far.errors, 0) << "an end without a goodbye";
        return;
    }
    // A destroyed client hears nothing of what its session still does.
    const bool is_told = one.client != nullptr;
    EXPECT_TRUE(is_told || eventually([&] {
                    const auto sent = one.near.session->metrics();
                    return one.near.out.accepted() == sent.messages_sent + sent.messages_dropped;
                }));
    expect_balanced(one.near, one.far, is_told);
    if (one.client) {
        expect_equal(one.client->metrics().totals, one.near.session->metrics());
    }
}

void accounting_load::expect_balanced_books() {
    session_metrics sum;
    session_metrics of_clients;
    std::uint64_t accepted = 0;
    std::uint64_t superseded = 0;
    std::uint64_t errors = 0;
    for (const auto& each : connections_) {
        expect_balanced(*each);
        add(sum, each->far.session->metrics());
        errors += static_cast<std::uint64_t>(each->far.errors);
        for (const side* const from : {&each->near, &each->far}) {
            accepted += from->out.accepted();
            superseded += from->out.superseded();
        }
        if (each->has_client()) {
            add(of_clients, each->near.session->metrics());
        }
    }
    const auto all = server_->metrics();
    EXPECT_EQ(all.connections_active, 0U);
    EXPECT_EQ(all.connections_accepted, connections_.size());
    EXPECT_EQ(all.session_errors, errors);
    EXPECT_EQ(all.callback_exceptions, 0U);
    expect_equal(all.totals, sum);
    add(sum, of_clients);
    // A connection that is closed over a full queue ends with an error.
    EXPECT_TRUE(complete_ > 0 || GetParam().policy == send_policy::close) << "no clean end at all";
    EXPECT_GT(sum.messages_dropped, 0U) << "nothing was lost: that was no test";
    EXPECT_EQ(superseded > 0, may_supersede());
    const auto record = [](const char* name, std::uint64_t value) {
        RecordProperty(name, std::to_string(value));
        std::cout << name << ": " << value << '\n';
    };
    record("connections", connections_.size());
    record("accepted", accepted);
    record("dropped", sum.messages_dropped);
    record("superseded", superseded);
    record("refused", sum.sends_rejected);
    record("complete", complete_);
}

INSTANTIATE_TEST_SUITE_P(
    case, accounting_load,
    testing::Values(
        accounting_case{"Refusing", send_policy::reject, hosting::own_threads,
                        readiness::automatic},
        accounting_case{"RefusingOnAPool", send_policy::reject, hosting::callback_pool,
                        readiness::automatic},
        accounting_case{"RefusingInAnIoContext", send_policy::reject, hosting::io_context,
                        readiness::per_socket},
        accounting_case{"Waiting", send_policy::wait, hosting::own_threads, readiness::per_socket},
        accounting_case{"Closing", send_policy::close, hosting::own_threads, readiness::automatic},
        accounting_case{"DroppingTheOldest", send_policy::drop_oldest, hosting::own_threads,
                        readiness::automatic},
        accounting_case{"DroppingTheOldestOnAPool", send_policy::drop_oldest,
                        hosting::callback_pool, readiness::per_socket},
        accounting_case{"Conflating", send_policy::conflate, hosting::own_threads,
                        readiness::automatic},
        accounting_case{"ConflatingInAnIoContext", send_policy::conflate, hosting::io_context,
                        readiness::automatic}),
    [](const auto& each) { return each.param.name; });

TEST_P(accounting_load, every_message_of_every_connection_is_in_the_books) {
    dice rolls(seed());
    start_server();
    connect_all(rolls);
    if (!HasFatalFailure()) {
        overfill();
        run_traffic();
        expect_balanced_books();
    }
}

}  // namespace
}  // namespace integration

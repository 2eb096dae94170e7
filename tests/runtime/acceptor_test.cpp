#include "runtime/acceptor.h"

#include "stepped_loop.h"
#include "support/no_descriptors.h"

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;
using loopback::raw_peer;
using sockets::outcome;

/// What an acceptor's owner sees of it.
class owner final : public acceptor::handler, public flushable {
public:
    explicit owner(stepped_loop& where) : where_(where) {}

    void on_accept(unique_socket socket, const endpoint& peer) override {
        EXPECT_EQ(closed, 0);
        accepted.push_back(std::move(socket));
        peers.push_back(peer);
        ++in_this_batch_;
        where_->mark_dirty(*this);
        if (then) {
            then();
        }
    }
    void on_accept_error(std::error_code error, milliseconds pause) override {
        EXPECT_EQ(error, std::errc::too_many_files_open);
        pauses.push_back(pause);
    }
    void on_acceptor_closed() override { ++closed; }
    void flush() override {
        most_in_a_batch = std::max(most_in_a_batch, std::exchange(in_this_batch_, 0));
    }

    std::function<void()> then;
    std::vector<unique_socket> accepted;
    std::vector<endpoint> peers;
    std::vector<milliseconds> pauses;
    int closed = 0;
    int most_in_a_batch = 0;

private:
    stepped_loop& where_;
    int in_this_batch_ = 0;
};

/// An acceptor that is closed before its loop goes.
class running_acceptor {
public:
    explicit running_acceptor(stepped_loop& where)
        : where_(where), seen(std::make_shared<owner>(where)),
          made_(std::make_shared<acceptor>(where.get())) {}
    running_acceptor(const running_acceptor&) = delete;
    running_acceptor& operator=(const running_acceptor&) = delete;
    ~running_acceptor() { close(); }

    [[nodiscard]] std::error_code start(unique_socket listener) {
        std::error_code error;
        where_.in_batch([&] { error = made_->start(std::move(listener), seen); });
        return error;
    }
    void close() {
        if (!where_->is_shut_down()) {
            where_.in_batch([&] { made_->close(); });
        }
    }
    [[nodiscard]] acceptor& get() { return *made_; }

private:
    stepped_loop& where_;

public:
    const std::shared_ptr<owner> seen;

private:
    std::shared_ptr<acceptor> made_;
};

[[nodiscard]] unique_socket connect_to(const endpoint& peer) {
    unique_socket connecting;
    EXPECT_NE(sockets::connect(peer, {}, connecting).kind, outcome::failed);
    return connecting;
}

[[nodiscard]] std::vector<unique_socket> connect_many(int count, std::uint16_t port) {
    std::vector<unique_socket> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(connect_to(ipv4_loopback(port)));
        EXPECT_TRUE(arrives(all.back().get(), POLLOUT));
    }
    return all;
}

class acceptors : public every_loop {};
INSTANTIATE_TEST_SUITE_P(every, acceptors, every_loop_kind(), kind_name);

TEST_P(acceptors, accept_on_every_kind_of_address) {
    struct {
        const char* local;  // null: all addresses
        const char* called;
    } const cases[] = {{"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {nullptr, "127.0.0.1"}};
    for (const auto& each : cases) {
        std::error_code error;
        unique_socket listener = sockets::listen(
            each.local != nullptr ? sockets::parse_address(each.local, 0) : endpoint{}, {}, error);
        if (error && std::string(each.called) == "::1") {
            continue;  // a machine without IPv6
        }
        ASSERT_FALSE(error) << each.called;
        const std::uint16_t port = port_of(listener);
        ASSERT_NE(port, 0) << "port 0 says which it became";
        running_acceptor running(loop);
        ASSERT_FALSE(running.start(std::move(listener)));
        const unique_socket peer = connect_to(sockets::parse_address(each.called, port));
        ASSERT_TRUE(loop.run_until([&] { return running.seen->accepted.size() == 1; }));
        EXPECT_EQ(running.seen->peers.front(), sockets::local_endpoint(peer.get()))
            << "an IPv4 peer is one on a dual-stack listener too";
        EXPECT_TRUE(loop.comes_to_rest());
    }
}

TEST_P(acceptors, take_a_crowd_in_bounded_batches) {
    constexpr int crowd = 100;
    unique_socket listener = listen_at(ipv4_loopback());
    const auto peers = connect_many(crowd, port_of(listener));
    running_acceptor running(loop);
    ASSERT_FALSE(running.start(std::move(listener)));
    ASSERT_TRUE(loop.run_until([&] { return running.seen->accepted.size() == crowd; }));
    EXPECT_EQ(running.seen->most_in_a_batch, 64);
}

TEST_P(acceptors, stop_inside_a_callback_and_take_no_more) {
    unique_socket listener = listen_at(ipv4_loopback());
    const auto port = port_of(listener);
    const auto peers = connect_many(3, port);
    running_acceptor running(loop);
    running.seen->then = [&] { running.get().close(); };
    ASSERT_FALSE(running.start(std::move(listener)));
    ASSERT_TRUE(loop.run_until([&] { return running.seen->closed > 0; }));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(running.seen->accepted.size(), 1U);
    running.close();
    EXPECT_EQ(running.seen->closed, 1) << "once";
    EXPECT_EQ(running.seen.use_count(), 1) << "the owner is let go";
    EXPECT_FALSE(raw_peer::unconnected().connect_to(port)) << "the port is free";
}

TEST_P(acceptors, take_those_that_wait_before_they_close) {
    constexpr int crowd = 100;
    constexpr steady_time no_time = steady_time::min();
    struct {
        std::size_t most;
        steady_time give_up;
        std::size_t taken;
    } const cases[] = {{1000, steady_time::max(), crowd},
                       {70, steady_time::max(), 70},
                       {1000, no_time, 64},
                       {0, steady_time::max(), 0}};
    for (const auto& each : cases) {
        unique_socket listener = listen_at(ipv4_loopback());
        const auto port = port_of(listener);
        running_acceptor running(loop);
        std::vector<unique_socket> peers;
        // In one batch: the loop has no time to take any of them.
        loop.in_batch([&] {
            ASSERT_FALSE(running.get().start(std::move(listener), running.seen));
            peers = connect_many(crowd, port);
            running.get().close_when_empty(each.most, each.give_up);
        });
        ASSERT_TRUE(loop.run_until([&] { return running.seen->closed > 0; }));
        ASSERT_TRUE(loop.comes_to_rest());
        EXPECT_EQ(running.seen->accepted.size(), each.taken);
        EXPECT_LE(running.seen->most_in_a_batch, 64);
        EXPECT_EQ(running.seen->closed, 1) << "once";
        EXPECT_EQ(running.seen.use_count(), 1) << "the owner is let go";
        EXPECT_FALSE(raw_peer::unconnected().connect_to(port)) << "the port is free";
    }
}

TEST_P(acceptors, end_with_their_loop) {
    running_acceptor running(loop);
    ASSERT_FALSE(running.start(listen_at(ipv4_loopback())));
    loop->shutdown();
    EXPECT_EQ(running.seen->closed, 1);
    EXPECT_EQ(running.seen.use_count(), 1);
}

TEST_P(acceptors, say_that_they_cannot_start) {
    running_acceptor running(loop);
    EXPECT_TRUE(running.start(unique_socket(1'000'000)));
    running.close();
    EXPECT_EQ(running.seen->closed, 0) << "it never was open";
}

TEST(listening, refuses_a_port_in_use) {
    const unique_socket holder = listen_at(ipv4_loopback());
    const endpoint taken = ipv4_loopback(port_of(holder));
    std::error_code error;
    EXPECT_FALSE(sockets::listen(taken, {}, error));
    EXPECT_EQ(error, std::errc::address_in_use);
    EXPECT_FALSE(sockets::listen({endpoint::family::unspecified, {}, taken.port()}, {}, error))
        << "a wildcard does not move aside to the other address family";
    EXPECT_EQ(error, std::errc::address_in_use);
}

class resting_acceptor : public ::testing::Test {
protected:
    resting_acceptor() {
        unique_socket listener = listen_at(ipv4_loopback());
        port = port_of(listener);
        EXPECT_FALSE(running.start(std::move(listener)));
    }
    /// Lets so much time pass and does what is due; false when the loop spins.
    [[nodiscard]] bool pass(milliseconds time) {
        loop.advance(time);
        return loop.comes_to_rest();
    }

    static constexpr milliseconds resolution{1};
    stepped_epoll loop;
    running_acceptor running{loop};
    std::uint16_t port = 0;
};

TEST_F(resting_acceptor, waits_a_random_time_that_may_be_longer_each_time_up_to_a_second) {
    const auto peers = connect_many(1, port);
    const no_descriptors left;
    milliseconds sum{0};
    for (const int ceiling : {10, 20, 40, 80, 160, 320, 640, 1000, 1000}) {
        ASSERT_TRUE(loop.comes_to_rest()) << "a listener that stays ready";
        ASSERT_EQ(running.seen->pauses.size(), 1U);
        const milliseconds pause = std::exchange(running.seen->pauses, {}).front();
        ASSERT_GE(pause, milliseconds{10}) << "it never spins";
        ASSERT_LE(pause, milliseconds{ceiling});
        ASSERT_TRUE(pass(pause - resolution));
        ASSERT_TRUE(running.seen->pauses.empty()) << "not before its time";
        loop.advance(2 * resolution);
        sum += pause;
    }
    EXPECT_GT(sum, 9 * milliseconds{20}) << "they grow";
    EXPECT_TRUE(running.seen->accepted.empty());
}

TEST_F(resting_acceptor, recovers_and_begins_with_short_pauses_again) {
    auto peers = connect_many(3, port);
    for (std::size_t round = 1; round <= 2; ++round) {
        {
            const no_descriptors left;
            ASSERT_TRUE(loop.comes_to_rest());
            ASSERT_TRUE(pass(milliseconds{10} + resolution));
        }
        const auto pauses = std::exchange(running.seen->pauses, {});
        ASSERT_EQ(pauses.size(), 2U);
        EXPECT_EQ(pauses[0], milliseconds{10});
        EXPECT_LE(pauses[1], milliseconds{20});
        ASSERT_TRUE(pass(milliseconds{20} + resolution));
        EXPECT_EQ(running.seen->accepted.size(), 3 * round) << "nobody was lost";
        peers = connect_many(3, port);
    }
}

TEST_F(resting_acceptor, closes_at_once_when_nothing_can_be_accepted) {
    const auto peers = connect_many(1, port);
    const no_descriptors left;
    ASSERT_TRUE(loop.comes_to_rest());
    ASSERT_EQ(running.seen->pauses.size(), 1U);
    loop.in_batch([&] { running.get().close_when_empty(10, steady_time::max()); });
    EXPECT_EQ(running.seen->closed, 1);
    EXPECT_EQ(running.seen->pauses, (std::vector{running.seen->pauses.front(), milliseconds{0}}))
        << "and says why";
}

TEST_F(resting_acceptor, may_be_closed_meanwhile) {
    const auto peers = connect_many(1, port);
    {
        const no_descriptors left;
        ASSERT_TRUE(loop.comes_to_rest());
    }
    ASSERT_EQ(running.seen->pauses.size(), 1U);
    running.close();
    EXPECT_EQ(running.seen->closed, 1);
    EXPECT_FALSE(loop.wake_at()) << "its deadline is gone";
    ASSERT_TRUE(pass(milliseconds{50}));
    EXPECT_TRUE(running.seen->accepted.empty());
}

}  // namespace
}  // namespace network_system::runtime

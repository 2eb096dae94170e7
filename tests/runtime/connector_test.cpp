#include "runtime/connector.h"

#include "stepped_loop.h"
#include "support/scripted_names.h"

namespace network_system::runtime {
namespace {

using namespace network_system::testing;

/// A connector and what it answered.
class attempt {
public:
    explicit attempt(stepped_loop& where)
        : where_(where), made_(std::make_shared<connector>(where.get(), sockets::tcp_settings{})) {}

    void start(const std::string& host, std::uint16_t port,
               milliseconds timeout = milliseconds{loopback::patience}) {
        where_.in_batch([&] {
            made_->start(host, port, where_->now() + timeout, [this](connect_outcome outcome) {
                EXPECT_TRUE(where_->runs_here());
                answers.push_back(std::move(outcome));
            });
            EXPECT_TRUE(answers.empty()) << "never from inside start";
        });
    }
    void cancel() {
        where_.in_batch([&] { made_->cancel(); });
    }
    [[nodiscard]] bool is_answered() {
        return where_.run_until([&] { return !answers.empty(); });
    }
    [[nodiscard]] const connect_outcome& answer() const { return answers.at(0); }

    std::vector<connect_outcome> answers;

private:
    stepped_loop& where_;
    std::shared_ptr<connector> made_;
};

/// A port at which nobody listens.
[[nodiscard]] std::uint16_t free_port() {
    return port_of(listen_at(ipv4_loopback()));
}

/// Listens, and drops every further request for a connection, as behind a silent firewall.
class silent_listener {
public:
    explicit silent_listener(const endpoint& local) : listener_(listen_at(local, 1)) {
        // Linux keeps one more than the backlog.
        const endpoint peer = sockets::local_endpoint(listener_.get());
        for (auto& filler : fillers_) {
            EXPECT_NE(sockets::connect(peer, {}, filler).kind, sockets::outcome::failed);
            EXPECT_TRUE(arrives(filler.get(), POLLOUT));
        }
    }
    [[nodiscard]] std::uint16_t port() const { return port_of(listener_); }

private:
    unique_socket listener_;
    std::array<unique_socket, 2> fillers_;
};

class connectors : public every_loop {};
INSTANTIATE_TEST_SUITE_P(every, connectors, every_loop_kind(), kind_name);

TEST_P(connectors, connect_to_an_address) {
    const unique_socket listener = listen_at(ipv4_loopback());
    attempt connecting(loop);
    connecting.start("127.0.0.1", port_of(listener));
    ASSERT_TRUE(connecting.is_answered());
    ASSERT_TRUE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().peer, ipv4_loopback(port_of(listener)));
    EXPECT_EQ(sockets::remote_endpoint(connecting.answer().socket.get()), connecting.answer().peer);
    connecting.cancel();
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.answers.size(), 1U) << "a late cancel changes nothing";
}

TEST_P(connectors, say_that_they_were_refused) {
    attempt connecting(loop);
    connecting.start("127.0.0.1", free_port());
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_FALSE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().code, errc::connection_refused);
    EXPECT_EQ(connecting.answer().cause, std::errc::connection_refused);
}

TEST_P(connectors, can_be_cancelled_while_they_connect) {
    const silent_listener silent(ipv4_loopback());
    attempt connecting(loop);
    connecting.start("127.0.0.1", silent.port());
    loop.step(milliseconds{0});  // resolved
    EXPECT_TRUE(connecting.answers.empty());
    connecting.cancel();
    ASSERT_EQ(connecting.answers.size(), 1U) << "at once";
    EXPECT_EQ(connecting.answer().code, errc::connection_closed);
    connecting.cancel();
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.answers.size(), 1U);
}

TEST_P(connectors, can_be_cancelled_before_the_name_is_resolved) {
    const unique_socket listener = listen_at(ipv4_loopback());
    attempt connecting(loop);
    connecting.start("127.0.0.1", port_of(listener));
    connecting.cancel();
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_closed);
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.answers.size(), 1U);
    unique_socket accepted;
    endpoint peer;
    EXPECT_EQ(sockets::accept(listener.get(), accepted, peer).kind, sockets::outcome::would_block)
        << "nothing was begun";
}

TEST_P(connectors, answer_when_their_loop_ends_while_they_connect) {
    const silent_listener silent(ipv4_loopback());
    attempt connecting(loop);
    connecting.start("127.0.0.1", silent.port());
    loop.step(milliseconds{0});
    loop->shutdown();
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_closed);
}

/// What owns a connector and is held by its answer, as an engine is.
struct connecting_owner {
    std::shared_ptr<connector> connecting;
};

TEST_P(connectors, answer_when_their_loop_ends_before_they_connect) {
    auto owner = std::make_shared<connecting_owner>();
    const std::weak_ptr<connecting_owner> watched = owner;
    std::vector<errc> codes;
    owner->connecting = std::make_shared<connector>(loop.get(), sockets::tcp_settings{});
    loop.in_batch([&] {
        owner->connecting->start("127.0.0.1", free_port(), loop->now() + loopback::patience,
                                 [&, owner](connect_outcome outcome) {
                                     codes.push_back(outcome.code);
                                     owner->connecting.reset();
                                 });
    });
    owner.reset();
    EXPECT_FALSE(watched.expired());
    loop->shutdown();
    EXPECT_EQ(codes, std::vector{errc::connection_closed});
    EXPECT_TRUE(watched.expired()) << "nothing leaks";
}

class connector_time : public ::testing::Test {
protected:
    /// Lets so much time pass and does what is due.
    void pass(milliseconds time) {
        loop.advance(time);
        EXPECT_TRUE(loop.comes_to_rest());
    }

    static constexpr milliseconds resolution{1};
    stepped_epoll loop;
    attempt connecting{loop};
};

TEST_F(connector_time, is_up_when_nobody_answers) {
    const silent_listener silent(ipv4_loopback());
    connecting.start("127.0.0.1", silent.port(), milliseconds{100});
    pass(milliseconds{99});
    EXPECT_TRUE(connecting.answers.empty());
    pass(2 * resolution);
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_timeout);
    EXPECT_FALSE(loop.wake_at());
}

TEST_F(connector_time, is_up_when_the_name_does_not_resolve) {
    scripted_name slow("slow.test", {"127.0.0.1"});
    slow.hold();
    connecting.start(slow.text(), free_port(), milliseconds{100});
    slow.wait_until_asked();
    pass(milliseconds{99});
    EXPECT_TRUE(connecting.answers.empty());
    pass(2 * resolution);
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_timeout);
    EXPECT_FALSE(connecting.answer().text.empty()) << "not the connection, the name";
    slow.let_go();
    // The late answer arrives as a task, and is ignored.
    ASSERT_TRUE(loopback::eventually([&] { return loop.step(milliseconds{0}); }));
    EXPECT_EQ(connecting.answers.size(), 1U);
}

TEST_F(connector_time, can_end_early_while_the_name_resolves) {
    scripted_name slow("slow.test", {"127.0.0.1"});
    slow.hold();
    connecting.start(slow.text(), free_port());
    slow.wait_until_asked();
    connecting.cancel();
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_closed);
    EXPECT_FALSE(loop.wake_at()) << "no deadline is left";
}

TEST_F(connector_time, is_shared_by_the_addresses) {
    const scripted_name name("two.test", {"127.0.0.2", "127.0.0.1"});
    const unique_socket listener = listen_at(ipv4_loopback());
    const silent_listener silent(sockets::parse_address("127.0.0.2", port_of(listener)));
    connecting.start(name.text(), port_of(listener), milliseconds{100});
    // The first address waits once its deadline is half the time away.
    const auto half = loop.now() + milliseconds{50} + resolution;
    ASSERT_TRUE(loop.run_until([&] { return loop.wake_at() && *loop.wake_at() <= half; }));
    pass(milliseconds{49});
    EXPECT_TRUE(connecting.answers.empty());
    pass(2 * resolution);
    ASSERT_TRUE(connecting.is_answered());
    ASSERT_TRUE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().peer.address(), "127.0.0.1");
}

TEST_F(connector_time, is_not_wasted_on_an_address_that_refuses) {
    const scripted_name name("three.test", {"127.0.0.2", "127.0.0.3", "127.0.0.1"});
    const unique_socket listener = listen_at(ipv4_loopback());
    connecting.start(name.text(), port_of(listener));
    ASSERT_TRUE(connecting.is_answered());
    ASSERT_TRUE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().peer.address(), "127.0.0.1");
    EXPECT_FALSE(loop.wake_at());
}

TEST_F(connector_time, ends_with_the_last_addresss_error) {
    const scripted_name name("two.test", {"127.0.0.2", "127.0.0.1"});
    connecting.start(name.text(), free_port());
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_EQ(connecting.answer().code, errc::connection_refused);
    EXPECT_EQ(connecting.answer().peer.address(), "127.0.0.1");
}

TEST_F(connector_time, ends_when_the_name_means_nothing) {
    const scripted_name name("nothing.test", {});
    connecting.start(name.text(), 80);
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_EQ(connecting.answer().code, errc::resolve_failed);
    EXPECT_FALSE(connecting.answer().text.empty());
    EXPECT_FALSE(loop.wake_at());
}

}  // namespace
}  // namespace network_system::runtime

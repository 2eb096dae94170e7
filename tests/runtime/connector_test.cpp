// Resolving and connecting, and every way in which that ends.
#include "runtime/connector.h"

#include "loopback/support.h"
#include "runtime/running_loop.h"

namespace network_system::runtime {
namespace {

using namespace std::chrono_literals;
using loopback::collector;
using loopback::patience;

class ConnectorTest : public testing::TestWithParam<drive> {
protected:
    static unique_socket listen(const std::string& address) {
        std::error_code failure;
        auto listener = sockets::listen(sockets::parse_address(address, 0), {}, failure);
        EXPECT_FALSE(failure) << failure.message();
        return listener;
    }
    static std::uint16_t port_of(const unique_socket& listener) {
        return sockets::local_endpoint(listener.get()).port();
    }

    /// What became of it; fails unless there is exactly one answer.
    connect_outcome connect(const std::string& host, std::uint16_t port,
                            std::chrono::milliseconds limit = patience) {
        where_.in_batch([&](loop& owner) {
            attempt_ = std::make_shared<connector>(where_.get(), sockets::tcp_settings{});
            attempt_->start(host, port, owner.now() + limit, [this](connect_outcome outcome) {
                EXPECT_TRUE(where_.get()->runs_here());
                answers_.add(std::make_shared<connect_outcome>(std::move(outcome)));
            });
            EXPECT_EQ(answers_.size(), 0U) << "never from inside start";
        });
        EXPECT_TRUE(answers_.wait_for(1));
        where_.settle();
        EXPECT_EQ(answers_.size(), 1U);
        return std::move(*answers_.at(0));
    }

    std::shared_ptr<connector> attempt_;

private:
    collector<std::shared_ptr<connect_outcome>> answers_;
    running_loop where_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Driven, ConnectorTest, testing::ValuesIn(all_drives), drive_name);

TEST_P(ConnectorTest, ConnectsToANumericAddress) {
    const auto listener = listen("127.0.0.1");
    const auto outcome = connect("127.0.0.1", port_of(listener));
    ASSERT_TRUE(outcome.is_connected());
    EXPECT_EQ(outcome.peer.port(), port_of(listener));
    EXPECT_EQ(sockets::remote_endpoint(outcome.socket.get()), outcome.peer);
}

// Where "localhost" is ::1 first, this is the second address's turn.
TEST_P(ConnectorTest, ANameLeadsToWhicheverAddressAnswers) {
    const auto listener = listen("127.0.0.1");
    EXPECT_TRUE(connect("localhost", port_of(listener)).is_connected());
}

TEST_P(ConnectorTest, RefusedIsSaid) {
    auto listener = listen("127.0.0.1");
    const std::uint16_t port = port_of(listener);
    listener.reset();
    const auto outcome = connect("127.0.0.1", port);
    EXPECT_FALSE(outcome.is_connected());
    EXPECT_EQ(outcome.code, errc::connection_refused);
    EXPECT_EQ(outcome.cause, std::errc::connection_refused);
}

TEST_P(ConnectorTest, ANameThatDoesNotResolveIsSaid) {
    const auto outcome = connect("no-such-host.invalid", 1);
    EXPECT_EQ(outcome.code, errc::resolve_failed);
    EXPECT_FALSE(outcome.text.empty());
}

TEST_P(ConnectorTest, TheDeadlineEndsResolvingToo) {
    const auto outcome = connect("no-such-host.invalid", 1, 0ms);
    EXPECT_FALSE(outcome.is_connected());
    // Whichever comes first.
    EXPECT_TRUE(outcome.code == errc::connection_timeout || outcome.code == errc::resolve_failed);
}

TEST_P(ConnectorTest, CancellingTooLateDoesNothing) {
    const auto listener = listen("127.0.0.1");
    const auto outcome = connect("127.0.0.1", port_of(listener));
    EXPECT_TRUE(outcome.is_connected());
    attempt_->cancel();
}

TEST_P(ConnectorTest, CancelledBeforeTheAnswer) {
    running_loop where(GetParam());
    collector<errc> answers;
    where.in_batch([&](loop& owner) {
        const auto attempt = std::make_shared<connector>(where.get(), sockets::tcp_settings{});
        attempt->start("no-such-host.invalid", 1, owner.now() + patience,
                       [&](const connect_outcome& outcome) { answers.add(outcome.code); });
        attempt->cancel();
        attempt->cancel();
    });
    where.settle();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers.at(0), errc::connection_closed);
}

// The loop goes while the resolver is still thinking.
TEST_P(ConnectorTest, TheEndOfTheLoopForgetsAnAttempt) {
    for (int round = 0; round < 10; ++round) {
        const auto answers = std::make_shared<collector<errc>>();
        std::shared_ptr<connector> attempt;
        {
            running_loop where(GetParam());
            where.in_batch([&](loop& owner) {
                attempt = std::make_shared<connector>(where.get(), sockets::tcp_settings{});
                attempt->start(
                    "no-such-host.invalid", 1, owner.now() + patience,
                    [answers](const connect_outcome& outcome) { answers->add(outcome.code); });
            });
        }
        EXPECT_LE(answers->size(), 1U);
    }
}

}  // namespace
}  // namespace network_system::runtime

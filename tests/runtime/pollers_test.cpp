// What every poller promises, over real sockets: the three of Linux alike.
#include "loopback/support.h"
#include "runtime/running_loop.h"

#include <poll.h>

namespace network_system::runtime {
namespace {

using loopback::bytes;
using loopback::event_counter;
using loopback::patience;

/// A watched socket, as a connection would be one.
class watcher final : public io_watch {
public:
    explicit watcher(loop& owner) : owner_(owner) {}

    void on_ready(interest ready) override {
        EXPECT_TRUE(owner_.runs_here());
        const auto keep = action;
        if (keep) {
            keep(*this, ready);
        }
        calls.add();
    }
    void on_loop_shutdown() override { shutdowns.add(); }

    /// Reads at most `limit` bytes.
    sockets::io_result read(std::size_t limit) {
        bytes buffer(limit);
        const io_slice slice(buffer.data(), buffer.size());
        return sockets::read(poller::handle_of(*this), {&slice, 1});
    }

    std::function<void(watcher&, interest)> action;
    event_counter calls;
    event_counter shutdowns;

private:
    loop& owner_;
};

/// Both ends of a connection: `ours` for a poller, `peer` for the test.
struct connection {
    unique_socket ours;
    unique_socket peer;
};

class Connections {
protected:
    Connections() {
        std::error_code failure;
        listener_ = sockets::listen(sockets::parse_address("127.0.0.1", 0), {}, failure);
        EXPECT_FALSE(failure);
    }

    connection connect() {
        connection made;
        const auto begun =
            sockets::connect(sockets::local_endpoint(listener_.get()), {}, made.peer);
        EXPECT_NE(begun.kind, sockets::outcome::failed) << begun.error.message();
        endpoint address;
        wait_for(listener_.get(), POLLIN);
        EXPECT_EQ(sockets::accept(listener_.get(), made.ours, address).kind,
                  sockets::outcome::done);
        wait_for(made.peer.get(), POLLOUT);
        return made;
    }

    static void wait_for(socket_handle handle, short events) {
        ::pollfd each{handle, events, 0};
        EXPECT_EQ(::poll(&each, 1, static_cast<int>(std::chrono::milliseconds(patience).count())),
                  1);
    }

    static void send(const unique_socket& from, std::size_t count) {
        const bytes data(count, 'x');
        EXPECT_EQ(::send(from.get(), data.data(), data.size(), 0),
                  static_cast<ssize_t>(data.size()));
    }
    /// The bytes have arrived at `to`, which nobody else reads, when this returns.
    static void send(const unique_socket& from, std::size_t count, const unique_socket& to) {
        send(from, count);
        wait_for(to.get(), POLLIN);
    }

    unique_socket listener_;
};

class PollerTest : public testing::TestWithParam<drive>, protected Connections {
protected:
    static void watch(const running_loop& where, watcher& by, unique_socket socket,
                      interest wanted) {
        where.in_batch(
            [&](loop& owner) { EXPECT_FALSE(owner.sockets().add(by, std::move(socket), wanted)); });
    }
    static void forget(const running_loop& where, watcher& by) {
        where.in_batch([&](loop& owner) { owner.sockets().remove(by); });
        where.settle();  // an event of the batch may still have named it
    }
};
INSTANTIATE_TEST_SUITE_P(Driven, PollerTest, testing::ValuesIn(all_drives), drive_name);

TEST_P(PollerTest, ReportsASocketUntilItIsRead) {
    const running_loop where(GetParam());
    watcher by(*where.get());
    auto [ours, peer] = connect();
    send(peer, 3, ours);
    by.action = [](watcher& self, interest ready) {
        EXPECT_TRUE(ready.read);
        EXPECT_EQ(self.read(1).bytes, 1U);
    };
    watch(where, by, std::move(ours), {true, false});
    EXPECT_TRUE(by.calls.wait_for(3));
    where.settle();
    EXPECT_EQ(by.calls.count(), 3U);
    forget(where, by);
}

TEST_P(PollerTest, ReportsRoomToWriteOnlyWhileItIsWanted) {
    const running_loop where(GetParam());
    watcher by(*where.get());
    auto [ours, peer] = connect();
    by.action = [&](watcher& self, interest ready) {
        EXPECT_TRUE(ready.write);
        EXPECT_FALSE(ready.read);
        where.get()->sockets().set_interest(self, {true, false});
    };
    watch(where, by, std::move(ours), {true, true});
    EXPECT_TRUE(by.calls.wait_for(1));
    where.settle();
    EXPECT_EQ(by.calls.count(), 1U);
    forget(where, by);
}

TEST_P(PollerTest, APausedSocketKeepsSilentAboutAHangUp) {
    const running_loop where(GetParam());
    watcher by(*where.get());
    auto [ours, peer] = connect();
    const socket_handle handle = ours.get();
    watch(where, by, std::move(ours), {});
    sockets::reset_on_close(peer.get());
    peer.reset();
    wait_for(handle, POLLIN);
    where.settle();
    EXPECT_EQ(by.calls.count(), 0U);

    by.action = [&](watcher& self, interest) {
        EXPECT_EQ(self.read(1).kind, sockets::outcome::failed);
        where.get()->sockets().set_interest(self, {});
    };
    where.in_batch([&](loop& owner) { owner.sockets().set_interest(by, {true, false}); });
    EXPECT_TRUE(by.calls.wait_for(1));
    forget(where, by);
}

TEST_P(PollerTest, TheEndOfTheStreamIsReported) {
    const running_loop where(GetParam());
    watcher by(*where.get());
    auto [ours, peer] = connect();
    by.action = [&](watcher& self, interest) {
        EXPECT_EQ(self.read(1).kind, sockets::outcome::end);
        where.get()->sockets().set_interest(self, {});
    };
    watch(where, by, std::move(ours), {true, false});
    peer.reset();
    EXPECT_TRUE(by.calls.wait_for(1));
    where.settle();
    EXPECT_EQ(by.calls.count(), 1U);
    forget(where, by);
}

TEST_P(PollerTest, AWatchMayBeRemovedByAnotherOfItsBatch) {
    const running_loop where(GetParam());
    watcher one(*where.get());
    watcher two(*where.get());
    std::atomic<int> removed{0};
    const auto remove_the_other = [&](watcher& other) {
        return [&](watcher& self, interest) {
            (void)self.read(1);
            where.get()->sockets().remove(other);
            ++removed;
        };
    };
    one.action = remove_the_other(two);
    two.action = remove_the_other(one);
    auto [first, first_peer] = connect();
    auto [second, second_peer] = connect();
    send(first_peer, 1, first);
    send(second_peer, 1, second);
    where.in_batch([&](loop& owner) {
        EXPECT_FALSE(owner.sockets().add(one, std::move(first), {true, false}));
        EXPECT_FALSE(owner.sockets().add(two, std::move(second), {true, false}));
    });
    EXPECT_TRUE(loopback::eventually([&] { return removed == 1; }));
    where.settle();
    EXPECT_EQ(one.calls.count() + two.calls.count(), 1U);
    forget(where, one.calls.count() == 1 ? one : two);
}

TEST_P(PollerTest, AWatchMayRemoveItself) {
    const running_loop where(GetParam());
    watcher by(*where.get());
    auto [ours, peer] = connect();
    by.action = [&](watcher& self, interest) { where.get()->sockets().remove(self); };
    send(peer, 1, ours);
    watch(where, by, std::move(ours), {true, false});
    EXPECT_TRUE(by.calls.wait_for(1));
    // Closed with a byte unread: the peer is told.
    wait_for(peer.get(), POLLIN);
    where.settle();
    EXPECT_EQ(by.calls.count(), 1U);
}

TEST_P(PollerTest, ServesMoreThanOneBatchHolds) {
    constexpr std::size_t many = 300;
    const running_loop where(GetParam());
    std::vector<std::unique_ptr<watcher>> all;
    std::vector<connection> connections(many);
    for (auto& each : connections) {
        each = connect();
        send(each.peer, 1, each.ours);
        all.push_back(std::make_unique<watcher>(*where.get()));
        all.back()->action = [](watcher& self, interest) { EXPECT_EQ(self.read(2).bytes, 1U); };
    }
    where.in_batch([&](loop& owner) {
        for (std::size_t i = 0; i < many; ++i) {
            EXPECT_FALSE(
                owner.sockets().add(*all[i], std::move(connections[i].ours), {true, false}));
        }
    });
    for (const auto& each : all) {
        EXPECT_TRUE(each->calls.wait_for(1));
    }
    where.in_batch([&](loop& owner) {
        for (const auto& each : all) {
            owner.sockets().remove(*each);
        }
    });
    where.settle();
}

TEST_P(PollerTest, AReleasedSocketLivesOn) {
    const running_loop where(GetParam());
    watcher first(*where.get());
    watcher second(*where.get());
    auto [ours, peer] = connect();
    const socket_handle handle = ours.get();
    watch(where, first, std::move(ours), {true, false});
    where.in_batch([&](loop& owner) {
        unique_socket back = owner.sockets().release(first);
        EXPECT_EQ(back.get(), handle);
        EXPECT_FALSE(owner.sockets().add(second, std::move(back), {true, false}));
    });
    second.action = [](watcher& self, interest) { EXPECT_EQ(self.read(2).bytes, 1U); };
    send(peer, 1);
    EXPECT_TRUE(second.calls.wait_for(1));
    EXPECT_EQ(first.calls.count(), 0U);
    forget(where, second);
}

TEST_P(PollerTest, TheEndOfALoopClosesItsSockets) {
    auto [ours, peer] = connect();
    std::shared_ptr<loop> outlives;
    std::unique_ptr<watcher> by;
    {
        const running_loop where(GetParam());
        outlives = where.get();
        by = std::make_unique<watcher>(*outlives);
        watch(where, *by, std::move(ours), {true, false});
    }
    EXPECT_EQ(by->shutdowns.count(), 1U);
    EXPECT_TRUE(outlives->is_shut_down());
    wait_for(peer.get(), POLLIN);
    char byte = 0;
    EXPECT_EQ(::recv(peer.get(), &byte, 1, 0), 0);
}

class UserContextTest : public testing::TestWithParam<readiness_method>, protected Connections {};
INSTANTIATE_TEST_SUITE_P(Method, UserContextTest, both_methods(),
                         [](const auto& each) { return method_name(each.param); });

// Otherwise an application that waits for its context to run out of work would wait for ever.
TEST_P(UserContextTest, RunReturnsWhenNothingIsWatched) {
    asio::io_context context;
    const auto where = loop::of(context, GetParam());
    watcher by(*where);
    where->post([&] {
        EXPECT_FALSE(where->sockets().add(by, std::move(listener_), {true, false}));
        where->post([&] {
            EXPECT_EQ(loop::of(context, GetParam()), where);
            where->sockets().remove(by);
        });
    });
    context.run();
    EXPECT_EQ(by.calls.count(), 0U);
}

// A hang-up is reported whatever is asked for: the loop would spin until the socket is closed.
TEST_P(UserContextTest, APausedSocketThatHangsUpWakesNobody) {
    asio::io_context context;
    const auto where = loop::of(context, GetParam());
    watcher by(*where);
    watcher other(*where);  // with nobody to watch, the loop would not even look
    auto [ours, peer] = connect();
    const socket_handle handle = ours.get();
    where->post([&] {
        EXPECT_FALSE(where->sockets().add(other, std::move(listener_), {true, false}));
        EXPECT_FALSE(where->sockets().add(by, std::move(ours), {true, false}));
        where->post([&] { where->sockets().set_interest(by, {}); });
    });
    context.poll();
    sockets::reset_on_close(peer.get());
    peer.reset();
    wait_for(handle, POLLIN);
    context.restart();
    std::size_t wakes = 0;
    while (wakes < 100 && context.poll_one() > 0) {
        ++wakes;
    }
    EXPECT_LT(wakes, 10U);
    EXPECT_EQ(by.calls.count(), 0U);
    where->post([&] {
        where->sockets().remove(by);
        where->sockets().remove(other);
    });
    context.restart();
    context.run();
}

}  // namespace
}  // namespace network_system::runtime

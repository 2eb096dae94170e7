// One table of cases for everything that tells a loop which of its sockets are ready.
#include "stepped_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;
using loopback::bytes;
using loopback::stream_end;

constexpr interest nothing{};
constexpr interest to_write{false, true};
constexpr interest both{true, true};
constexpr interest to_fail{false, false, true};

class pollers : public every_loop {};
INSTANTIATE_TEST_SUITE_P(every, pollers, every_loop_kind(), kind_name);

TEST_P(pollers, tell_what_is_ready_and_wanted) {
    struct {
        interest wanted;
        bool has_data;
        interest expected;
    } const cases[] = {
        {to_read, false, nothing},  {to_read, true, to_read}, {to_write, false, to_write},
        {to_write, true, to_write}, {both, false, to_write},  {both, true, both},
        {nothing, true, nothing},
    };
    for (const auto& each : cases) {
        connection pair;
        recording_watch watch(loop);
        if (each.has_data) {
            ASSERT_TRUE(pair.theirs.send(bytes{1, 2, 3}));
            ASSERT_TRUE(arrives(pair.ours.get(), POLLIN));
        }
        // What was seen is not wanted any more, so that a loop may come to rest.
        watch.action = [&](interest) {
            loop->sockets().set_interest(watch, {each.wanted.read && !watch.seen.read,
                                                 each.wanted.write && !watch.seen.write});
        };
        ASSERT_FALSE(watch.add(std::move(pair.ours), each.wanted));
        ASSERT_TRUE(loop.comes_to_rest());
        EXPECT_EQ(watch.seen, each.expected)
            << each.wanted.read << each.wanted.write << each.has_data;
    }
}

TEST_P(pollers, report_again_what_was_not_read) {
    connection pair;
    recording_watch watch(loop);
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_read));
    ASSERT_TRUE(pair.theirs.send(bytes{1, 2, 3}));
    ASSERT_TRUE(loop.run_until([&] { return watch.calls == 3; })) << "level-triggered";
    EXPECT_EQ(read_all(watch.handle()), 3U);
    const int calls = watch.calls;
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_LE(watch.calls, calls + 1) << "a wait may have ended before the data was read";
}

TEST_P(pollers, tell_a_watch_that_reads_all_of_what_it_has_left_for_later) {
    connection pair;
    recording_watch watch(loop, reading::all);
    std::size_t total = 0;
    watch.action = [&](interest) {
        total += read_once(watch.handle(), 1);
        if (total < 3) {
            loop->sockets().read_again(watch);
        }
    };
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_read));
    ASSERT_TRUE(pair.theirs.send(bytes{1, 2, 3}));
    ASSERT_TRUE(loop.run_until([&] { return total == 3; }));
    ASSERT_TRUE(loop.comes_to_rest());
    ASSERT_TRUE(pair.theirs.send(bytes{4}));
    ASSERT_TRUE(loop.run_until([&] { return total == 4; })) << "what comes later is another edge";
}

TEST_P(pollers, tell_a_watch_that_reads_all_of_an_end_behind_the_data) {
    connection pair;
    recording_watch watch(loop, reading::all);
    std::vector<std::size_t> counts;
    watch.action = [&](interest) {
        counts.push_back(read_once(watch.handle(), 100));
        if (counts.back() == 0) {
            loop->sockets().set_interest(watch, nothing);
        }
    };
    ASSERT_TRUE(pair.theirs.send(bytes{1, 2, 3}));
    pair.theirs.close();
    ASSERT_TRUE(arrives(pair.ours.get(), POLLIN));
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_read));
    ASSERT_TRUE(loop.run_until([&] { return counts.size() == 2; }));
    EXPECT_EQ(counts, (std::vector<std::size_t>{3, 0}));
    ASSERT_TRUE(loop.comes_to_rest());
}

TEST_P(pollers, tell_a_watch_that_reads_all_of_what_came_while_it_did_not_want_it) {
    connection pair;
    recording_watch watch(loop, reading::all);
    watch.action = [&](interest) { (void)read_all(watch.handle()); };
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_write));
    ASSERT_TRUE(loop.run_until([&] { return watch.calls > 0; }));
    watch.want(nothing);
    ASSERT_TRUE(pair.theirs.send(bytes{1}));
    ASSERT_TRUE(arrives(watch.handle(), POLLIN));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_FALSE(watch.seen.read);
    watch.want(to_read);
    ASSERT_TRUE(loop.run_until([&] { return watch.seen.read; }));
}

TEST_P(pollers, tell_a_failure_once_to_who_reads_and_writes_nothing) {
    connection pair;
    recording_watch watch(loop, reading::all);
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_fail));
    ASSERT_TRUE(pair.theirs.send(bytes{1, 2, 3}));
    ASSERT_TRUE(arrives(watch.handle(), POLLIN));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(watch.calls, 0) << "bytes are no failure";
    pair.theirs.reset();
    ASSERT_TRUE(loop.run_until([&] { return watch.calls > 0; }));
    EXPECT_EQ(watch.seen, to_fail);
    ASSERT_TRUE(loop.comes_to_rest()) << "or the loop would spin";
    EXPECT_EQ(watch.calls, 1);
    EXPECT_EQ(sockets::connect_result(watch.handle()), std::errc::connection_reset);
}

TEST_P(pollers, an_orderly_end_is_no_failure) {
    connection pair;
    recording_watch watch(loop, reading::all);
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_fail));
    ASSERT_TRUE(pair.theirs.send(bytes{1, 2, 3}));
    pair.theirs.close();
    ASSERT_TRUE(arrives(watch.handle(), POLLRDHUP));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(watch.calls, 0);
    watch.want(to_read);
    ASSERT_TRUE(loop.run_until([&] { return watch.seen.read; }));
    EXPECT_EQ(read_all(watch.handle()), 3U);
}

TEST_P(pollers, tell_a_failure_before_a_write_takes_the_error_away) {
    connection pair;
    recording_watch watch(loop, reading::all);
    std::error_code told;
    // A full socket: what can be written is nothing, until it fails.
    fill(pair.ours);
    watch.action = [&](interest is) {
        if (is.failure) {
            told = sockets::connect_result(watch.handle());
        }
        loop->sockets().set_interest(watch, nothing);
    };
    ASSERT_FALSE(watch.add(std::move(pair.ours), {false, true, true}));
    ASSERT_TRUE(loop.comes_to_rest());
    ASSERT_EQ(watch.calls, 0);
    pair.theirs.reset();
    ASSERT_TRUE(loop.run_until([&] { return watch.calls > 0; }));
    if (std::string_view(GetParam().name).starts_with("asio_epoll") || !GetParam().is_on_asio) {
        EXPECT_EQ(told, std::errc::connection_reset);
    }
}

TEST_P(pollers, follow_an_interest_that_changes_outside_callbacks) {
    connection pair;
    recording_watch watch(loop);
    watch.action = [&](interest) { loop->sockets().set_interest(watch, nothing); };
    ASSERT_FALSE(watch.add(std::move(pair.ours), nothing));
    ASSERT_TRUE(pair.theirs.send(bytes{1}));
    ASSERT_TRUE(arrives(watch.handle(), POLLIN));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(watch.calls, 0);
    for (int round = 1; round <= 3; ++round) {
        watch.want(round % 2 == 0 ? to_write : to_read);
        ASSERT_TRUE(loop.run_until([&] { return watch.calls == round; }));
        ASSERT_TRUE(loop.comes_to_rest());
        EXPECT_EQ(watch.calls, round);
        EXPECT_EQ(watch.seen, round % 2 == 0 ? to_write : to_read);
        watch.seen = {};
    }
}

TEST_P(pollers, follow_an_interest_that_changes_inside_the_callback) {
    connection pair;
    recording_watch watch(loop);
    std::vector<interest> told;
    watch.action = [&](interest ready) {
        told.push_back(ready);
        (void)read_all(watch.handle());
        loop->sockets().set_interest(watch, told.size() == 1 ? to_read : nothing);
    };
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_write));
    ASSERT_TRUE(loop.run_until([&] { return told.size() == 1; }));
    ASSERT_TRUE(loop.comes_to_rest());
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(pair.theirs.send(bytes{1}));
        ASSERT_TRUE(arrives(watch.handle(), POLLIN));
        ASSERT_TRUE(loop.comes_to_rest());
    }
    EXPECT_EQ(told, (std::vector<interest>{to_write, to_read})) << "then it wanted nothing";
}

TEST_P(pollers, let_a_watch_remove_itself_inside_its_callback) {
    connection pair;
    recording_watch watch(loop);
    // Ready for both: what is left of the event must not reach it any more.
    ASSERT_TRUE(pair.theirs.send(bytes{1}));
    ASSERT_TRUE(arrives(pair.ours.get(), POLLIN));
    watch.action = [&](interest) {
        EXPECT_EQ(read_all(watch.handle()), 1U);
        watch.remove();
    };
    ASSERT_FALSE(watch.add(std::move(pair.ours), both));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(watch.calls, 1);
    EXPECT_EQ(pair.theirs.drain(), stream_end::orderly) << "closed at once";
}

TEST_P(pollers, let_a_watch_remove_another_of_the_same_batch) {
    connection pairs[2];
    recording_watch first(loop);
    recording_watch second(loop);
    const auto first_come = [&](recording_watch& self, recording_watch& other) {
        return [&](interest) {
            other.remove();
            loop->sockets().set_interest(self, nothing);
        };
    };
    first.action = first_come(first, second);
    second.action = first_come(second, first);
    for (auto& pair : pairs) {
        ASSERT_TRUE(pair.theirs.send(bytes{1}));
        ASSERT_TRUE(arrives(pair.ours.get(), POLLIN));
    }
    ASSERT_FALSE(first.add(std::move(pairs[0].ours), to_read));
    ASSERT_FALSE(second.add(std::move(pairs[1].ours), to_read));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(first.calls + second.calls, 1);
    EXPECT_NE(first.is_watched(), second.is_watched());
}

TEST_P(pollers, hand_a_socket_back_and_take_it_again) {
    connection pair;
    recording_watch connecting(loop);
    recording_watch connected(loop);
    // As a connector does: from one watch to another inside a callback.
    connecting.action = [&](interest) {
        ASSERT_FALSE(loop->sockets().add(connected, connecting.release(), to_read));
    };
    connected.action = [&](interest) { (void)read_all(connected.handle()); };
    ASSERT_FALSE(connecting.add(std::move(pair.ours), to_write));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.calls, 1);
    EXPECT_FALSE(connecting.is_watched());
    ASSERT_TRUE(pair.theirs.send(bytes{1, 2}));
    ASSERT_TRUE(loop.run_until([&] { return connected.calls > 0; }));
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.calls, 1);
}

TEST_P(pollers, report_an_end_as_readable_and_a_reset_as_whatever_is_wanted) {
    for (const interest wanted : {to_read, to_write}) {
        for (const bool is_reset : {false, true}) {
            connection pair;
            recording_watch watch(loop);
            if (is_reset) {
                pair.theirs.reset();
                ASSERT_TRUE(arrives(pair.ours.get(), POLLERR));
            } else {
                pair.theirs.close();
                ASSERT_TRUE(arrives(pair.ours.get(), POLLIN));
            }
            watch.action = [&](interest) { watch.remove(); };
            ASSERT_FALSE(watch.add(std::move(pair.ours), wanted));
            ASSERT_TRUE(loop.run_until([&] { return watch.calls > 0; }));
            EXPECT_EQ(watch.seen, wanted);
        }
    }
}

TEST_P(pollers, do_not_spin_on_a_hang_up_while_paused) {
    for (const bool is_reset : {false, true}) {
        connection pair;
        recording_watch watch(loop);
        ASSERT_FALSE(watch.add(std::move(pair.ours), to_read));
        watch.want(nothing);
        sockets::shutdown_write(watch.handle());
        if (is_reset) {
            pair.theirs.reset();
        } else {
            pair.theirs.close();
        }
        ASSERT_TRUE(arrives(watch.handle(), POLLIN | POLLHUP));
        ASSERT_TRUE(loop.comes_to_rest()) << "the hang-up wakes the loop again and again";
        EXPECT_EQ(watch.calls, 0);
        watch.action = [&](interest) { loop->sockets().set_interest(watch, nothing); };
        watch.want(to_read);
        ASSERT_TRUE(loop.run_until([&] { return watch.calls == 1; })) << "told when it resumes";
        ASSERT_TRUE(loop.comes_to_rest());
        EXPECT_EQ(watch.calls, 1);
    }
}

/// Counts the batches in which it was marked.
struct batch_counter final : flushable {
    void flush() override {
        ++batches;
        most_in_one = std::max(most_in_one, std::exchange(in_this_one, 0));
    }

    int batches = 0;
    int in_this_one = 0;
    int most_in_one = 0;
};

TEST_P(pollers, serve_every_socket_however_many_are_ready) {
    constexpr int sockets_ready = 400;
    constexpr int batch_limit = 256;
    batch_counter counter;
    std::vector<unique_socket> far_ends;
    std::vector<std::unique_ptr<recording_watch>> watches;
    int served = 0;
    for (int i = 0; i < sockets_ready; ++i) {
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        far_ends.emplace_back(pair[1]);
        auto& watch = *watches.emplace_back(std::make_unique<recording_watch>(loop));
        // Nobody reads: all stay ready all the time.
        watch.action = [&](interest) {
            served += watch.calls == 1 ? 1 : 0;
            ++counter.in_this_one;
            loop->mark_dirty(counter);
        };
        ASSERT_FALSE(watch.add(unique_socket(pair[0]), to_write));
    }
    ASSERT_TRUE(loop.run_until([&] { return served == sockets_ready; }));
    EXPECT_LE(counter.most_in_one, batch_limit);
    EXPECT_GE(counter.batches, 2);
    for (const auto& watch : watches) {
        EXPECT_LE(watch->calls, 3) << "one was served while others waited";
    }
}

TEST_P(pollers, close_and_tell_every_watch_when_the_loop_ends) {
    connection pairs[2];
    recording_watch active(loop);
    recording_watch paused(loop);
    ASSERT_FALSE(active.add(std::move(pairs[0].ours), both));
    ASSERT_FALSE(paused.add(std::move(pairs[1].ours), nothing));
    loop->shutdown();
    for (const recording_watch* watch : {&active, &paused}) {
        EXPECT_EQ(watch->shutdowns, 1);
        EXPECT_EQ(watch->calls, 0);
        EXPECT_FALSE(watch->is_watched());
    }
    EXPECT_EQ(pairs[0].theirs.drain(), stream_end::orderly);
    EXPECT_EQ(pairs[1].theirs.drain(), stream_end::orderly);
}

TEST_P(pollers, refuse_what_is_no_socket) {
    recording_watch watch(loop);
    const std::error_code error = watch.add(unique_socket(1'000'000), to_read);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
    EXPECT_FALSE(watch.is_watched());
    EXPECT_TRUE(loop.comes_to_rest());
}

/// As where the system had no room for it when it was to be added.
TEST(epoll_pollers, add_again_what_is_not_in_their_set) {
    stepped_epoll loop;
    connection pair;
    recording_watch watch(loop);
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_read));
    const int set = dynamic_cast<epoll_poller&>(loop->sockets()).native_set();
    ASSERT_EQ(::epoll_ctl(set, EPOLL_CTL_DEL, watch.handle(), nullptr), 0);
    watch.action = [&](interest) { loop->sockets().set_interest(watch, to_read); };
    loop.in_batch([&] { loop->sockets().set_interest(watch, both); });
    ASSERT_TRUE(loop.run_until([&] { return watch.calls > 0; }));
    EXPECT_EQ(watch.seen, to_write) << "it is told what is so, and not to find out";
    ASSERT_TRUE(pair.theirs.send(bytes{1, 2, 3}));
    EXPECT_TRUE(loop.run_until([&] { return watch.seen.read; })) << "and hears of what comes";
}

TEST(epoll_pollers, let_a_socket_find_out_that_it_is_none) {
    stepped_epoll loop;
    connection pair;
    recording_watch watch(loop);
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_read));
    const int kept = ::dup(watch.handle());
    const int nothing_there = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(::dup2(nothing_there, watch.handle()), 0) << "as by a program that mixes them up";
    loop.in_batch([&] { loop->sockets().set_interest(watch, both); });
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(watch.calls, 1);
    ASSERT_GE(::dup2(kept, watch.handle()), 0);
    ::close(kept);
    ::close(nothing_there);
}

}  // namespace
}  // namespace network_system::runtime

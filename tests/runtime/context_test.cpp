// When io_context::run returns: a loop is work exactly as long as it watches a socket.
#include "stepped_loop.h"

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;
using loopback::bytes;

class contexts : public every_loop {
protected:
    [[nodiscard]] asio::io_context& context() {
        return static_cast<stepped_context&>(loop).context();
    }
};
INSTANTIATE_TEST_SUITE_P(
    every, contexts,
    ::testing::Values(loop_kind{"asio_epoll", true, readiness_method::automatic, true},
                      loop_kind{"asio_epoll_strand", true, readiness_method::automatic, false},
                      loop_kind{"asio", true, readiness_method::per_socket, true}),
    kind_name);

TEST_P(contexts, are_kept_running_by_a_watch_and_return_without_one) {
    EXPECT_EQ(context().poll(), 0U);
    EXPECT_TRUE(context().stopped()) << "an idle loop is no work";
    for (int round = 0; round < 3; ++round) {
        connection pair;
        recording_watch watch(loop);
        ASSERT_FALSE(watch.add(std::move(pair.ours), to_read));
        ASSERT_TRUE(loop.comes_to_rest());
        EXPECT_FALSE(context().stopped()) << "a watch is work";
        watch.action = [&](interest) { watch.remove(); };
        ASSERT_TRUE(pair.theirs.send(bytes{1}));
        context().restart();
        context().run();
        EXPECT_EQ(watch.calls, 1);
    }
}

TEST_P(contexts, return_when_the_last_watch_goes_while_they_wait) {
    connection pair;
    recording_watch watch(loop);
    ASSERT_FALSE(watch.add(std::move(pair.ours), to_read));
    ASSERT_TRUE(loop.comes_to_rest());
    loop->post([&] { watch.remove(); });
    context().restart();
    context().run();
    EXPECT_EQ(watch.calls, 0);
}

}  // namespace
}  // namespace network_system::runtime

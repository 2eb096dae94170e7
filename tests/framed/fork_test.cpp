// fork() with io_context::notify_fork: parent and child each go on with what is theirs.
#include "support/child_process.h"
#include "support/loopback.h"

#include <asio/io_context.hpp>

#ifndef NETWORK_TEST_NO_FORK

namespace loopback {
namespace {

using network_system::testing::are_left_alone;
using network_system::testing::watched_descriptors;

class fork_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, fork_test, both_methods(), method_of);

/// Sends through the raw peer and runs the context by hand until the answer is there.
[[nodiscard]] bool echoes(asio::io_context& context, raw_peer& peer, std::size_t& received,
                          std::uint32_t seed) {
    const bytes message = pattern(100, seed);
    if (!peer.send(frame_of(type_data, message))) {
        return false;
    }
    const std::size_t wanted = received + 1;
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (received < wanted && std::chrono::steady_clock::now() < deadline) {
        context.run_one_for(50ms);
    }
    context.poll();
    const auto answer = peer.receive_frame_of(type_data);
    return answer && answer->payload == message;
}

TEST_P(fork_test, both_sides_go_on) {
    asio::io_context context;
    server_options options = for_server();
    options.io_context = &context;
    options.drain_timeout = 0ms;
    messaging_server server("forked", options);
    std::size_t received = 0;
    (void)server.set_receive_callback(
        [&](const session_ptr& session, std::span<const std::uint8_t> data) {
            ++received;
            (void)session->send_packet(data);
        });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    raw_peer of_parent = raw_peer::connect(server.local_port());
    ASSERT_TRUE(echoes(context, of_parent, received, 1));
    const auto watched = watched_descriptors();

    context.notify_fork(asio::io_context::fork_prepare);
    const ::pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        context.notify_fork(asio::io_context::fork_child);
        // The connection is the parent's; the listener serves both.
        raw_peer of_child = raw_peer::connect(server.local_port());
        const bool works =
            echoes(context, of_child, received, 2) && echoes(context, of_child, received, 3);
        ::_exit(works ? 0 : 1);
    }
    context.notify_fork(asio::io_context::fork_parent);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "the child's server works";
    EXPECT_TRUE(are_left_alone(watched)) << "the child left the parent's sets alone";
    EXPECT_TRUE(echoes(context, of_parent, received, 4));
    raw_peer next = raw_peer::connect(server.local_port());
    EXPECT_TRUE(echoes(context, next, received, 5));
}

}  // namespace
}  // namespace loopback

#endif

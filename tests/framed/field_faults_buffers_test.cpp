// The receive buffer of a connection, whose size the handshake has to know.
#include "framed/field_faults.h"

#include <network_system/core/listener.h>

#ifdef __linux__

namespace loopback {
namespace {

using network_system::core::listener;

constexpr int small_buffer = 16 * 1024;

/// By how much the other end has said that its window is scaled. None is needed, or offered, for a
/// buffer below 64 KiB that the system knew of in time.
[[nodiscard]] unsigned scale_offered_to(int handle) {
    ::tcp_info info{};
    ::socklen_t length = sizeof info;
    EXPECT_EQ(::getsockopt(handle, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_snd_wscale;
}

class buffers_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, buffers_test, both_methods(), method_of);

TEST_P(buffers_test, the_receive_buffer_of_a_server_comes_after_the_handshake) {
    server_options options = for_server();
    options.socket.receive_buffer_size = small_buffer;
    test_server server(options);
    const raw_peer peer = raw_peer::connect(server.start());
    EXPECT_EQ(scale_offered_to(peer.handle()), 0U);
    test_server usual(for_server());
    const raw_peer other = raw_peer::connect(usual.start());
    EXPECT_GT(scale_offered_to(other.handle()), 0U) << "or the test says nothing";
}

TEST_P(buffers_test, the_receive_buffer_of_a_listener_that_was_taken_over_comes_too_late) {
    test_server first(for_server());
    const auto port = first.start();
    auto shared = first.server.share_listener();
    ASSERT_TRUE(is_ok(shared));
    ASSERT_TRUE(is_ok(first.server.stop_server()));
    server_options options = for_server();
    options.socket.receive_buffer_size = small_buffer;
    test_server second(options);
    ASSERT_TRUE(is_ok(second.server.start_server(std::move(shared).value())));
    const raw_peer peer = raw_peer::connect(port);
    EXPECT_EQ(scale_offered_to(peer.handle()), 0U);
}

TEST_P(buffers_test, the_receive_buffer_of_a_client_comes_after_the_connect) {
    raw_listener there;
    client_options options = for_client();
    options.socket.receive_buffer_size = small_buffer;
    test_client client(options);
    (void)client.client.start_client("127.0.0.1", there.port(), [](const VoidResult&) {});
    const raw_peer accepted = there.accept();
    EXPECT_EQ(scale_offered_to(accepted.handle()), 0U);
}

}  // namespace
}  // namespace loopback

#endif

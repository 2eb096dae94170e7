// Echoed datagrams in steady state ask the heap for nothing, on the server and on the client.
#include "allocation/counting_heap.h"
#include "support/loopback.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

#include <limits>

namespace loopback {
namespace {

using network_system::endpoint;
using network_system::core::messaging_udp_client;
using network_system::core::messaging_udp_server;

constexpr std::size_t warm_up = 2000;
constexpr std::size_t measured = 10000;
constexpr std::size_t in_flight = 8;
// A stalled side may need more blocks than ever before; an allocation per datagram would be 10,000.
constexpr std::size_t most_new_blocks = 50;

class udp_echo_allocations : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(bytes, udp_echo_allocations, testing::Values(64, 1200),
                         testing::PrintToStringParamName());

TEST_P(udp_echo_allocations, are_not_made_per_datagram) {
    const bytes datagram = pattern(GetParam());
    std::size_t answered = 0;
    std::size_t allocations = std::numeric_limits<std::size_t>::max();
    event_counter done;
    messaging_udp_server server("server");
    ASSERT_TRUE(is_ok(
        server.set_receive_callback([&](std::span<const std::uint8_t> data, const endpoint& from) {
            (void)server.send_to(data, from);
        })));
    messaging_udp_client client("client");
    ASSERT_TRUE(is_ok(client.set_receive_callback([&](std::span<const std::uint8_t>) {
        ++answered;
        if (answered == warm_up) {
            counting_heap::start();
        } else if (answered == warm_up + measured) {
            allocations = counting_heap::stop();
            done.add();
            return;
        }
        (void)client.send_packet(std::span<const std::uint8_t>(datagram));
    })));
    ASSERT_TRUE(is_ok(server.start_server(0)));
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    for (std::size_t i = 0; i < in_flight; ++i) {
        ASSERT_TRUE(is_ok(client.send_packet(std::span<const std::uint8_t>(datagram))));
    }
    ASSERT_TRUE(done.wait_for(1));
    EXPECT_LE(allocations, most_new_blocks);
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_TRUE(is_ok(server.stop_server()));
}

}  // namespace
}  // namespace loopback

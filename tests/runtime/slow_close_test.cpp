// Sockets that the system takes long to close, and the thread that closes them.
#include "runtime/slow_close.h"

#include "stepped_loop.h"

#include <array>
#include <thread>

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;
using loopback::bytes;
using loopback::stream_end;

TEST(slow_close, is_for_sockets_with_much_that_the_peer_did_not_take) {
    const connection pair;
    EXPECT_FALSE(closes_slowly(pair.ours.get()));
    fill(pair.ours);
#ifdef __linux__
    EXPECT_TRUE(closes_slowly(pair.ours.get()));
#endif
    EXPECT_FALSE(closes_slowly(invalid_socket));
}

TEST(slow_close, closes_every_socket_and_begins_again) {
    for (int round = 0; round < 3; ++round) {
        std::array<connection, 20> pairs;
        for (const auto& each : pairs) {
            fill(each.ours);
            sockets::reset_on_close(each.ours.get());
        }
        std::thread other([&] {
            for (std::size_t i = 0; i < pairs.size() / 2; ++i) {
                close_aside(std::move(pairs[i].ours));
            }
        });
        for (std::size_t i = pairs.size() / 2; i < pairs.size(); ++i) {
            close_aside(std::move(pairs[i].ours));
        }
        for (auto& each : pairs) {
            EXPECT_EQ(each.theirs.drain(), stream_end::reset);
        }
        other.join();
    }
}

}  // namespace
}  // namespace network_system::runtime

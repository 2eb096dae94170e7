// A WebSocket echo in steady state asks the heap for nothing, on the server and on the client.
#include "allocation/counting_heap.h"
#include "support/loopback.h"

#include <network_system/config.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#include <limits>

namespace loopback {
namespace {

using network_system::ws_message;
using network_system::core::messaging_ws_client;
using network_system::core::messaging_ws_server;

constexpr std::size_t warm_up = 2000;
constexpr std::size_t measured = 10000;
// When the machine stalls one side, a queue may grow deeper than ever before, by at most what is in
// flight: 16 blocks of 16 KiB on either side. An allocation per message would be 10,000.
constexpr std::size_t most_new_blocks = 50;

struct load {
    std::string name;
    std::string text;  // with characters that are not ASCII, so that UTF-8 is checked as it goes
    std::size_t in_flight;
};

/// As in the echo over TCP: `in_flight` messages between a client and an echoing server, counted
/// from the end of the warm-up until the last message that is measured.
class ws_echo_load {
public:
    explicit ws_echo_load(const load& what) : what_(what) {}

    void run() {
        ASSERT_TRUE(is_ok(
            server_.set_message_callback([this](const auto& connection, const ws_message& message) {
                failures_ += connection->send_text(message.text()).is_ok() ? 0U : 1U;
            })));
        ASSERT_TRUE(is_ok(client_.set_message_callback(
            [this](const ws_message& message) { on_answer(message); })));
        ASSERT_TRUE(is_ok(server_.start_server(0)));
        ASSERT_TRUE(is_ok(client_.start_client("127.0.0.1", server_.local_port())));
        for (std::size_t i = 0; i < what_.in_flight; ++i) {
            ASSERT_TRUE(is_ok(client_.send_text(what_.text)));
        }
        ASSERT_TRUE(done_.wait_for(1));
        EXPECT_TRUE(is_ok(client_.stop_client()));
        EXPECT_TRUE(is_ok(server_.stop_server()));
        EXPECT_EQ(failures_, 0U);
    }

    [[nodiscard]] std::size_t allocations() const { return allocations_; }

private:
    void on_answer(const ws_message& message) {
        failures_ += message.text() == what_.text ? 0U : 1U;
        ++answers_;
        if (answers_ == warm_up) {
            counting_heap::start();
        } else if (answers_ == warm_up + measured) {
            allocations_ = counting_heap::stop();
            done_.add();
        }
        failures_ += client_.send_text(what_.text).is_ok() ? 0U : 1U;
    }

    const load what_;
    event_counter done_;
    std::atomic<std::size_t> failures_{0};
    std::size_t answers_ = 0;
    std::size_t allocations_ = std::numeric_limits<std::size_t>::max();
    messaging_ws_server server_{"server"};
    messaging_ws_client client_{"client"};
};

class websocket_echo_allocation_test : public testing::TestWithParam<load> {};

TEST_P(websocket_echo_allocation_test, steady_state_allocates_nothing) {
    ws_echo_load echo(GetParam());
    echo.run();
    EXPECT_LE(echo.allocations(), most_new_blocks) << "in " << measured << " messages";
}

/// At least that many bytes.
std::string text_of(std::size_t size) {
    std::string text;
    while (text.size() < size) {
        text += "Größe ";
    }
    return text;
}

INSTANTIATE_TEST_SUITE_P(load, websocket_echo_allocation_test,
                         testing::Values(load{"1x64B", text_of(64), 1},
                                         load{"32x64B", text_of(64), 32},
                                         load{"8x1KiB", text_of(1024), 8},
                                         load{"4x64KiB", text_of(65536), 4}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace loopback
#endif

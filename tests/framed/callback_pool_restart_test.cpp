// A client that starts again while the last callback of its connection before runs on a pool.
#include "support/loopback.h"

#include <network_system/utils/thread_pool.h>

#include <optional>

namespace loopback {
namespace {

class pooled_restart : public BothReadiness {
protected:
    pooled_restart() {
        client_options options = for_client();
        options.callback_pool = pool_;
        client.emplace(options);
        client->on_disconnect = [this] {
            is_leaving.add();
            EXPECT_TRUE(may_leave.wait_for(1));
            has_left = true;
        };
        const auto port = server.start();
        EXPECT_TRUE(is_ok(client->connect(port)));
        EXPECT_TRUE(server.sessions.wait_for(1));
        EXPECT_TRUE(is_ok(server.sessions.at(0)->stop_session()));
        EXPECT_TRUE(is_leaving.wait_for(1));
        EXPECT_TRUE(
            is_ok(client->client.start_client("127.0.0.1", port, [this](const VoidResult& result) {
                is_first_over = has_left.load();
                started.add(result.is_ok() ? 0 : result.error().code);
            })));
    }
    /// Lets the callback go on, but only when there was time to do something wrong.
    [[nodiscard]] std::thread release_late() {
        return std::thread([this] {
            (void)started.wait_for(1, 100ms);
            may_leave.add();
        });
    }

    std::atomic<bool> has_left{false};
    std::atomic<bool> is_first_over{false};
    event_counter is_leaving;
    event_counter may_leave;
    collector<int> started;
    test_server server{for_server()};
    std::optional<test_client> client;

private:
    std::shared_ptr<network_system::thread_pool> pool_ =
        std::make_shared<network_system::thread_pool>(2);
};
INSTANTIATE_TEST_SUITE_P(method, pooled_restart, both_methods(), method_of);

TEST_P(pooled_restart, the_next_connection_waits_for_it) {
    std::thread releasing = release_late();
    ASSERT_TRUE(started.wait_for(1));
    EXPECT_EQ(started.at(0), 0);
    EXPECT_TRUE(is_first_over) << "callbacks of a client never overlap";
    releasing.join();
    EXPECT_EQ(client->client.metrics().connects, 2U);
}

TEST_P(pooled_restart, stop_waits_for_it) {
    std::thread releasing = release_late();
    EXPECT_TRUE(is_ok(client->client.stop_client()));
    EXPECT_TRUE(has_left);
    releasing.join();
    EXPECT_TRUE(is_ok(client->client.set_writable_callback({}))) << "nothing is in use";
}

TEST_P(pooled_restart, the_destructor_waits_for_it) {
    std::thread releasing = release_late();
    client.reset();
    EXPECT_TRUE(has_left);
    releasing.join();
}

}  // namespace
}  // namespace loopback

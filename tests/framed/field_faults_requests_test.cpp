// faults_test of ends with requests in progress, and of restarts that roll over servers.
#include "framed/field_faults.h"

#include <optional>

namespace loopback {
namespace {

using network_system::session::responder;

/// What a request was answered with.
struct answer {
    int code = 0;
    std::string text;
};

auto record(collector<answer>& answers) {
    return [&answers](Result<bytes> result) {
        answers.add(result ? answer{0, text_of(result.value())} : answer{result.error().code, {}});
    };
}

/// Keeps the requests, to answer them when the test wants.
class late_server {
public:
    explicit late_server(server_options options) : server(std::move(options)) {
        (void)server.server.set_request_callback(
            [this](const session_ptr&, std::span<const std::uint8_t>, responder answers) {
                const std::lock_guard lock(mutex_);
                waiting_.push_back(std::move(answers));
                asked.add();
            });
    }
    void answer_all() {
        std::vector<responder> waiting;
        {
            const std::lock_guard lock(mutex_);
            waiting.swap(waiting_);
        }
        for (responder& each : waiting) {
            EXPECT_TRUE(is_ok(each.respond("done")));
        }
    }

    event_counter asked;
    test_server server;

private:
    std::mutex mutex_;
    std::vector<responder> waiting_;
};

TEST_P(field_faults, a_stop_of_the_server_cuts_a_request_in_progress) {
    late_server late(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(late.server.start())));
    collector<answer> answers;
    ASSERT_TRUE(is_ok(client.client.request("work", 0ms, record(answers))));
    ASSERT_TRUE(late.asked.wait_for(1));
    EXPECT_EQ(late.server.server.metrics().totals.requests_unanswered, 1U);
    EXPECT_EQ(client.client.metrics().totals.requests_pending, 1U);
    event_counter stopped;
    ASSERT_TRUE(is_ok(late.server.server.stop_server([&](VoidResult) { stopped.add(); })));
    // The client knows: no new requests.
    const auto session = client.client.get_session();
    ASSERT_TRUE(is_ok(session));
    ASSERT_TRUE(eventually([&] { return !session.value()->takes_requests(); }));
    EXPECT_TRUE(
        fails_with(client.client.request("more", 0ms, record(answers)), errc::connection_closed));
    EXPECT_EQ(stopped.count(), 0U);
    late.answer_all();
    ASSERT_TRUE(answers.wait_for(1));
    EXPECT_EQ(answers.at(0).code, 0);
    EXPECT_EQ(answers.at(0).text, "done");
    ASSERT_TRUE(stopped.wait_for(1));
    ASSERT_TRUE(client.disconnected.wait_for(1));
    EXPECT_EQ(client.errors.size(), 0U);
    EXPECT_EQ(late.server.errors.size(), 0U);
    EXPECT_EQ(late.server.server.metrics().totals.requests_unanswered, 0U);
}

TEST_P(field_faults, a_stop_of_the_client_cuts_its_own_request) {
    late_server late(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(late.server.start())));
    collector<answer> answers;
    ASSERT_TRUE(is_ok(client.client.request("work", 0ms, record(answers))));
    ASSERT_TRUE(late.asked.wait_for(1));
    const auto session = late.server.sessions.at(0);
    std::thread stops([&] { EXPECT_TRUE(is_ok(client.client.stop_client())); });
    EXPECT_TRUE(eventually([&] { return !session->takes_requests(); }));
    late.answer_all();
    stops.join();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers.at(0).text, "done");
    EXPECT_EQ(client.errors.size(), 0U);
}

TEST_P(field_faults, a_request_that_is_never_answered_holds_up_a_stop) {
    server_options options = for_server();
    options.drain_timeout = 400ms;
    late_server late(options);
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(late.server.start())));
    collector<answer> answers;
    ASSERT_TRUE(is_ok(client.client.request("work", 0ms, record(answers))));
    ASSERT_TRUE(late.asked.wait_for(1));
    EXPECT_LT(time_of([&] { EXPECT_TRUE(is_ok(late.server.server.stop_server())); }),
              400ms + slack);
    ASSERT_TRUE(answers.wait_for(1));
    EXPECT_EQ(answers.at(0).code, static_cast<int>(errc::connection_closed));
    ASSERT_TRUE(client.disconnected.wait_for(1));
    EXPECT_EQ(client.errors.size(), 0U) << "there was time for a goodbye";
}

TEST_P(field_faults, a_rolling_restart_that_loses_requests) {
    late_server late(for_server());
    test_client client(for_client());
    const auto port = late.server.start();
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(is_ok(late.server.server.stop_accepting()));
    ASSERT_TRUE(is_ok(late.server.server.stop_accepting())) << "idempotent";
    // Nobody new is let in; who is there goes on.
    EXPECT_TRUE(eventually([&] { return !raw_peer::unconnected().connect_to(port); }));
    EXPECT_TRUE(late.server.server.is_running());
    EXPECT_TRUE(client.exchange("still here"));
    collector<answer> answers;
    ASSERT_TRUE(is_ok(client.client.request("work", 0ms, record(answers))));
    ASSERT_TRUE(late.asked.wait_for(1));
    late.answer_all();
    ASSERT_TRUE(answers.wait_for(1));
    ASSERT_TRUE(
        eventually([&] { return late.server.server.metrics().totals.requests_unanswered == 0; }));
    // Without a connection it is still there, until it is stopped.
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(eventually([&] { return late.server.server.connection_count() == 0; }));
    EXPECT_TRUE(late.server.server.is_running());
    EXPECT_TRUE(fails_with(late.server.server.share_listener(), errc::server_not_started));
    ASSERT_TRUE(is_ok(late.server.server.stop_server()));
    EXPECT_FALSE(late.server.server.is_running());
    EXPECT_TRUE(fails_with(late.server.server.stop_accepting(), errc::server_not_started));
    ASSERT_TRUE(is_ok(late.server.server.start_server(0))) << "and may begin again";
    test_client again(for_client());
    EXPECT_TRUE(is_ok(again.connect(late.server.server.local_port())));
}

}  // namespace
}  // namespace loopback

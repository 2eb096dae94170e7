// Calls that come while the connection ends: whoever is not refused is told, before the stop ends.
#include "framed/callback_places.h"

namespace loopback {
namespace {

class late_calls : public BothReadiness {
protected:
    // A loop that the machine has no time for must not get more than it can do before a stop.
    static constexpr std::size_t most_calls = 2'000;

    /// Of each kind until one is refused, while the server closes the connection, and a stop that
    /// follows at once. How many were told of so many.
    struct told_of {
        std::size_t told;
        std::size_t asked;
    };
    [[nodiscard]] told_of ask_until_refused(std::uint16_t port) {
        client_options options = for_client();
        options.session.receiving = network_system::receive_mode::pull;
        messaging_client client("late", options);
        EXPECT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
        std::atomic<std::size_t> told{0};
        std::size_t asked = 0;
        while (asked < most_calls) {
            const auto session = client.get_session();
            if (!session) {
                break;
            }
            const auto hear = [&told](const auto&) { ++told; };
            const bool is_pulled = session.value()->receive_packet(hear).is_ok();
            const bool is_pinged = session.value()->ping(hear).is_ok();
            asked += (is_pulled ? 1U : 0U) + (is_pinged ? 1U : 0U);
            if (!is_pulled) {
                break;
            }
        }
        EXPECT_TRUE(is_ok(client.stop_client()));
        return {told, asked};
    }
};
INSTANTIATE_TEST_SUITE_P(method, late_calls, both_methods(), method_of);

TEST_P(late_calls, of_a_client_are_answered_or_refused) {
    messaging_server server("closes", for_server());
    (void)server.set_connection_callback([](const auto& who) { (void)who->stop_session(); });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    for (int i = 0; i < 300; ++i) {
        const auto answers = ask_until_refused(server.local_port());
        ASSERT_EQ(answers.told, answers.asked) << "client " << i;
    }
}

TEST_P(late_calls, of_a_stop_of_a_session_are_answered_or_refused) {
    messaging_server server("closes", for_server());
    ASSERT_TRUE(is_ok(server.start_server(0)));
    for (int i = 0; i < 300; ++i) {
        messaging_client client("late", for_client());
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
        std::atomic<std::size_t> told{0};
        std::size_t asked = 0;
        const auto session = client.get_session();
        while (session && asked < most_calls &&
               session.value()->stop_session([&](const auto&) { ++told; })) {
            ++asked;
        }
        EXPECT_TRUE(is_ok(client.stop_client()));
        ASSERT_EQ(told, asked) << "client " << i;
    }
}

}  // namespace
}  // namespace loopback

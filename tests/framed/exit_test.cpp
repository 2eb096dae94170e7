// A process may exit at any moment: with objects that just ended, that nobody destroyed, inside a
// callback, and while a callback never returns.
#include "support/loopback.h"

#include <cstdlib>
#include <future>

namespace loopback {
namespace {

class exit_test : public BothReadiness {
protected:
    // The child starts anew instead of as a fork of this process with its threads.
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

    static void round_trip(test_server& server, test_client& client) {
        if (!client.connect(server.start()) || !client.exchange("exit")) {
            std::_Exit(1);
        }
    }
    /// Never destroyed, and reachable, so that no leak is reported.
    template <typename T>
    static T& undestroyed(T* object) {
        static T* volatile kept = nullptr;  // otherwise the compiler removes what nobody reads
        kept = object;
        return *kept;
    }
};
INSTANTIATE_TEST_SUITE_P(method, exit_test, both_methods(), method_of);

TEST_P(exit_test, right_after_the_objects_ended) {
    // What may go wrong is a race.
    for (int i = 0; i < (is_sanitized ? 3 : 20); ++i) {
        EXPECT_EXIT(
            {
                {
                    test_server server(for_server());
                    test_client client(for_client());
                    round_trip(server, client);
                }
                std::exit(0);
            },
            testing::ExitedWithCode(0), "");
    }
}

TEST_P(exit_test, with_objects_that_nobody_destroys) {
    EXPECT_EXIT(
        {
            auto& server = undestroyed(new test_server(for_server()));
            auto& client = undestroyed(new test_client(for_client()));
            round_trip(server, client);
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_P(exit_test, with_static_objects) {
    EXPECT_EXIT(
        {
            static test_server server(for_server());
            static test_client client(for_client());
            round_trip(server, client);
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_P(exit_test, inside_a_callback) {
    EXPECT_EXIT(
        {
            auto& server = undestroyed(new test_server(for_server()));
            auto& client = undestroyed(new test_client(for_client()));
            client.on_receive = [](std::span<const std::uint8_t>) { std::exit(0); };
            (void)client.connect(server.start());
            (void)client.client.send_packet("exit");
            std::promise<void>().get_future().wait();
        },
        testing::ExitedWithCode(0), "");
}

TEST_P(exit_test, while_a_callback_never_returns) {
    EXPECT_EXIT(
        {
            auto& server = undestroyed(new test_server(for_server()));
            auto& client = undestroyed(new test_client(for_client()));
            auto& entered = undestroyed(new event_counter);
            server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
                entered.add();
                std::promise<void>().get_future().wait();
            };
            (void)client.connect(server.start());
            (void)client.client.send_packet("exit");
            (void)entered.wait_for(1);
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace loopback

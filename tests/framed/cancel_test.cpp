// Cancelling by id over real connections: at every stage of a start, across threads, after the end
// of the object, and through the slots of Asio's completion tokens.
#include "support/loopback.h"
#include "support/scripted_names.h"

#include <network_system/async.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <variant>

namespace loopback {
namespace {

using network_system::async_ping;
using network_system::async_receive;
using network_system::async_request;
using network_system::async_start;
using network_system::receive_mode;
using network_system::session::cancel_operation;
using network_system::session::next_operation_id;
using network_system::session::operation_id;
using network_system::testing::scripted_name;

client_options patient(receive_mode receiving = receive_mode::callback) {
    client_options options;
    options.connect_timeout = 1h;
    options.session.receiving = receiving;
    return options;
}

/// A server that echoes messages, and lets requests wait unless told otherwise.
class waiting_server : public test_server {
public:
    waiting_server() {
        (void)server.set_request_callback([this](const session_ptr&, std::span<const std::uint8_t>,
                                                 network_system::session::responder answer) {
            if (answers_at_once) {
                (void)answer.respond("answer");
            } else {
                kept.add(std::make_shared<network_system::session::responder>(std::move(answer)));
            }
        });
        port = start();
    }
    ~waiting_server() { kept.clear(); }

    std::atomic<bool> answers_at_once{false};
    collector<std::shared_ptr<network_system::session::responder>> kept;
    std::uint16_t port = 0;
};

/// Notes what a handler is told.
struct ending {
    template <typename T>
    void operator()(const Result<T>& result) const {
        codes->add(result.is_ok() ? 0 : result.error().code);
    }

    collector<int>* codes;
};

constexpr int cancelled = static_cast<int>(errc::cancelled);

/// Begins a start, and expects that it can be cancelled once `is_there` says that it is waiting.
template <typename IsThere>
void expect_start_is_cancelled(const std::string& host, std::uint16_t port,
                               const IsThere& is_there) {
    collector<int> codes;
    messaging_client client("client", patient());
    (void)client.set_connected_callback([] { ADD_FAILURE() << "connected"; });
    const auto id = next_operation_id();
    EXPECT_FALSE(client.cancel(id)) << "it has not begun";
    ASSERT_TRUE(is_ok(client.start_client(host, port, ending{&codes}, id)));
    EXPECT_FALSE(client.cancel(operation_id::none));
    EXPECT_FALSE(client.cancel(next_operation_id())) << "that is another";
    is_there();
    EXPECT_EQ(codes.size(), 0U);
    EXPECT_TRUE(client.cancel(id));
    EXPECT_FALSE(client.cancel(id)) << "a second time";
    ASSERT_TRUE(codes.wait_for(1));
    EXPECT_TRUE(is_ok(client.wait_for_stop()));
    EXPECT_EQ(codes.all(), std::vector<int>{cancelled});
    EXPECT_FALSE(client.cancel(id)) << "it is over";
    EXPECT_FALSE(client.is_connected());
}

TEST(cancellation, of_a_start_before_the_loop_knows_of_it) {
    expect_start_is_cancelled("127.0.0.1", raw_listener().port(), [] {});
}

TEST(cancellation, of_a_start_while_the_name_resolves) {
    scripted_name name("slow.test", {"127.0.0.1"});
    name.hold();
    expect_start_is_cancelled(name.text(), 1, [&] { name.wait_until_asked(); });
}

TEST(cancellation, of_a_start_during_the_handshake) {
    const raw_listener silent;
    raw_peer peer;
    expect_start_is_cancelled("127.0.0.1", silent.port(), [&] { peer = silent.accept(); });
}

TEST(cancellation, of_a_start_in_its_own_handler_does_nothing) {
    waiting_server server;
    messaging_client client("client", patient());
    const auto id = next_operation_id();
    collector<bool> pending;
    collector<int> codes;
    ASSERT_TRUE(is_ok(client.start_client(
        "127.0.0.1", server.port,
        [&](const VoidResult& result) {
            pending.add(client.cancel(id));
            codes.add(result.is_ok() ? 0 : result.error().code);
        },
        id)));
    ASSERT_TRUE(codes.wait_for(1));
    EXPECT_EQ(codes.at(0), 0);
    EXPECT_FALSE(pending.at(0));
    EXPECT_TRUE(is_ok(client.ping()));
}

TEST(cancellation, of_a_start_in_the_connected_callback_does_nothing) {
    waiting_server server;
    messaging_client client("client", patient());
    const auto id = next_operation_id();
    collector<bool> pending;
    (void)client.set_connected_callback([&] { pending.add(client.cancel(id)); });
    collector<int> codes;
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.port, ending{&codes}, id)));
    ASSERT_TRUE(codes.wait_for(1));
    EXPECT_EQ(codes.at(0), 0);
    EXPECT_FALSE(pending.at(0));
}

TEST(cancellation, of_what_a_client_has_begun_with_its_connection) {
    waiting_server server;
    messaging_client client("client", patient(receive_mode::pull));
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.port)));
    collector<int> codes;
    const auto id = next_operation_id();
    ASSERT_TRUE(is_ok(client.receive_packet(ending{&codes}, id)));
    EXPECT_TRUE(fails_with(client.request(
                               "question", 1h, [](auto&&) {}, id),
                           errc::already_exists));
    EXPECT_TRUE(fails_with(client.ping([](auto&&) {}, id), errc::already_exists));
    EXPECT_TRUE(client.cancel(id));
    ASSERT_TRUE(codes.wait_for(1));
    ASSERT_TRUE(is_ok(client.request("question", 1h, ending{&codes}, id)));
    EXPECT_TRUE(client.cancel(id));
    ASSERT_TRUE(codes.wait_for(2));
    ASSERT_TRUE(is_ok(client.ping(ending{&codes}, id)));
    (void)client.cancel(id);  // the pong may have come
    ASSERT_TRUE(codes.wait_for(3));
    EXPECT_EQ(codes.at(0), cancelled);
    EXPECT_EQ(codes.at(1), cancelled);

    // An answer that comes after all is nobody's, and is counted.
    ASSERT_TRUE(server.kept.wait_for(1));
    EXPECT_TRUE(is_ok(server.kept.at(0)->respond("late")));
    EXPECT_TRUE(eventually([&] { return client.metrics().totals.late_responses == 1; }));
}

TEST(cancellation, by_another_client_or_after_the_stop_does_nothing) {
    waiting_server server;
    messaging_client client("client", patient());
    messaging_client other("other", patient());
    EXPECT_FALSE(client.cancel(next_operation_id())) << "it was never started";
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.port)));
    ASSERT_TRUE(is_ok(other.start_client("127.0.0.1", server.port)));
    collector<int> codes;
    const auto id = next_operation_id();
    ASSERT_TRUE(is_ok(client.request("question", 1h, ending{&codes}, id)));
    EXPECT_FALSE(other.cancel(id));
    EXPECT_FALSE(server.server.get_sessions().empty());
    for (const auto& session : server.server.get_sessions()) {
        EXPECT_FALSE(session->cancel(id));
    }
    ASSERT_TRUE(server.kept.wait_for(1));
    server.kept.clear();  // answered, with an error
    ASSERT_TRUE(codes.wait_for(1));
    EXPECT_NE(codes.at(0), cancelled);
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_FALSE(client.cancel(id));
}

TEST(cancellation, needs_no_client_that_still_exists) {
    const raw_listener silent;
    collector<int> codes;
    const auto id = next_operation_id();
    {
        messaging_client client("client", patient());
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", silent.port(), ending{&codes}, id)));
        EXPECT_TRUE(cancel_operation(id));
        ASSERT_TRUE(codes.wait_for(1));
        EXPECT_EQ(codes.at(0), cancelled);
        EXPECT_TRUE(is_ok(client.wait_for_stop()));
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", silent.port(), ending{&codes}, id)));
    }
    EXPECT_FALSE(cancel_operation(id)) << "the destructor has ended the start";
}

// Whenever the two meet: the handler is told once, and what `cancel` has said.
TEST(cancellation, races_with_a_start_that_succeeds) {
    waiting_server server;
    std::size_t both[2] = {0, 0};
    const std::size_t rounds = scaled(400);
    for (std::size_t i = 0; i < rounds; ++i) {
        messaging_client client("client", patient());
        std::atomic<int> connected{0};
        (void)client.set_connected_callback([&] { ++connected; });
        (void)client.set_disconnected_callback([&] { EXPECT_EQ(connected, 1); });
        collector<int> codes;
        const auto id = next_operation_id();
        std::atomic<bool> has_begun{false};
        bool was_pending = false;
        std::thread canceller([&] {
            while (!has_begun) {}
            // Later in each round, from at once to after the end.
            for (std::size_t waits = 0; waits < i * 4 && codes.size() == 0; ++waits) {
                std::this_thread::yield();
            }
            was_pending = client.cancel(id);
        });
        EXPECT_TRUE(is_ok(client.start_client("127.0.0.1", server.port, ending{&codes}, id)));
        has_begun = true;
        canceller.join();
        ASSERT_TRUE(codes.wait_for(1));
        EXPECT_EQ(codes.at(0), was_pending ? cancelled : 0);
        EXPECT_EQ(connected, was_pending ? 0 : 1);
        ++both[was_pending ? 1 : 0];
        EXPECT_TRUE(is_ok(client.stop_client()));
        EXPECT_EQ(codes.size(), 1U);
    }
    EXPECT_GT(both[1], 0U);
}

// Several threads cancel what others begin, while the results arrive.
TEST(cancellation, races_with_results) {
    waiting_server server;
    server.answers_at_once = true;
    messaging_client client("client", patient(receive_mode::pull));
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.port)));
    constexpr std::size_t slots = 64;
    struct slot {
        std::atomic<std::uint64_t> id{0};
        std::atomic<int> told{0};
        std::atomic<int> code{0};
        std::atomic<int> was_cancelled{0};
    };
    std::array<slot, slots> all;
    std::atomic<bool> is_over{false};
    const auto cancel_all = [&](std::size_t step) {
        for (std::size_t at = 0; !is_over; at = (at + step) % slots) {
            const operation_id id{all[at].id.load()};
            if (id != operation_id::none && client.cancel(id)) {
                EXPECT_EQ(operation_id{all[at].id.load()}, id) << "it was told before";
                ++all[at].was_cancelled;
            }
        }
    };
    std::thread one(cancel_all, 1);
    std::thread two(cancel_all, 7);
    const std::size_t rounds = scaled(200);
    std::size_t cancellations = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
        event_counter told;
        for (std::size_t i = 0; i < slots; ++i) {
            slot& mine = all[i];
            const auto note = [&mine, &told](const auto& result) {
                mine.code = result.is_ok() ? 0 : result.error().code;
                ++mine.told;
                told.add();
            };
            const auto id = next_operation_id();
            mine.id = static_cast<std::uint64_t>(id);
            switch (i % 3) {
                case 0: ASSERT_TRUE(is_ok(client.request("question", 1h, note, id))); break;
                case 1: ASSERT_TRUE(is_ok(client.ping(note, id))); break;
                default:
                    ASSERT_TRUE(is_ok(client.send_packet("message")));
                    ASSERT_TRUE(is_ok(client.receive_packet(note, id)));
            }
        }
        ASSERT_TRUE(told.wait_for(slots));
        for (slot& each : all) {
            // Who cancels counts after the handler has perhaps run already.
            const int expected = each.code == cancelled ? 1 : 0;
            EXPECT_TRUE(eventually([&] { return each.was_cancelled == expected; }));
            EXPECT_EQ(each.told, 1);
            EXPECT_TRUE(each.code == 0 || expected == 1) << each.code;
            cancellations += static_cast<std::size_t>(expected);
            each.told = each.was_cancelled = each.code = 0;
            each.id = 0;
        }
    }
    is_over = true;
    one.join();
    two.join();
    EXPECT_GT(cancellations, 0U);
    EXPECT_TRUE(is_ok(client.stop_client()));
}

TEST(cancellation, while_the_client_is_stopped) {
    waiting_server server;
    const std::size_t rounds = scaled(100);
    for (std::size_t i = 0; i < rounds; ++i) {
        messaging_client client("client", patient());
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.port)));
        collector<int> codes;
        const auto id = next_operation_id();
        ASSERT_TRUE(is_ok(client.ping(ending{&codes}, id)));
        bool was_pending = false;
        std::thread canceller([&] { was_pending = client.cancel(id); });
        EXPECT_TRUE(is_ok(client.stop_client()));
        canceller.join();
        ASSERT_EQ(codes.size(), 1U);
        EXPECT_EQ(codes.at(0) == cancelled, was_pending);
    }
}

/// Runs one coroutine to its end on a context of the application's.
template <typename Make>
void run_coroutine(asio::io_context& context, const Make& make) {
    bool has_ended = false;
    asio::co_spawn(context, make(), [&](const std::exception_ptr& thrown) {
        has_ended = true;
        if (thrown) {
            std::rethrow_exception(thrown);
        }
    });
    context.run();
    EXPECT_TRUE(has_ended);
}

TEST(cancellation, by_awaitable_operators_is_a_timeout_of_anything) {
    using namespace asio::experimental::awaitable_operators;
    waiting_server server;
    const raw_listener silent;
    asio::io_context context;
    auto options = patient(receive_mode::pull);
    options.io_context = &context;
    messaging_client client("client", options);
    const auto expired = [&]() -> asio::awaitable<void> {
        asio::steady_timer timer(context, 5ms);
        co_await timer.async_wait(asio::use_awaitable);
    };
    run_coroutine(context, [&]() -> asio::awaitable<void> {
        const auto started = co_await (
            async_start(client, "127.0.0.1", silent.port(), asio::use_awaitable) || expired());
        EXPECT_EQ(started.index(), 1U);
        EXPECT_TRUE(
            is_ok(co_await async_start(client, "127.0.0.1", server.port, asio::use_awaitable)));
        for (int i = 0; i < 3; ++i) {
            const auto asked =
                co_await (async_request(client, "never", 1h, asio::use_awaitable) || expired());
            EXPECT_EQ(asked.index(), 1U);
            const auto received =
                co_await (async_receive(client, asio::use_awaitable) || expired());
            EXPECT_EQ(received.index(), 1U);
        }
        // Whoever is first, neither loses its result to the other.
        EXPECT_TRUE(is_ok(client.send_packet("echo")));
        const auto both = co_await (async_receive(client, asio::use_awaitable) &&
                                    async_ping(client, asio::use_awaitable));
        EXPECT_TRUE(is_ok(std::get<0>(both)));
        EXPECT_TRUE(is_ok(std::get<1>(both)));
        client.stop_client();
    });
}

}  // namespace
}  // namespace loopback

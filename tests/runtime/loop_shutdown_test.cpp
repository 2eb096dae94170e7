// What becomes of a loop's work when it shuts down, and the gate that it enters for callbacks.
#include "runtime/loop.h"
#include "stepped_loop.h"

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;

TEST(loop_shutdown, drops_what_is_pending_without_running_it) {
    manual_loop loop;
    const auto held = std::make_shared<int>(0);
    for (int i = 0; i < 3; ++i) {
        loop->post([held] { ++*held; });
    }
    EXPECT_EQ(held.use_count(), 4);
    loop->shutdown();
    EXPECT_EQ(held.use_count(), 1) << "nothing leaks";
    EXPECT_EQ(*held, 0) << "nothing runs";
    EXPECT_TRUE(loop->is_shut_down());
    loop->post([held] { ++*held; });
    EXPECT_EQ(held.use_count(), 1) << "dropped at once";
    EXPECT_FALSE(loop.step());
    loop->shutdown();
}

/// Calls back when a dropped task is destroyed.
class close_text {
public:
    explicit close_text(std::function<void()> words) : words_(std::move(words)) {}
    close_text(close_text&& other) noexcept : words_(std::exchange(other.words_, {})) {}
    close_text& operator=(close_text&&) = delete;
    ~close_text() {
        if (words_) {
            words_();
        }
    }

private:
    std::function<void()> words_;
};

TEST(loop_shutdown, lets_dropped_work_use_the_loop_in_its_destructor) {
    manual_loop loop;
    int said = 0;
    loop->post([last = close_text([&] {
                    ++said;
                    EXPECT_TRUE(loop->runs_here()) << "nothing may block in there";
                    loop->post([&] { ++said; });
                    loop->retire(std::make_shared<int>(1));
                })] {});
    loop->shutdown();
    EXPECT_EQ(said, 1);
    EXPECT_FALSE(loop::is_on_io_thread());
}

TEST(loop_shutdown, frees_what_was_retired) {
    manual_loop loop;
    const auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = held;
    loop.in_batch([&, mine = held]() mutable {
        loop->retire(std::move(mine));
        loop->shutdown();
        EXPECT_EQ(watched.use_count(), 1) << "only the test's own";
    });
    EXPECT_TRUE(loop->is_shut_down());
}

TEST(loop_shutdown, ends_with_the_context_and_is_harmless_afterwards) {
    for (const auto method : {readiness_method::automatic, readiness_method::per_socket}) {
        const auto held = std::make_shared<int>(0);
        std::shared_ptr<loop> survivor;
        {
            asio::io_context context;
            survivor = loop::of(context, method);
            EXPECT_EQ(loop::of(context, method), survivor) << "one loop for a context";
            survivor->post([held] { ++*held; });
            survivor->run_batch([&] { survivor->retire(held); });
            EXPECT_FALSE(survivor->is_shut_down());
        }
        EXPECT_TRUE(survivor->is_shut_down());
        EXPECT_EQ(*held, 0);
        EXPECT_EQ(held.use_count(), 1);
        survivor->post([held] { ++*held; });
        EXPECT_EQ(held.use_count(), 1);
        EXPECT_FALSE(survivor->context_runs_here());
    }
}

TEST(loop_gate, is_entered_once_a_batch_and_left_at_its_end) {
    manual_loop loop;
    const auto gate = std::make_shared<callback_gate>();
    loop.in_batch([&] {
        EXPECT_TRUE(loop->enter(gate));
        EXPECT_TRUE(loop->enter(gate));
        EXPECT_EQ(gate.use_count(), 2) << "it outlives its owner while a batch is inside";
        gate->close();
        EXPECT_FALSE(loop->enter(gate)) << "closed while inside: no further callback";
    });
    EXPECT_EQ(gate.use_count(), 1);
    gate->wait_until_idle();  // returns: the batch has left once for all its entries
}

TEST(loop_gate, is_left_when_another_is_entered) {
    manual_loop loop;
    const auto first = std::make_shared<callback_gate>();
    const auto second = std::make_shared<callback_gate>();
    loop.in_batch([&] {
        EXPECT_TRUE(loop->enter(first));
        EXPECT_TRUE(loop->enter(second));
        first->close();
        first->wait_until_idle();  // returns: nobody is inside the first any more
        EXPECT_FALSE(loop->enter(first));
        EXPECT_TRUE(loop->enter(second));
    });
    second->close();
    second->wait_until_idle();
}

TEST(loop_gate, is_left_before_what_was_closed_is_freed) {
    manual_loop loop;
    const auto gate = std::make_shared<callback_gate>();
    loop.in_batch([&] {
        EXPECT_TRUE(loop->enter(gate));
        loop->retire(std::shared_ptr<void>(nullptr, [&](void*) {
            // A stop of the same object in a destructor would wait here.
            gate->close();
            gate->wait_until_idle();
        }));
    });
    EXPECT_FALSE(gate->is_open());
}

TEST(loop_gate, is_left_when_the_loop_shuts_down_in_the_batch) {
    manual_loop loop;
    const auto gate = std::make_shared<callback_gate>();
    loop.in_batch([&] {
        EXPECT_TRUE(loop->enter(gate));
        loop->shutdown();
        gate->close();
        gate->wait_until_idle();
    });
    EXPECT_EQ(gate.use_count(), 1);
}

}  // namespace
}  // namespace network_system::runtime

// Who gets which connection of a pool, who waits, and what they are told: without sockets, threads
// or time.
#include "resilience/pool_world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

using namespace std::chrono_literals;

TEST(pool_core, makes_a_connection_for_who_asks_first_and_keeps_it) {
    pool_under_test pool(pool_of(0, 3));
    EXPECT_EQ(pool.world->connections.size(), 0U) << "nothing is made before";
    const auto first = pool.ask();
    EXPECT_TRUE(first->is_pending());
    ASSERT_EQ(pool.world->connections.size(), 1U);
    pool.open_all();
    ASSERT_TRUE(first->has_lease());
    lease held = first->take();
    EXPECT_TRUE(held);
    EXPECT_EQ(held.session().get(), &pool.connection(0).session());
    EXPECT_EQ(pool.metrics().active, 1U);
    held.release();
    EXPECT_FALSE(held);
    EXPECT_EQ(held.session(), nullptr);
    EXPECT_EQ(pool.metrics().idle, 1U);
    EXPECT_TRUE(pool.take().is_ok());
    EXPECT_EQ(pool.metrics().created, 1U);
    EXPECT_EQ(pool.metrics().acquired, 2U);
    EXPECT_EQ(pool.metrics().waited, 1U);
}

TEST(pool_core, lends_the_one_first_that_was_used_last) {
    idle_pool pool(pool_of(3, 3));
    lease one = pool.take().value();
    lease two = pool.take().value();
    const auto* const last = one.session().get();
    two.release();
    one.release();
    EXPECT_EQ(pool.take().value().session().get(), last);
}

TEST(pool_core, serves_those_who_wait_in_the_order_of_asking) {
    pool_under_test pool(pool_of(1, 1));
    std::vector<std::shared_ptr<pool_under_test::asking>> all;
    all.reserve(5);
    for (int i = 0; i < 5; ++i) {
        all.push_back(pool.ask());
    }
    pool.open_all();
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t k = 0; k < all.size(); ++k) {
            EXPECT_EQ(all[k]->is_pending(), k > i) << k << " after " << i;
        }
        EXPECT_TRUE(pool.take().is_err()) << "nobody gets past them";
        all[i]->take().release();
        pool.run();
    }
    EXPECT_EQ(pool.world->connections.size(), 1U);
}

TEST(pool_core, makes_no_more_than_the_most_and_as_many_as_are_waited_for) {
    pool_under_test pool(pool_of(1, 3));
    std::vector<std::shared_ptr<pool_under_test::asking>> all;
    all.reserve(5);
    for (std::size_t i = 0; i < 5; ++i) {
        all.push_back(pool.ask());
        EXPECT_EQ(pool.world->connections.size(), std::min<std::size_t>(i + 1, 3));
    }
    pool.open_all();
    EXPECT_EQ(pool.metrics().active, 3U);
    EXPECT_EQ(pool.metrics().waiting, 2U);
}

TEST(pool_core, tells_who_waited_too_long_what_is_in_use) {
    idle_pool pool(pool_of(2, 2));
    const lease one = pool.take().value();
    const lease two = pool.take().value();
    const auto third = pool.ask();
    pool.pass(499ms);
    EXPECT_TRUE(third->is_pending());
    pool.pass(1ms);
    ASSERT_FALSE(third->is_pending());
    EXPECT_EQ(third->error(), errc::connection_timeout);
    EXPECT_EQ(third->error().message, "no connection to server:7 within 500 ms: 2 of 2 in use");
    EXPECT_EQ(pool.metrics().timeouts, 1U);
    EXPECT_EQ(pool.metrics().waiting, 0U);
}

TEST(pool_core, tells_who_waited_too_long_what_making_one_has_failed_with) {
    pool_under_test pool(pool_of(0, 3));
    const auto first = pool.ask();
    pool.connection(0).fail(1);
    pool.connection(0).fail(4);
    pool.pass(500ms);
    ASSERT_FALSE(first->is_pending());
    EXPECT_EQ(first->error(), errc::connection_timeout);
    const std::string why = "cannot connect to server:7 in 4 attempts: " +
                            make_error_code(errc::connection_refused).message();
    EXPECT_EQ(first->error().message,
              "no connection to server:7 within 500 ms: 1 of 3 being made; " + why);
    EXPECT_EQ(first->error().details, why);
    EXPECT_EQ(pool.metrics().failed, 2U);
    pool.open_all();
    EXPECT_TRUE(pool.take().is_ok()) << "the client went on trying";
}

TEST(pool_core, fails_everybody_at_once_after_a_refusal_for_good_and_tries_again_later) {
    pool_options options = pool_of(0, 2);
    options.connection.client.reconnect.initial_delay = 100ms;
    pool_under_test pool(options);
    const auto first = pool.ask();
    const auto second = pool.ask();
    pool.connection(0).give_up(errc::certificate_verification_failed);
    EXPECT_TRUE(first->is_pending()) << "the other attempt may succeed";
    pool.connection(1).give_up(errc::certificate_verification_failed);
    pool.run();
    for (const auto* each : {first.get(), second.get()}) {
        ASSERT_FALSE(each->is_pending());
        EXPECT_EQ(each->error(), errc::certificate_verification_failed);
        EXPECT_EQ(each->error().message, "refused for good");
    }
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 0U);

    pool.pass(99ms);
    const auto early = pool.ask();
    EXPECT_EQ(pool.begun.error(), errc::certificate_verification_failed);
    EXPECT_EQ(pool.take().error(), errc::certificate_verification_failed);
    EXPECT_EQ(pool.world->connections.size(), 0U) << "whoever asks often does not ask the server";

    pool.pass(1ms);
    const auto later = pool.ask();
    EXPECT_EQ(pool.world->connections.size(), 1U);
    pool.open_all();
    EXPECT_TRUE(later->has_lease());
}

TEST(pool_core, waits_for_those_in_use_after_a_refusal_for_good) {
    idle_pool pool(pool_of(1, 2));
    lease held = pool.take().value();
    const auto waiting = pool.ask();
    pool.connection(1).give_up(errc::certificate_verification_failed);
    pool.end_stopping();
    EXPECT_TRUE(waiting->is_pending());
    EXPECT_EQ(pool.world->connections.size(), 1U) << "it is not asked for again at once";
    held.release();
    pool.run();
    EXPECT_TRUE(waiting->has_lease());
}

TEST(pool_core, says_why_nothing_can_be_made_at_all) {
    pool_under_test pool(pool_of(1, 2));
    pool.world->refuses_to_make = true;
    const auto asked = pool.ask();
    ASSERT_FALSE(asked->is_pending());
    EXPECT_EQ(asked->error(), errc::not_supported);
    EXPECT_EQ(asked->error().message, "no such clients");
}

TEST(pool_core, refuses_who_comes_when_too_many_wait) {
    pool_options options = pool_of(1, 1);
    options.max_waiting = 2;
    pool_under_test pool(options);
    const auto one = pool.ask();
    const auto two = pool.ask();
    const auto three = pool.ask();
    ASSERT_TRUE(pool.begun.is_err());
    EXPECT_EQ(pool.begun.error(), errc::rate_limited);
    EXPECT_EQ(pool.begun.error().message,
              "2 wait for a connection to server:7 already: 1 of 1 being made");
    EXPECT_EQ(pool.metrics().refused, 1U);
    pool.open_all();
    EXPECT_TRUE(one->has_lease());
    EXPECT_TRUE(two->is_pending());
}

TEST(pool_core, can_be_cancelled_while_waiting) {
    pool_under_test pool(pool_of(1, 1));
    const auto operation = session::next_operation_id();
    const auto one = pool.ask(operation);
    const auto two = pool.ask();
    EXPECT_TRUE(pool.core->cancel(operation));
    EXPECT_TRUE(one->is_pending()) << "not inside cancel";
    pool.run();
    ASSERT_FALSE(one->is_pending());
    EXPECT_EQ(one->error(), errc::cancelled);
    EXPECT_FALSE(pool.core->cancel(operation));
    pool.open_all();
    EXPECT_TRUE(two->has_lease());
    EXPECT_EQ(pool.metrics().abandoned, 1U);
}

TEST(pool_core, cannot_be_cancelled_once_there_is_a_result) {
    pool_under_test pool(pool_of(1, 1));
    const auto operation = session::next_operation_id();
    const auto one = pool.ask(operation);
    for (scripted_connection* each : pool.world->connections) {
        each->open();  // the handler has not run yet
    }
    EXPECT_FALSE(pool.core->cancel(operation));
    pool.run();
    EXPECT_TRUE(one->has_lease());
}

TEST(pool_core, refuses_an_operation_that_is_pending) {
    pool_under_test pool(pool_of(1, 1));
    const auto operation = session::next_operation_id();
    const auto one = pool.ask(operation);
    const auto two = pool.ask(operation);
    ASSERT_TRUE(pool.begun.is_err());
    EXPECT_EQ(pool.begun.error(), errc::already_exists);
    EXPECT_TRUE(one->is_pending());
}

TEST(pool_core, is_asked_by_its_own_handlers) {
    pool_under_test pool(pool_of(1, 1));
    int served = 0;
    std::function<void(Result<lease>)> again;
    again = [&](Result<lease> result) {
        ASSERT_TRUE(result.is_ok());
        if (++served < 5) {
            connection_pool::acquire_handler next = again;
            EXPECT_TRUE(pool.core->acquire(next, {}).is_ok());
        }
    };
    connection_pool::acquire_handler first = again;
    EXPECT_TRUE(pool.core->acquire(first, {}).is_ok());
    pool.open_all();
    EXPECT_EQ(served, 5);
}

TEST(pool_core, refuses_wrong_calls) {
    pool_under_test pool(pool_of(1, 1));
    connection_pool::acquire_handler nobody;
    EXPECT_EQ(pool.core->acquire(nobody, {}).error(), errc::invalid_argument);
    connection_pool::initialize_handler none;
    EXPECT_EQ(pool.core->initialize(none, {}).error(), errc::invalid_argument);
    EXPECT_EQ(pool.core->acquire(-1ms).error(), errc::invalid_argument);
    EXPECT_EQ(pool.core->acquire(1ms).error(), errc::would_block) << "nothing may block here";
}

}  // namespace
}  // namespace network_system::resilience

// Who gets which connection of a pool, and when they are made and ended: without sockets, threads
// or time.
#include "resilience/pool_world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
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
    pool_under_test pool(pool_of(3, 3));
    (void)pool.take();  // begins
    pool.open_all();
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
    pool_under_test pool(pool_of(2, 2));
    (void)pool.take();
    pool.open_all();
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
    pool_under_test pool(pool_of(1, 2));
    (void)pool.take();
    pool.open_all();
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

TEST(pool_core, replaces_a_connection_that_breaks_while_it_is_idle) {
    pool_under_test pool(pool_of(1, 2));
    (void)pool.take();
    pool.open_all();
    pool.connection(0).lose();
    EXPECT_EQ(pool.metrics().size, 0U);
    EXPECT_EQ(pool.metrics().broken, 1U);
    EXPECT_EQ(pool.world->connections.size(), 1U) << "by its client, which is the same";
    EXPECT_FALSE(pool.connection(0).is_stopping);
    pool.open_all();
    EXPECT_TRUE(pool.take().is_ok());
    EXPECT_EQ(pool.metrics().created, 2U);
}

TEST(pool_core, lets_a_lease_keep_its_broken_connection_while_another_is_made) {
    pool_under_test pool(pool_of(1, 1));
    (void)pool.take();
    pool.open_all();
    lease held = pool.take().value();
    const auto pinned = held.session();
    pool.connection(0).lose();
    EXPECT_EQ(held.session(), pinned);
    EXPECT_EQ(pool.metrics().active, 1U);
    EXPECT_EQ(pool.metrics().size, 0U);
    pool.open_all();
    EXPECT_EQ(held.session(), pinned);
    held.release();
    const lease next = pool.take().value();
    EXPECT_NE(next.session(), pinned);
}

TEST(pool_core, takes_back_a_broken_one_and_serves_its_replacement) {
    pool_under_test pool(pool_of(1, 1));
    (void)pool.take();
    pool.open_all();
    lease held = pool.take().value();
    pool.connection(0).lose();
    const auto waiting = pool.ask();
    held.release();
    pool.run();
    EXPECT_TRUE(waiting->is_pending());
    pool.open_all();
    EXPECT_TRUE(waiting->has_lease());
}

TEST(pool_core, replaces_one_whose_client_has_ended_while_it_was_leased) {
    pool_under_test pool(pool_of(1, 1));
    (void)pool.take();
    pool.open_all();
    lease held = pool.take().value();
    const auto* const first = &pool.connection(0);
    pool.connection(0).lose(false, {});
    EXPECT_FALSE(first->is_stopping) << "while it is leased";
    held.release();
    EXPECT_TRUE(first->is_stopping);
    pool.end_stopping();
    ASSERT_EQ(pool.world->connections.size(), 1U);
    pool.open_all();
    EXPECT_TRUE(pool.take().is_ok());
}

TEST(pool_core, does_not_insist_when_the_server_ends_what_is_idle_for_good) {
    pool_under_test pool(pool_of(1, 1));
    (void)pool.take();
    pool.open_all();
    for (int i = 0; i < 3; ++i) {
        pool.connection(0).lose(false, {});
        pool.end_stopping();
        EXPECT_EQ(pool.world->connections.size(), 0U) << "not before somebody asks";
        EXPECT_TRUE(pool.take().is_err());
        EXPECT_EQ(pool.world->connections.size(), 0U) << "nor at once";
        pool.pass(500ms);
        EXPECT_TRUE(pool.take().is_err());
        pool.open_all();
    }
}

TEST(pool_core, lends_nothing_that_is_ending) {
    pool_under_test pool(pool_of(2, 2));
    (void)pool.take();
    pool.open_all();
    pool.connection(0).session().has_said_goodbye = true;
    pool.connection(1).session().is_stopped_now = true;
    EXPECT_TRUE(pool.take().is_err());
    pool.connection(0).lose();
    pool.connection(1).lose();
    EXPECT_EQ(pool.metrics().broken, 2U);
    pool.open_all();
    EXPECT_EQ(pool.metrics().idle, 2U);
}

TEST(pool_core, does_not_take_a_late_loss_for_that_of_the_next_connection) {
    pool_under_test pool(pool_of(1, 1));
    (void)pool.take();
    pool.open_all();
    scripted_connection& one = pool.connection(0);
    const auto former = pool.take().value().session();
    one.open();
    one.lose_late(former);
    EXPECT_EQ(pool.metrics().idle, 1U);
    EXPECT_NE(pool.take().value().session(), former);
}

TEST(pool_core, closes_what_is_discarded_and_makes_another) {
    pool_under_test pool(pool_of(1, 1));
    (void)pool.take();
    pool.open_all();
    lease held = pool.take().value();
    held.discard();
    EXPECT_FALSE(held);
    ASSERT_EQ(pool.world->connections.size(), 2U) << "without waiting for the end of the first";
    EXPECT_TRUE(pool.connection(0).is_stopping);
    pool.end_stopping();
    pool.open_all();
    EXPECT_TRUE(pool.take().is_ok());
    EXPECT_EQ(pool.metrics().discarded, 1U);
}

TEST(pool_core, has_twice_the_most_at_most_however_much_is_discarded) {
    pool_under_test pool(pool_of(2, 2));
    (void)pool.take();
    for (int round = 0; round < 4; ++round) {
        pool.open_all();
        for (auto taken = pool.take(); taken.is_ok(); taken = pool.take()) {
            taken.value().discard();
        }
        EXPECT_LE(pool.world->connections.size(), 4U);
    }
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 2U);
}

TEST(pool_core, ends_what_is_idle_above_the_least) {
    pool_options options = pool_of(1, 3);
    options.idle_timeout = 1000ms;
    options.max_lifetime = 0ms;
    pool_under_test pool(options);
    std::vector<std::shared_ptr<pool_under_test::asking>> all;
    all.reserve(3);
    for (int i = 0; i < 3; ++i) {
        all.push_back(pool.ask());
    }
    pool.open_all();
    for (const auto& each : all) {
        each->take().release();
    }
    pool.pass(999ms);
    EXPECT_EQ(pool.metrics().evicted_idle, 0U);
    (void)pool.take();  // one of them is used
    pool.pass(1ms);
    EXPECT_EQ(pool.metrics().evicted_idle, 2U);
    EXPECT_EQ(pool.metrics().size, 1U);
    pool.end_stopping();
    pool.pass(10'000ms);
    EXPECT_EQ(pool.metrics().size, 1U) << "the least is kept";
}

TEST(pool_core, ends_what_is_too_old_and_keeps_the_least) {
    pool_options options = pool_of(2, 2);
    options.max_lifetime = 1000ms;
    pool_under_test pool(options);
    (void)pool.take();
    pool.open_all();
    lease held = pool.take().value();
    pool.pass(999ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 0U);
    pool.pass(1ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 1U) << "not the one that is leased";
    held.release();
    EXPECT_EQ(pool.metrics().evicted_lifetime, 2U) << "but when it comes back";
    pool.end_stopping();
    pool.open_all();
    EXPECT_EQ(pool.metrics().size, 2U);
}

TEST(pool_core, lets_connections_end_at_different_times) {
    pool_options options = pool_of(2, 2);
    options.max_lifetime = 1000ms;
    options.lifetime_jitter = 10;
    pool_under_test pool(options);
    (void)pool.take();
    pool.world->number = 0;
    pool.connection(0).open();
    pool.world->number = 0xFFFF'FFFF;
    pool.connection(1).open();
    pool.pass(899ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 0U);
    pool.pass(1ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 1U);
    pool.pass(99ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 1U);
    pool.pass(1ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 2U);
}

TEST(pool_core, asks_what_has_been_idle_before_lending_it) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    pool_under_test pool(options);
    (void)pool.take();
    pool.open_all();
    pool.pass(100ms);
    EXPECT_TRUE(pool.take().is_ok()) << "not idle for long enough";
    pool.pass(101ms);
    const auto asked = pool.ask();
    EXPECT_TRUE(asked->is_pending());
    ASSERT_TRUE(pool.connection(0).session().is_asked());
    pool.connection(0).session().answer();
    pool.run();
    EXPECT_TRUE(asked->has_lease());
    EXPECT_EQ(pool.metrics().checks, 1U);
    EXPECT_EQ(pool.metrics().checks_failed, 0U);
}

TEST(pool_core, asks_once_for_each_who_waits) {
    pool_options options = pool_of(3, 3);
    options.check_after = 100ms;
    pool_under_test pool(options);
    (void)pool.take();
    pool.open_all();
    pool.pass(200ms);
    const auto one = pool.ask();
    const auto two = pool.ask();
    EXPECT_EQ(pool.metrics().checks, 2U);
    for (std::size_t i = 0; i < 3; ++i) {
        if (pool.connection(i).session().is_asked()) {
            pool.connection(i).session().answer();
        }
    }
    pool.run();
    EXPECT_TRUE(one->has_lease());
    EXPECT_TRUE(two->has_lease());
}

TEST(pool_core, makes_another_when_nobody_answers) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    options.check_timeout = 50ms;
    pool_under_test pool(options);
    (void)pool.take();
    pool.open_all();
    pool.pass(200ms);
    const auto asked = pool.ask();
    pool.pass(50ms);
    EXPECT_EQ(pool.metrics().checks_failed, 1U);
    ASSERT_EQ(pool.world->connections.size(), 2U);
    EXPECT_TRUE(pool.connection(0).is_stopping);
    pool.connection(0).session().answer();  // too late
    pool.end_stopping();
    pool.open_all();
    EXPECT_TRUE(asked->has_lease());
}

TEST(pool_core, makes_another_when_the_answer_is_an_error) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    pool_under_test pool(options);
    (void)pool.take();
    pool.open_all();
    pool.pass(200ms);
    const auto asked = pool.ask();
    pool.connection(0).session().answer(false);
    EXPECT_EQ(pool.metrics().checks_failed, 1U);
    EXPECT_EQ(pool.world->connections.size(), 2U);
}

TEST(pool_core, takes_connections_without_pings_as_they_are) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    pool_under_test pool(options);
    (void)pool.take();
    pool.open_all();
    pool.pass(200ms);
    pool.connection(0).session().has_no_pings = true;
    const auto asked = pool.ask();
    EXPECT_TRUE(asked->has_lease());
}

TEST(pool_core, checks_for_who_does_not_wait_as_well) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    pool_under_test pool(options);
    (void)pool.take();
    pool.open_all();
    pool.pass(200ms);
    const auto refused = pool.take();
    ASSERT_TRUE(refused.is_err());
    EXPECT_EQ(refused.error(), errc::would_block);
    pool.connection(0).session().answer();
    EXPECT_TRUE(pool.take().is_ok());
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

TEST(pool_core, does_not_go_on_with_attempts_that_nobody_waits_for) {
    pool_options options = pool_of(0, 5);
    options.idle_timeout = 2000ms;
    pool_under_test pool(options);
    std::vector<std::shared_ptr<pool_under_test::asking>> all;
    all.reserve(5);
    for (int i = 0; i < 5; ++i) {
        all.push_back(pool.ask());
    }
    pool.pass(500ms);
    EXPECT_FALSE(all.back()->is_pending());
    for (std::size_t i = 0; i < 5; ++i) {
        pool.connection(i).fail(1);
    }
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 1U) << "one is there for who comes next";
    pool.pass(1499ms);
    EXPECT_FALSE(pool.connection(0).is_stopping);
    pool.pass(1ms);
    EXPECT_TRUE(pool.connection(0).is_stopping) << "but not for ever";
}

TEST(pool_core, does_not_let_who_asks_often_ask_the_server_as_often) {
    pool_options options = pool_of(0, 5);
    options.acquire_timeout = 1ms;
    pool_under_test pool(options);
    for (int i = 0; i < 100; ++i) {
        const auto one = pool.ask();
        pool.connection(0).fail(static_cast<unsigned>(i) + 1);
        pool.pass(1ms);
        EXPECT_FALSE(one->is_pending());
        ASSERT_EQ(pool.world->connections.size(), 1U) << "the one client, with its pauses";
    }
}

TEST(pool_core, lets_connections_end_that_break_above_the_least) {
    pool_options options = pool_of(1, 4);
    pool_under_test pool(options);
    std::vector<std::shared_ptr<pool_under_test::asking>> all;
    all.reserve(4);
    for (int i = 0; i < 4; ++i) {
        all.push_back(pool.ask());
    }
    pool.open_all();
    for (const auto& each : all) {
        each->take().release();
    }
    for (std::size_t i = 0; i < 4; ++i) {
        pool.connection(i).lose();
    }
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 1U);
    EXPECT_EQ(pool.metrics().connecting, 1U);
}

struct initializing {
    std::optional<VoidResult> result;
};

std::shared_ptr<initializing> initialize(pool_under_test& pool,
                                         session::operation_id operation = {}) {
    auto one = std::make_shared<initializing>();
    connection_pool::initialize_handler handler = [to = one](VoidResult result) {
        to->result = std::move(result);
    };
    EXPECT_TRUE(pool.core->initialize(handler, operation).is_ok());
    pool.run();
    return one;
}

TEST(pool_core, is_initialized_when_its_least_is_there) {
    pool_under_test pool(pool_of(3, 5));
    const auto one = initialize(pool);
    EXPECT_FALSE(one->result);
    EXPECT_EQ(pool.world->connections.size(), 3U);
    pool.open_all();
    ASSERT_TRUE(one->result);
    EXPECT_TRUE(one->result->is_ok());
    EXPECT_EQ(pool.metrics().size, 3U);
    const auto again = initialize(pool);
    ASSERT_TRUE(again->result);
    EXPECT_TRUE(again->result->is_ok());
}

TEST(pool_core, is_initialized_when_some_are_there_and_the_others_have_failed) {
    pool_under_test pool(pool_of(2, 2));
    const auto one = initialize(pool);
    pool.connection(0).fail(1);
    pool.run();
    EXPECT_FALSE(one->result);
    pool.connection(1).open();
    pool.run();
    ASSERT_TRUE(one->result);
    EXPECT_TRUE(one->result->is_ok());
}

TEST(pool_core, says_the_first_failure_when_none_could_be_made) {
    pool_under_test pool(pool_of(2, 2));
    const auto one = initialize(pool);
    pool.connection(1).fail(1);
    pool.connection(0).give_up(errc::certificate_verification_failed);
    pool.run();
    ASSERT_TRUE(one->result);
    EXPECT_EQ(one->result->error(), errc::connection_refused);
    EXPECT_FALSE(pool.connection(0).is_stopping && pool.connection(1).is_stopping)
        << "it goes on trying";
}

TEST(pool_core, needs_no_connection_when_none_is_to_be_kept) {
    pool_under_test pool(pool_of(0, 2));
    const auto one = initialize(pool);
    ASSERT_TRUE(one->result);
    EXPECT_TRUE(one->result->is_ok());
    EXPECT_EQ(pool.world->connections.size(), 0U);
}

TEST(pool_core, can_be_cancelled_while_it_is_initialized) {
    pool_under_test pool(pool_of(1, 1));
    const auto operation = session::next_operation_id();
    const auto one = initialize(pool, operation);
    EXPECT_TRUE(pool.core->cancel(operation));
    pool.run();
    ASSERT_TRUE(one->result);
    EXPECT_EQ(one->result->error(), errc::cancelled);
    pool.open_all();
    EXPECT_EQ(pool.metrics().size, 1U);
}

TEST(pool_core, has_an_answer_when_no_attempt_ends) {
    pool_under_test pool(pool_of(1, 1));
    const auto one = initialize(pool);
    pool.pass(10'100ms);
    ASSERT_TRUE(one->result);
    EXPECT_EQ(one->result->error(), errc::connection_timeout);
}

TEST(pool_core, ends_every_wait_when_it_shuts_down) {
    pool_under_test pool(pool_of(1, 1));
    const auto waiting = pool.ask();
    const auto one = initialize(pool);
    pool.shut_down();
    ASSERT_FALSE(waiting->is_pending()) << "inside the shutdown";
    EXPECT_EQ(waiting->error(), errc::connection_closed);
    ASSERT_TRUE(one->result);
    EXPECT_EQ(one->result->error(), errc::connection_closed);
    EXPECT_TRUE(pool.connection(0).is_stopping);
    const auto late = pool.ask();
    ASSERT_TRUE(pool.begun.is_err());
    EXPECT_EQ(pool.begun.error(), errc::connection_closed);
    EXPECT_EQ(pool.take().error(), errc::connection_closed);
    pool.connection(0).open();  // it was too late to stop that
    EXPECT_EQ(pool.metrics().idle, 0U);
}

TEST(pool_core, lets_leases_outlive_it) {
    auto pool = std::make_unique<pool_under_test>(pool_of(2, 2));
    (void)pool->take();
    pool->open_all();
    lease held = pool->take().value();
    auto& theirs = pool->connection(pool->connection(0).session().id() == held->id() &&
                                            &pool->connection(0).session() == held.session().get()
                                        ? 0
                                        : 1);
    pool->shut_down();
    pool->end_stopping();
    ASSERT_EQ(pool->world->connections.size(), 1U);
    EXPECT_FALSE(theirs.is_stopping);
    EXPECT_FALSE(held.session()->is_stopped());
    held.release();
    EXPECT_TRUE(theirs.is_stopping) << "closed with its lease";
}

TEST(pool_core, answers_what_was_decided_before_it_shut_down) {
    pool_under_test pool(pool_of(1, 1));
    const auto waiting = pool.ask();
    for (scripted_connection* each : pool.world->connections) {
        each->open();
    }
    EXPECT_TRUE(waiting->is_pending());
    pool.shut_down();
    ASSERT_TRUE(waiting->has_lease());
    waiting->take().release();
    EXPECT_TRUE(pool.connection(0).is_stopping);
}

TEST(pool_core, forgets_what_was_to_be_started_when_it_shuts_down_first) {
    pool_under_test pool(pool_of(1, 1));
    (void)pool.take();
    pool.shut_down();
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 0U);
    EXPECT_EQ(pool.metrics().connecting, 0U);
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

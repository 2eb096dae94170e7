// How a pool begins and ends.
#include "resilience/pool_world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

using namespace std::chrono_literals;

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

}  // namespace
}  // namespace network_system::resilience

// Seeds of connection pools whose server crashes, stops and comes back: everybody who asks for a
// connection is answered once, and the numbers of the pool add up.
#include "testing/mortal_server.h"

#include <network_system/resilience/connection_pool.h>
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

using resilience::connection_pool;
using resilience::lease;
using resilience::pool_metrics;
using resilience::pool_options;

#ifdef NETWORK_SIMULATION_FEWER_SEEDS
constexpr std::uint64_t pool_seeds = 20;
#else
constexpr std::uint64_t pool_seeds = 300;
#endif

class pool_scenario {
public:
    explicit pool_scenario(std::uint64_t seed)
        : world_(seed, simulation_options::faulty(seed)), options_(make_options()),
          pool_(options_, {.received = [this] { ++talks_; }}) {}

    /// What went wrong, or nothing.
    [[nodiscard]] std::string run() {
        world_.at(random_time(seconds{2}), [this] { initialize(); });
        for (std::uint64_t i = 40 + below(80); i > 0; --i) {
            world_.at(random_time(time_of_faults), [this] { act(); });
        }
        (void)world_.run_for(time_of_faults);
        server_.start();
        const std::uint64_t before = talks_;
        ask_regularly();
        require(world_.run_until([&] { return talks_ > before; }, time_to_return),
                "nobody gets a connection that works any more");
        is_over_ = true;
        require(world_.run_until([this] { return asked_ == answers(); }, time_to_return),
                "who asks is not answered");
        require(world_.run_until([this] { return are_ends_known(); }, minutes{1}),
                "a connection has ended, and nobody knows why");
        check_numbers();
        end();
        return failure_.empty() ? failure_ : failure_ + "\n" + world_.trace();
    }

    [[nodiscard]] simulation& world() { return world_; }
    [[nodiscard]] delivery_book& book() { return book_; }
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return world_.random_below(bound); }
    void require(bool holds, const char* what) {
        if (!holds && failure_.empty()) {
            failure_ = what;
            world_.note(what);
        }
    }
    [[nodiscard]] pool_metrics metrics() const { return pool_.metrics(); }

private:
    struct borrower {
        int answers = 0;
        bool is_cancelled = false;
    };

    [[nodiscard]] nanoseconds random_time(nanoseconds before) {
        return nanoseconds(below(static_cast<std::uint64_t>(before.count())));
    }
    [[nodiscard]] pool_options make_options() {
        pool_options options;
        options.server = {"server", server_port};
        options.max_size = 1 + below(6);
        options.min_size = below(options.max_size + 1);
        options.acquire_timeout = milliseconds(below(6) == 0 ? 0 : 50 + below(5'000));
        options.max_waiting = 1 + below(8);
        options.idle_timeout = milliseconds(below(3) == 0 ? 0 : 100 + below(5'000));
        options.max_lifetime = milliseconds(below(3) == 0 ? 0 : 500 + below(8'000));
        options.check_after = milliseconds(below(3) == 0 ? 0 : 1 + below(2'000));
        options.check_timeout = milliseconds(50 + below(2'000));
        auto& client = options.connection.client;
        client.reconnect.initial_delay = milliseconds(1 + below(200));
        client.reconnect.max_delay = client.reconnect.initial_delay + milliseconds(below(2'000));
        client.reconnect.stable_after = milliseconds(below(3) * 500);
        client.reconnect.max_attempts = below(3) == 0 ? 1 + static_cast<unsigned>(below(4)) : 0;
        client.connect_timeout = milliseconds(500 + below(3'000));
        client.drain_timeout = milliseconds(below(2'000));
        client.session.ping_interval = milliseconds(200 + below(3'000));
        client = world_.on_host("clients", client);
        return options;
    }

    void initialize() {
        const auto begun = pool_.initialize([this](const VoidResult&) { ++initialized_; });
        require(begun.is_ok(), "an initialize has not begun");
        initializing_ += begun ? 1U : 0U;
    }
    void ask() {
        const auto who = std::make_shared<borrower>();
        const auto operation = session::next_operation_id();
        const auto begun = pool_.acquire(
            [this, who](Result<lease> got) { on_answer(*who, std::move(got)); }, operation);
        if (!begun) {
            const int code = begun.error().code;
            refused_ += code == static_cast<int>(errc::rate_limited) ? 1U : 0U;
            require(code == static_cast<int>(errc::connection_closed) || !is_shut_down_,
                    "a pool that is shut down says something else");
            return;
        }
        ++asked_;
        if (below(6) == 0) {
            world_.after(milliseconds(below(1'000)), [this, who, operation] {
                who->is_cancelled = pool_.cancel(operation) || who->is_cancelled;
            });
        }
    }
    void on_answer(borrower& who, Result<lease>&& got) {
        require(++who.answers == 1, "an acquire was answered twice");
        const int code = got ? 0 : got.error().code;
        ++answers_[code];
        require((code == static_cast<int>(errc::cancelled)) == who.is_cancelled,
                "what cancel has answered is not what the handler got");
        if (got) {
            const auto number = ++given_;
            lent_.emplace(number, std::move(got).value());
            use(number);
        }
    }
    /// A conversation, after which the connection is given back, or is not to be used again.
    void use(std::uint64_t number) {
        const auto sent = lent_.at(number)->send_packet(label{0, 0, number}.encode());
        const bool is_discarded = !sent || below(8) == 0;
        world_.after(milliseconds(below(below(4) == 0 ? 3'000 : 200)),
                     [this, number, is_discarded] {
                         const auto found = lent_.find(number);
                         if (found == lent_.end()) {
                             return;
                         }
                         if (is_discarded) {
                             found->second.discard();
                             discarded_ += is_shut_down_ ? 0U : 1U;
                         }
                         lent_.erase(found);
                         check_numbers();
                     });
    }
    void act() {
        switch (below(14)) {
            case 0: server_.crash(); break;
            case 1: server_.stop(); break;
            case 2: server_.destroy(); break;
            case 3: world_.partition("clients", "server", milliseconds(below(4'000))); break;
            case 4: world_.reset_connections("clients", "server"); break;
            case 5:
            case 6:
            case 7: server_.start(); break;
            default:
                for (std::uint64_t i = 1 + below(4); i > 0; --i) {
                    ask();
                }
        }
        check_numbers();
    }
    void ask_regularly() {
        if (!is_over_) {
            ask();
            world_.after(milliseconds(below(400)), [this] { ask_regularly(); });
        }
    }

    [[nodiscard]] std::uint64_t answers(int code) const {
        const auto found = answers_.find(code);
        return found == answers_.end() ? 0 : found->second;
    }
    [[nodiscard]] std::uint64_t answers() const {
        std::uint64_t all = 0;
        for (const auto& [code, times] : answers_) {
            all += times;
        }
        return all;
    }
    /// At any time; handlers may still have to hear what has been decided.
    void check_numbers() {
        const auto now = pool_.metrics();
        require(now.acquired + now.timeouts + now.abandoned + now.waiting == asked_,
                "who has asked is not who was answered and who waits");
        require(now.acquired >= answers(0) && now.refused == refused_, "acquired, refused");
        require(now.active >= lent_.size() && now.active <= options_.max_size, "leases");
        require(now.size <= options_.max_size && now.idle <= now.size, "size");
        require(now.waiting <= options_.max_waiting, "waiting");
        require(now.discarded == discarded_, "discarded");
        require(now.created >= now.broken + now.size, "connections that were never made");
    }
    /// Whether each connection that was made is there, or its end is known.
    [[nodiscard]] bool are_ends_known() const {
        const auto now = pool_.metrics();
        return now.created <= now.broken + now.size + now.discarded + now.evicted_idle +
                                  now.evicted_lifetime + now.checks_failed;
    }
    void end() {
        if (below(2) == 0) {
            ask();  // and is told that there is none
        }
        is_shut_down_ = true;
        pool_.shutdown();
        check_numbers();
        require(world_.run_until([this] { return asked_ == answers(); }, time_to_end),
                "who asks is not answered by a shutdown");
        ask();
        (void)world_.run_for(time_to_end);
        lent_.clear();
        (void)world_.run_for(time_to_end);
        const auto last = pool_.metrics();
        require(last.active == 0 && last.size == 0 && last.connecting == 0 && last.waiting == 0,
                "something is left after a shutdown");
        require(answers(0) == last.acquired, "leases given are not leases got");
        require(initialized_ == initializing_, "an initialize was not answered");
        check_numbers();
        require(server_.connection_count() == 0, "a connection is left");
    }

    std::string failure_;
    delivery_book book_;
    bool is_over_ = false;
    bool is_shut_down_ = false;
    std::uint64_t asked_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t discarded_ = 0;
    std::uint64_t given_ = 0;
    // Messages that were answered.
    std::uint64_t talks_ = 0;
    std::uint64_t initializing_ = 0;
    std::uint64_t initialized_ = 0;
    std::map<int, std::uint64_t> answers_;
    simulation world_;
    mortal_server<tcp_types, pool_scenario> server_{*this, "server"};
    std::map<std::uint64_t, lease> lent_;
    const pool_options options_;
    connection_pool pool_;
};

class pool_seeds_test : public ::testing::Test {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};

TEST_F(pool_seeds_test, everybody_is_answered) {
    EXPECT_EQ(try_seeds(seeds_to_try({1, pool_seeds}),
                        [](std::uint64_t seed) { return pool_scenario(seed).run(); }),
              "");
}

/// What the seeds are about does happen.
TEST_F(pool_seeds_test, have_everything_happen) {
    pool_metrics all;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        pool_scenario one(seed);
        EXPECT_EQ(one.run(), "");
        const auto seen = one.metrics();
        all.waited += seen.waited;
        all.timeouts += seen.timeouts;
        all.abandoned += seen.abandoned;
        all.refused += seen.refused;
        all.failed += seen.failed;
        all.broken += seen.broken;
        all.evicted_idle += seen.evicted_idle;
        all.evicted_lifetime += seen.evicted_lifetime;
        all.checks_failed += seen.checks_failed;
    }
    for (const std::uint64_t each :
         {all.waited, all.timeouts, all.abandoned, all.refused, all.failed, all.broken,
          all.evicted_idle, all.evicted_lifetime, all.checks_failed}) {
        EXPECT_GT(each, 0U);
    }
}

TEST_F(pool_seeds_test, replay_exactly) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto run = [seed] {
            pool_scenario one(seed);
            (void)one.run();
            return one.world().fingerprint();
        };
        EXPECT_EQ(run(), run()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace network_system::testing

// Messages with ids in a network that breaks connections, holds them up and leaves them half open:
// while the server lives each is delivered once; over its restarts those that come twice say so.
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

using core::messaging_client;
using core::messaging_server;
using session_ptr = messaging_server::session_ptr;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint16_t delivery_port = 4000;
constexpr std::uint64_t messages_of_each = 40;
constexpr std::size_t sender_count = 3;

#ifdef NETWORK_SIMULATION_FEWER_SEEDS
constexpr std::uint64_t seed_count = 30;
#else
constexpr std::uint64_t seed_count = 200;
#endif

/// What was delivered, and how often without a word that it may be a repetition.
struct delivery_count {
    unsigned all = 0;
    unsigned unmarked = 0;
};

/// An application that gets messages in one of the ways there are, and throws now and then.
class delivery_server {
public:
    explicit delivery_server(simulation& sim) : sim_(sim), way_(sim.random_below(4)) {}

    void start() {
        core::server_options options;
        options.io_threads = 1 + sim_.random_below(3);
        options.drain_timeout = milliseconds{sim_.random_below(2'000)};
        options.session.receiving = way_ < 2 ? receive_mode::callback : receive_mode::pull;
        // Half-open connections end some time.
        options.session.ping_interval = seconds{5};
        if (way_ == 1) {
            options.callback_pool = sim_.thread_pool(3);
        }
        server_ = std::make_unique<messaging_server>("server", sim_.on_host("server", options));
        (void)server_->set_connection_callback([this](const session_ptr& session) {
            if (way_ == 2) {
                ask_for_one(session);
            } else if (way_ == 3) {
                ask_for_all(session);
            }
        });
        (void)server_->set_receive_callback(
            [this](const session_ptr& session, std::span<const std::uint8_t> data) {
                get({data.begin(), data.end()}, session->current_delivery());
            });
        for (int tries = 100; !server_->start_server(delivery_port); --tries) {
            if (tries == 0) {
                failure = "the server does not start";
                return;
            }
            // The socket of the one that was there before.
            (void)sim_.run_for(milliseconds{50});
        }
    }
    /// At once, without a word to anybody.
    void crash() {
        sim_.reset_connections("server", "here");
        sim_.reset_connections("server", "there");
        repeated += server_->metrics().totals.messages_repeated;
        exceptions += server_->metrics().callback_exceptions;
        server_.reset();
    }

    std::map<std::string, delivery_count> delivered;
    std::string failure;
    std::uint64_t repeated = 0;
    std::uint64_t exceptions = 0;

private:
    void ask_for_one(const session_ptr& session) {
        (void)session->receive_packet([this, session](Result<std::vector<std::uint8_t>> message) {
            if (message) {
                const auto info = session->current_delivery();
                ask_for_one(session);
                get({message.value().begin(), message.value().end()}, info);
            }
        });
    }
    void ask_for_all(const session_ptr& session) {
        (void)session->receive_all([this, session](Result<received_messages> all) {
            if (!all) {
                return;
            }
            ask_for_all(session);
            // All or none: nothing of a batch is taken by a handler that throws.
            maybe_throw();
            for (std::size_t at = 0; at < all.value().size(); ++at) {
                const auto data = all.value()[at].data;
                count({data.begin(), data.end()}, all.value().delivery(at));
            }
        });
    }
    void get(const std::string& text, const delivery_info& info) {
        maybe_throw();
        count(text, info);
    }
    void maybe_throw() {
        if (sim_.random_below(25) == 0) {
            throw std::runtime_error("not now");
        }
    }
    void count(const std::string& text, const delivery_info& info) {
        if (info.id == 0) {
            failure = "a message without its id";
        }
        auto& each = delivered[text];
        ++each.all;
        each.unmarked += info.may_be_resent ? 0 : 1;
    }

    simulation& sim_;
    const std::uint64_t way_;
    std::unique_ptr<messaging_server> server_;
};

/// An application that sends what is not acknowledged again, the oldest first, over the next
/// connection; from one host or the other, so that connections are left half open.
class delivery_client {
public:
    delivery_client(simulation& sim, std::uint8_t number)
        : sim_(sim), name_("client" + std::to_string(number)),
          sends_(std::make_shared<session::delivery_sender>(delivery_id{number})) {
        connect();
        write();
    }

    [[nodiscard]] bool is_done() const {
        return written_ == messages_of_each && unacknowledged_.empty();
    }
    /// Gone without a word; the next connection comes from elsewhere.
    void move() {
        client_.reset();
        is_here_ = !is_here_;
        connect();
    }
    [[nodiscard]] std::string text_of(std::uint64_t id) const {
        return name_ + ":" + std::to_string(id);
    }

    std::vector<std::error_code> refusals;

private:
    void connect() {
        ++attempt_;
        core::client_options options;
        options.delivery = sends_;
        options.drain_timeout = milliseconds{0};
        options.connect_timeout = seconds{3};
        options.session.ping_interval = seconds{5};
        client_ = std::make_unique<messaging_client>(
            name_, sim_.on_host(is_here_ ? "here" : "there", options));
        (void)client_->set_connected_callback([this](const session_ptr& session) {
            session_ = session;
            for (const std::uint64_t each : unacknowledged_) {
                (void)session->send_with_id(text_of(each), each);
            }
        });
        (void)client_->set_acknowledged_callback([this](std::uint64_t id, std::error_code error) {
            if (error) {
                refusals.push_back(error);
            }
            unacknowledged_.erase(id);
        });
        (void)client_->set_disconnected_callback([this] { reconnect_later(attempt_); });
        const auto begun = client_->start_client(
            "server", delivery_port, [this, attempt = attempt_](const VoidResult& started) {
                if (!started) {
                    reconnect_later(attempt);
                }
            });
        if (!begun) {
            reconnect_later(attempt_);
        }
    }
    void reconnect_later(unsigned attempt) {
        session_.reset();
        sim_.after(milliseconds{20 + sim_.random_below(1'000)}, [this, attempt] {
            if (attempt == attempt_) {
                connect();
            }
        });
    }
    void write() {
        if (written_ == messages_of_each) {
            return;
        }
        const std::uint64_t burst = 1 + sim_.random_below(8);
        for (std::uint64_t each = 0; each < burst && written_ < messages_of_each; ++each) {
            ++written_;
            unacknowledged_.insert(written_);
            if (session_) {
                (void)session_->send_with_id(text_of(written_), written_);
            }
        }
        sim_.after(milliseconds{sim_.random_below(1'500)}, [this] { write(); });
    }

    simulation& sim_;
    const std::string name_;
    const std::shared_ptr<session::delivery_sender> sends_;
    std::unique_ptr<messaging_client> client_;
    session_ptr session_;
    std::set<std::uint64_t> unacknowledged_;
    std::uint64_t written_ = 0;
    unsigned attempt_ = 0;
    bool is_here_ = true;
};

simulation_options faults_of(std::uint64_t seed) {
    simulation_options options = simulation_options::faulty(seed);
    options.reset = 0.3;
    options.reset_after = {milliseconds{0}, seconds{4}};
    return options;
}

/// Over all seeds: a test of a fault should make sure that it occurred.
struct sums {
    std::uint64_t repeated = 0;
    std::uint64_t exceptions = 0;
    std::uint64_t delivered_again = 0;
};

/// What went wrong; empty when nothing did.
std::string run(std::uint64_t seed, bool has_crashes, sums& seen) {
    simulation sim(seed, faults_of(seed));
    delivery_server server(sim);
    server.start();
    std::vector<std::unique_ptr<delivery_client>> clients;
    for (std::uint8_t each = 1; each <= sender_count; ++each) {
        clients.push_back(std::make_unique<delivery_client>(sim, each));
    }
    const auto are_done = [&] {
        return std::all_of(clients.begin(), clients.end(),
                           [](const auto& each) { return each->is_done(); });
    };
    for (int turn = 0; turn < 10 && !are_done(); ++turn) {
        (void)sim.run_until(are_done, milliseconds{100 + sim.random_below(2'000)});
        switch (sim.random_below(has_crashes ? 4 : 3)) {
            case 0: clients[sim.random_below(sender_count)]->move(); break;
            case 1:
                // Nobody hears anything from here for a while; who moves meanwhile leaves a
                // half-open connection behind, whose messages arrive afterwards.
                sim.partition("here", "server", milliseconds{sim.random_below(20'000)});
                clients[sim.random_below(sender_count)]->move();
                break;
            case 2: sim.reset_connections("here", "server"); break;
            default:
                server.crash();
                server.start();
                break;
        }
    }
    if (!sim.run_until(are_done, minutes{30})) {
        return "not everything was acknowledged";
    }
    server.crash();
    seen.repeated += server.repeated;
    seen.exceptions += server.exceptions;
    if (!server.failure.empty()) {
        return server.failure;
    }
    for (const auto& client : clients) {
        if (!client->refusals.empty()) {
            return "refused: " + client->refusals.front().message();
        }
        for (std::uint64_t id = 1; id <= messages_of_each; ++id) {
            const std::string text = client->text_of(id);
            const delivery_count& count = server.delivered[text];
            if (count.all == 0) {
                return "never delivered: " + text;
            }
            seen.delivered_again += count.all - 1;
            if (count.unmarked > 1 || (!has_crashes && count.all > 1)) {
                return "delivered again: " + text;
            }
        }
    }
    return {};
}

class quiet_delivery : public ::testing::Test {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};

TEST_F(quiet_delivery, once_while_the_server_lives) {
    sums seen;
    EXPECT_EQ(try_seeds(seeds_to_try({1, seed_count}),
                        [&](std::uint64_t seed) { return run(seed, false, seen); }),
              "");
    EXPECT_GT(seen.repeated, 0U);
    EXPECT_GT(seen.exceptions, 0U);
}

TEST_F(quiet_delivery, marked_when_it_comes_again_after_a_crash) {
    sums seen;
    EXPECT_EQ(try_seeds(seeds_to_try({1, seed_count}),
                        [&](std::uint64_t seed) { return run(seed, true, seen); }),
              "");
    EXPECT_GT(seen.delivered_again, 0U) << "acknowledgements that a crash has lost";
}

}  // namespace
}  // namespace network_system::testing

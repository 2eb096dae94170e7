// Resilient clients of servers that crash, stop and disappear, in a network that does what the seed
// says, and their books.
#pragma once

#include "testing/mortal_server.h"

#include <network_system/resilience/resilient_client.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

using resilience::delivery_mode;
using resilience::offline_policy;
using resilience::resilient_client_options;

/// For hundreds of messages in a network that is hardly ever there.
inline constexpr nanoseconds time_to_deliver = minutes{600};

/// What kind of clients there are; the rest is the seed's.
struct resilient_case {
    delivery_mode delivery = delivery_mode::at_most_once;
    std::uint64_t servers = 1;
    bool has_health = false;
    /// Queues of a few messages, and circuits that open.
    bool is_narrow = false;
};

/// Where the options of a connection are.
struct resilient_over_tcp : tcp_types {
    static constexpr auto kind = resilience::connection_kind::tcp;
    static client_options& options_of(resilience::connection_options& of) { return of.client; }
};
#if NETWORK_SYSTEM_WITH_WEBSOCKET
struct resilient_over_websocket : websocket_types {
    static constexpr auto kind = resilience::connection_kind::ws;
    static client_options& options_of(resilience::connection_options& of) { return of.ws; }
};
#endif

template <typename Types>
class resilient_scenario;

/// A resilient client, what it has sent, and what it was told of that.
template <typename Types>
class healing_client {
public:
    healing_client(resilient_scenario<Types>& in, std::uint32_t number)
        : in_(in), number_(number), options_(make_options()), client_("client", options_) {
        set_ready_callback();
        client_.set_receive_callback([this](std::span<const std::uint8_t> data) {
            check_running();
            const label read = label::of(data);
            in_.require(read.client == number_, "an answer of another's");
            has_returned_ =
                has_returned_ || (read.number != first_words && read.number >= expected_);
        });
        client_.set_reconnect_callback([this] { check_running(); });
        client_.set_disconnect_callback([this] { check_running(); });
        client_.set_error_callback([this] { check_running(); });
        client_.set_circuit_callback([this](resilience::circuit_state) { check_running(); });
    }

    void connect();
    void send(std::uint64_t messages);
    void disconnect();

    /// From now on it is back when a message is answered that was sent from now on.
    void expect_return() {
        has_returned_ = false;
        expected_ = sent_.size();
    }
    [[nodiscard]] bool has_returned() const { return has_returned_; }
    /// Whether each message has had its answer.
    [[nodiscard]] bool is_at_rest() const {
        return client_.metrics().queued == 0 && count(outcome::waiting) == 0;
    }
    /// Whether few messages wait, so that in a bad network their number does not grow for ever.
    [[nodiscard]] bool has_few() const { return client_.metrics().queued < 20; }
    [[nodiscard]] bool is_ended() const { return is_ended_ || has_given_up_; }
    void check_sums() const {
        const auto all = client_.metrics();
        in_.require(all.accepted == all.sent + all.dropped + all.queued,
                    "accepted is not sent, dropped and queued");
    }
    void check() const;
    void add_to(resilience::resilient_metrics& sums) const {
        const auto all = client_.metrics();
        sums.sent += all.sent;
        sums.dropped += all.dropped;
        sums.rejected += all.rejected;
        sums.circuit_opens += all.circuit_opens;
        sums.failovers += all.failovers;
        sums.connections.session_errors += all.connections.session_errors;
    }

private:
    enum class outcome : std::uint8_t { refused, waiting, done, failed };
    struct message {
        outcome how = outcome::waiting;
        int code = 0;
    };

    [[nodiscard]] resilient_client_options make_options();
    void set_ready_callback();
    void greet(const std::shared_ptr<session::messaging_session>& session) {
        check_running();
        const auto sent = session->send_packet(label{number_, 0, first_words}.encode());
        greetings_ += sent ? 1 : 0;
    }
    void on_done(std::uint64_t number, const VoidResult& result);
    void check_message(std::uint64_t number) const;
    void check_running() const {
        in_.require(!is_ended_, "a callback after the end of the disconnect");
    }
    [[nodiscard]] bool is_acknowledged() const {
        return options_.delivery == delivery_mode::at_least_once;
    }
    [[nodiscard]] std::uint64_t count(outcome which) const {
        return static_cast<std::uint64_t>(std::count_if(
            sent_.begin(), sent_.end(), [&](const message& each) { return each.how == which; }));
    }

    resilient_scenario<Types>& in_;
    const std::uint32_t number_;
    const resilient_client_options options_;
    std::vector<message> sent_;
    std::uint64_t greetings_ = 0;
    std::uint64_t expected_ = 0;
    // Counts the connects.
    std::uint64_t run_ = 0;
    bool is_connecting_ = false;
    bool is_running_ = false;
    // Its disconnect has ended, and no callback runs any more.
    bool is_ended_ = false;
    // There was nothing to disconnect.
    bool has_given_up_ = false;
    bool has_returned_ = false;
    resilience::resilient_client client_;
};

template <typename Types>
class resilient_scenario {
public:
    using server = mortal_server<Types, resilient_scenario>;

    resilient_scenario(std::uint64_t seed, const resilient_case& what)
        : what_(what), world_(seed, simulation_options::faulty(seed)) {
        for (std::uint64_t i = 0; i < what_.servers; ++i) {
            servers_.push_back(std::make_unique<server>(*this, "server-" + std::to_string(i)));
        }
        const std::uint64_t count = 1 + below(4);
        for (std::uint32_t i = 0; i < count; ++i) {
            clients_.push_back(std::make_unique<healing_client<Types>>(*this, i));
        }
    }

    /// What went wrong, or nothing.
    [[nodiscard]] std::string run() {
        for (const auto& each : clients_) {
            world_.at(random_time(seconds{2}), [&each] { each->connect(); });
        }
        for (std::uint64_t i = 30 + below(60); i > 0; --i) {
            world_.at(random_time(time_of_faults), [this] { act(); });
        }
        (void)world_.run_for(time_of_faults);
        for (const auto& each : servers_) {
            each->start();
        }
        for (const auto& each : clients_) {
            each->expect_return();
        }
        send_regularly();
        wait_for_all([](const auto& each) { return each->has_returned(); }, time_to_return,
                     "a client does not come back");
        is_over_ = true;
        wait_for_all([](const auto& each) { return each->is_at_rest(); }, time_to_deliver,
                     "a message waits for ever");
        for (const auto& each : clients_) {
            each->check_sums();
            each->disconnect();
        }
        wait_for_all([](const auto& each) { return each->is_ended(); }, time_to_end,
                     "a client does not end");
        (void)world_.run_for(time_to_end);
        for (const auto& each : clients_) {
            each->check();
        }
        return failure_.empty() ? failure_ : failure_ + "\n" + world_.trace();
    }

    /// Of all clients.
    void add_to(resilience::resilient_metrics& sums) const {
        for (const auto& each : clients_) {
            each->add_to(sums);
        }
    }
    [[nodiscard]] std::uint64_t delivered_again() const { return book_.again(); }
    [[nodiscard]] const resilient_case& what() const { return what_; }
    [[nodiscard]] bool is_over() const { return is_over_; }
    [[nodiscard]] simulation& world() { return world_; }
    [[nodiscard]] delivery_book& book() { return book_; }
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return world_.random_below(bound); }
    void require(bool holds, const char* what) {
        if (!holds && failure_.empty()) {
            failure_ = what;
            world_.note(what);
        }
    }

private:
    [[nodiscard]] nanoseconds random_time(nanoseconds before) {
        return nanoseconds(below(static_cast<std::uint64_t>(before.count())));
    }
    template <typename Condition>
    void wait_for_all(const Condition& what, nanoseconds limit, const char* otherwise) {
        require(failure_.empty() &&
                    world_.run_until(
                        [&] { return std::all_of(clients_.begin(), clients_.end(), what); }, limit),
                otherwise);
    }
    void act() {
        const std::string host = below(2) == 0 ? "clients-0" : "clients-1";
        server& at = *servers_[below(servers_.size())];
        healing_client<Types>& client = *clients_[below(clients_.size())];
        switch (below(12)) {
            case 0: at.crash(); break;
            case 1: at.stop(); break;
            case 2: at.destroy(); break;
            case 3: world_.partition(host, at.host(), milliseconds(below(4'000))); break;
            case 4: world_.reset_connections(host, at.host()); break;
            case 5: client.disconnect(); break;
            case 6:
            case 7:
            case 8: client.send(1 + below(8)); break;
            default: at.start(); break;
        }
        for (const auto& each : clients_) {
            each->check_sums();
        }
    }
    void send_regularly() {
        if (is_over_) {
            return;
        }
        for (const auto& each : clients_) {
            each->send(each->has_few() ? 1 : 0);
        }
        world_.after(milliseconds{500}, [this] { send_regularly(); });
    }

    const resilient_case what_;
    std::string failure_;
    delivery_book book_;
    bool is_over_ = false;
    simulation world_;
    std::vector<std::unique_ptr<server>> servers_;
    std::vector<std::unique_ptr<healing_client<Types>>> clients_;
};

}  // namespace network_system::testing

#include "testing/healing_client.h"

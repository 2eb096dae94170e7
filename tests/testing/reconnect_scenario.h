// Clients that reconnect, to a server that stops, disappears and crashes, in a network that does
// what the seed says, and what has to be true of them.
#pragma once

#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

using core::client_metrics;
using core::reconnect_attempt;
using core::reconnect_options;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

inline constexpr std::uint16_t server_port = 4000;
inline constexpr nanoseconds time_of_faults = seconds{20};
inline constexpr nanoseconds time_to_return = minutes{30};
inline constexpr nanoseconds time_to_end = minutes{10};

struct tcp_types {
    using client = core::messaging_client;
    using server = core::messaging_server;
    using client_options = core::client_options;
    using server_options = core::server_options;
    /// Every pause is the policy's own: no server asks for one.
    static constexpr bool is_exact = true;

    static connection_limits& limits_of(client_options& of) { return of.session; }
    static connection_limits& limits_of(server_options& of) { return of.session; }
    static void set_requested_pauses(client_options&) {}
};

#if NETWORK_SYSTEM_WITH_WEBSOCKET
struct websocket_types {
    using client = core::messaging_ws_client;
    using server = core::messaging_ws_server;
    using client_options = core::ws_client_config;
    using server_options = core::ws_server_config;
    static constexpr bool is_exact = false;

    static connection_limits& limits_of(client_options& of) { return of; }
    static connection_limits& limits_of(server_options& of) { return of; }
    static void set_requested_pauses(client_options& of) {
        of.reconnect.restart_delay_least = milliseconds{10};
        of.reconnect.restart_delay_most = milliseconds{500};
        of.reconnect.try_again_delay = milliseconds{700};
    }
};
#endif

/// The policy as its documentation has it, written down once more.
class expected_pauses {
public:
    explicit expected_pauses(const reconnect_options& options)
        : options_(options), ceiling_(options.initial_delay) {}

    void connected(nanoseconds now) { connected_at_ = now; }
    /// The ceiling of the pause that begins now.
    [[nodiscard]] milliseconds next(nanoseconds now) {
        const auto since = std::exchange(connected_at_, std::nullopt);
        if (since && now - *since >= options_.stable_after) {
            ceiling_ = options_.initial_delay;
        }
        const double grown = static_cast<double>(ceiling_.count()) * options_.factor;
        const auto most = static_cast<double>(options_.max_delay.count());
        const milliseconds following{static_cast<milliseconds::rep>(std::min(grown, most))};
        return std::exchange(ceiling_, following);
    }

private:
    const reconnect_options options_;
    milliseconds ceiling_;
    std::optional<nanoseconds> connected_at_;
};

/// Of which client a message is, on its how manyth connection, and its number there.
struct label {
    std::uint32_t client;
    std::uint32_t connection;
    std::uint64_t number;

    [[nodiscard]] static label of(std::span<const std::uint8_t> data) {
        label read{};
        std::memcpy(&read, data.data(), std::min(data.size(), sizeof read));
        return read;
    }
    [[nodiscard]] std::vector<std::uint8_t> encode() const {
        std::vector<std::uint8_t> data(sizeof *this);
        std::memcpy(data.data(), this, sizeof *this);
        return data;
    }
};

template <typename Types>
class reconnect_scenario;

/// A client, its books, and what it should do.
template <typename Types>
class returning_client {
public:
    returning_client(reconnect_scenario<Types>& in, std::uint32_t number)
        : in_(in), number_(number), options_(make_options()), expected_(options_.reconnect),
          client_("client",
                  in.world().on_host(number % 2 == 0 ? "clients-0" : "clients-1", options_)) {
        client_.set_connected_callback([this] { on_connect(); });
        client_.set_disconnected_callback([this] { check_running(); });
        client_.set_error_callback([this](std::error_code) { check_running(); });
        client_.set_receive_callback(
            [this](std::span<const std::uint8_t> data) { on_answer(data); });
        client_.set_reconnecting_callback(
            [this](const reconnect_attempt& next) { on_attempt(next); });
    }

    void start() {
        const auto begun =
            client_.start_client("server", server_port, [this](const VoidResult& result) {
                check_running();
                in_.require(result.is_ok(), "a start that is retried for ever has failed");
            });
        in_.require(begun.is_ok(), "a start has not begun");
    }
    void send() {
        if (books_.empty() || !client_.is_connected()) {
            return;
        }
        const auto which = static_cast<std::uint32_t>(books_.size()) - 1;
        const auto data = label{number_, which, books_[which].accepted}.encode();
        const auto sent =
            client_.send_packet(std::span(data), [this, which](const VoidResult& result) {
                ++(result ? books_[which].handed : books_[which].lost);
            });
        books_[which].accepted += sent ? 1 : 0;
    }
    void stop() {
        const auto begun = client_.stop_client([this](const VoidResult&) { is_stopped_ = true; });
        in_.require(begun.is_ok(), "a stop has not begun");
    }

    void expect_return() { has_returned_ = false; }
    [[nodiscard]] bool has_returned() const { return has_returned_; }
    [[nodiscard]] bool is_stopped() const { return is_stopped_; }
    void check() const;

private:
    struct book {
        std::uint64_t accepted = 0;
        std::uint64_t handed = 0;
        std::uint64_t lost = 0;
        std::uint64_t answers = 0;
    };

    [[nodiscard]] typename Types::client_options make_options();
    void check_running() { in_.require(!is_stopped_, "a callback after the end of the stop"); }
    void check_time() {
        check_running();
        in_.require(in_.world().now() >= not_before_, "an attempt before its pause was over");
        not_before_ = nanoseconds{0};
    }
    void on_connect() {
        check_time();
        books_.emplace_back();
        expected_.connected(in_.world().now());
        number_of_attempt_ = 0;
        send();
        send();
    }
    void on_answer(std::span<const std::uint8_t> data) {
        check_running();
        const label read = label::of(data);
        in_.require(read.client == number_ && read.connection == books_.size() - 1 &&
                        read.number == books_.back().answers,
                    "an answer is missing, twice, or another's");
        ++books_.back().answers;
        has_returned_ = true;
    }
    void on_attempt(const reconnect_attempt& next) {
        check_time();
        ++attempts_;
        in_.require(next.number == ++number_of_attempt_, "attempts are not counted one by one");
        const milliseconds ceiling = expected_.next(in_.world().now());
        if (Types::is_exact) {
            in_.require(next.pause <= ceiling, "a pause over its ceiling");
        }
        not_before_ = in_.world().now() + next.pause;
        in_.record_pause(next.pause, ceiling);
    }

    reconnect_scenario<Types>& in_;
    const std::uint32_t number_;
    const typename Types::client_options options_;
    expected_pauses expected_;
    std::vector<book> books_;
    nanoseconds not_before_{0};
    std::uint64_t attempts_ = 0;
    unsigned number_of_attempt_ = 0;
    bool has_returned_ = false;
    bool is_stopped_ = false;
    typename Types::client client_;
};

template <typename Types>
class reconnect_scenario {
public:
    explicit reconnect_scenario(std::uint64_t seed)
        : world_(seed, simulation_options::faulty(seed)) {
        const std::uint64_t count = 1 + below(8);
        for (std::uint32_t i = 0; i < count; ++i) {
            clients_.push_back(std::make_unique<returning_client<Types>>(*this, i));
        }
    }

    /// What went wrong, or nothing.
    [[nodiscard]] std::string run() {
        for (const auto& each : clients_) {
            world_.at(random_time(seconds{2}), [&each] { each->start(); });
        }
        for (std::uint64_t i = 20 + below(60); i > 0; --i) {
            world_.at(random_time(time_of_faults), [this] { act(); });
        }
        (void)world_.run_for(time_of_faults);
        start_server();
        for (const auto& each : clients_) {
            each->expect_return();
        }
        send_regularly();
        const auto all = [this](auto what) {
            return [this, what] { return std::all_of(clients_.begin(), clients_.end(), what); };
        };
        require(world_.run_until(all([](const auto& each) { return each->has_returned(); }),
                                 time_to_return),
                "a client does not come back");
        is_over_ = true;
        for (const auto& each : clients_) {
            each->stop();
        }
        require(
            world_.run_until(all([](const auto& each) { return each->is_stopped(); }), time_to_end),
            "a client does not stop");
        (void)world_.run_for(time_to_end);
        for (const auto& each : clients_) {
            each->check();
        }
        return failure_.empty() ? failure_ : failure_ + "\n" + world_.trace();
    }

    [[nodiscard]] simulation& world() { return world_; }
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return world_.random_below(bound); }
    void require(bool holds, const char* what) {
        if (!holds && failure_.empty()) {
            failure_ = what;
            world_.note(what);
        }
    }
    void record_pause(milliseconds pause, milliseconds ceiling) {
        pauses_ += pause;
        ceilings_ += ceiling;
    }
    [[nodiscard]] std::uint64_t arrived(std::uint32_t client, std::uint32_t connection) const {
        const auto found = arrived_.find({client, connection});
        return found == arrived_.end() ? 0 : found->second;
    }
    /// Of all clients.
    [[nodiscard]] milliseconds pauses() const { return pauses_; }
    [[nodiscard]] milliseconds ceilings() const { return ceilings_; }

private:
    [[nodiscard]] nanoseconds random_time(nanoseconds before) {
        return nanoseconds(below(static_cast<std::uint64_t>(before.count())));
    }
    void act() {
        const std::string host = below(2) == 0 ? "clients-0" : "clients-1";
        switch (below(9)) {
            case 0: crash_server(); break;
            case 1: stop_server(); break;
            case 2: server_.reset(); break;
            case 3: world_.partition(host, "server", milliseconds(below(4'000))); break;
            case 4: world_.reset_connections(host, "server"); break;
            case 5: clients_[below(clients_.size())]->send(); break;
            default: start_server(); break;
        }
    }
    void start_server() {
        if (server_) {
            return;
        }
        typename Types::server_options options;
        options.drain_timeout = milliseconds(below(2'000));
        Types::limits_of(options).ping_interval = milliseconds(500 + below(5'000));
        server_ =
            std::make_unique<typename Types::server>("server", world_.on_host("server", options));
        server_->set_receive_callback([this](const typename Types::server::session_ptr& session,
                                             std::span<const std::uint8_t> data) {
            const label read = label::of(data);
            require(read.number == arrived_[{read.client, read.connection}]++,
                    "a message is missing or twice");
            (void)session->send_packet(data);
        });
        if (!server_->start_server(server_port)) {
            server_.reset();  // the last one has not closed the port yet
            world_.after(milliseconds{100}, [this] { start_server(); });
        }
    }
    void crash_server() {
        world_.crash("server");
        // What is left of it goes at some other time.
        world_.after(random_time(seconds{5}), [old = std::shared_ptr(std::move(server_))] {});
    }
    void stop_server() {
        if (server_) {
            const std::shared_ptr<typename Types::server> old = std::move(server_);
            require(old->stop_server([old](const VoidResult&) {}).is_ok(), "no stop");
        }
    }
    void send_regularly() {
        for (const auto& each : clients_) {
            each->send();
        }
        if (!is_over_) {
            world_.after(milliseconds{500}, [this] { send_regularly(); });
        }
    }

    std::string failure_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> arrived_;
    milliseconds pauses_{0};
    milliseconds ceilings_{0};
    bool is_over_ = false;
    simulation world_;
    std::unique_ptr<typename Types::server> server_;
    std::vector<std::unique_ptr<returning_client<Types>>> clients_;
};

template <typename Types>
typename Types::client_options returning_client<Types>::make_options() {
    typename Types::client_options options;
    options.auto_reconnect = true;
    options.reconnect.initial_delay = milliseconds(1 + in_.below(200));
    options.reconnect.max_delay = options.reconnect.initial_delay + milliseconds(in_.below(3'000));
    options.reconnect.factor = 1 + static_cast<double>(in_.below(20)) / 10;
    options.reconnect.stable_after = milliseconds(in_.below(3) * 500);
    options.reconnect.retry_start_for = milliseconds::max();
    options.connect_timeout = milliseconds(500 + in_.below(5'000));
    options.drain_timeout = milliseconds(in_.below(2'000));
    Types::limits_of(options).ping_interval = milliseconds(200 + in_.below(3'000));
    Types::set_requested_pauses(options);
    return options;
}

template <typename Types>
void returning_client<Types>::check() const {
    std::uint64_t accepted = 0;
    std::uint64_t handed = 0;
    std::uint64_t answers = 0;
    for (std::uint32_t i = 0; i < books_.size(); ++i) {
        const book& each = books_[i];
        in_.require(each.accepted == each.handed + each.lost, "accepted is not sent and lost");
        in_.require(in_.arrived(number_, i) <= each.handed, "more arrived than was sent");
        in_.require(each.answers <= in_.arrived(number_, i), "more answers than questions");
        accepted += each.accepted;
        handed += each.handed;
        answers += each.answers;
    }
    const client_metrics counted = client_.metrics();
    in_.require(counted.totals.messages_sent == handed, "messages_sent");
    in_.require(counted.totals.messages_sent + counted.totals.messages_dropped == accepted,
                "messages_dropped");
    in_.require(counted.totals.messages_received == answers, "messages_received");
    in_.require(counted.connects == books_.size(), "connects");
    in_.require(counted.reconnect_attempts == attempts_, "reconnect_attempts");
    // A stop in a pause, or before there was a first word, leaves an attempt without an end.
    const auto ended = counted.connects + counted.connect_failures;
    in_.require(ended == attempts_ + 1 || ended == attempts_, "connect_failures");
}

}  // namespace network_system::testing

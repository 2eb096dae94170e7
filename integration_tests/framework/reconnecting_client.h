#pragma once

#include "framework/stream_protocols.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace integration {

/// A message that says whose it is: of which client, sent on its how manyth connection, and its
/// number there.
struct labelled_message {
    std::uint32_t client = 0;
    std::uint32_t connection = 0;
    std::uint64_t number = 0;

    [[nodiscard]] bytes encode(std::size_t size) const {
        bytes data(std::max(size, sizeof *this), static_cast<std::uint8_t>(number));
        std::memcpy(data.data(), this, sizeof *this);
        return data;
    }
    /// Nothing when it is damaged.
    [[nodiscard]] static std::optional<labelled_message> decode(
        std::span<const std::uint8_t> data) {
        labelled_message label;
        if (data.size() < sizeof label) {
            return std::nullopt;
        }
        std::memcpy(&label, data.data(), sizeof label);
        const auto filler = static_cast<std::uint8_t>(label.number);
        const auto rest = data.subspan(sizeof label);
        const bool is_whole = std::all_of(rest.begin(), rest.end(),
                                          [&](std::uint8_t each) { return each == filler; });
        return is_whole ? std::optional(label) : std::nullopt;
    }
};

/// What arrived, for all clients and connections: each has to be a prefix of what was sent.
///
/// Thread-safety: every member may be called from any thread.
class arrivals {
public:
    void take(std::span<const std::uint8_t> data) {
        const auto label = labelled_message::decode(data);
        const std::lock_guard lock(mutex_);
        ++total_;
        if (!label || label->number != received_[{label->client, label->connection}]++) {
            ++wrong_;
        }
    }
    [[nodiscard]] std::uint64_t received(std::uint32_t client, std::uint32_t connection) const {
        const std::lock_guard lock(mutex_);
        const auto found = received_.find({client, connection});
        return found == received_.end() ? 0 : found->second;
    }
    [[nodiscard]] std::uint64_t total() const {
        const std::lock_guard lock(mutex_);
        return total_;
    }
    /// Twice the same, a gap, a swap, or a damaged one.
    [[nodiscard]] std::uint64_t wrong() const {
        const std::lock_guard lock(mutex_);
        return wrong_;
    }

private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> received_;
    std::uint64_t total_ = 0;
    std::uint64_t wrong_ = 0;
};

/// What the pauses of many clients were, and what they should have been.
///
/// Thread-safety: every member may be called from any thread.
class pause_book {
public:
    explicit pause_book(const reconnect_options& options) : options_(options) {}

    /// `number`: 1 for the first pause after a stable connection.
    [[nodiscard]] std::chrono::milliseconds ceiling_of(unsigned number) const {
        const double grown = static_cast<double>(options_.initial_delay.count()) *
                             std::pow(options_.factor, number - 1);
        const auto most = static_cast<double>(options_.max_delay.count());
        return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(grown, most)));
    }
    void take(const reconnect_attempt& next, std::chrono::milliseconds ceiling) {
        const std::lock_guard lock(mutex_);
        ++attempts_;
        pauses_ += next.pause;
        ceilings_ += ceiling;
        too_long_ += next.pause > ceiling ? 1U : 0U;
    }
    [[nodiscard]] std::uint64_t attempts() const {
        const std::lock_guard lock(mutex_);
        return attempts_;
    }
    /// Full jitter: uniform from nothing to the ceiling, so half of it on average.
    void expect_full_jitter() const {
        const std::lock_guard lock(mutex_);
        EXPECT_EQ(too_long_, 0U);
        if (attempts_ >= 2'000) {
            const double mean =
                static_cast<double>(pauses_.count()) / static_cast<double>(ceilings_.count());
            EXPECT_GT(mean, 0.45);
            EXPECT_LT(mean, 0.55);
        }
    }
    /// How many attempts `clients` make on average, at most, in an outage of this length: as many
    /// as it takes until the ceiling is the highest, and then one in half of it. (By Lorden's
    /// inequality the time that the last pause reaches beyond the end is 2/3 of the ceiling at
    /// most: 1/3 of an attempt more.)
    [[nodiscard]] double expected_attempts(std::size_t clients,
                                           std::chrono::nanoseconds outage) const {
        const double most = static_cast<double>(options_.max_delay.count());
        const double growth =
            std::ceil(std::log(most / static_cast<double>(options_.initial_delay.count())) /
                      std::log(options_.factor));
        const double length = std::chrono::duration<double, std::milli>(outage).count();
        return static_cast<double>(clients) * (growth + 2 * length / most + 1.0 / 3 + 1 / most);
    }

private:
    const reconnect_options options_;
    mutable std::mutex mutex_;
    std::uint64_t attempts_ = 0;
    std::uint64_t too_long_ = 0;
    std::chrono::milliseconds pauses_{0};
    std::chrono::milliseconds ceilings_{0};
};

/// Who has come back. A client returns once after each outage, with the first answer on a
/// connection that was made since.
struct return_book {
    std::atomic<std::uint64_t> outages{0};
    event_counter returned;
};

/// A client that sends labelled messages on every connection that it gets, and keeps the books of
/// them. Its ledger is checked once it is stopped.
class reconnecting_client {
public:
    using clock = std::chrono::steady_clock;
    using kind = protocol;

    /// Messages of a connection, the next one with each answer, and how many go out at first.
    static constexpr std::uint64_t per_connection = 12;
    static constexpr std::uint64_t at_once = 4;

    reconnecting_client(std::uint32_t number, protocol which, const failure_settings& settings,
                        pause_book& pauses, return_book& returns)
        : number_(number), pauses_(pauses), returns_(returns),
          client_(make_client(which, settings)) {
        client_->on_connect = [this] { on_connect(); };
        client_->on_disconnect = [this] { on_end(); };
        client_->on_message = [this](auto data) { on_answer(data); };
        client_->on_error = [this](std::error_code) { on_error(); };
        client_->on_attempt = [this](const reconnect_attempt& next) { on_attempt(next); };
    }

    [[nodiscard]] VoidResult start(std::uint16_t port,
                                   network_system::unique_function<void(VoidResult)> handler) {
        return client_->start("127.0.0.1", port, std::move(handler));
    }
    [[nodiscard]] VoidResult stop() { return client_->stop(); }
    /// Whether it is connected and all its messages have been answered.
    [[nodiscard]] bool is_quiet() const {
        const std::lock_guard lock(mutex_);
        return is_connected_ && connections_.back().answers == per_connection;
    }

    /// After stop.
    void expect_balanced(const arrivals& at_server, bool is_server_known) const {
        const std::lock_guard lock(mutex_);
        const client_metrics counted = client_->metrics();
        std::uint64_t accepted = 0;
        std::uint64_t handed = 0;
        std::uint64_t answers = 0;
        std::uint64_t broken = 0;
        for (std::uint32_t i = 0; i < connections_.size(); ++i) {
            const book& each = connections_[i];
            EXPECT_EQ(each.accepted, each.handed + each.lost) << "accepted = sent + lost";
            const auto arrived = at_server.received(number_, i);
            if (is_server_known) {
                EXPECT_LE(arrived, each.handed);
                EXPECT_LE(each.answers, arrived);
                EXPECT_TRUE(each.is_broken || arrived == each.handed)
                    << "lost, and no error told so";
            } else {
                EXPECT_LE(each.answers, each.handed);
            }
            accepted += each.accepted;
            handed += each.handed;
            answers += each.answers;
            broken += each.is_broken ? 1U : 0U;
        }
        EXPECT_EQ(wrong_, 0U) << "an answer twice, or out of order";
        EXPECT_EQ(hasty_, 0U) << "an attempt before its pause was over";
        EXPECT_EQ(counted.totals.messages_sent, handed);
        EXPECT_EQ(counted.totals.messages_sent + counted.totals.messages_dropped, accepted);
        EXPECT_EQ(counted.totals.messages_received, answers);
        EXPECT_EQ(counted.totals.queued_bytes, 0U);
        EXPECT_EQ(counted.connects, connections_.size());
        EXPECT_EQ(counted.session_errors, broken);
        EXPECT_EQ(counted.connect_failures, errors_ - broken);
        EXPECT_EQ(counted.reconnect_attempts, attempts_);
        EXPECT_EQ(counted.connects + counted.connect_failures, attempts_ + 1)
            << "each attempt ended in one or the other";
        EXPECT_EQ(counted.callback_exceptions, 0U);
    }

private:
    struct book {
        std::uint64_t accepted = 0;
        std::uint64_t handed = 0;
        std::uint64_t lost = 0;
        std::uint64_t answers = 0;
        // It ended with an error.
        bool is_broken = false;
        // How many there had been.
        std::uint64_t outage = 0;
    };

    void on_connect() {
        std::uint32_t which = 0;
        {
            const std::lock_guard lock(mutex_);
            which = static_cast<std::uint32_t>(connections_.size());
            connections_.emplace_back().outage = returns_.outages;
            is_connected_ = true;
            check_pause();
        }
        for (std::uint64_t i = 0; i < at_once; ++i) {
            send(which);
        }
    }
    void on_answer(std::span<const std::uint8_t> data) {
        const auto label = labelled_message::decode(data);
        std::uint32_t which = 0;
        bool is_first = false;
        {
            const std::lock_guard lock(mutex_);
            which = static_cast<std::uint32_t>(connections_.size()) - 1;
            book& current = connections_.back();
            wrong_ += !label || label->client != number_ || label->connection != which ||
                              label->number != current.answers
                          ? 1U
                          : 0U;
            is_first = ++current.answers == 1 && current.outage != returned_after_;
            returned_after_ = current.outage;
        }
        send(which);
        if (is_first) {
            returns_.returned.add();
        }
    }
    void on_error() {
        const std::lock_guard lock(mutex_);
        ++errors_;
        if (is_connected_) {
            connections_.back().is_broken = true;
        }
    }
    void on_end() {
        const std::lock_guard lock(mutex_);
        is_connected_ = false;
    }
    void on_attempt(const reconnect_attempt& next) {
        const std::lock_guard lock(mutex_);
        check_pause();
        ++attempts_;
        not_before_ = clock::now() + next.pause;
        pauses_.take(next, pauses_.ceiling_of(next.number));
    }
    void check_pause() {
        hasty_ += clock::now() < not_before_ ? 1U : 0U;
        not_before_ = {};
    }

    /// Nothing once the connection has had all its messages.
    void send(std::uint32_t which) {
        labelled_message label{number_, which, 0};
        {
            const std::lock_guard lock(mutex_);
            label.number = connections_[which].accepted;
        }
        if (label.number == per_connection) {
            return;
        }
        // Sent in callbacks of the client only, which never overlap: the order is that of numbers.
        const bytes data = label.encode(20 + label.number * 13);
        const auto sent = client_->send(data, [this, which](const VoidResult& result) {
            const std::lock_guard lock(mutex_);
            ++(result ? connections_[which].handed : connections_[which].lost);
        });
        if (sent) {
            const std::lock_guard lock(mutex_);
            ++connections_[which].accepted;
        }
    }

    const std::uint32_t number_;
    pause_book& pauses_;
    return_book& returns_;
    mutable std::mutex mutex_;
    std::vector<book> connections_;
    bool is_connected_ = false;
    std::uint64_t returned_after_ = ~std::uint64_t{0};
    std::uint64_t errors_ = 0;
    std::uint64_t attempts_ = 0;
    std::uint64_t wrong_ = 0;
    std::uint64_t hasty_ = 0;
    clock::time_point not_before_{};
    std::unique_ptr<any_client> client_;  // after what its callbacks write
};

}  // namespace integration

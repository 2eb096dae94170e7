#pragma once

#include "framework/reconnecting_client.h"

#include <network_system/resilience/resilient_client.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace integration {

namespace resilience = network_system::resilience;

/// A message that was delivered, as a server writes it down.
struct delivery_record {
    std::uint32_t client = 0;
    /// Which run of the server it was.
    std::uint16_t life = 0;
    /// Without a word that it may be a repetition.
    std::uint16_t is_unmarked = 0;
    std::uint64_t number = 0;
};

/// What was delivered, over all lives of a server; at most 64.
///
/// Thread-safety: every member may be called from any thread.
class deliveries {
public:
    struct count {
        std::uint64_t lives = 0;
        unsigned all = 0;
        unsigned unmarked = 0;
    };

    void take(unsigned life, std::span<const std::uint8_t> data,
              const network_system::delivery_info& info) {
        take(record_of(life, data, info));
    }
    void take(const delivery_record& record) {
        const std::lock_guard lock(mutex_);
        count& each = counts_[{record.client, record.number}];
        const std::uint64_t life = std::uint64_t{1} << record.life;
        wrong_ += (each.lives & life) != 0 ? 1U : 0U;
        each.lives |= life;
        again_ += each.all++ > 0 ? 1U : 0U;
        each.unmarked += record.is_unmarked;
    }
    /// What servers have written down that do not live any more.
    void take_file(const std::string& name) {
        std::ifstream file(name, std::ios::binary);
        std::array<char, sizeof(delivery_record)> bytes{};
        while (file.read(bytes.data(), bytes.size())) {
            delivery_record record;
            std::memcpy(&record, bytes.data(), bytes.size());
            take(record);
        }
    }
    [[nodiscard]] static delivery_record record_of(unsigned life,
                                                   std::span<const std::uint8_t> data,
                                                   const network_system::delivery_info& info) {
        const auto label = labelled_message::decode(data);
        EXPECT_TRUE(label) << "damaged";
        const auto read = label.value_or(labelled_message{});
        return {read.client, static_cast<std::uint16_t>(life),
                static_cast<std::uint16_t>(info.may_be_resent ? 0 : 1), read.number};
    }
    [[nodiscard]] count of(std::uint32_t client, std::uint64_t number) const {
        const std::lock_guard lock(mutex_);
        const auto found = counts_.find({client, number});
        return found == counts_.end() ? count{} : found->second;
    }
    /// Twice by the same life.
    [[nodiscard]] std::uint64_t wrong() const {
        const std::lock_guard lock(mutex_);
        return wrong_;
    }
    /// By another life than the first.
    [[nodiscard]] std::uint64_t again() const {
        const std::lock_guard lock(mutex_);
        return again_;
    }

private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::uint32_t, std::uint64_t>, count> counts_;
    std::uint64_t wrong_ = 0;
    std::uint64_t again_ = 0;
};

/// A resilient client that sends some messages on each connection, one before each attempt to make
/// one, and keeps the books of them. They are checked once it is stopped.
class delivering_client {
public:
    using clock = std::chrono::steady_clock;
    struct kind {
        protocol which = protocol::tcp;
        resilience::delivery_mode mode = resilience::delivery_mode::at_most_once;
    };

    /// Messages of a connection, the next one with each answer, and how many go out at first.
    static constexpr std::uint64_t per_connection = 12;
    static constexpr std::uint64_t at_once = 4;

    delivering_client(std::uint32_t number, const kind& what, const failure_settings& settings,
                      pause_book& pauses, return_book& returns)
        : number_(number), what_(what), settings_(settings), pauses_(pauses), returns_(returns) {}

    [[nodiscard]] VoidResult start(std::uint16_t port,
                                   network_system::unique_function<void(VoidResult)> handler) {
        client_ = std::make_unique<resilience::resilient_client>("client", options(port));
        (void)client_->set_ready_callback([this] { on_connect(); });
        (void)client_->set_disconnect_callback([this] { on_end(); });
        (void)client_->set_receive_callback(
            [this](std::span<const std::uint8_t> data) { on_answer(data); });
        (void)client_->set_reconnect_callback(
            [this](const reconnect_attempt& next) { on_attempt(next); });
        return client_->connect(std::move(handler));
    }
    [[nodiscard]] VoidResult stop() { return client_->disconnect(); }
    /// One more message; from any thread.
    void send() {
        std::uint64_t number = 0;
        {
            const std::lock_guard lock(mutex_);
            number = outcomes_.size();
            outcomes_.push_back(outcome::waiting);
        }
        const bytes data = labelled_message{number_, 0, number}.encode(20 + number % 16 * 13);
        const auto sent = client_->send_with_retry(
            std::span<const std::uint8_t>(data), [this, number](const VoidResult& result) {
                const std::lock_guard lock(mutex_);
                wrong_ += outcomes_[number] != outcome::waiting ? 1U : 0U;
                outcomes_[number] = result ? outcome::done : outcome::failed;
                ++(result ? done_ : failed_);
            });
        EXPECT_TRUE(is_ok(sent));
    }
    /// Whether it is connected, and nothing is under way.
    [[nodiscard]] bool is_quiet() const {
        const std::lock_guard lock(mutex_);
        return is_connected_ && asked_ == per_connection && answers_ >= asked_ &&
               done_ + failed_ == outcomes_.size();
    }

    /// After stop.
    void expect_balanced(const deliveries& at_server) const;

private:
    enum class outcome : std::uint8_t { waiting, done, failed };

    [[nodiscard]] bool is_acknowledged() const {
        return what_.mode == resilience::delivery_mode::at_least_once;
    }
    [[nodiscard]] resilience::resilient_client_options options(std::uint16_t port) const;

    void on_connect() {
        {
            const std::lock_guard lock(mutex_);
            ++connections_;
            outage_ = returns_.outages;
            is_connected_ = true;
            asked_ = answers_ = 0;
            check_pause();
        }
        for (std::uint64_t i = 0; i < at_once; ++i) {
            ask();
        }
    }
    void on_answer(std::span<const std::uint8_t> data) {
        const auto label = labelled_message::decode(data);
        bool is_first = false;
        {
            const std::lock_guard lock(mutex_);
            wrong_ += !label || label->client != number_ ? 1U : 0U;
            is_first = ++answers_ == 1 && outage_ != returned_after_;
            returned_after_ = outage_;
        }
        ask();
        if (is_first) {
            returns_.returned.add();
        }
    }
    void on_end() {
        const std::lock_guard lock(mutex_);
        is_connected_ = false;
    }
    void on_attempt(const reconnect_attempt& next) {
        {
            const std::lock_guard lock(mutex_);
            check_pause();
            ++attempts_;
            not_before_ = clock::now() + next.pause;
            pauses_.take(next, pauses_.ceiling_of(next.number));
        }
        send();
    }
    void check_pause() {
        hasty_ += clock::now() < not_before_ ? 1U : 0U;
        not_before_ = {};
    }

    /// Nothing once the connection has had all its messages.
    void ask() {
        {
            const std::lock_guard lock(mutex_);
            if (asked_ == per_connection) {
                return;
            }
            ++asked_;
        }
        send();
    }
    const std::uint32_t number_;
    const kind what_;
    const failure_settings settings_;
    pause_book& pauses_;
    return_book& returns_;
    mutable std::mutex mutex_;
    // By their numbers.
    std::vector<outcome> outcomes_;
    std::uint64_t done_ = 0;
    std::uint64_t failed_ = 0;
    std::uint64_t connections_ = 0;
    // Of the connection that is there.
    std::uint64_t asked_ = 0;
    std::uint64_t answers_ = 0;
    std::uint64_t outage_ = 0;
    bool is_connected_ = false;
    std::uint64_t returned_after_ = ~std::uint64_t{0};
    std::uint64_t attempts_ = 0;
    std::uint64_t wrong_ = 0;
    std::uint64_t hasty_ = 0;
    clock::time_point not_before_{};
    std::unique_ptr<resilience::resilient_client> client_;  // after what its callbacks write
};

inline resilience::resilient_client_options delivering_client::options(std::uint16_t port) const {
    resilience::resilient_client_options all;
    all.endpoints = {{"127.0.0.1", port}};
    all.delivery = what_.mode;
    auto& connection = all.connection;
    connection.kind = static_cast<resilience::connection_kind>(what_.which);
    connection.client = framed_client(settings_);
#if NETWORK_SYSTEM_WITH_WEBSOCKET
    connection.ws = websocket_client(settings_);
#endif
#if NETWORK_SYSTEM_WITH_TLS
    if (is_secure(what_.which)) {
        connection.tls = failures_tls::for_client();
    }
#endif
    return all;
}

inline void delivering_client::expect_balanced(const deliveries& at_server) const {
    const std::lock_guard lock(mutex_);
    for (std::uint64_t number = 0; number < outcomes_.size(); ++number) {
        const auto delivered = at_server.of(number_, number);
        const outcome how = outcomes_[number];
        EXPECT_NE(how, outcome::waiting) << "never answered";
        if (is_acknowledged()) {
            EXPECT_GE(delivered.all, how == outcome::done ? 1U : 0U) << "acknowledged, and lost";
            EXPECT_LE(delivered.unmarked, 1U) << "came again, and did not say so";
        } else {
            EXPECT_LE(delivered.all, how == outcome::done ? 1U : 0U) << "twice, or told as lost";
        }
    }
    const auto counted = client_->metrics();
    const auto& totals = counted.connections.totals;
    EXPECT_EQ(counted.accepted, outcomes_.size());
    EXPECT_EQ(counted.accepted, counted.sent + counted.dropped);
    EXPECT_EQ(counted.queued, 0U);
    EXPECT_EQ(counted.queued_bytes, 0U);
    EXPECT_EQ(counted.rejected, 0U);
    EXPECT_EQ(done_ + failed_, outcomes_.size());
    if (is_acknowledged()) {
        EXPECT_EQ(counted.sent, done_);
        EXPECT_GE(totals.messages_acknowledged, done_);
        EXPECT_EQ(failed_, 0U) << "each was waited for";
    } else {
        EXPECT_EQ(totals.messages_sent, done_);
        EXPECT_EQ(totals.messages_sent + totals.messages_dropped, counted.sent);
    }
    EXPECT_EQ(counted.dropped, 0U);
    EXPECT_EQ(counted.connections.connects, connections_);
    EXPECT_EQ(counted.connections.reconnect_attempts, attempts_);
    EXPECT_EQ(counted.connections.callback_exceptions, 0U);
    EXPECT_EQ(wrong_, 0U) << "an answer of another's, or a message that was answered twice";
    EXPECT_EQ(hasty_, 0U) << "an attempt before its pause was over";
}

}  // namespace integration

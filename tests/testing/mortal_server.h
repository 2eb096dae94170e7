// Servers that crash, stop, disappear and are started again, and what all their lives have
// delivered.
#pragma once

#include "testing/reconnect_scenario.h"

#include <network_system/session/delivery.h>
#include <network_system/session/messaging_session.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace network_system::inline v0_1::testing {

/// The number of what a client says before all messages of a connection.
inline constexpr std::uint64_t first_words = ~std::uint64_t{0};

/// What was delivered, by all lives of all servers.
class delivery_book {
public:
    struct count {
        unsigned all = 0;
        /// Without a word that it may be a repetition.
        unsigned unmarked = 0;
        std::set<std::uint64_t> lives = {};
    };

    [[nodiscard]] std::uint64_t begin_life() { return ++lives_; }
    /// What is wrong with it, or nothing. `connection` names one of a life.
    [[nodiscard]] const char* take(std::uint64_t life, const std::string& connection,
                                   const label& which, const delivery_info& info) {
        // 0: nothing has come. Behind the first words any number may come.
        std::uint64_t& next = next_[{life, connection}];
        if (which.number == first_words) {
            return next == 0 ? nullptr : "the first words are not the first of their connection";
        }
        const bool is_ordered = which.number + 1 >= next;
        next = which.number + 2;
        count& each = delivered_[{which.client, which.number}];
        again_ += each.all++ > 0 ? 1U : 0U;
        each.unmarked += info.may_be_resent ? 0 : 1;
        if (!each.lives.insert(life).second) {
            return "one life of a server has delivered a message twice";
        }
        return is_ordered ? nullptr : "the messages of a connection are out of order";
    }
    [[nodiscard]] count of(std::uint32_t client, std::uint64_t number) const {
        const auto found = delivered_.find({client, number});
        return found == delivered_.end() ? count{} : found->second;
    }

    /// Deliveries by another life than the first.
    [[nodiscard]] std::uint64_t again() const noexcept { return again_; }

private:
    std::uint64_t lives_ = 0;
    std::uint64_t again_ = 0;
    std::map<std::pair<std::uint64_t, std::string>, std::uint64_t> next_;
    std::map<std::pair<std::uint32_t, std::uint64_t>, count> delivered_;
};

/// A host with a server, which answers each message with its label. `Scenario` has `world()`,
/// `below`, `require` and a `book()`.
template <typename Types, typename Scenario>
class mortal_server {
public:
    using session_ptr = typename Types::server::session_ptr;

    mortal_server(Scenario& in, std::string host) : in_(in), host_(std::move(host)) {}

    [[nodiscard]] const std::string& host() const noexcept { return host_; }
    void start() {
        if (server_) {
            return;
        }
        typename Types::server_options options;
        options.drain_timeout = milliseconds(in_.below(2'000));
        Types::limits_of(options).ping_interval = milliseconds(500 + in_.below(5'000));
        options.callback_pool = in_.below(4) == 0 ? in_.world().thread_pool(2) : nullptr;
        server_ =
            std::make_unique<typename Types::server>("server", in_.world().on_host(host_, options));
        server_->set_receive_callback(
            [this, life = in_.book().begin_life()](const session_ptr& session,
                                                   std::span<const std::uint8_t> data) {
                take(life, session, data);
            });
        if (!server_->start_server(server_port)) {
            server_.reset();  // the last one has not closed the port yet
            in_.world().after(milliseconds{100}, [this] { start(); });
        }
    }
    void crash() {
        in_.world().crash(host_);
        // What is left of it goes at some other time.
        in_.world().after(milliseconds(in_.below(5'000)),
                          [old = std::shared_ptr(std::move(server_))] {});
    }
    void stop() {
        if (server_) {
            // Kept: after a crash its handler does not run.
            stopping_.push_back(std::move(server_));
            in_.require(stopping_.back()->stop_server([](const VoidResult&) {}).is_ok(), "no stop");
        }
    }
    void destroy() { server_.reset(); }
    [[nodiscard]] std::size_t connection_count() const {
        return server_ ? server_->connection_count() : 0;
    }

private:
    void take(std::uint64_t life, const session_ptr& session, std::span<const std::uint8_t> data) {
        const label read = label::of(data);
        if (read.number != first_words && in_.below(40) == 0) {
            throw std::runtime_error("not taken");
        }
        const char* const wrong =
            in_.book().take(life, session->id(), read, session->current_delivery());
        in_.require(wrong == nullptr, wrong);
        (void)session->send_packet(read.encode());
    }

    Scenario& in_;
    const std::string host_;
    std::unique_ptr<typename Types::server> server_;
    std::vector<std::unique_ptr<typename Types::server>> stopping_;
};

}  // namespace network_system::testing

// What the clients of a resilient_scenario do, and what has to be true of them.
#pragma once

#include "testing/resilient_scenario.h"

namespace network_system::inline v0_1::testing {

template <typename Types>
resilient_client_options healing_client<Types>::make_options() {
    const resilient_case& what = in_.what();
    resilient_client_options options;
    for (std::uint64_t i = 0; i < what.servers; ++i) {
        options.endpoints.push_back({"server-" + std::to_string(i), server_port});
    }
    options.delivery = what.delivery;
    if (what.delivery == delivery_mode::at_most_once) {
        options.balance = static_cast<resilience::balancing>(in_.below(3));
    }
    options.connection.kind = Types::kind;
    auto& connection = Types::options_of(options.connection);
    connection.reconnect.initial_delay = milliseconds(1 + in_.below(200));
    connection.reconnect.max_delay =
        connection.reconnect.initial_delay + milliseconds(in_.below(3'000));
    connection.reconnect.stable_after = milliseconds(in_.below(3) * 500);
    connection.reconnect.max_attempts =
        in_.below(4) == 0 ? 2 + static_cast<unsigned>(in_.below(6)) : 0;
    connection.connect_timeout = milliseconds(500 + in_.below(5'000));
    connection.drain_timeout = milliseconds(in_.below(2'000));
    connection.callback_pool = in_.below(4) == 0 ? in_.world().thread_pool(2) : nullptr;
    auto& limits = Types::limits_of(connection);
    limits.ping_interval = milliseconds(200 + in_.below(3'000));
    limits.high_watermark = std::size_t{1} << (10 + in_.below(8));
    limits.low_watermark = limits.high_watermark / 2;
    Types::set_requested_pauses(connection);
    connection = in_.world().on_host(number_ % 2 == 0 ? "clients-0" : "clients-1", connection);
    options.connect_for =
        in_.below(2) == 0 ? milliseconds::max() : milliseconds(200 + in_.below(5'000));
    if (what.has_health) {
        options.health =
            resilience::health_options{.interval = milliseconds(300 + in_.below(900)),
                                       .max_missed = 1 + static_cast<unsigned>(in_.below(3))};
    }
    if (what.is_narrow) {
        options.offline_messages = 1 + in_.below(12);
        options.offline_bytes = 1 + in_.below(6'000);
        options.when_full = static_cast<offline_policy>(in_.below(3));
        options.breaker.failure_threshold = static_cast<unsigned>(in_.below(4));
        options.breaker.open_for = milliseconds(100 + in_.below(2'000));
    }
    return options;
}

template <typename Types>
void healing_client<Types>::set_ready_callback() {
    switch (in_.below(3)) {
        case 0: break;
        case 1: client_.set_ready_callback([this](const auto& session) { greet(session); }); break;
        default:
            client_.set_ready_callback(
                [this](const std::shared_ptr<session::messaging_session>& session,
                       resilience::ready_signal signal) {
                    greet(session);
                    if (in_.below(16) == 0) {
                        return;  // it is destroyed, which is a failure
                    }
                    in_.world().after(
                        milliseconds(in_.below(400)),
                        [is_well = in_.below(8) != 0, signal = std::move(signal)]() mutable {
                            signal(is_well ? ok()
                                           : VoidResult(
                                                 error_info{static_cast<int>(errc::internal_error),
                                                            "not set up",
                                                            "",
                                                            {}}));
                        });
                });
    }
}

template <typename Types>
void healing_client<Types>::connect() {
    if (is_connecting_ || is_running_ || in_.is_over()) {
        return;
    }
    ++run_;
    is_ended_ = false;
    is_connecting_ = true;
    const auto begun = client_.connect([this](const VoidResult& result) {
        check_running();
        in_.require(is_connecting_, "a connect was answered twice");
        is_connecting_ = false;
        is_running_ = result.is_ok();
    });
    if (!begun) {
        is_connecting_ = false;
    }
}

template <typename Types>
void healing_client<Types>::disconnect() {
    const auto begun = client_.disconnect([this, run = run_](const VoidResult&) {
        // Another one may have been asked for meanwhile: both are told at the end.
        if (run == run_ && !is_ended_) {
            in_.require(!is_connecting_, "a disconnect ended before the connect had its answer");
            is_ended_ = true;
            in_.world().after(milliseconds(in_.below(1'000)), [this] { connect(); });
        }
    });
    is_running_ = false;
    has_given_up_ = !begun;
}

template <typename Types>
void healing_client<Types>::send(std::uint64_t messages) {
    for (std::uint64_t i = messages; i > 0; --i) {
        const std::uint64_t number = sent_.size();
        sent_.emplace_back();
        auto data = label{number_, 0, number}.encode();
        data.resize(data.size() + in_.below(in_.below(4) == 0 ? 3'000 : 64));
        auto done = [this, number](const VoidResult& result) { on_done(number, result); };
        const auto accepted =
            in_.below(2) == 0
                ? client_.send_with_retry(std::move(data), std::move(done))
                : client_.send_with_retry(std::span<const std::uint8_t>(data), std::move(done));
        if (!accepted) {
            in_.require(sent_[number].how == outcome::waiting, "a refused message was answered");
            sent_[number].how = outcome::refused;
            if (accepted.error().code == static_cast<int>(errc::connection_closed)) {
                is_running_ = false;  // its attempts have run out
                connect();
                return;
            }
        }
    }
}

template <typename Types>
void healing_client<Types>::on_done(std::uint64_t number, const VoidResult& result) {
    check_running();
    message& which = sent_[number];
    in_.require(which.how == outcome::waiting, "a message was answered twice");
    which.how = result ? outcome::done : outcome::failed;
    which.code = result ? 0 : result.error().code;
    if (result && is_acknowledged()) {
        in_.require(in_.book().of(number_, number).all > 0,
                    "a message was acknowledged and not delivered");
    }
    if (!result && is_acknowledged()) {
        const bool is_superseded = which.code == static_cast<int>(errc::message_superseded) &&
                                   options_.when_full == offline_policy::drop_oldest;
        // Whether it runs is asked first of a message.
        const auto empty = client_.send_with_retry(std::string_view());
        in_.require(is_superseded ||
                        empty.error().code == static_cast<int>(errc::connection_closed),
                    "a message was dropped although the client goes on");
    }
}

template <typename Types>
void healing_client<Types>::check_message(std::uint64_t number) const {
    const auto delivered = in_.book().of(number_, number);
    const outcome how = sent_[number].how;
    in_.require(how != outcome::waiting, "a message was never answered");
    in_.require(how != outcome::refused || delivered.all == 0, "a refused message has arrived");
    if (is_acknowledged()) {
        in_.require(delivered.unmarked <= 1, "a message has come again, and did not say so");
    } else {
        in_.require(delivered.all <= 1, "a message has come twice");
        in_.require(delivered.all == 0 || how == outcome::done,
                    "a message has arrived that was told to be lost");
    }
}

template <typename Types>
void healing_client<Types>::check() const {
    for (std::uint64_t number = 0; number < sent_.size(); ++number) {
        check_message(number);
    }
    const auto all = client_.metrics();
    const auto& totals = all.connections.totals;
    const std::uint64_t done = count(outcome::done);
    const std::uint64_t failed = count(outcome::failed);
    in_.require(all.queued == 0 && all.queued_bytes == 0, "something is queued at the end");
    in_.require(all.accepted == done + failed, "accepted");
    in_.require(all.accepted == all.sent + all.dropped, "sent and dropped");
    if (is_acknowledged()) {
        in_.require(all.sent == done, "sent is not what was acknowledged");
        in_.require(totals.messages_acknowledged >= done, "messages_acknowledged");
    } else {
        in_.require(totals.messages_sent <= done + greetings_ && totals.messages_sent >= done,
                    "messages_sent");
        in_.require(totals.messages_sent + totals.messages_dropped == all.sent + greetings_,
                    "messages_dropped");
    }
}

}  // namespace network_system::testing

// What a fuzzer makes of its input: a session between a hostile peer and a busy application.
// Whatever both do, it ends once, its books balance, what it writes is well-formed, and what it
// queues is bounded. To be included by one file of a program.
//
// Input: 1 byte of options, then steps of 2 bytes (what, how much); a step may take more bytes.
#pragma once

#include "session/message_connection.h"
#include "support/bytes.h"
#include "support/manual_loop.h"
#include "support/require.h"
#include "support/scripted_stream.h"
#include "transport/stream_transport_impl.h"

#include <network_system/utils/log.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::transport {

template class stream_transport<network_system::testing::scripted_stream>;

}  // namespace network_system::transport

namespace network_system::inline v0_1::fuzz {

using namespace network_system::testing;
using std::chrono::milliseconds;

inline constexpr std::size_t high_watermark = 4000;
inline constexpr std::size_t max_message_size = 20'000;
/// What may be queued beyond the watermark and one message: answers to control frames, and the
/// handshake.
inline constexpr std::size_t control_allowance = std::size_t{64} * 1024 + 1000;

/// What the application does in its next callbacks.
enum class mood : std::uint8_t { calm, echoing, stopping, throwing, closing_gate };

class busy_host : public session::message_host {
public:
    void on_open(const session::session_ptr& who) override {
        require(opened++ == 0, "it opens once");
        act(who, session::message_kind::binary, {});
    }
    void on_message(const session::session_ptr& who, session::message_kind kind,
                    byte_span data) override {
        require(opened == 1 && gone == 0, "messages come between the beginning and the end");
        act(who, kind, data);
    }
    void on_writable(const session::session_ptr& who) override {
        act(who, session::message_kind::binary, {});
    }
    void on_closed(const session::session_ptr&, std::error_code, bool) override {
        require(closed++ == 0, "it closes once");
    }
    void on_gone(const session::session_ptr&, std::error_code,
                 const session::session_metrics& sums) noexcept override {
        require(gone++ == 0, "it goes once");
        totals = sums;
    }
    void on_callback_exception(const session::connection&, std::string_view) noexcept override {}

    mood now = mood::calm;
    int opened = 0;
    int closed = 0;
    int gone = 0;
    std::uint64_t accepted = 0;
    /// Requests answered, each once at most.
    std::uint64_t answers = 0;
    session::session_metrics totals;

protected:
    void act(const session::session_ptr& who, session::message_kind kind, byte_span data) {
        require(gate()->is_open(), "no callback behind a closed gate");
        switch (now) {
            case mood::calm: break;
            case mood::echoing: accepted += echo(who, kind, data).is_ok() ? 1U : 0U; break;
            case mood::stopping: (void)who->stop_session(); break;
            case mood::throwing: throw std::runtime_error("fuzz");
            case mood::closing_gate: gate()->close(); break;
        }
    }
    virtual VoidResult echo(const session::session_ptr& who, session::message_kind kind,
                            byte_span data) = 0;
};

class session_scenario {
public:
    session_scenario(const session_scenario&) = delete;
    session_scenario& operator=(const session_scenario&) = delete;
    virtual ~session_scenario() = default;

    void run(byte_span steps) {
        begin();
        while (steps.size() >= 2) {
            const std::uint8_t what = steps[0];
            const std::uint8_t amount = steps[1];
            steps = steps.subspan(2);
            if (what % 12 == 0) {
                const byte_span fed = steps.first(std::min<std::size_t>(amount, steps.size()));
                script_->feed(to_bytes(fed));
                steps = steps.subspan(fed.size());
            } else {
                step(what % 12, amount);
            }
            if ((what & 0x80U) == 0) {
                loop_.run();
            }
            require(session_->queued_bytes() <=
                        high_watermark + max_message_size + control_allowance,
                    "the queue is bounded");
        }
    }

    void finish() {
        host_->now = mood::calm;
        script_->feed_end();
        script_->write_budget = unlimited;
        loop_.in_batch([this] { (void)session_->stop_session(); });
        loop_.advance(milliseconds{5000});

        require(host_->gone == 1, "it goes");
        require(host_->closed == (host_->gate()->is_open() ? 1 : 0), "and says so");
        require(session_->queued_bytes() == 0, "nothing stays queued");
        const auto& sums = host_->totals;
        const std::uint64_t accounted = sums.messages_sent + sums.messages_dropped;
        // The host has not seen those that came when the session was about to end.
        const std::uint64_t answers = std::max(host_->answers, sums.requests_received);
        require(accounted >= host_->accepted && accounted <= host_->accepted + answers,
                "accepted is sent and dropped, and a request has one answer at most");
        require(sums.bytes_sent == script_->written.size(), "the bytes are counted");
        if (host_->gate()->is_open()) {
            require(std::all_of(completions_.begin(), completions_.end(),
                                [](int times) { return times == 1; }),
                    "each completion comes once");
        }
        check_written();
    }

protected:
    /// `own_disturbances`: how many `disturb_session` knows.
    session_scenario(connection_role role, std::uint8_t options, std::shared_ptr<busy_host> host,
                     unsigned own_disturbances)
        : role_(role), host_(std::move(host)), own_disturbances_(own_disturbances) {
        config_.max_message_size = max_message_size;
        config_.high_watermark = high_watermark;
        config_.low_watermark = high_watermark / 4;
        config_.policy = (options & 4U) != 0 ? send_policy::close : send_policy::reject;
        config_.ping_interval = milliseconds{(options & 8U) != 0 ? 100 : 0};
        config_.idle_timeout = milliseconds{(options & 16U) != 0 ? 300 : 0};
        script_->read_limit = (options & 32U) != 0 ? 3 : unlimited;
        script_->write_limit = (options & 64U) != 0 ? 7 : unlimited;
    }
    /// For the session, once the configuration is complete.
    [[nodiscard]] session::session_setup setup() {
        session::session_setup made;
        made.role = role_;
        made.settings = std::make_shared<const session::connection_settings>(
            session::connection_settings{config_, milliseconds{1000}});
        made.handshake_deadline = loop_.now() + milliseconds{2000};
        return made;
    }
    [[nodiscard]] std::shared_ptr<transport::transport> transport() {
        return std::make_shared<transport::stream_transport<scripted_stream>>(
            loop_.get(), scripted_stream(script_));
    }

    virtual void begin() {
        loop_.in_batch([this] { session::message_connection::of(*session_).start(); });
    }
    /// What the peer says; `what`: 1 to 3.
    virtual void feed(unsigned what, std::uint8_t amount) = 0;
    virtual void disturb_session(unsigned which, std::uint8_t amount) = 0;
    virtual VoidResult send(byte_span data, session::send_callback done) = 0;
    virtual VoidResult send(byte_string&& data, session::send_callback done) = 0;
    /// What the session wrote, seen by the peer.
    virtual void check_written() const = 0;

    connection_role role_;
    session_config config_;
    manual_loop loop_;
    std::shared_ptr<stream_script> script_ = std::make_shared<stream_script>();
    std::shared_ptr<busy_host> host_;
    std::shared_ptr<session::messaging_session> session_;

private:
    void step(unsigned what, std::uint8_t amount) {
        switch (what) {
            case 4: loop_.advance(milliseconds{20} * amount); break;
            case 5: loop_.in_batch([&] { send_some(amount); }); break;
            case 6: send_some(amount); break;  // outside of a batch: as from another thread
            case 7: script_->write_budget = amount == 255 ? unlimited : amount; break;
            case 8:
                (void)((amount & 1U) != 0 ? session_->pause_receiving()
                                          : session_->resume_receiving());
                break;
            case 9: (void)session_->ping([](const Result<std::chrono::microseconds>&) {}); break;
            case 10: disturb(amount); break;
            case 11: host_->now = static_cast<mood>(amount % 5U); break;
            default: feed(what, amount); break;
        }
    }
    void disturb(std::uint8_t amount) {
        const unsigned which = amount % (5U + own_disturbances_);
        switch (which) {
            case 0: script_->feed_end(); break;
            case 1: script_->broken = std::make_error_code(std::errc::connection_reset); break;
            case 2: script_->spurious_reads = amount; break;
            case 3: script_->spurious_writes = amount; break;
            default:
                if (which < 4U + own_disturbances_) {
                    disturb_session(which - 4U, amount);
                } else {
                    loop_.hold_up(milliseconds{40} * amount);
                }
                break;
        }
    }
    void send_some(std::uint8_t amount) {
        byte_string data = pattern(amount * std::size_t{90});
        const std::size_t id = completions_.size();
        const VoidResult result = (amount & 1U) != 0 ? send(byte_span(data), record_send())
                                                     : send(std::move(data), record_send());
        if (result) {
            ++host_->accepted;
        } else {
            require(completions_[id] == 0, "a refused send completes never");
            completions_[id] = 1;
        }
    }
    session::send_callback record_send() {
        completions_.push_back(0);
        return [this, id = completions_.size() - 1](const VoidResult&) { ++completions_[id]; };
    }

    unsigned own_disturbances_;
    std::vector<int> completions_;
};

/// One input, for both roles.
template <typename Scenario>
int run_both_roles(const std::uint8_t* data, std::size_t size) {
    set_log_level(log_level::off);
    if (size == 0 || size > 4096) {
        return 0;
    }
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        Scenario whole(role, data[0]);
        whole.run(byte_span(data, size).subspan(1));
        whole.finish();
    }
    return 0;
}

}  // namespace network_system::fuzz

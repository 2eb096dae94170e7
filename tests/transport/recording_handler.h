// The layer above a transport, which notes everything it is told.
#pragma once

#include "support/bytes.h"
#include "support/scripted_stream.h"
#include "transport/transport.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

using transport::reading;

class recording_handler final : public transport::transport_handler {
public:
    explicit recording_handler(std::shared_ptr<transport::transport> over)
        : transport(std::move(over)) {}

    std::span<std::uint8_t> read_place() noexcept override { return place; }
    void on_bytes(std::size_t placed, std::span<std::uint8_t> rest) override {
        EXPECT_EQ(closed, 0);
        EXPECT_GT(placed + rest.size(), 0U);
        received.insert(received.end(), place.begin(),
                        place.begin() + static_cast<std::ptrdiff_t>(placed));
        received.insert(received.end(), rest.begin(), rest.end());
        placed_bytes += placed;
        ++reads;
        if (when_bytes) {
            when_bytes();
        }
    }
    void on_end() override {
        EXPECT_EQ(closed, 0);
        ++ends;
        if (when_end) {
            when_end();
        }
    }
    void on_written() override {
        EXPECT_EQ(closed, 0);
        while (auto done = transport->queue().take_completed()) {
            done(ok());
        }
    }
    void on_write_failed(errc code) override {
        write_failure = code;
        lost += transport->queue().discard();
    }
    void on_broken() override {
        ++broken;
        transport->set_reading(transport::reading::on);
    }
    transport::steady_time on_close_deadline() override {
        return when_close_deadline ? when_close_deadline() : transport::steady_time{};
    }
    void on_deadline() override {
        ++deadlines;
        if (when_deadline) {
            when_deadline();
        }
    }
    void on_closed(std::error_code why) override {
        ++closed;
        reason = why;
        lost += transport->queue().discard();
        while (auto done = transport->queue().take_any()) {
            done(error_void(-603, "closed"));
        }
    }

    /// Queues one message, as a session does, and notes how it ends.
    void send(const byte_string& bytes) {
        const std::size_t id = outcomes.size();
        outcomes.emplace_back();
        transport->queue().append(bytes);
        transport->queue().end_message(record(id));
        transport->request_flush();
    }
    void send_now(const byte_string& header, const byte_string& payload) {
        const std::size_t id = outcomes.size();
        outcomes.emplace_back();
        transport->send_now(header, payload, record(id));
    }
    transport::write_callback record(std::size_t id) {
        return [this, id](VoidResult result) { outcomes[id].push_back(result.is_ok()); };
    }

    /// Every completion came exactly once, the good ones before the bad ones; how many were good.
    [[nodiscard]] std::size_t check_outcomes() const {
        std::size_t good = 0;
        bool is_over = false;
        for (const auto& each : outcomes) {
            EXPECT_EQ(each.size(), 1U) << "completions of one message";
            const bool is_good = !each.empty() && each.front();
            EXPECT_FALSE(is_good && is_over) << "a later message succeeded after a lost one";
            is_over = is_over || !is_good;
            good += is_good ? 1 : 0;
        }
        return good;
    }

    std::shared_ptr<transport::transport> transport;
    byte_string place;
    std::function<void()> when_bytes;
    std::function<void()> when_end;
    std::function<void()> when_deadline;
    std::function<transport::steady_time()> when_close_deadline;

    byte_string received;
    std::size_t placed_bytes = 0;
    int reads = 0;
    int ends = 0;
    int broken = 0;
    int deadlines = 0;
    int closed = 0;
    std::error_code reason;
    std::error_code write_failure;
    std::uint64_t lost = 0;
    std::vector<std::vector<bool>> outcomes;
};

/// One transport over one script, on a loop of its own.
class transport_fixture : public ::testing::Test {
protected:
    transport_fixture() { make(); }
    ~transport_fixture() override { drop(); }

    void make() {
        drop();
        script = std::make_shared<stream_script>();
        over = std::make_shared<transport::stream_transport<scripted_stream>>(
            loop.get(), scripted_stream(script));
        handler = std::make_unique<recording_handler>(over);
    }
    void start() {
        loop.in_batch([this] { over->start(*handler); });
    }
    void close_in(std::chrono::milliseconds time, std::error_code reason = {}) {
        loop.in_batch([&] { over->close(loop->now() + time, reason); });
    }
    [[nodiscard]] runtime::interest interest() { return loop.poller().interest_in(*script); }

    manual_loop loop;
    std::shared_ptr<stream_script> script;
    std::shared_ptr<transport::transport> over;
    std::unique_ptr<recording_handler> handler;

private:
    /// Ends what a test has left open: its loop and its handler would miss it.
    void drop() {
        if (over) {
            loop.in_batch([this] { over->abort({}); });
        }
    }
};

}  // namespace network_system::testing

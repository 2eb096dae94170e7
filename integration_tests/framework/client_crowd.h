#pragma once

#include "framework/fault_proxy.h"
#include "framework/reconnecting_client.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace integration {

/// Many clients behind a proxy, and their books.
class client_crowd {
public:
    client_crowd(std::size_t count, protocol which, const failure_settings& settings)
        : pauses(settings.reconnect) {
        for (std::size_t i = 0; i < count; ++i) {
            clients_.push_back(std::make_unique<reconnecting_client>(
                static_cast<std::uint32_t>(i), which, settings, pauses, returns));
        }
    }

    [[nodiscard]] std::size_t size() const { return clients_.size(); }
    [[nodiscard]] reconnecting_client& operator[](std::size_t index) { return *clients_[index]; }

    [[nodiscard]] bool start(std::uint16_t port) {
        event_counter started;
        for (const auto& each : clients_) {
            const auto begun =
                each->client().start("127.0.0.1", port, [&started](const VoidResult& result) {
                    EXPECT_TRUE(is_ok(result));
                    started.add();
                });
            EXPECT_TRUE(is_ok(begun));
        }
        return started.wait_for(size());
    }
    /// Whether each has had an answer after the last outage.
    [[nodiscard]] bool wait_until_back() const {
        return returns.returned.wait_for((returns.outages + 1) * size());
    }
    /// Whether nothing is under way.
    [[nodiscard]] bool wait_until_quiet() const {
        return eventually([&] {
            return std::all_of(clients_.begin(), clients_.end(),
                               [](const auto& each) { return each->is_quiet(); });
        });
    }
    void stop() {
        for (const auto& each : clients_) {
            EXPECT_TRUE(is_ok(each->client().stop()));
        }
    }
    void expect_balanced(const arrivals& at_server, bool is_server_known) const {
        for (const auto& each : clients_) {
            each->expect_balanced(at_server, is_server_known);
        }
        EXPECT_EQ(at_server.wrong(), 0U);
        pauses.expect_full_jitter();
    }

    pause_book pauses;
    return_book returns;

private:
    std::vector<std::unique_ptr<reconnecting_client>> clients_;
};

}  // namespace integration

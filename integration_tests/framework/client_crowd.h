#pragma once

#include "framework/reconnecting_client.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace integration {

/// Many clients behind a proxy, and their books.
template <typename Client>
class crowd_of {
public:
    crowd_of(std::size_t count, const typename Client::kind& what, const failure_settings& settings)
        : pauses(settings.reconnect) {
        for (std::size_t i = 0; i < count; ++i) {
            clients_.push_back(std::make_unique<Client>(static_cast<std::uint32_t>(i), what,
                                                        settings, pauses, returns));
        }
    }

    [[nodiscard]] std::size_t size() const { return clients_.size(); }
    [[nodiscard]] bool start(std::uint16_t port) {
        event_counter started;
        for (const auto& each : clients_) {
            const auto begun = each->start(port, [&started](const VoidResult& result) {
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
    template <typename Visit>
    void for_each(const Visit& visit) {
        for (const auto& each : clients_) {
            visit(*each);
        }
    }
    void stop() {
        for (const auto& each : clients_) {
            EXPECT_TRUE(is_ok(each->stop()));
        }
    }
    /// `at_server`: the book of the servers. `more`: what else the clients are told of it.
    template <typename Book, typename... More>
    void expect_balanced(const Book& at_server, const More&... more) const {
        for (const auto& each : clients_) {
            each->expect_balanced(at_server, more...);
        }
        EXPECT_EQ(at_server.wrong(), 0U);
        pauses.expect_full_jitter();
    }

    pause_book pauses;
    return_book returns;

private:
    std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace integration

#pragma once

#include "framework/client_crowd.h"
#include "framework/fault_proxy.h"
#include "support/spawned_process.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace integration {

/// How a server goes away.
enum class kill : std::uint8_t {
    // All connections are reset, and new ones refused.
    reset_and_refuse,
    // It is destroyed, and its goodbyes are lost; who comes then is reset, as a proxy does whose
    // server is gone.
    destroyed,
    // All connections are reset, and so are new ones as soon as they are made.
    reset_and_reject,
    // It says goodbye, once nothing is under way.
    stopped,
};
inline constexpr std::array all_kills{kill::reset_and_refuse, kill::destroyed,
                                      kill::reset_and_reject, kill::stopped};

/// What the process of a server_process does. `arguments`: the protocol; the life of the server and
/// a file, if what is delivered is to be written down there: see `deliveries`.
int serve_until_killed(const std::vector<std::string>& arguments);

/// A server in a process of its own, that can be killed.
class server_process {
public:
    explicit server_process(protocol which, std::vector<std::string> more = {})
        : process_(this_program, arguments(which, std::move(more))) {
        const auto line = process_.hear();
        EXPECT_TRUE(line);
        port_ = static_cast<std::uint16_t>(std::stoul(line.value_or("0")));
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    static std::vector<std::string> arguments(protocol which, std::vector<std::string> more) {
        std::vector<std::string> all{"--server", std::to_string(static_cast<int>(which))};
        std::move(more.begin(), more.end(), std::back_inserter(all));
        return all;
    }

    child_process process_;  // killed by SIGKILL
    std::uint16_t port_ = 0;
};

/// A server behind a proxy, which goes away and comes back, and a crowd of clients.
template <typename Client>
class server_outages {
public:
    using clock = std::chrono::steady_clock;

    /// Connections take two descriptors here and two in the proxy.
    [[nodiscard]] static constexpr std::size_t descriptors(std::size_t clients) {
        return 5 * clients + 200;
    }

    server_outages(std::size_t clients, protocol which, const typename Client::kind& what)
        : crowd(clients, what, settings_of(clients)), which_(which) {}

    /// `attach` sets the callbacks of a server.
    void start_server(const std::function<void(any_server&)>& attach) {
        failure_settings settings;
        // Nothing is waited for when it is destroyed.
        settings.drain_timeout = std::chrono::milliseconds{0};
        server_ = make_server(which_, settings);
        attach(*server_);
        proxy.set_server(server_->start());
        proxy.pass();
    }
    void kill_server(kill how) {
        if (how == kill::stopped) {
            EXPECT_TRUE(crowd.wait_until_quiet());
            EXPECT_TRUE(is_ok(server_->stop()));
        } else if (how == kill::reset_and_refuse) {
            proxy.refuse();
            proxy.reset_all();
        } else if (how == kill::reset_and_reject) {
            proxy.reject();
            proxy.reset_all();
        } else {
            proxy.hold();
        }
        server_.reset();
        if (how == kill::destroyed) {
            proxy.reset_all();
            proxy.pass();
        }
    }
    [[nodiscard]] const any_server& server() const { return *server_; }

    /// From the loss of the connections to the return of the last client; whether all are back.
    template <typename End, typename Begin>
    [[nodiscard]] bool survive(const End& end, const Begin& begin) {
        const auto attempts = crowd.pauses.attempts();
        const auto at = clock::now();
        end();
        ++crowd.returns.outages;
        // Until many have tried again, and failed.
        EXPECT_TRUE(
            eventually([&] { return crowd.pauses.attempts() >= attempts + 2 * crowd.size(); }));
        begin();
        const bool are_back = crowd.wait_until_back();
        const auto count = static_cast<double>(crowd.pauses.attempts() - attempts);
        const double expected = crowd.pauses.expected_attempts(crowd.size(), clock::now() - at);
        EXPECT_LE(count, 1.2 * expected + 50);
        most_used_ = std::max(most_used_, count / expected);
        return are_back;
    }
    /// Of the attempts that are allowed, the largest part that was used.
    [[nodiscard]] double most_used() const { return most_used_; }

    fault_proxy proxy;
    crowd_of<Client> crowd;

private:
    /// A large crowd is given more time, or it would have the machine to itself.
    [[nodiscard]] static failure_settings settings_of(std::size_t clients) {
        failure_settings settings;
        if (clients >= 1'000) {
            settings.reconnect.initial_delay = 20ms;
            settings.reconnect.max_delay = 200ms;
        }
        return settings;
    }

    const protocol which_;
    std::unique_ptr<any_server> server_;
    double most_used_ = 0;
};

}  // namespace integration

// A thousand clients whose server is killed and restarted again and again: all come back each time,
// no faster than their pauses allow, and every message is accounted for.
#include "framework/client_crowd.h"
#include "support/spawned_process.h"

#include <chrono>
#include <csignal>

namespace integration {
namespace {

constexpr std::size_t outages = is_sanitized ? 6 : 20;

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

struct crowd_case {
    protocol which;
    std::size_t clients;
    friend void PrintTo(const crowd_case& each, std::ostream* out) {
        PrintTo(each.which, out);
        *out << ", " << each.clients << " clients";
    }
};

[[nodiscard]] std::vector<crowd_case> crowds() {
    std::vector<crowd_case> all;
    for (const protocol each : all_protocols()) {
        all.push_back({each, scaled(each == protocol::tcp ? 1'000 : 100)});
    }
    return all;
}

class server_restarts : public testing::TestWithParam<crowd_case> {
protected:
    using clock = std::chrono::steady_clock;

    void SetUp() override {
        if (!allows_descriptors(5 * GetParam().clients + 200)) {
            GTEST_SKIP() << "so many connections need " << 5 * GetParam().clients + 200
                         << " descriptors (ulimit -n)";
        }
    }

    /// A large crowd is given more time, or it would have the machine to itself.
    [[nodiscard]] static failure_settings settings_of_clients() {
        failure_settings settings;
        if (GetParam().clients >= 1'000) {
            settings.reconnect.initial_delay = 20ms;
            settings.reconnect.max_delay = 200ms;
        }
        return settings;
    }
    void start_server() {
        failure_settings settings;
        settings.drain_timeout = drain_timeout;
        server_ = make_server(GetParam().which, settings);
        server_->on_message = [this](auto data) { arrived.take(data); };
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
    /// Until many have tried again, and failed.
    void let_them_try(std::uint64_t attempts_before) const {
        EXPECT_TRUE(eventually(
            [&] { return crowd.pauses.attempts() >= attempts_before + 2 * crowd.size(); }));
    }
    /// From the loss of the connections to the return of the last client.
    void expect_bounded_attempts(std::uint64_t count, clock::duration outage) const {
        const double expected = crowd.pauses.expected_attempts(crowd.size(), outage);
        EXPECT_LE(static_cast<double>(count), 1.2 * expected + 50);
        most_used_ = std::max(most_used_, static_cast<double>(count) / expected);
    }

    // Nothing is waited for when it is destroyed.
    static constexpr auto drain_timeout = 0ms;

    arrivals arrived;
    fault_proxy proxy;
    client_crowd crowd{GetParam().clients, GetParam().which, settings_of_clients()};
    std::unique_ptr<any_server> server_;
    mutable double most_used_ = 0;
};
INSTANTIATE_TEST_SUITE_P(over, server_restarts, testing::ValuesIn(crowds()),
                         [](const auto& each) { return name_of(each.param.which); });

TEST_P(server_restarts, are_survived_by_all_clients) {
    start_server();
    ASSERT_TRUE(crowd.start(proxy.port()));
    ASSERT_TRUE(crowd.wait_until_back());
    constexpr std::array kills{kill::reset_and_refuse, kill::destroyed, kill::reset_and_reject,
                               kill::stopped};
    for (std::size_t i = 0; i < outages; ++i) {
        const auto attempts = crowd.pauses.attempts();
        const auto begin = clock::now();
        kill_server(kills.at(i % kills.size()));
        ++crowd.returns.outages;
        let_them_try(attempts);
        start_server();
        ASSERT_TRUE(crowd.wait_until_back()) << "outage " << i;
        expect_bounded_attempts(crowd.pauses.attempts() - attempts, clock::now() - begin);
    }
    EXPECT_TRUE(crowd.wait_until_quiet());
    EXPECT_EQ(server_->messages_received(), crowd.size() * reconnecting_client::per_connection)
        << "of the last life";
    crowd.stop();
    crowd.expect_balanced(arrived, true);
    RecordProperty("attempts_of_expected", std::to_string(most_used_));
    EXPECT_TRUE(proxy.wait_for([](const proxy_counts& counts) { return counts.open == 0; }));
}

/// A server in a process of its own, that can be killed.
class server_process {
public:
    explicit server_process(protocol which)
        : process_(this_program, {"--server", std::to_string(static_cast<int>(which))}) {
        const auto line = process_.hear();
        EXPECT_TRUE(line);
        port_ = static_cast<std::uint16_t>(std::stoul(line.value_or("0")));
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    child_process process_;  // killed by SIGKILL
    std::uint16_t port_ = 0;
};

class killed_process : public server_restarts {};
INSTANTIATE_TEST_SUITE_P(over, killed_process,
                         testing::Values(crowd_case{protocol::tcp, scaled(1'000)}),
                         [](const auto& each) { return name_of(each.param.which); });

TEST_P(killed_process, is_survived_by_all_clients) {
    auto process = std::make_unique<server_process>(GetParam().which);
    proxy.set_server(process->port());
    ASSERT_TRUE(crowd.start(proxy.port()));
    ASSERT_TRUE(crowd.wait_until_back());
    for (std::size_t i = 0; i < outages; ++i) {
        const auto attempts = crowd.pauses.attempts();
        const auto begin = clock::now();
        process.reset();
        ++crowd.returns.outages;
        let_them_try(attempts);
        process = std::make_unique<server_process>(GetParam().which);
        proxy.set_server(process->port());
        ASSERT_TRUE(crowd.wait_until_back()) << "outage " << i;
        expect_bounded_attempts(crowd.pauses.attempts() - attempts, clock::now() - begin);
    }
    EXPECT_TRUE(crowd.wait_until_quiet());
    crowd.stop();
    crowd.expect_balanced(arrived, false);
}

/// A server that accepts and drops is no success, however often it accepts: the pauses grow as if
/// it refused.
TEST(accepting_and_dropping, is_paced_like_refusing) {
    failure_settings settings;
    settings.reconnect.stable_after = std::chrono::milliseconds::max();
    for (const protocol which : all_protocols()) {
        const auto server = make_server(which, settings);
        fault_proxy proxy(server->start());
        const auto client = make_client(which, settings);
        event_counter connected;
        std::mutex mutex;
        std::vector<std::chrono::milliseconds> pauses;
        client->on_connect = [&] {
            connected.add();
            // An answer that is lost on its way ends the connection.
            (void)client->send(std::array<std::uint8_t, 4>{}, {});
        };
        client->on_attempt = [&](const reconnect_attempt& next) {
            const std::lock_guard lock(mutex);
            pauses.push_back(next.pause);
        };
        server->on_message = [&](const auto&) { proxy.reset_all(); };
        ASSERT_TRUE(is_ok(client->start("127.0.0.1", proxy.port())));
        ASSERT_TRUE(connected.wait_for(12));
        EXPECT_TRUE(is_ok(client->stop()));
        // Its callback uses the proxy, which is destroyed first.
        EXPECT_TRUE(is_ok(server->stop()));
        // 5, 10, 20, 40, 50, 50 … ms at most: a pause over the first ceiling is there, unless seven
        // draws in a row are the lowest tenth.
        const std::lock_guard lock(mutex);
        EXPECT_GT(*std::max_element(pauses.begin(), pauses.end()), 5ms) << name_of(which);
    }
}

}  // namespace

int serve_until_killed(protocol which) {
    const auto server = make_server(which, failure_settings{});
    std::cout << server->start() << std::endl;
    std::string line;
    std::getline(std::cin, line);
    return 0;
}

}  // namespace integration

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--server") {
        (void)integration::allows_descriptors(4'096);
        return integration::serve_until_killed(
            static_cast<integration::protocol>(std::stoi(argv[2])));
    }
    testing::InitGoogleTest(&argc, argv);
    integration::this_program = argv[0];
    return RUN_ALL_TESTS();
}

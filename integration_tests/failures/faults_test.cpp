// Every fault of the proxy between one client and its server, over every protocol: the connection
// survives it, or the client notices and comes back; and a stop works at any moment of it.
#include "framework/fault_proxy.h"
#include "framework/stream_protocols.h"
#include "support/dice.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>

namespace integration {
namespace {

constexpr std::size_t message_size = 1'500;

/// What becomes of the connection that the fault meets.
enum class outcome : std::uint8_t { survives, breaks };

struct fault {
    const char* name;
    outcome what;
    std::function<void(fault_proxy&)> apply;
    /// Of the connection that breaks; any of them.
    std::vector<errc> errors = {};
    /// Of attempts while the fault lasts; empty: they succeed.
    std::vector<errc> attempt_errors = {};

    /// Whether it lets the beginning of each connection through, and perhaps all of a handshake.
    [[nodiscard]] bool is_late() const {
        const std::string_view text(name);
        return text.find("_a_request") != text.npos || text.find("_an_answer") != text.npos;
    }
    [[nodiscard]] bool is_silent() const {
        return attempt_errors == std::vector{errc::connection_timeout};
    }
};

void PrintTo(const fault& each, std::ostream* out) {
    *out << each.name;
}

[[nodiscard]] std::vector<fault> all_faults() {
    const std::vector<errc> broken{errc::connection_closed, errc::connection_truncated};
    // What a peer that speaks TLS or HTTP says of a handshake that broke.
    const std::vector<errc> not_made{errc::connection_closed, errc::connection_truncated,
                                     errc::connection_failed, errc::tls_handshake_failed};
    return {
        {"delay", outcome::survives, [](auto& proxy) { proxy.shape({.delay = 15ms}); }},
        {"delay_of_answers", outcome::survives,
         [](auto& proxy) { proxy.shape(way::to_client, {.delay = 30ms}); }},
        {"throttle", outcome::survives,
         [](auto& proxy) { proxy.shape({.bytes_per_second = 100'000}); }},
        {"split", outcome::survives, [](auto& proxy) { proxy.shape({.largest_piece = 3}); }},
        {"slow_and_split", outcome::survives,
         [](auto& proxy) {
             proxy.shape({.delay = 5ms, .bytes_per_second = 200'000, .largest_piece = 100});
         }},
        {"pause", outcome::survives,
         [](auto& proxy) {
             proxy.hold();
             proxy.pass();
         }},
        {"reset", outcome::breaks, [](auto& proxy) { proxy.reset_all(); }, broken},
        {"reset_in_a_request", outcome::breaks,
         [](auto& proxy) { proxy.reset_after(way::to_server, 700); }, broken, not_made},
        {"reset_in_an_answer", outcome::breaks,
         [](auto& proxy) { proxy.reset_after(way::to_client, 700); }, broken, not_made},
        {"truncate_a_request", outcome::breaks,
         [](auto& proxy) { proxy.truncate_after(way::to_server, 700); }, broken, not_made},
        {"truncate_an_answer", outcome::breaks,
         [](auto& proxy) { proxy.truncate_after(way::to_client, 700); }, broken, not_made},
        {"end_of_answers", outcome::breaks, [](auto& proxy) { proxy.half_close(way::to_client); },
         broken},
        {"end_of_requests", outcome::breaks, [](auto& proxy) { proxy.half_close(way::to_server); },
         broken},
        {"black_hole",
         outcome::breaks,
         [](auto& proxy) { proxy.black_hole(); },
         {errc::connection_timeout},
         {errc::connection_timeout}},
        {"refuse",
         outcome::breaks,
         [](auto& proxy) {
             proxy.refuse();
             proxy.reset_all();
         },
         broken,
         {errc::connection_refused}},
        {"reject", outcome::breaks,
         [](auto& proxy) {
             proxy.reject();
             proxy.reset_all();
         },
         broken, not_made},
        {"server_gone", outcome::breaks,
         [](auto& proxy) {
             proxy.set_server(0);
             proxy.reset_all();
         },
         broken, not_made},
    };
}

/// A client, its server, and what the client's callbacks have said.
class meeting {
public:
    meeting(protocol which, const failure_settings& settings)
        : server(make_server(which, settings)), server_port_(server->start()), proxy(server_port_),
          client(make_client(which, settings)) {
        client->on_connect = [this] { take(connected); };
        client->on_disconnect = [this] { take(disconnected); };
        client->on_attempt = [this](const reconnect_attempt&) { take(attempts); };
        client->on_message = [this](auto data) {
            EXPECT_TRUE(std::equal(data.begin(), data.end(), message_.begin(), message_.end()));
            take(answers);
        };
        client->on_error = [this](std::error_code error) {
            errors.add(error);
            take(events);
        };
    }

    [[nodiscard]] VoidResult start() const { return client->start("127.0.0.1", proxy.port()); }
    void end_fault() {
        proxy.set_server(server_port_);
        proxy.pass();
    }
    [[nodiscard]] bool send() const { return client->send(message_, {}).is_ok(); }
    /// Whether a message is answered, on whatever connection there is by then.
    [[nodiscard]] bool exchanges() {
        const std::size_t before = answers.count();
        return eventually([&] { return send(); }) &&
               eventually([&] { return answers.count() > before || !client->is_connected(); }) &&
               (answers.count() > before || exchanges());
    }
    /// The client has been stopped.
    void close() {
        is_over_ = true;
        EXPECT_EQ(inside_, 0) << "a callback was running when stop returned";
    }

    std::unique_ptr<any_server> server;

private:
    const std::uint16_t server_port_;

public:
    fault_proxy proxy;
    event_counter connected;
    event_counter disconnected;
    event_counter attempts;
    event_counter answers;
    // All of them, and errors.
    event_counter events;
    collector<std::error_code> errors;

private:
    void take(event_counter& which) {
        ++inside_;
        EXPECT_FALSE(is_over_) << "a callback after stop";
        which.add();
        if (&which != &events) {
            events.add();
        }
        --inside_;
    }

    const bytes message_ = pattern(message_size);
    std::atomic<int> inside_{0};
    std::atomic<bool> is_over_{false};

public:
    std::unique_ptr<any_client> client;  // after what its callbacks write
};

/// Only a fault that is silent needs limits: with them a busy machine may be taken for one.
[[nodiscard]] failure_settings settings_for(const fault& each) {
    failure_settings settings;
    if (each.is_silent()) {
        settings.set_limits(40ms, 150ms);
    }
    return settings;
}

class faults : public testing::TestWithParam<std::tuple<fault, protocol>> {
protected:
    [[nodiscard]] static const fault& what() { return std::get<0>(GetParam()); }
    [[nodiscard]] static protocol over() { return std::get<1>(GetParam()); }
    [[nodiscard]] static bool is_among(std::error_code error, const std::vector<errc>& all) {
        return std::any_of(all.begin(), all.end(), [&](errc each) { return error == each; });
    }
};
INSTANTIATE_TEST_SUITE_P(table, faults,
                         testing::Combine(testing::ValuesIn(all_faults()),
                                          testing::ValuesIn(all_protocols())),
                         [](const auto& each) {
                             return std::string(std::get<0>(each.param).name) + "_over_" +
                                    name_of(std::get<1>(each.param));
                         });

TEST_P(faults, are_survived_or_noticed) {
    meeting both(over(), settings_for(what()));
    ASSERT_TRUE(is_ok(both.start()));
    ASSERT_TRUE(both.exchanges());
    what().apply(both.proxy);
    if (what().what == outcome::survives) {
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(both.exchanges());
        }
        EXPECT_TRUE(is_ok(both.client->stop()));
        EXPECT_EQ(both.connected.count(), 1U);
        EXPECT_EQ(both.errors.size(), 0U);
        return;
    }
    (void)both.send();  // a fault that counts bytes needs some
    ASSERT_TRUE(both.disconnected.wait_for(1));
    if (!what().attempt_errors.empty() && !what().is_late()) {
        EXPECT_TRUE(both.attempts.wait_for(3));
    }
    both.end_fault();
    ASSERT_TRUE(both.connected.wait_for(2));
    EXPECT_TRUE(both.exchanges());
    EXPECT_TRUE(is_ok(both.client->stop()));
    const auto errors = both.errors.all();
    ASSERT_FALSE(errors.empty());
    EXPECT_TRUE(is_among(errors.front(), what().errors)) << errors.front().message();
    for (const std::error_code each : errors) {
        EXPECT_TRUE(is_among(each, what().errors) || is_among(each, what().attempt_errors))
            << each.message();
    }
    const client_metrics counted = both.client->metrics();
    EXPECT_EQ(counted.connects + counted.connect_failures, counted.reconnect_attempts + 1);
    EXPECT_GE(counted.session_errors + counted.connect_failures, errors.size());
    both.proxy.reset_all();
    EXPECT_TRUE(eventually([&] { return both.server->connection_count() == 0; }));
}

TEST_P(faults, do_not_keep_a_client_from_stopping) {
    dice rolls(17);
    for (std::size_t moment = 0; moment < scaled(5); ++moment) {
        failure_settings settings = settings_for(what());
        settings.drain_timeout = 30ms;
        meeting both(over(), settings);
        ASSERT_TRUE(is_ok(both.start()));
        (void)both.send();
        const std::size_t before = both.events.count();
        what().apply(both.proxy);
        (void)both.send();
        // Whichever comes first: where in the fault it stops is chance.
        (void)both.events.wait_for(before + moment, std::chrono::milliseconds(rolls.below(25)));
        EXPECT_TRUE(is_ok(both.client->stop()));
        both.close();
        EXPECT_FALSE(both.client->is_connected());
        EXPECT_TRUE(fails_with(both.client->send(pattern(10), {}), errc::connection_closed));
        both.end_fault();
    }
}

/// Starts that meet the fault, those of connections that are not there yet.
class faults_of_starts : public faults {};
INSTANTIATE_TEST_SUITE_P(table, faults_of_starts,
                         testing::Combine(testing::ValuesIn([] {
                                              auto all = all_faults();
                                              std::erase_if(all, [](const fault& each) {
                                                  return each.what == outcome::survives ||
                                                         each.attempt_errors.empty();
                                              });
                                              return all;
                                          }()),
                                          testing::ValuesIn(all_protocols())),
                         [](const auto& each) {
                             return std::string(std::get<0>(each.param).name) + "_over_" +
                                    name_of(std::get<1>(each.param));
                         });

TEST_P(faults_of_starts, end_with_an_error_or_go_on_until_it_is_over) {
    failure_settings settings = settings_for(what());
    if (!what().is_late()) {
        settings.reconnect.retry_start_for = 0ms;
        meeting once(over(), settings);
        what().apply(once.proxy);
        const auto refused = once.start();
        ASSERT_TRUE(refused.is_err());
        EXPECT_TRUE(
            is_among(network_system::make_error_code(static_cast<errc>(refused.error().code)),
                     what().attempt_errors))
            << refused.error().code << ": " << refused.error().message;
        EXPECT_EQ(once.events.count(), 0U) << "the result says it all";
    }
    settings.reconnect.retry_start_for = std::chrono::milliseconds::max();
    meeting patient(over(), settings);
    what().apply(patient.proxy);
    event_counter started;
    ASSERT_TRUE(is_ok(
        patient.client->start("127.0.0.1", patient.proxy.port(), [&](const VoidResult& result) {
            EXPECT_TRUE(is_ok(result));
            started.add();
        })));
    if (!what().is_late()) {
        EXPECT_TRUE(patient.attempts.wait_for(2));
        EXPECT_EQ(started.count(), 0U);
    }
    patient.end_fault();
    EXPECT_TRUE(started.wait_for(1));
    EXPECT_TRUE(patient.exchanges());
    EXPECT_TRUE(is_ok(patient.client->stop()));
}

}  // namespace
}  // namespace integration

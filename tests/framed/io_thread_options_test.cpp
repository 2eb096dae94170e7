// The I/O threads that the library makes: their names, their places, and what the application does
// on them.
#include "support/heard_log.h"
#include "support/loopback.h"
#include "support/raw_peer.h"

#include <network_system/core/io_thread_options.h>
#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

#include <pthread.h>
#include <sched.h>

#include <array>
#include <cstddef>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace loopback {
namespace {

using network_system::core::client_thread_options;
using network_system::core::cpu_placement;
using network_system::core::io_thread_options;
using network_system::core::set_client_threads;
using network_system::testing::heard_log;

#ifdef __linux__

std::string thread_name() {
    std::array<char, 16> name{};
    EXPECT_EQ(::pthread_getname_np(::pthread_self(), name.data(), name.size()), 0);
    return name.data();
}

/// The CPUs that the calling thread may run on.
std::set<unsigned> places() {
    ::cpu_set_t set;
    EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
    std::set<unsigned> all;
    for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &set)) {
            all.insert(i);
        }
    }
    return all;
}

/// What was said on each thread, in order.
using notes = collector<std::string>;

/// A server whose threads tell what they are.
struct told_server {
    explicit told_server(io_thread_options each, std::size_t threads = 1) {
        network_system::core::server_options options;
        options.io_threads = threads;
        options.io_thread = std::move(each);
        server = std::make_unique<test_server>(options);
    }

    /// What `tell` says in a callback of the server.
    template <typename Tell>
    [[nodiscard]] std::string in_callback(const Tell& tell) {
        notes told;
        server->on_receive = [&](const auto&, std::span<const std::uint8_t>) { told.add(tell()); };
        test_client client;
        EXPECT_TRUE(is_ok(client.connect(server->start())));
        EXPECT_TRUE(is_ok(client.client.send_packet("?")));
        EXPECT_TRUE(told.wait_for(1));
        return told.size() > 0 ? told.at(0) : std::string();
    }

    std::unique_ptr<test_server> server;
};

TEST(io_thread_options, name_the_threads) {
    EXPECT_EQ(told_server({}).in_callback(thread_name), "net-io-0");
    EXPECT_EQ(told_server({.name = "chat"}).in_callback(thread_name), "chat-0");
    EXPECT_EQ(told_server({.name = "a-name-that-is-long"}).in_callback(thread_name),
              "a-name-that-i-0");
}

TEST(io_thread_options, tell_of_the_begin_and_the_end_of_each_thread) {
    notes told;
    io_thread_options each;
    each.on_start = [&](std::size_t i) { told.add("start " + std::to_string(i) + thread_name()); };
    each.on_stop = [&](std::size_t i) { told.add("stop " + std::to_string(i) + thread_name()); };
    told_server one(each, 3);
    for (int run = 0; run < 2; ++run) {
        told.clear();
        (void)one.server->start();
        ASSERT_EQ(told.size(), 3U) << "before the start returned";
        for (std::size_t i = 0; i < 3; ++i) {
            const auto number = std::to_string(i);
            EXPECT_EQ(told.at(i), "start " + number + "net-io-" + number);
        }
        EXPECT_TRUE(is_ok(one.server->server.stop_server()));
        EXPECT_TRUE(told.wait_for(6));
    }
}

TEST(io_thread_options, let_nothing_block_where_a_thread_begins_and_ends) {
    notes told;
    test_server other;
    (void)other.start();
    const auto wait = [&](std::size_t) {
        told.add(other.server.wait_for_stop().error() == errc::would_block ? "refused" : "waited");
    };
    {
        io_thread_options each;
        each.on_start = wait;
        each.on_stop = wait;
        told_server one(each);
        (void)one.server->start();
        EXPECT_TRUE(is_ok(one.server->server.stop_server()));
    }
    ASSERT_TRUE(told.wait_for(2));
    EXPECT_EQ(told.at(0), "refused");
    EXPECT_EQ(told.at(1), "refused");
}

TEST(io_thread_options, fail_the_start_when_a_thread_cannot_begin) {
    notes told;
    io_thread_options each;
    each.on_start = [&](std::size_t i) {
        if (i == 1) {
            throw std::runtime_error("no GPU");
        }
        told.add("start");
    };
    each.on_stop = [&](std::size_t i) { told.add("stop " + std::to_string(i)); };
    told_server one(each, 3);
    const auto started = one.server->server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::internal_error));
    EXPECT_NE(started.error().message.find("on_start threw: no GPU"), std::string::npos);
    ASSERT_TRUE(told.wait_for(2));
    EXPECT_EQ(told.size(), 2U) << "only where it had begun";
    EXPECT_EQ(told.at(1), "stop 0");
}

TEST(io_thread_options, survive_what_the_end_of_a_thread_throws) {
    const heard_log log(network_system::log_level::error);
    io_thread_options each;
    each.on_stop = [](std::size_t) { throw std::runtime_error("on purpose"); };
    told_server one(each);
    (void)one.server->start();
    EXPECT_TRUE(is_ok(one.server->server.stop_server()));
    EXPECT_TRUE(eventually([&] { return !log.find("on_stop threw: on purpose").text.empty(); }));
}

TEST(io_thread_options, place_threads_on_cpus) {
    const auto all = places();
    const unsigned last = *all.rbegin();
    std::set<unsigned> seen;
    EXPECT_EQ(told_server({.placement = cpu_placement::cpus, .cpus = {last}}).in_callback([&] {
        seen = places();
        return std::string("here");
    }),
              "here");
    EXPECT_EQ(seen, std::set<unsigned>{last});
    EXPECT_EQ(places(), all) << "nobody else is placed";
}

TEST(io_thread_options, place_threads_on_cpus_in_turn) {
    const auto all = places();
    const std::vector<unsigned> cpus(all.begin(), all.end());
    collector<std::set<unsigned>> seen;
    io_thread_options each{.placement = cpu_placement::cpus, .cpus = cpus};
    each.on_start = [&](std::size_t) { seen.add(places()); };
    told_server one(each, cpus.size() + 1);
    (void)one.server->start();
    ASSERT_EQ(seen.size(), cpus.size() + 1);
    for (std::size_t i = 0; i <= cpus.size(); ++i) {
        EXPECT_EQ(seen.at(i), std::set<unsigned>{cpus[i % cpus.size()]});
    }
}

TEST(io_thread_options, place_threads_on_nodes) {
    const auto all = places();
    std::set<unsigned> seen;
    EXPECT_EQ(told_server({.placement = cpu_placement::numa_nodes}).in_callback([&] {
        seen = places();
        return std::string("here");
    }),
              "here");
    EXPECT_FALSE(seen.empty());
    EXPECT_TRUE(std::includes(all.begin(), all.end(), seen.begin(), seen.end()));
}

TEST(io_thread_options, refuse_what_cannot_be) {
    const auto refusal = [](const io_thread_options& each) {
        const auto started = told_server(each).server->server.start_server(0);
        EXPECT_TRUE(fails_with(started, errc::invalid_argument));
        return started.is_err() ? started.error().message : std::string();
    };
    EXPECT_NE(refusal({.placement = cpu_placement::cpus}).find("io_thread.cpus"),
              std::string::npos);
    EXPECT_NE(refusal({.cpus = {0}}).find("cpu_placement::cpus"), std::string::npos);
    const unsigned beyond = 8'000;
    const std::string said = refusal({.placement = cpu_placement::cpus, .cpus = {beyond}});
    EXPECT_NE(said.find("CPU 8000"), std::string::npos) << said;
    EXPECT_NE(said.find("may use " + std::to_string(*places().begin())), std::string::npos) << said;
}

TEST(io_thread_options, are_those_of_udp_servers_too) {
    notes told;
    network_system::core::udp_server_options options;
    options.bind_address = "127.0.0.1";
    options.io_thread.name = "udp";
    options.io_thread.on_start = [&](std::size_t) { told.add(thread_name()); };
    network_system::core::messaging_udp_server server("udp", options);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told.at(0), "udp-0");
    options.io_thread = {.cpus = {0}};
    network_system::core::messaging_udp_server refused("udp", options);
    EXPECT_TRUE(fails_with(refused.start_server(0), errc::invalid_argument));
}

/// The threads of clients as they are by default, from the next ones on.
class client_threads : public ::testing::Test {
protected:
    ~client_threads() override { EXPECT_TRUE(becomes_set({})); }
    /// The pool of an earlier client may be ending.
    static bool becomes_set(const client_thread_options& options) {
        return eventually([&] { return set_client_threads(options).is_ok(); });
    }

    test_server server_;
};

TEST_F(client_threads, are_named_and_told_of) {
    notes told;
    client_thread_options options;
    options.io_threads = 3;
    options.on_start = [&](std::size_t) { told.add(thread_name()); };
    options.on_stop = [&](std::size_t) { told.add("stop"); };
    ASSERT_TRUE(becomes_set(options));
    {
        notes in_callback;
        test_client client;
        client.on_receive = [&](std::span<const std::uint8_t>) { in_callback.add(thread_name()); };
        ASSERT_TRUE(is_ok(client.connect(server_.start())));
        ASSERT_EQ(told.size(), 3U);
        EXPECT_EQ(told.at(2), "net-client-2");
        ASSERT_TRUE(is_ok(client.client.send_packet("?")));
        ASSERT_TRUE(in_callback.wait_for(1));
        EXPECT_EQ(in_callback.at(0).substr(0, 11), "net-client-");
        EXPECT_TRUE(fails_with(set_client_threads(options), errc::already_exists));
    }
    EXPECT_TRUE(told.wait_for(6));
}

TEST_F(client_threads, may_not_be_nonsense) {
    client_thread_options options;
    options.io_threads = 0;
    EXPECT_TRUE(fails_with(set_client_threads(options), errc::invalid_argument));
    options.io_threads = 257;
    EXPECT_TRUE(fails_with(set_client_threads(options), errc::invalid_argument));
    options.io_threads = 1;
    options.placement = cpu_placement::cpus;
    EXPECT_TRUE(fails_with(set_client_threads(options), errc::invalid_argument));
}

TEST_F(client_threads, cannot_wait_for_themselves) {
    notes told;
    const auto port = server_.start();
    auto inner = std::make_shared<test_client>();
    client_thread_options options;
    options.io_threads = 1;
    options.on_start = [&](std::size_t) {
        const auto started = inner->client.start_client("127.0.0.1", port, [](const auto&) {});
        told.add(started.is_err() ? started.error().message : "started");
    };
    ASSERT_TRUE(becomes_set(options));
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_EQ(told.size(), 1U);
    EXPECT_NE(told.at(0).find("cannot start an I/O thread"), std::string::npos) << told.at(0);
}

#endif

}  // namespace
}  // namespace loopback

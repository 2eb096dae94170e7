#include "runtime/connector.h"

#include "os/address_order.h"
#include "os/unix_socket.h"
#include "stepped_loop.h"
#include "support/scripted_names.h"

#include <filesystem>

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;

/// A connector and what it answered.
class attempt {
public:
    explicit attempt(stepped_loop& where, const sockets::connect_settings& settings = {})
        : where_(where), made_(std::make_shared<connector>(where.get(), settings)) {}

    void start(const std::string& host, std::uint16_t port,
               milliseconds timeout = milliseconds{loopback::patience}) {
        where_.in_batch([&] {
            made_->start(host, port, where_->now() + timeout, [this](connect_outcome outcome) {
                EXPECT_TRUE(where_->runs_here());
                answers.push_back(std::move(outcome));
            });
            EXPECT_TRUE(answers.empty()) << "never from inside start";
        });
    }
    void cancel() {
        where_.in_batch([&] { made_->cancel(); });
    }
    [[nodiscard]] bool is_answered() {
        return where_.run_until([&] { return !answers.empty(); });
    }
    [[nodiscard]] const connect_outcome& answer() const { return answers.at(0); }

    std::vector<connect_outcome> answers;

private:
    stepped_loop& where_;
    std::shared_ptr<connector> made_;
};

[[nodiscard]] std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Listens, and drops every further request for a connection, as behind a silent firewall.
class silent_listener {
public:
    explicit silent_listener(const endpoint& local) : listener_(listen_at(local, 1)) {
        // Linux keeps one more than the backlog.
        const endpoint peer = sockets::local_endpoint(listener_.get());
        for (auto& filler : fillers_) {
            EXPECT_NE(sockets::connect(peer, {}, filler).kind, sockets::outcome::failed);
            EXPECT_TRUE(arrives(filler.get(), POLLOUT));
        }
    }
    [[nodiscard]] std::uint16_t port() const { return port_of(listener_); }

private:
    unique_socket listener_;
    std::array<unique_socket, 2> fillers_;
};

class connectors : public every_loop {};
INSTANTIATE_TEST_SUITE_P(every, connectors, every_loop_kind(), kind_name);

TEST_P(connectors, connect_to_an_address) {
    const unique_socket listener = listen_at(ipv4_loopback());
    attempt connecting(loop);
    connecting.start("127.0.0.1", port_of(listener));
    ASSERT_TRUE(connecting.is_answered());
    ASSERT_TRUE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().peer, ipv4_loopback(port_of(listener)));
    EXPECT_EQ(sockets::remote_endpoint(connecting.answer().socket.get()), connecting.answer().peer);
    connecting.cancel();
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.answers.size(), 1U) << "a late cancel changes nothing";
}

TEST_P(connectors, say_that_they_were_refused) {
    const loopback::refusing_port nobody;
    attempt connecting(loop);
    connecting.start("127.0.0.1", nobody.number());
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_FALSE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().code, errc::connection_refused);
    EXPECT_EQ(connecting.answer().cause, std::errc::connection_refused);
}

/// The kernel opens a connection from a port to itself when nobody listens there.
TEST_P(connectors, are_refused_by_themselves_and_leave_the_port) {
    for (const char* target : {"127.0.0.1", "0.0.0.0"}) {
        auto kept = std::make_unique<loopback::refusing_port>(true);
        const std::uint16_t port = kept->number();
        attempt connecting(loop, {{}, ipv4_loopback(port)});
        connecting.start(target, port);
        ASSERT_TRUE(connecting.is_answered());
        EXPECT_FALSE(connecting.answer().is_connected()) << target;
        EXPECT_EQ(connecting.answer().code, errc::connection_refused);
        EXPECT_NE(connecting.answer().text.find("to itself"), std::string::npos)
            << connecting.answer().text;
        kept.reset();
        std::error_code error;
        const auto listener = sockets::listen(ipv4_loopback(port), {false, false, 0}, error);
        EXPECT_FALSE(error) << "nothing is left of it: " << error.message();
    }
}

TEST_P(connectors, can_be_cancelled_while_they_connect) {
    const silent_listener silent(ipv4_loopback());
    attempt connecting(loop);
    connecting.start("127.0.0.1", silent.port());
    loop.step(milliseconds{0});  // resolved
    EXPECT_TRUE(connecting.answers.empty());
    connecting.cancel();
    ASSERT_EQ(connecting.answers.size(), 1U) << "at once";
    EXPECT_EQ(connecting.answer().code, errc::connection_closed);
    connecting.cancel();
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.answers.size(), 1U);
}

TEST_P(connectors, can_be_cancelled_before_the_name_is_resolved) {
    const unique_socket listener = listen_at(ipv4_loopback());
    attempt connecting(loop);
    connecting.start("127.0.0.1", port_of(listener));
    connecting.cancel();
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_closed);
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.answers.size(), 1U);
    unique_socket accepted;
    endpoint peer;
    EXPECT_EQ(sockets::accept(listener.get(), accepted, peer).kind, sockets::outcome::would_block)
        << "nothing was begun";
}

TEST_P(connectors, answer_when_their_loop_ends_while_they_connect) {
    const silent_listener silent(ipv4_loopback());
    attempt connecting(loop);
    connecting.start("127.0.0.1", silent.port());
    loop.step(milliseconds{0});
    loop->shutdown();
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_closed);
}

/// What owns a connector and is held by its answer, as an engine is.
struct connecting_owner {
    std::shared_ptr<connector> connecting;
};

TEST_P(connectors, answer_when_their_loop_ends_before_they_connect) {
    const loopback::refusing_port nobody;
    auto owner = std::make_shared<connecting_owner>();
    const std::weak_ptr<connecting_owner> watched = owner;
    std::vector<errc> codes;
    owner->connecting = std::make_shared<connector>(loop.get(), sockets::connect_settings{});
    loop.in_batch([&] {
        owner->connecting->start("127.0.0.1", nobody.number(), loop->now() + loopback::patience,
                                 [&, owner](connect_outcome outcome) {
                                     codes.push_back(outcome.code);
                                     owner->connecting.reset();
                                 });
    });
    owner.reset();
    EXPECT_FALSE(watched.expired());
    loop->shutdown();
    EXPECT_EQ(codes, std::vector{errc::connection_closed});
    EXPECT_TRUE(watched.expired()) << "nothing leaks";
}

class connector_time : public ::testing::Test {
protected:
    /// Lets so much time pass and does what is due.
    void pass(milliseconds time) {
        loop.advance(time);
        EXPECT_TRUE(loop.comes_to_rest());
    }

    static constexpr milliseconds resolution{1};
    stepped_epoll loop;
    attempt connecting{loop};
};

TEST_F(connector_time, is_up_when_nobody_answers) {
    const silent_listener silent(ipv4_loopback());
    connecting.start("127.0.0.1", silent.port(), milliseconds{100});
    pass(milliseconds{99});
    EXPECT_TRUE(connecting.answers.empty());
    pass(2 * resolution);
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_timeout);
    EXPECT_FALSE(loop.wake_at());
}

TEST_F(connector_time, is_up_when_the_name_does_not_resolve) {
    const loopback::refusing_port nobody;
    scripted_name slow("slow.test", {"127.0.0.1"});
    slow.hold();
    connecting.start(slow.text(), nobody.number(), milliseconds{100});
    slow.wait_until_asked();
    pass(milliseconds{99});
    EXPECT_TRUE(connecting.answers.empty());
    pass(2 * resolution);
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_timeout);
    EXPECT_FALSE(connecting.answer().text.empty()) << "not the connection, the name";
    slow.release_self();
    EXPECT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.answers.size(), 1U);
}

TEST_F(connector_time, can_end_early_while_the_name_resolves) {
    const loopback::refusing_port nobody;
    scripted_name slow("slow.test", {"127.0.0.1"});
    slow.hold();
    connecting.start(slow.text(), nobody.number());
    slow.wait_until_asked();
    connecting.cancel();
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_EQ(connecting.answer().code, errc::connection_closed);
    EXPECT_FALSE(loop.wake_at()) << "no deadline is left";
}

TEST_F(connector_time, is_shared_by_the_addresses) {
    const scripted_name name("two.test", {"127.0.0.2", "127.0.0.1"});
    const unique_socket listener = listen_at(ipv4_loopback());
    const silent_listener silent(sockets::parse_address("127.0.0.2", port_of(listener)));
    connecting.start(name.text(), port_of(listener), milliseconds{100});
    // The second address begins once half the time is over.
    const auto half = loop.now() + milliseconds{50} + resolution;
    ASSERT_TRUE(loop.run_until([&] { return loop.wake_at() && *loop.wake_at() <= half; }));
    pass(milliseconds{49});
    EXPECT_TRUE(connecting.answers.empty());
    pass(2 * resolution);
    ASSERT_TRUE(connecting.is_answered());
    ASSERT_TRUE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().peer.address(), "127.0.0.1");
}

TEST_F(connector_time, gives_each_address_a_quarter_of_a_second_alone) {
    const scripted_name name("two.test", {"127.0.0.2", "127.0.0.1"});
    const unique_socket listener = listen_at(ipv4_loopback());
    const silent_listener silent(sockets::parse_address("127.0.0.2", port_of(listener)));
    connecting.start(name.text(), port_of(listener));
    const auto quarter = loop.now() + attempt_delay + resolution;
    ASSERT_TRUE(loop.run_until([&] { return loop.wake_at() && *loop.wake_at() <= quarter; }));
    pass(attempt_delay - resolution);
    EXPECT_TRUE(connecting.answers.empty());
    pass(2 * resolution);
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_EQ(connecting.answer().peer.address(), "127.0.0.1");
    EXPECT_FALSE(loop.wake_at());
    ASSERT_TRUE(loop.comes_to_rest());
    EXPECT_EQ(connecting.answers.size(), 1U);
}

/// Room for the request that a silent listener has ignored: its connection completes late.
void answer_late(const unique_socket& listener) {
    unique_socket taken;
    endpoint peer;
    while (sockets::accept(listener.get(), taken, peer).kind == sockets::outcome::done) {}
}

TEST_F(connector_time, goes_on_with_an_address_that_was_joined_by_others) {
    // The first address is slow but answers; the second never does.
    const scripted_name name("slow.test", {"127.0.0.2", "127.0.0.3"});
    const unique_socket listener = listen_at(sockets::parse_address("127.0.0.2", 0), 1);
    const std::uint16_t port = port_of(listener);
    std::array<unique_socket, 2> fillers;
    for (auto& filler : fillers) {
        ASSERT_NE(sockets::connect(sockets::local_endpoint(listener.get()), {}, filler).kind,
                  sockets::outcome::failed);
        ASSERT_TRUE(arrives(filler.get(), POLLOUT));
    }
    const silent_listener silent(sockets::parse_address("127.0.0.3", port));
    connecting.start(name.text(), port);
    const auto quarter = loop.now() + attempt_delay + resolution;
    ASSERT_TRUE(loop.run_until([&] { return loop.wake_at() && *loop.wake_at() <= quarter; }));
    pass(attempt_delay + resolution);
    EXPECT_TRUE(connecting.answers.empty()) << "both are under way";
    answer_late(listener);  // the kernel repeats the request within a few seconds
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_EQ(connecting.answer().peer.address(), "127.0.0.2");
}

TEST_F(connector_time, gives_every_address_its_turn_and_never_too_many_at_once) {
    std::vector<std::string> addresses;
    for (int i = 2; i < 2 + 20; ++i) {
        addresses.push_back("127.0.1." + std::to_string(i));
    }
    addresses.emplace_back("127.0.0.1");
    const scripted_name name("many.test", addresses);
    const unique_socket listener = listen_at(ipv4_loopback());
    std::vector<std::unique_ptr<silent_listener>> silent;
    for (int i = 2; i < 2 + 20; ++i) {
        silent.push_back(std::make_unique<silent_listener>(
            sockets::parse_address(addresses[static_cast<std::size_t>(i - 2)], port_of(listener))));
    }
    const std::size_t before = open_descriptors();
    const milliseconds timeout{1000};
    const auto begin = loop.now();
    connecting.start(name.text(), port_of(listener), timeout);
    // The name resolves in real time, and costs none of this one.
    ASSERT_TRUE(
        loop.run_until([&] { return loop.wake_at() && *loop.wake_at() < begin + timeout; }));
    std::size_t most = 0;
    while (connecting.answers.empty() && loop.now() < begin + 2 * timeout) {
        ASSERT_TRUE(loop.run_until([&] { return loop.wake_at() || !connecting.answers.empty(); }));
        pass(milliseconds{5});
        most = std::max(most, open_descriptors() - before);
        if (loop.now() > begin + timeout - 2 * resolution) {
            ASSERT_TRUE(connecting.is_answered());
        }
    }
    ASSERT_EQ(connecting.answers.size(), 1U);
    EXPECT_TRUE(connecting.answer().is_connected()) << connecting.answer().text;
    EXPECT_LT(loop.now(), begin + timeout);
    EXPECT_LE(most, connector::max_attempts);
    EXPECT_GT(most, connector::max_attempts / 2) << "they run side by side";
}

TEST_F(connector_time, names_each_address_that_failed) {
    const scripted_name name("two.test", {"127.0.0.2", "127.0.0.1"});
    const loopback::refusing_port nobody;
    const auto port = nobody.number();
    const silent_listener silent(sockets::parse_address("127.0.0.2", port));
    connecting.start(name.text(), port, milliseconds{100});
    const auto half = loop.now() + milliseconds{50} + resolution;
    ASSERT_TRUE(loop.run_until([&] { return loop.wake_at() && *loop.wake_at() <= half; }));
    for (int i = 0; i < 11; ++i) {
        pass(milliseconds{10});
    }
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_EQ(connecting.answer().code, errc::connection_timeout);
    const std::string at = ":" + std::to_string(port);
    EXPECT_EQ(connecting.answer().text,
              "127.0.0.1" + at + ": Connection refused; 127.0.0.2" + at + ": no answer");
}

TEST_F(connector_time, bounds_the_length_of_its_error) {
    const loopback::refusing_port nobody;
    std::vector<std::string> addresses;
    for (int i = 2; i < 2 + 100; ++i) {
        addresses.push_back("127.0.1." + std::to_string(i));
    }
    const scripted_name name("many.test", addresses);
    connecting.start(name.text(), nobody.number());
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_EQ(connecting.answer().code, errc::connection_refused);
    EXPECT_NE(connecting.answer().text.find("; and 56 more"), std::string::npos)
        << connecting.answer().text;
}

TEST_F(connector_time, is_not_wasted_on_an_address_that_refuses) {
    const scripted_name name("three.test", {"127.0.0.2", "127.0.0.3", "127.0.0.1"});
    const unique_socket listener = listen_at(ipv4_loopback());
    connecting.start(name.text(), port_of(listener));
    ASSERT_TRUE(connecting.is_answered());
    ASSERT_TRUE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().peer.address(), "127.0.0.1");
    EXPECT_FALSE(loop.wake_at());
}

TEST_F(connector_time, ends_when_every_address_refuses) {
    const scripted_name name("two.test", {"127.0.0.2", "127.0.0.1"});
    const loopback::refusing_port nobody;
    const auto port = nobody.number();
    connecting.start(name.text(), port);
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_EQ(connecting.answer().code, errc::connection_refused);
    const std::string at = ":" + std::to_string(port);
    EXPECT_EQ(connecting.answer().text,
              "127.0.0.2" + at + ": Connection refused; 127.0.0.1" + at + ": Connection refused");
}

TEST_F(connector_time, goes_on_with_the_next_address_when_one_leads_to_itself) {
    const scripted_name name("two.test", {"127.0.0.1", "127.0.0.2"});
    const loopback::refusing_port nobody(true);
    const std::uint16_t port = nobody.number();
    attempt from(loop, {{}, endpoint(endpoint::family::unspecified, {}, port)});
    from.start(name.text(), port);
    ASSERT_TRUE(from.is_answered());
    EXPECT_FALSE(from.answer().is_connected());
    const std::string at = ":" + std::to_string(port);
    EXPECT_EQ(from.answer().text, "127.0.0.1" + at +
                                      ": nobody listens there, and the connection was to itself; " +
                                      "127.0.0.2" + at + ": Connection refused");
}

TEST_F(connector_time, ends_when_the_name_means_nothing) {
    const scripted_name name("nothing.test", {});
    connecting.start(name.text(), 80);
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_EQ(connecting.answer().code, errc::resolve_failed);
    EXPECT_FALSE(connecting.answer().text.empty());
    EXPECT_FALSE(loop.wake_at());
}

TEST_F(connector_time, waits_for_room_in_the_queue_of_a_unix_domain_server) {
    const endpoint local = endpoint::unix_domain("@network_system-connector-test");
    unix_socket_file file;
    std::error_code error;
    const unique_socket listener = sockets::listen(local, {1, 0}, file, error);
    ASSERT_FALSE(error) << error.message();
    std::vector<unique_socket> fillers;
    auto begun = sockets::outcome::done;
    while (begun == sockets::outcome::done && fillers.size() < 10) {
        begun = sockets::connect(local, {}, fillers.emplace_back()).kind;
    }
    ASSERT_EQ(begun, sockets::outcome::failed) << "the queue is full";
    connecting.start(local.to_string(), 0, milliseconds{100});
    pass(milliseconds{50});
    EXPECT_TRUE(connecting.answers.empty());
    unique_socket taken;
    endpoint peer;
    ASSERT_EQ(sockets::accept(listener.get(), taken, peer).kind, sockets::outcome::done);
    EXPECT_EQ(peer, endpoint::unix_domain({}));
    pass(milliseconds{11});
    ASSERT_TRUE(connecting.is_answered());
    EXPECT_TRUE(connecting.answer().is_connected());
    EXPECT_EQ(connecting.answer().peer, local);

    attempt too_late(loop);
    too_late.start(local.to_string(), 0, milliseconds{100});
    for (int i = 0; i < 11; ++i) {
        pass(milliseconds{10});
    }
    ASSERT_EQ(too_late.answers.size(), 1U);
    EXPECT_EQ(too_late.answer().code, errc::connection_timeout);
    EXPECT_FALSE(loop.wake_at());
}

TEST_F(connector_time, skips_the_addresses_of_another_family_than_its_own) {
    const scripted_name name("both.test", {"::1", "127.0.0.1"});
    const unique_socket listener = listen_at(ipv4_loopback());
    attempt from(loop, {{}, sockets::parse_address("127.0.0.7", 0)});
    from.start(name.text(), port_of(listener));
    ASSERT_TRUE(from.is_answered());
    ASSERT_TRUE(from.answer().is_connected()) << from.answer().text;
    EXPECT_EQ(sockets::local_endpoint(from.answer().socket.get()).address(), "127.0.0.7");

    const scripted_name only6("six.test", {"::1"});
    attempt nowhere(loop, {{}, sockets::parse_address("127.0.0.7", 0)});
    nowhere.start(only6.text(), port_of(listener));
    ASSERT_TRUE(nowhere.is_answered());
    EXPECT_EQ(nowhere.answer().code, errc::connection_failed);
    EXPECT_NE(nowhere.answer().text.find("127.0.0.7"), std::string::npos);
}

TEST(classify, an_error_of_code_0_is_still_an_error) {
    EXPECT_EQ(classify({}, errc::send_failed), errc::send_failed);
    EXPECT_EQ(classify({0, error_category()}, errc::send_failed), errc::send_failed);
    EXPECT_EQ(classify(errc::protocol_error, errc::send_failed), errc::protocol_error);
}

}  // namespace
}  // namespace network_system::runtime

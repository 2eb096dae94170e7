// Clients that go through a proxy, in a simulation: the proxy is a server that is also the target,
// so that what it says right behind its answer, and how the network cuts that, is known.
#include "testing/echo_pair.h"

#include <network_system/core/proxy_options.h>
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace network_system::inline v0_1::testing {
namespace {

using core::proxy_kind;

const std::string http_consent = "HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n";
const std::string socks_consent("\5\0\0\1\x7f\0\0\1\0P", 10);
const std::string greeting = "a greeting of the target's";

/// One connection of the proxy's.
struct simulated_tunnel {
    std::string heard;
    bool is_greeted = false;
    bool is_open = false;
};

class proxied_pair {
public:
    static constexpr std::uint16_t port = 3128;

    proxied_pair(proxy_kind kind, const simulation_options& options, std::uint64_t seed)
        : sim(seed, options), kind_(kind), proxy("proxy", sim.on_host("proxy", raw_server())),
          client("client", sim.on_host("client", through_proxy())) {
        (void)proxy.set_receive_callback(
            [this](const messaging_server::session_ptr& session,
                   std::span<const std::uint8_t> data) { serve(session, data); });
        (void)client.set_receive_callback([this](std::span<const std::uint8_t> data) {
            received.append(data.begin(), data.end());
        });
    }

    VoidResult start() {
        if (auto started = proxy.start_server(port); !started) {
            return started;
        }
        return client.start_client("target.example", 443,
                                   [this](VoidResult result) { connected = std::move(result); });
    }

    simulation sim;
    proxy_kind kind_;
    messaging_server proxy;
    messaging_client client;
    bool answers = true;
    std::optional<VoidResult> connected;
    std::string received;
    std::string asked;

private:
    [[nodiscard]] static server_options raw_server() {
        server_options options;
        options.session.frames = framing::raw;
        return options;
    }
    [[nodiscard]] client_options through_proxy() const {
        client_options options;
        options.session.frames = framing::raw;
        options.proxy.kind = kind_;
        options.proxy.host = "proxy";
        options.proxy.port = port;
        return options;
    }

    void serve(const messaging_server::session_ptr& session, std::span<const std::uint8_t> data) {
        simulated_tunnel& tunnel = tunnels_[session->id()];
        if (tunnel.is_open) {
            (void)session->send_packet(data);
            return;
        }
        tunnel.heard.append(data.begin(), data.end());
        if (kind_ == proxy_kind::socks5h && !tunnel.is_greeted && tunnel.heard.size() >= 3) {
            tunnel.is_greeted = true;
            (void)session->send_packet(std::string("\5\0", 2));
        }
        const bool is_whole = kind_ == proxy_kind::socks5h ? tunnel.heard.size() >= 3 + 7 + 14
                                                           : tunnel.heard.ends_with("\r\n\r\n");
        if (is_whole && answers) {
            tunnel.is_open = true;
            asked = tunnel.heard;
            (void)session->send_packet(
                (kind_ == proxy_kind::socks5h ? socks_consent : http_consent) + greeting);
        }
    }

    std::map<std::string, simulated_tunnel> tunnels_;
};

class proxied_simulation : public ::testing::TestWithParam<proxy_kind> {
protected:
    proxied_simulation() { set_log_level(log_level::off); }
    ~proxied_simulation() override { set_log_level(log_level::warning); }
};
INSTANTIATE_TEST_SUITE_P(kinds, proxied_simulation,
                         ::testing::Values(proxy_kind::http_connect, proxy_kind::socks5h),
                         [](const auto& each) {
                             return each.param == proxy_kind::socks5h ? "socks" : "http";
                         });

TEST_P(proxied_simulation, loses_no_byte_behind_the_answer) {
    std::size_t connected = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        proxied_pair pair(GetParam(), simulation_options::faulty(seed), seed);
        ASSERT_TRUE(pair.start());
        ASSERT_TRUE(pair.sim.run_until([&] { return pair.connected.has_value(); }, minutes(5)));
        if (!*pair.connected) {
            continue;  // a fault was worse than a cut
        }
        ++connected;
        (void)pair.client.send_packet("and back");
        const std::string expected = greeting + "and back";
        (void)pair.sim.run_until(
            [&] { return pair.received == expected || !pair.client.is_connected(); }, minutes(5));
        EXPECT_TRUE(expected.starts_with(pair.received)) << "seed " << seed;
        EXPECT_NE(pair.asked.find("target.example"), std::string::npos);
    }
    EXPECT_GT(connected, 200U);
}

TEST_P(proxied_simulation, works_without_faults) {
    proxied_pair pair(GetParam(), {}, 1);
    ASSERT_TRUE(pair.start());
    EXPECT_TRUE(pair.sim.run_until([&] { return pair.received == greeting; }, minutes(1)));
    EXPECT_TRUE(pair.connected && *pair.connected);
}

TEST_P(proxied_simulation, waits_for_the_answer_as_long_as_for_a_connection) {
    proxied_pair pair(GetParam(), {}, 1);
    pair.answers = false;
    ASSERT_TRUE(pair.start());
    ASSERT_TRUE(pair.sim.run_until([&] { return pair.connected.has_value(); }, minutes(1)));
    EXPECT_EQ(code_of(*pair.connected), number(errc::connection_timeout));
    EXPECT_GE(pair.sim.now(), seconds(10));
    EXPECT_LT(pair.sim.now(), seconds(11));
}

TEST(simulation_of_proxies, has_none_over_tls) {
    simulation sim(1);
    client_options options;
    options.proxy.kind = proxy_kind::https_connect;
    options.proxy.host = "proxy";
    messaging_client client("client", sim.on_host("client", options));
    EXPECT_EQ(code_of(client.start_client("target", 1, [](VoidResult) {})),
              number(errc::not_supported));
}

}  // namespace
}  // namespace network_system::testing

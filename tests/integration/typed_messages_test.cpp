// Values as messages and requests, over every protocol of connections.
#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_MSGPACK

#include "support/loopback.h"
#include "support/secure.h"

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#include <network_system/integration/container_integration.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

using namespace std::chrono_literals;
using loopback::collector;
using loopback::event_counter;
using loopback::fails_with;
using loopback::is_ok;

struct point {
    int x = 0;
    int y = 0;

    friend bool operator==(const point&, const point&) = default;
};
value to_value(const point& from) {
    return value_map{{"x", from.x}, {"y", from.y}};
}
VoidResult from_value(const value& from, point& to) {
    return read_fields(from, "x", to.x, "y", to.y);
}

struct over_tcp {
    core::messaging_server server{"server"};
    core::messaging_client client{"client"};
    VoidResult start() {
        return server.start_server(0).and_then(
            [&](auto) { return client.start_client("127.0.0.1", server.local_port()); });
    }
};
struct over_tls {
    core::secure_messaging_server server{"server", secure::for_server()};
    core::secure_messaging_client client{"client", secure::for_client()};
    VoidResult start() {
        return server.start_server(0).and_then(
            [&](auto) { return client.start_client("127.0.0.1", server.local_port()); });
    }
};
struct over_ws {
    core::messaging_ws_server server{"server"};
    core::messaging_ws_client client{"client"};
    VoidResult start() {
        return server.start_server(core::ws_server_config()).and_then([&](auto) {
            core::ws_client_config config;
            config.host = "127.0.0.1";
            config.port = server.local_port();
            return client.start_client(config);
        });
    }
};

template <typename Protocol>
class typed_messages : public ::testing::Test {
protected:
    void start() { ASSERT_TRUE(is_ok(peers_.start())); }
    auto& server() { return peers_.server; }
    auto& client() { return peers_.client; }

    Protocol peers_;
};
using protocols = ::testing::Types<over_tcp, over_tls, over_ws>;
TYPED_TEST_SUITE(typed_messages, protocols);

TYPED_TEST(typed_messages, arrive_as_what_they_were) {
    collector<point> received;
    collector<point> answers;
    (void)on_value<point>(this->server(), [&](const auto& session, const point& where) {
        received.add(where);
        EXPECT_TRUE(is_ok(send_value(session, point{where.y, where.x})));
    });
    (void)on_value<point>(this->client(), [&](const point& where) { answers.add(where); });
    this->start();
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(is_ok(send_value(this->client(), point{i, -i})));
    }
    ASSERT_TRUE(answers.wait_for(100));
    EXPECT_EQ(received.at(99), (point{99, -99}));
    EXPECT_EQ(answers.at(99), (point{-99, 99}));
}

TYPED_TEST(typed_messages, of_another_type_end_the_session) {
    for (const std::vector<std::uint8_t>& wrong :
         {std::vector<std::uint8_t>{0xC1}, std::vector<std::uint8_t>{0x07},
          std::vector<std::uint8_t>(100, 0x91)}) {
        TypeParam peers;
        collector<point> received;
        event_counter ended;
        collector<std::error_code> errors;
        (void)on_value<point>(peers.server, [&](const point& where) { received.add(where); });
        (void)peers.server.set_error_callback([&](std::error_code error) { errors.add(error); });
        (void)peers.client.set_disconnected_callback([&] { ended.add(); });
        ASSERT_TRUE(is_ok(peers.start()));
        ASSERT_TRUE(is_ok(send_value(peers.client, point{1, 2})));
        ASSERT_TRUE(received.wait_for(1));
        ASSERT_TRUE(is_ok(peers.client.send_packet(wrong)));
        EXPECT_TRUE(ended.wait_for(1));
        if constexpr (!std::is_same_v<TypeParam, over_ws>) {
            ASSERT_TRUE(errors.wait_for(1));
            EXPECT_EQ(errors.at(0), make_error_code(errc::protocol_error));
        }
        EXPECT_EQ(received.size(), 1U);
    }
}

TYPED_TEST(typed_messages, that_cannot_be_carried_are_errors_of_the_sender) {
    this->start();
    value deep = 1;
    for (int i = 0; i < 40; ++i) {
        deep = value_list{deep};
    }
    EXPECT_TRUE(fails_with(send_value(this->client(), deep), errc::invalid_argument));
    EXPECT_TRUE(is_ok(send_value(this->client(), 1)));
    EXPECT_EQ(this->client().metrics().totals.messages_dropped, 0U);
}

/// A container that is broken.
class throwing_container final : public container_interface {
public:
    [[nodiscard]] std::string_view name() const noexcept override { return "broken"; }
    [[nodiscard]] VoidResult serialize(const value&, std::vector<std::uint8_t>&) const override {
        throw std::runtime_error("cannot write");
    }
    [[nodiscard]] Result<value> deserialize(std::span<const std::uint8_t>) const override {
        throw std::runtime_error("cannot read");
    }
};

TYPED_TEST(typed_messages, survive_a_container_that_throws) {
    const auto broken = std::make_shared<const throwing_container>();
    event_counter ended;
    (void)on_value<int>(
        this->server(), [](int) {}, broken);
    (void)this->client().set_disconnected_callback([&] { ended.add(); });
    this->start();
    const auto sent = send_value(this->client(), 1, broken);
    ASSERT_TRUE(fails_with(sent, errc::internal_error));
    EXPECT_NE(sent.error().message.find("the container broken threw: cannot write"),
              std::string::npos);
    EXPECT_TRUE(is_ok(send_value(this->client(), 1)));
    EXPECT_TRUE(ended.wait_for(1));
}

TYPED_TEST(typed_messages, send_more_from_inside_a_send) {
    collector<int> received;
    (void)on_value<int>(this->server(), [&](int number) { received.add(number); });
    this->start();
    const auto session = this->client().get_session().value();
    (void)session->post([&] {
        EXPECT_TRUE(is_ok(send_value(session, 1)));
        EXPECT_TRUE(is_ok(send_value(session, 2)));
    });
    ASSERT_TRUE(received.wait_for(2));
    EXPECT_EQ(received.at(1), 2);
}

template <typename Protocol>
class typed_requests : public typed_messages<Protocol> {};
using asking_protocols = ::testing::Types<over_tcp, over_tls>;
TYPED_TEST_SUITE(typed_requests, asking_protocols);

TYPED_TEST(typed_requests, are_answered_with_values) {
    (void)on_value_request<point>(this->server(), [](const point& where) {
        return std::vector<int>{where.x, where.y};
    });
    this->start();
    collector<Result<std::vector<int>>> answers;
    ASSERT_TRUE(is_ok(request_value<std::vector<int>>(
        this->client(), point{1, 2}, 5s,
        [&](Result<std::vector<int>> answer) { answers.add(std::move(answer)); })));
    auto session = this->client().get_session().value();
    ASSERT_TRUE(is_ok(request_value<std::vector<int>>(
        session, point{3, 4}, 5s,
        [&](Result<std::vector<int>> answer) { answers.add(std::move(answer)); })));
    ASSERT_TRUE(answers.wait_for(2));
    ASSERT_TRUE(is_ok(answers.at(0)));
    EXPECT_EQ(answers.at(0).value(), (std::vector<int>{1, 2}));
    EXPECT_EQ(answers.at(1).value(), (std::vector<int>{3, 4}));
}

TYPED_TEST(typed_requests, of_the_wrong_type_are_errors_of_those_who_ask) {
    (void)on_value_request<int>(this->server(), [](const auto&, int number) -> Result<value> {
        if (number < 0) {
            return error_info{static_cast<int>(errc::invalid_argument), "negative"};
        }
        return value("not a number");
    });
    this->start();
    collector<Result<int>> answers;
    const auto ask = [&](const value& what) {
        ASSERT_TRUE(is_ok(request_value<int>(this->client(), what, 5s, [&](Result<int> answer) {
            answers.add(std::move(answer));
        })));
    };
    ask("text");
    ask(-1);
    ask(1);
    ASSERT_TRUE(answers.wait_for(3));
    EXPECT_TRUE(fails_with(answers.at(0), errc::invalid_argument));
    EXPECT_NE(answers.at(0).error().message.find("expected an integer"), std::string::npos);
    EXPECT_TRUE(fails_with(answers.at(1), errc::invalid_argument));
    EXPECT_TRUE(fails_with(answers.at(2), errc::protocol_error));
}

class container_managers : public ::testing::Test {
protected:
    ~container_managers() override {
        manager_.set_default_container(nullptr);
        for (const std::string& each : manager_.list_containers()) {
            manager_.unregister_container(each);
        }
    }
    container_manager& manager_ = container_manager::instance();
};

TEST_F(container_managers, know_containers_by_name) {
    const auto first = std::make_shared<const basic_container>();
    const auto second = std::make_shared<const throwing_container>();
    EXPECT_TRUE(is_ok(manager_.register_container("b", first)));
    EXPECT_TRUE(is_ok(manager_.register_container("a", second)));
    EXPECT_TRUE(fails_with(manager_.register_container("a", first), errc::already_exists));
    EXPECT_TRUE(fails_with(manager_.register_container("", first), errc::invalid_argument));
    EXPECT_TRUE(fails_with(manager_.register_container("c", nullptr), errc::invalid_argument));
    EXPECT_EQ(manager_.get_container("a"), second);
    EXPECT_EQ(manager_.get_container("c"), nullptr);
    EXPECT_EQ(manager_.list_containers(), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(manager_.unregister_container("a").is_ok());
    EXPECT_TRUE(manager_.unregister_container("a").is_err());
}

TEST_F(container_managers, have_a_default) {
    const auto first = manager_.get_default_container();
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->name(), "MessagePack");
    const auto broken = std::make_shared<const throwing_container>();
    manager_.set_default_container(broken);
    EXPECT_EQ(manager_.get_default_container(), broken);
    core::messaging_client client("client");
    EXPECT_TRUE(fails_with(send_value(client, 1), errc::internal_error));
    manager_.set_default_container(nullptr);
    EXPECT_EQ(manager_.get_default_container()->name(), "MessagePack");
}

}  // namespace
}  // namespace network_system::integration

#endif

// internal::secure_tcp_socket: encrypted bytes over sockets that Asio connected and accepted.
#include "support/context_runner.h"
#include "support/secure.h"

#include <network_system/internal/secure_tcp_socket.h>

namespace secure {
namespace {

using network_system::internal::secure_tcp_socket;

class secure_tcp_socket_test : public testing::Test {
protected:
    ~secure_tcp_socket_test() override {
        server_.reset();
        client_.reset();
        EXPECT_TRUE(runner_.comes_to_rest()) << "nothing may stay registered";
    }

    /// Both ends of a connection.
    void connect(const std::string& host) {
        auto [dialled, called] = runner_.connected_pair();
        auto server =
            secure_tcp_socket::adopt_server(runner_.context, std::move(called), for_server());
        ASSERT_TRUE(is_ok(server));
        server_ = std::move(server).value();
        auto client = secure_tcp_socket::adopt_client(runner_.context, std::move(dialled), host,
                                                      for_client());
        ASSERT_TRUE(is_ok(client));
        client_ = std::move(client).value();
        (void)server_->set_receive_callback([this](std::span<const std::uint8_t> data) {
            EXPECT_TRUE(is_ok(server_->async_send(data)));
        });
        (void)client_->set_receive_callback(
            [this](std::span<const std::uint8_t> data) { arrived_.add(text_of(data)); });
        (void)server_->set_closed_callback([this](std::error_code why) { server_end_.add(why); });
        (void)client_->set_closed_callback([this](std::error_code why) { client_end_.add(why); });
    }

    context_runner runner_{1};
    std::unique_ptr<secure_tcp_socket> server_;
    std::unique_ptr<secure_tcp_socket> client_;
    collector<std::string> arrived_;
    collector<std::error_code> server_end_;
    collector<std::error_code> client_end_;
};

TEST_F(secure_tcp_socket_test, carries_bytes_both_ways_and_ends_in_order) {
    ASSERT_NO_FATAL_FAILURE(connect("localhost"));
    ASSERT_TRUE(is_ok(server_->start_read()));
    ASSERT_TRUE(is_ok(client_->start_read()));
    // Before the handshake is complete it waits.
    ASSERT_TRUE(is_ok(client_->async_send(bytes{'h', 'i'})));
    ASSERT_TRUE(arrived_.wait_for(1));
    EXPECT_EQ(arrived_.at(0), "hi");
    ASSERT_TRUE(is_ok(client_->tls()));
    EXPECT_EQ(client_->tls().value().peer->subject, "CN=server");
    client_->close();
    ASSERT_TRUE(client_end_.wait_for(1));
    ASSERT_TRUE(server_end_.wait_for(1));
    EXPECT_EQ(client_end_.at(0), std::error_code{});
    EXPECT_EQ(server_end_.at(0), std::error_code{});
}

TEST_F(secure_tcp_socket_test, refuses_a_server_of_another_name) {
    ASSERT_NO_FATAL_FAILURE(connect("example.org"));
    ASSERT_TRUE(is_ok(server_->start_read()));
    ASSERT_TRUE(is_ok(client_->start_read()));
    ASSERT_TRUE(client_end_.wait_for(1));
    EXPECT_EQ(client_end_.at(0), errc::certificate_verification_failed);
    ASSERT_TRUE(server_end_.wait_for(1));
    EXPECT_EQ(server_end_.at(0), errc::tls_handshake_failed);
}

TEST_F(secure_tcp_socket_test, leaves_the_socket_alone_when_the_configuration_makes_no_sense) {
    auto [dialled, called] = runner_.connected_pair();
    EXPECT_TRUE(fails_with(
        secure_tcp_socket::adopt_server(runner_.context, std::move(called), tls_config{}),
        errc::invalid_argument));
    EXPECT_TRUE(called.is_open());  // NOLINT(bugprone-use-after-move): that is the point
}

}  // namespace
}  // namespace secure

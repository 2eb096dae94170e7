// internal::tcp_socket: a stream of bytes over a socket that Asio connected or accepted.
#include "support/context_runner.h"

#include <network_system/internal/tcp_socket.h>

#include <stdexcept>

namespace loopback {
namespace {

using network_system::internal::tcp_socket;
using network_system::internal::tcp_socket_options;

class tcp_socket_test : public testing::Test {
protected:
    ~tcp_socket_test() override { end(); }

    void end() {
        stream_.reset();
        peer_.close();
        EXPECT_TRUE(runner_.comes_to_rest()) << "nothing may stay registered";
    }

    [[nodiscard]] asio::ip::tcp::socket connected_socket() {
        asio::ip::tcp::socket socket(runner_.context);
        socket.connect({asio::ip::address_v4::loopback(), listener_.port()});
        peer_ = listener_.accept();
        return socket;
    }

    /// A stream to `peer_`; callbacks set, not started.
    void adopt(const tcp_socket_options& options = {}) {
        auto adopted = tcp_socket::adopt(runner_.context, connected_socket(), options);
        ASSERT_TRUE(is_ok(adopted));
        stream_ = std::move(adopted).value();
        (void)stream_->set_receive_callback([this](std::span<const std::uint8_t> data) {
            const bytes part = copy_of(data);
            const std::lock_guard lock(mutex_);
            received_.insert(received_.end(), part.begin(), part.end());
            arrived_.add(part.size());
        });
        (void)stream_->set_closed_callback([this](std::error_code why) { closed_.add(why); });
        (void)stream_->set_writable_callback([this] { writable_.add(); });
    }

    context_runner runner_{1};
    raw_listener listener_;
    raw_peer peer_;
    std::unique_ptr<tcp_socket> stream_;
    std::mutex mutex_;
    bytes received_;
    event_counter arrived_;
    event_counter writable_;
    collector<std::error_code> closed_;
};

TEST_F(tcp_socket_test, carries_bytes_both_ways) {
    adopt();
    ASSERT_TRUE(is_ok(stream_->start_read()));
    EXPECT_TRUE(stream_->is_open());
    EXPECT_EQ(stream_->remote_endpoint().port(), listener_.port());
    EXPECT_NE(stream_->local_endpoint().port(), 0);

    const bytes sent = pattern(300'000);
    event_counter done;
    ASSERT_TRUE(is_ok(stream_->async_send(bytes(sent), [&](const VoidResult& result) {
        EXPECT_TRUE(is_ok(result));
        done.add();
    })));
    ASSERT_TRUE(is_ok(stream_->async_send(std::span(sent).first(5))));
    EXPECT_EQ(peer_.receive(sent.size()), sent);
    EXPECT_EQ(peer_.receive(5), bytes(sent.begin(), sent.begin() + 5));
    EXPECT_TRUE(done.wait_for(1));

    ASSERT_TRUE(peer_.send(sent));
    ASSERT_TRUE(arrived_.wait_for(sent.size()));
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(received_, sent);
}

TEST_F(tcp_socket_test, both_sides_close_in_order) {
    adopt();
    ASSERT_TRUE(is_ok(stream_->start_read()));
    ASSERT_TRUE(is_ok(stream_->async_send(bytes{1, 2, 3})));
    stream_->close();
    stream_->close();
    EXPECT_EQ(peer_.receive(4), (bytes{1, 2, 3}));
    EXPECT_EQ(peer_.end(), stream_end::orderly);
    peer_.close();
    ASSERT_TRUE(closed_.wait_for(1));
    EXPECT_FALSE(closed_.at(0));
    EXPECT_FALSE(stream_->is_open());
    EXPECT_TRUE(fails_with(stream_->async_send(bytes{1}), errc::connection_closed));
    EXPECT_EQ(stream_->metrics().messages_sent, 1U);
    EXPECT_EQ(stream_->metrics().bytes_sent, 3U);
}

TEST_F(tcp_socket_test, the_end_of_the_peer_is_an_orderly_end_and_a_reset_is_not) {
    adopt();
    ASSERT_TRUE(is_ok(stream_->start_read()));
    peer_.close();
    ASSERT_TRUE(closed_.wait_for(1));
    EXPECT_FALSE(closed_.at(0));

    adopt();
    ASSERT_TRUE(is_ok(stream_->start_read()));
    peer_.reset();
    ASSERT_TRUE(closed_.wait_for(2));
    EXPECT_EQ(closed_.at(1), errc::connection_closed);
}

TEST_F(tcp_socket_test, pushes_back_on_both_sides) {
    tcp_socket_options options;
    options.limits.high_watermark = 64'000;
    options.limits.low_watermark = 1'000;
    adopt(options);
    ASSERT_TRUE(is_ok(stream_->start_read()));
    const bytes block = pattern(32'000);
    std::size_t accepted = 0;
    VoidResult last = network_system::ok();
    while ((last = stream_->async_send(block))) {
        accepted += block.size();
    }
    EXPECT_TRUE(fails_with(last, errc::send_buffer_full));
    EXPECT_LE(stream_->queued_bytes(), options.limits.high_watermark);
    EXPECT_EQ(peer_.receive(accepted).size(), accepted);
    EXPECT_TRUE(writable_.wait_for(1));

    ASSERT_TRUE(is_ok(stream_->pause_receiving()));
    ASSERT_TRUE(is_ok(stream_->resume_receiving()));
    ASSERT_TRUE(peer_.send(block));
    EXPECT_TRUE(arrived_.wait_for(block.size()));
}

TEST_F(tcp_socket_test, misuse_has_its_errors) {
    tcp_socket_options wrong;
    wrong.limits.low_watermark = wrong.limits.high_watermark + 1;
    auto socket = connected_socket();
    EXPECT_TRUE(fails_with(tcp_socket::adopt(runner_.context, std::move(socket), wrong),
                           errc::invalid_argument));
    EXPECT_TRUE(socket.is_open());
    EXPECT_TRUE(
        fails_with(tcp_socket::adopt(runner_.context, asio::ip::tcp::socket(runner_.context)),
                   errc::connection_closed));

    adopt();
    EXPECT_FALSE(stream_->is_open());
    EXPECT_TRUE(fails_with(stream_->async_send(bytes{1}), errc::connection_closed));
    EXPECT_TRUE(fails_with(stream_->pause_receiving(), errc::connection_closed));
    ASSERT_TRUE(is_ok(stream_->start_read()));
    EXPECT_TRUE(fails_with(stream_->start_read(), errc::already_exists));
    EXPECT_TRUE(fails_with(stream_->set_writable_callback([] {}), errc::invalid_argument));
    bytes nothing;
    EXPECT_TRUE(fails_with(stream_->async_send(std::move(nothing)), errc::invalid_argument));
}

TEST_F(tcp_socket_test, closes_a_socket_that_never_started) {
    adopt();
    stream_->close();
    EXPECT_TRUE(fails_with(stream_->start_read(), errc::connection_closed));
    stream_.reset();
    EXPECT_EQ(peer_.drain(), stream_end::orderly);
    EXPECT_EQ(closed_.size(), 0U);
}

TEST_F(tcp_socket_test, may_be_destroyed_in_its_callback_and_the_context_comes_to_rest) {
    adopt();
    event_counter destroyed;
    (void)stream_->set_receive_callback([&](std::span<const std::uint8_t>) {
        stream_.reset();
        destroyed.add();
    });
    ASSERT_TRUE(is_ok(stream_->start_read()));
    ASSERT_TRUE(peer_.send(bytes{1}));
    ASSERT_TRUE(destroyed.wait_for(1));
    EXPECT_EQ(peer_.drain(), stream_end::orderly);
    peer_.close();
    end();
    EXPECT_EQ(closed_.size(), 0U);  // no callback after the destructor
}

TEST_F(tcp_socket_test, an_exception_closes_the_connection) {
    adopt();
    (void)stream_->set_receive_callback(
        [](std::span<const std::uint8_t>) { throw std::runtime_error("test"); });
    ASSERT_TRUE(is_ok(stream_->start_read()));
    ASSERT_TRUE(peer_.send(bytes{1}));
    EXPECT_EQ(peer_.drain(), stream_end::orderly);
    peer_.close();
    ASSERT_TRUE(closed_.wait_for(1));
    EXPECT_EQ(closed_.at(0), errc::internal_error);
}

TEST(tcp_socket, the_context_may_end_first) {
    raw_listener listener;
    std::unique_ptr<tcp_socket> running;
    std::unique_ptr<tcp_socket> pending;
    raw_peer peers[2];
    {
        asio::io_context context;
        for (auto* const each : {&running, &pending}) {
            asio::ip::tcp::socket socket(context);
            socket.connect({asio::ip::address_v4::loopback(), listener.port()});
            peers[each == &pending ? 1 : 0] = listener.accept();
            auto adopted = tcp_socket::adopt(context, std::move(socket));
            ASSERT_TRUE(is_ok(adopted));
            *each = std::move(adopted).value();
            ASSERT_TRUE(is_ok((*each)->start_read()));
            if (each == &running) {
                (void)context.poll();
            }
        }
    }
    EXPECT_NE(peers[0].drain(), stream_end::none);
    running.reset();
    pending.reset();
    EXPECT_NE(peers[1].drain(), stream_end::none);
}

}  // namespace
}  // namespace loopback

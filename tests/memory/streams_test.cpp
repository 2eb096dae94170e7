// Each allocation of a conversation fails in turn, in servers and clients over streams of bytes.
#include "memory/hearing.h"
#include "support/secure.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/thread_pool.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace secure;

using failing_heap::exempt;
using failing_heap::hearing;
using failing_heap::in_library;

struct over_tcp {
    using server = messaging_server;
    using client = messaging_client;
    static std::unique_ptr<server> make_server(const server_options& options) {
        return std::make_unique<server>("server", options);
    }
    static std::unique_ptr<client> make_client(const client_options& options) {
        return std::make_unique<client>("client", options);
    }
};

struct over_tls {
    using server = secure_messaging_server;
    using client = secure_messaging_client;
    static std::unique_ptr<server> make_server(const server_options& options) {
        return std::make_unique<server>("server", for_server(), options);
    }
    static std::unique_ptr<client> make_client(const client_options& options) {
        return std::make_unique<client>("client", for_client(), options);
    }
};

template <typename Client>
void listen_to(Client& client, hearing& heard) {
    client.set_receive_callback(
        [&heard](std::span<const std::uint8_t> data) { heard.record_bytes(data.size()); });
    client.set_disconnected_callback([&heard](auto&&...) { heard.record_end(); });
}

template <typename Streams>
class failing_memory : public ::testing::Test {
protected:
    static constexpr std::size_t large = 300'000;

    static client_options options_of_client() {
        client_options options;
        options.connect_timeout = 20s;
        options.drain_timeout = 20s;
        options.session.high_watermark = 4 * large;
        return options;
    }

    static std::unique_ptr<typename Streams::server> make_server(
        std::shared_ptr<network_system::thread_pool> callback_pool = nullptr) {
        server_options options;
        options.callback_pool = std::move(callback_pool);
        options.bind_address = "127.0.0.1";
        options.drain_timeout = 20s;
        options.session.high_watermark = 4 * large;
        auto server = Streams::make_server(options);
        server->set_receive_callback(
            [](const session_ptr& who, std::span<const std::uint8_t> data) {
                if (!who->send_packet(data)) {
                    while (!who->stop_session()) {}  // no answer, so an end
                }
            });
        server->set_request_callback([](const session_ptr&, std::span<const std::uint8_t> data) {
            return Result<std::vector<std::uint8_t>>(
                std::vector<std::uint8_t>(data.begin(), data.end()));
        });
        return server;
    }

    /// Everything an application does; each of it may fail.
    static void converse(typename Streams::server& server) {
        hearing heard;
        const auto client = Streams::make_client(options_of_client());
        listen_to(*client, heard);
        const auto started =
            in_library([&] { return client->start_client("localhost", server.local_port()); });
        if (started) {
            std::size_t expected = 0;
            const auto send = [&](auto&& what, std::size_t size) {
                expected += in_library([&] { return client->send_packet(what); }) ? size : 0;
            };
            send(std::string_view("hello"), 5);
            send(std::span<const std::uint8_t>(std::vector<std::uint8_t>(large, 1)), large);
            std::vector<std::uint8_t> owned(large, 2);
            expected +=
                in_library([&] { return client->send_packet(std::move(owned)); }) ? large : 0;
            EXPECT_TRUE(heard.wait_for(expected)) << "neither an answer nor an end";
            (void)in_library([&] { return client->request("question", 20s); });
            (void)in_library([&] { return client->ping(); });
            for (const auto& each : server.get_sessions()) {
                (void)in_library(
                    [&] { return server.subscribe(each, "a topic with a long name"); });
            }
            (void)in_library([&] { return server.broadcast("to all"); });
            (void)in_library([&] { return server.publish("a topic with a long name", "news"); });
        }
        in_library([&] { return client->stop_client(); });
    }

    /// In pull mode: everybody who may ask is told something.
    static void converse_by_pulling(typename Streams::server& server) {
        constexpr std::size_t askers = 3;
        client_options options = options_of_client();
        options.session.receiving = network_system::receive_mode::pull;
        event_counter told;
        std::size_t asked = 0;
        {
            const auto client = Streams::make_client(options);
            const bool is_started = in_library(
                [&] { return client->start_client("localhost", server.local_port()).is_ok(); });
            for (std::size_t i = 0; is_started && i < askers; ++i) {
                network_system::session::receive_handler hear = [&told](const auto&) {
                    const exempt own;
                    told.add();
                };
                if (in_library([&] { return client->receive_packet(std::move(hear)); })) {
                    ++asked;
                } else {
                    EXPECT_TRUE(hear) << "what is refused stays the caller's";
                }
                (void)in_library([&] { return client->send_packet("hello"); });
            }
            in_library([&] { return client->stop_client(); });
        }
        EXPECT_TRUE(told.wait_for(asked)) << told.count() << " of " << asked;
    }

    /// With memory again, everything works.
    static void expect_service(typename Streams::server& server) {
        hearing heard;
        const auto client = Streams::make_client(options_of_client());
        listen_to(*client, heard);
        const auto started = client->start_client("localhost", server.local_port());
        ASSERT_TRUE(started) << started.error().message;
        ASSERT_TRUE(client->send_packet("hello"));
        ASSERT_TRUE(heard.wait_for(5));
        EXPECT_TRUE(heard.has_heard(5));
        const auto answer = client->request("question", 20s);
        EXPECT_TRUE(answer) << answer.error().message;
        EXPECT_TRUE(client->stop_client());
    }

    /// Each allocation of `meet(server)` fails in turn.
    template <typename Converse>
    static void expect_survival(typename Streams::server& server, const Converse& meet) {
        ASSERT_TRUE(server.start_server(0));
        failing_heap::fail_each_allocation([&] { meet(server); }, [&] { expect_service(server); });
        EXPECT_TRUE(server.stop_server());
    }
};

using both = ::testing::Types<over_tcp, over_tls>;
TYPED_TEST_SUITE(failing_memory, both);

TYPED_TEST(failing_memory, ends_what_it_happens_to_and_nothing_else) {
    const exempt own;
    const auto server = TestFixture::make_server();
    TestFixture::expect_survival(*server, TestFixture::converse);
    const auto all = server->metrics();
    EXPECT_EQ(all.connections_active, 0U);
    EXPECT_EQ(all.totals.queued_bytes, 0U);
}

TYPED_TEST(failing_memory, ends_what_it_happens_to_on_a_callback_pool) {
    const exempt own;
    const auto pool = std::make_shared<network_system::thread_pool>(2);
    const auto server = TestFixture::make_server(pool);
    TestFixture::expect_survival(*server, TestFixture::converse);
    EXPECT_EQ(server->metrics().connections_active, 0U);
    pool->stop();
}

TYPED_TEST(failing_memory, leaves_nobody_untold_in_pull_mode) {
    const exempt own;
    const auto server = TestFixture::make_server();
    TestFixture::expect_survival(*server, TestFixture::converse_by_pulling);
}

TYPED_TEST(failing_memory, is_an_error_of_the_start_of_a_server) {
    const exempt own;
    std::size_t failed = 1;
    for (std::size_t which = 1; failed > 0; ++which) {
        const auto server = TestFixture::make_server();
        failing_heap::fail_from(which);
        const auto started = in_library([&] { return server->start_server(0); });
        const auto stopped = in_library([&] { return server->stop_server(); });
        failed = failing_heap::stop();
        if (!started) {
            EXPECT_EQ(started.error().code, static_cast<int>(errc::out_of_memory))
                << which << ": " << started.error().message;
        }
        if (!stopped) {
            EXPECT_EQ(stopped.error().code, static_cast<int>(errc::out_of_memory));
        }
        EXPECT_TRUE(server->stop_server());
        ASSERT_TRUE(server->start_server(0)) << which;
        TestFixture::expect_service(*server);
        EXPECT_TRUE(server->stop_server());
        ASSERT_FALSE(this->HasFailure()) << "allocation " << which;
    }
}

}  // namespace

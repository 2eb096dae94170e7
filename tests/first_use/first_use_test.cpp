// What the library makes at first use, and a child that is forked while another thread makes it:
// the child can use it too. The process of these tests itself uses as little as it can.
#include "first_use/held_guards.h"
#include "support/child_process.h"
#include "support/loopback.h"
#include "support/secure.h"
#include "support/websocket.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>
#include <network_system/network_system.h>

#include <gtest/gtest.h>

#include <csignal>
#include <ostream>
#include <string>
#include <thread>

namespace network_system::inline v0_1 {
namespace {

using loopback::is_ok;
using testing::succeeds_in_child;
namespace held_guards = testing::held_guards;

struct use {
    const char* name;
    void (*work)();
};
std::ostream& operator<<(std::ostream& to, const use& which) {
    return to << which.name;
}

void use_log() {
    set_log_sink([](const log_record&) {});
    NETWORK_LOG_ERROR("{}", 1);
}
void use_words() {
    EXPECT_FALSE(make_error_code(errc::connection_closed).message().empty());
    EXPECT_TRUE(endpoint().path().empty());
}
void use_pools() {
    loopback::event_counter run;
    EXPECT_TRUE(
        is_ok(integration::thread_integration_manager::instance().submit_task([&] { run.add(); })));
    EXPECT_TRUE(run.wait_for(1));
    thread_pool own(1);
}
void use_managers() {
    EXPECT_TRUE(is_ok(initialize()));
    EXPECT_FALSE(integration::container_manager::instance().get_container("none"));
    integration::logger_integration_manager::instance().set_logger(nullptr);
    shutdown();
}
void use_signals() {
    EXPECT_TRUE(stop_on_signals([] {}, {SIGUSR1}).is_ok());
}

void use_tcp() {
    loopback::test_server server;
    loopback::test_client client;
    EXPECT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(client.exchange("hello"));
}
void use_tls() {
    secure::secure_server server(secure::for_server());
    secure::secure_client client(secure::for_client());
    EXPECT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(client.exchange("hello"));
}
void use_websocket() {
    ws::ws_test_server server;
    server.on_connect = [](const ws::connection_ptr& connection) {
        EXPECT_TRUE(connection->response().start_line().empty());
    };
    ws::ws_test_client client;
    EXPECT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(client.exchange("hello"));
}
void use_udp() {
    core::messaging_udp_server server("server");
    core::messaging_udp_client client("client");
    loopback::event_counter received;
    EXPECT_TRUE(is_ok(server.set_receive_callback(
        [&](std::span<const std::uint8_t>, const endpoint&) { received.add(); })));
    EXPECT_TRUE(is_ok(server.start_server(0)));
    EXPECT_TRUE(is_ok(client.start_client("localhost", server.local_port())));
    EXPECT_TRUE(is_ok(client.send_packet("hello")));
    EXPECT_TRUE(received.wait_for(1));
}

class first_use : public ::testing::TestWithParam<use> {};

TEST_P(first_use, in_a_child_that_was_forked_meanwhile) {
    (void)secure::for_server();
    EXPECT_TRUE(succeeds_in_child([work = GetParam().work] {
        held_guards::hold_others();
        std::thread first([work] {
            work();
            held_guards::finish();
        });
        while (held_guards::wait()) {
            EXPECT_TRUE(succeeds_in_child([work] {
                held_guards::release_all();
                work();
            }));
            held_guards::go_on();
        }
        first.join();
    }));
}

INSTANTIATE_TEST_SUITE_P(of, first_use,
                         ::testing::Values(use{"log", &use_log}, use{"words", &use_words},
                                           use{"pools", &use_pools}, use{"managers", &use_managers},
                                           use{"signals", &use_signals}, use{"tcp", &use_tcp},
                                           use{"tls", &use_tls}, use{"websocket", &use_websocket},
                                           use{"udp", &use_udp}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace network_system

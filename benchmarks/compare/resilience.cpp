// What a resilient_client costs beside a messaging_client, in one process and one run: echoes of
// both, and messages that are acknowledged instead.
//
//   compare_resilience [--connections N] [--in-flight N] [--size BYTES] [--messages N] [--rounds N]
//                      [--only K]

#include "interleaved.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/resilience/resilient_client.h>

#include <cstdint>
#include <span>

namespace {

using namespace network_system;
using compare::measure;
using compare::require;
using compare::round_of_messages;
using resilience::delivery_mode;
using resilience::resilient_client;
using resilience::resilient_client_options;

class plain_client {
public:
    plain_client(std::uint16_t port, std::span<const std::uint8_t> message,
                 round_of_messages& round)
        : client_("plain") {
        (void)client_.set_receive_callback([this, message, &round](std::span<const std::uint8_t>) {
            round.finish();
            if (round.take()) {
                require(client_.send_packet(message));
            }
        });
        require(client_.start_client("127.0.0.1", port));
    }
    void send(std::span<const std::uint8_t> message) { require(client_.send_packet(message)); }

private:
    core::messaging_client client_;
};

class at_most_once_client {
public:
    at_most_once_client(std::uint16_t port, std::span<const std::uint8_t> message,
                        round_of_messages& round)
        : client_("resilient", "127.0.0.1", port) {
        (void)client_.set_receive_callback([this, message, &round](std::span<const std::uint8_t>) {
            round.finish();
            if (round.take()) {
                require(client_.send_with_retry(message));
            }
        });
        require(client_.connect());
    }
    void send(std::span<const std::uint8_t> message) { require(client_.send_with_retry(message)); }

private:
    resilient_client client_;
};

class at_least_once_client {
public:
    at_least_once_client(std::uint16_t port, std::span<const std::uint8_t>,
                         round_of_messages& round)
        : round_(round), client_("acknowledged", options_for(port)) {
        require(client_.connect());
    }
    void send(std::span<const std::uint8_t> message) {
        require(client_.send_with_retry(message, [this, message](const VoidResult& result) {
            require(result);
            round_.finish();
            if (round_.take()) {
                send(message);
            }
        }));
    }

private:
    static resilient_client_options options_for(std::uint16_t port) {
        resilient_client_options options;
        options.endpoints = {{"127.0.0.1", port}};
        options.delivery = delivery_mode::at_least_once;
        return options;
    }

    round_of_messages& round_;
    resilient_client client_;
};

void compare_resilience(compare::arguments& options) {
    const compare::settings chosen(options);
    core::messaging_server echo("echo");
    (void)echo.set_receive_callback([](const auto& session, std::span<const std::uint8_t> data) {
        (void)session->send_packet(data);
    });
    core::messaging_server taker("taker");
    (void)taker.set_receive_callback([](std::span<const std::uint8_t>) {});
    require(echo.start_server(0));
    require(taker.start_server(0));
    const auto& load = chosen.load;
    compare::compare_kinds(
        {{"messaging_client, echo", [&] { return measure<plain_client>(load, echo.local_port()); }},
         {"the same again", [&] { return measure<plain_client>(load, echo.local_port()); }},
         {"resilient_client, echo",
          [&] { return measure<at_most_once_client>(load, echo.local_port()); }},
         {"resilient_client, acknowledged",
          [&] { return measure<at_least_once_client>(load, taker.local_port()); }}},
        load, chosen.rounds, chosen.only);
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, compare_resilience);
}

// The comparison's subject: servers over the public API of this library, with nothing a user could
// not write. Messages are echoed and requests answered with their own data; --coroutines does the
// same in a coroutine per connection, one message at a time, --coroutines-all with all that wait,
// --any-coroutines in a plain asio::awaitable; --logger with a logger at info; --broadcast sends
// every message to everybody; with
// --tls-cert and --tls-key over TLS; --websocket echoes over WebSocket.

#include "common.h"

#include <network_system/async.h>
#include <network_system/config.h>
#include <network_system/core/messaging_server.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_server.h>
#endif
#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/core/secure_messaging_server.h>
#endif
#include <network_system/integration/basic_logger.h>
#include <network_system/utils/thread_pool.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/use_awaitable.hpp>

namespace {

using network_system::Result;
using network_system::core::messaging_server;
using network_system::core::server_options;
using session_ptr = messaging_server::session_ptr;
using bytes = std::span<const std::uint8_t>;

struct settings {
    std::uint16_t port = 0;
    bool uses_coroutines = false;
    bool uses_any_executor = false;
    bool receives_all = false;
    bool is_broadcast = false;
    bool is_websocket = false;
    std::string certificate;
    std::string key;
    server_options options;
};

/// As a program does that is watched: its own logger, at info.
void log_at_info() {
    namespace integration = network_system::integration;
    integration::basic_logger_options options;
    options.console = integration::log_console::none;
    options.file.path = "/dev/null";
    options.file.max_size = 0;
    network_system::set_log_sink(
        [logger = std::make_shared<integration::basic_logger>(options)](
            const network_system::log_record& line) { logger->log(line); });
    network_system::set_log_level(network_system::log_level::info);
}

settings read_settings(compare::arguments& arguments) {
    settings chosen;
    chosen.port = arguments.number<std::uint16_t>("--port", 0);
    chosen.uses_any_executor = arguments.flag("--any-coroutines");
    chosen.receives_all = arguments.flag("--coroutines-all");
    chosen.uses_coroutines =
        arguments.flag("--coroutines") || chosen.uses_any_executor || chosen.receives_all;
    chosen.is_broadcast = arguments.flag("--broadcast");
    chosen.is_websocket = arguments.flag("--websocket");
    chosen.certificate = arguments.text("--tls-cert", "");
    chosen.key = arguments.text("--tls-key", "");
    server_options& options = chosen.options;
    options.bind_address = "127.0.0.1";
    options.io_threads = arguments.number<std::size_t>("--io-threads", 1);
    if (const auto threads = arguments.number<std::size_t>("--callback-pool", 0); threads > 0) {
        options.callback_pool = std::make_shared<network_system::thread_pool>(threads);
    }
    options.max_connections = 0;
    options.session.ping_interval = {};
    options.session.idle_timeout = {};
    if (chosen.uses_coroutines) {
        options.session.receiving = network_system::receive_mode::pull;
    }
    if (arguments.flag("--logger")) {
        log_at_info();
    }
    arguments.expect_no_more();
    return chosen;
}

void throw_if_failed(const network_system::VoidResult& result) {
    if (result.is_err()) {
        throw std::runtime_error(result.error().message);
    }
}

/// `Awaitable` says what executor it has, `await` what to await with.
template <typename Awaitable, typename Await>
Awaitable echo(session_ptr session, Await await) {
    for (;;) {
        auto message = co_await network_system::async_receive(session, await);
        if (message.is_err() || session->send_packet(std::move(message).value()).is_err()) {
            co_return;
        }
    }
}

network_system::session_awaitable<void> echo_all(session_ptr session) {
    network_system::received_messages messages;
    for (;;) {
        auto received = co_await network_system::async_receive_all(
            session, std::move(messages), network_system::use_session_awaitable);
        if (received.is_err()) {
            co_return;
        }
        messages = std::move(received).value();
        for (const network_system::message_view& message : messages) {
            if (session->send_packet(message.data).is_err()) {
                co_return;
            }
        }
    }
}

void spawn_echo(const session_ptr& session, const settings& chosen) {
    if (chosen.receives_all) {
        network_system::co_spawn(session, echo_all(session), asio::detached);
    } else if (chosen.uses_any_executor) {
        network_system::co_spawn(session, echo<asio::awaitable<void>>(session, asio::use_awaitable),
                                 asio::detached);
    } else {
        network_system::co_spawn(session,
                                 echo<network_system::session_awaitable<void>>(
                                     session, network_system::use_session_awaitable),
                                 asio::detached);
    }
}

void set_callbacks(messaging_server& server, const settings& chosen) {
    if (chosen.uses_coroutines) {
        throw_if_failed(server.set_connection_callback(
            [&chosen](const session_ptr& session) { spawn_echo(session, chosen); }));
        return;
    }
    if (chosen.is_broadcast) {
        throw_if_failed(server.set_receive_callback([&server](const session_ptr&, bytes data) {
            // Who was left out shows in the generator as a missing message.
            (void)server.broadcast(data);
        }));
        return;
    }
    throw_if_failed(server.set_receive_callback([](const session_ptr& session, bytes data) {
        // A refused send shows in the generator as a missing answer.
        (void)session->send_packet(data);
    }));
    throw_if_failed(server.set_request_callback(
        [](const session_ptr&, bytes data) -> Result<std::vector<std::uint8_t>> {
            return std::vector<std::uint8_t>(data.begin(), data.end());
        }));
}

std::unique_ptr<messaging_server> make_server(const settings& chosen) {
    if (chosen.certificate.empty()) {
        return std::make_unique<messaging_server>("compare", chosen.options);
    }
#if NETWORK_SYSTEM_WITH_TLS
    return std::make_unique<network_system::core::secure_messaging_server>(
        "compare", chosen.certificate, chosen.key, chosen.options);
#else
    throw std::invalid_argument("--tls-cert: built without TLS");
#endif
}

/// Until a signal comes.
template <typename Server>
void serve_until(const sigset_t& stop_signals, Server& server) {
    compare::announce_port(server.local_port());
    int signal = 0;
    ::sigwait(&stop_signals, &signal);
    throw_if_failed(server.stop_server());
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
void serve_websocket(const settings& chosen, const sigset_t& stop_signals) {
    network_system::core::ws_server_config config;
    config.bind_address = chosen.options.bind_address;
    config.port = chosen.port;
    config.io_threads = chosen.options.io_threads;
    config.max_connections = 0;
    config.max_message_size = compare::max_payload;
    config.ping_interval = {};
    network_system::core::messaging_ws_server server("compare");
    throw_if_failed(server.set_message_callback(
        [](const auto& connection, const network_system::ws_message& message) {
            // A refused send shows in the generator as a missing answer.
            (void)(message.is_text() ? connection->send_text(message.text())
                                     : connection->send_binary(message.data));
        }));
    throw_if_failed(server.start_server(config));
    serve_until(stop_signals, server);
}
#else
void serve_websocket(const settings&, const sigset_t&) {
    throw std::invalid_argument("--websocket: built without WebSocket");
}
#endif

void serve(compare::arguments& arguments) {
    const settings chosen = read_settings(arguments);
    const sigset_t stop_signals = compare::block_stop_signals();
    compare::raise_descriptor_limit();
    if (chosen.is_websocket) {
        serve_websocket(chosen, stop_signals);
        return;
    }
    const auto server = make_server(chosen);
    set_callbacks(*server, chosen);
    throw_if_failed(server->start_server(chosen.port));
    serve_until(stop_signals, *server);
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve);
}

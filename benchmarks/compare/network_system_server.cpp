// The comparison's subject: an echo over the public callback API of this library, with nothing a
// user could not write.

#include "common.h"

#include <network_system/core/messaging_server.h>
#include <network_system/utils/thread_pool.h>

namespace {

using network_system::core::messaging_server;
using network_system::core::server_options;

server_options quiet_options() {
    server_options options;
    options.bind_address = "127.0.0.1";
    options.max_connections = 0;
    options.session.ping_interval = {};
    options.session.idle_timeout = {};
    return options;
}

void throw_if_failed(const network_system::VoidResult& result) {
    if (result.is_err()) {
        throw std::runtime_error(result.error().message);
    }
}

void serve_echo(compare::arguments& arguments) {
    const auto port = arguments.number<std::uint16_t>("--port", 0);
    const auto callback_threads = arguments.number<std::size_t>("--callback-pool", 0);
    arguments.expect_no_more();
    const sigset_t stop_signals = compare::block_stop_signals();
    compare::raise_descriptor_limit();

    server_options options = quiet_options();
    if (callback_threads > 0) {
        options.callback_pool = std::make_shared<network_system::thread_pool>(callback_threads);
    }
    messaging_server server{"compare", std::move(options)};
    throw_if_failed(server.set_receive_callback(
        [](const messaging_server::session_ptr& session, std::span<const std::uint8_t> data) {
            // A refused send shows in the generator as a missing answer.
            (void)session->send_packet(data);
        }));
    throw_if_failed(server.start_server(port));
    compare::announce_port(server.local_port());
    int signal = 0;
    ::sigwait(&stop_signals, &signal);
    throw_if_failed(server.stop_server());
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve_echo);
}

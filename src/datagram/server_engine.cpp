#include "datagram/server_engine.h"

#include "lifecycle/addresses.h"
#include "utils/contain.h"
#include "utils/failure.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

Result<runtime::unique_socket> udp_server_engine::open(
    const endpoint& local, const runtime::sockets::multicast_settings& multicast,
    bool joins) const {
    runtime::sockets::datagram_settings settings;
    settings.reuse_address = options_.reuse_address;
    settings.reuse_port = options_.reuse_port;
    settings.is_dual_stack = options_.is_dual_stack;
    settings.may_broadcast = options_.may_broadcast;
    settings.send_buffer_size = options_.datagrams.send_buffer_size;
    settings.receive_buffer_size = options_.datagrams.receive_buffer_size;
    std::error_code error;
    auto opened = runtime::sockets::open_datagram(local, settings, error);
    if (!error) {
        const auto bound = runtime::sockets::local_endpoint(opened.get());
        error = runtime::sockets::apply(opened.get(), multicast, bound.kind(), joins);
    }
    if (error) {
        const std::string where = options_.bind_address.empty() ? "*" : options_.bind_address;
        return detail::failure(
            errc::bind_failed,
            "cannot receive datagrams on " + describe_target(where, local.port()), name(), error);
    }
    return opened;
}

VoidResult udp_server_engine::start(std::uint16_t port) {
    const auto local = parse_bind_address(options_.bind_address, port, name());
    if (!local) {
        return local.error();
    }
    if (local.value().kind() == endpoint::family::unix_domain) {
        return detail::failure(errc::not_supported, "datagrams on a Unix domain socket", name());
    }
    const auto multicast = to_runtime(options_.multicast, name());
    if (!multicast) {
        return multicast.error();
    }
    session::datagram_setup setup;
    setup.config = options_.datagrams;
    setup.peers = options_.peers;
    setup.total_peers = std::make_shared<std::atomic<std::size_t>>(0);
    setup.drain_timeout = options_.drain_timeout;
    setup.sources = make_source_memory(*pool().loops().front());
    channels opened;
    for (const auto& each : pool().loops()) {
        // All have the port that the system picked for the first; which is the one that joins, or a
        // multicast datagram would arrive once on each.
        const bool is_first = opened.empty();
        const endpoint& wanted = local.value();
        const endpoint where = is_first
                                   ? wanted
                                   : endpoint(wanted.kind(), wanted.bytes(),
                                              opened.front()->local().port(), wanted.scope_id());
        auto socket = open(where, multicast.value(), is_first);
        if (!socket) {
            return socket.error();
        }
        opened.push_back(
            make_channel(each, std::move(socket).value(), setup, options_.readiness_method));
    }
    // Before the channels are this run's: they keep it until they are closed, which is begun here.
    std::vector<unique_function<void()>> watching;
    for (const auto& each : opened) {
        watching.emplace_back([keep = shared_from_this(), this, each] { watch(each); });
    }
    adopt(std::move(opened));
    std::size_t next = 0;
    const bool are_watched = detail::attempt_often([&] {
        for (; next < watching.size(); ++next) {
            sockets()[next]->loop()->post(std::move(watching[next]));
        }
    });
    if (!are_watched) {
        give_up_start();
    }
    // The start is over; what keeps this run going are the channels.
    release_part(*pool().loops().front());
    return are_watched ? ok() : VoidResult(detail::failure_without_words(errc::out_of_memory));
}

}  // namespace network_system::core

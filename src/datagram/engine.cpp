#include "datagram/engine.h"

#include "utils/contain.h"
#include "utils/failure.h"
#include "utils/host.h"
#include "utils/log.h"

#include <network_system/core/metrics_fields.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace network_system::inline v0_1::core {

using std::chrono::milliseconds;

const datagram_engine::channels datagram_engine::no_channels;

datagram_engine::channel_ptr datagram_engine::make_channel(
    const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
    const session::datagram_setup& setup, readiness method) {
    const datagram_config& config = setup.config;
    runtime::datagram_io_settings settings{config.batch_size, config.max_datagram_size,
                                           config.uses_segmentation_offload,
                                           config.uses_receive_offload};
    settings.is_connected =
        runtime::sockets::remote_endpoint(socket.get()).kind() != endpoint::family::unspecified;
    // Where the socket has one address, that is the source of everything.
    settings.reports_destinations =
        setup.sources != nullptr && runtime::sockets::is_open_to_all(socket.get()) &&
        runtime::sockets::report_destinations(
            socket.get(), runtime::sockets::local_endpoint(socket.get()).kind());
    session::datagram_setup own = setup;
    if (!settings.reports_destinations) {
        own.sources = nullptr;
    }
    auto io = runtime::make_datagram_io(socket.get(), settings, method == readiness::per_socket);
    return std::make_shared<session::datagram_channel>(where, *this, std::move(socket),
                                                       std::move(io), own);
}

std::shared_ptr<session::source_memory> datagram_engine::make_source_memory(runtime::loop& where) {
    return std::make_shared<session::source_memory>(where.random());
}

void datagram_engine::adopt(channels opened) {
    channels_ = std::move(opened);
    add_parts(channels_.size());
    sockets_.store(&channels_, std::memory_order_release);
}

const datagram_engine::channels& datagram_engine::sockets() const noexcept {
    const auto* const there = sockets_.load(std::memory_order_acquire);
    return there != nullptr ? *there : no_channels;
}

void datagram_engine::watch(const channel_ptr& channel) {
    if (const auto refused = channel->start()) {
        detail::log(log_level::error, writer().because(refused), "the socket cannot be watched");
        run_callback(*channel->loop(), [&] { on_error(errc::receive_failed); });
        return;
    }
    detail::log(log_level::info, writer(), "UDP socket on {}", channel->local());
    if (is_stopping()) {
        channel->close();
    }
}

/// Each channel drains for the time it was set up with.
void datagram_engine::end_parts(runtime::steady_time) {
    detail::log(log_level::info, writer(), "stop begun");
    stop_starting();
    close_sockets();
}

void datagram_engine::close_sockets() {
    for (const auto& each : sockets()) {
        each->loop()->post([keep = shared_from_this(), each] { each->close(); });
    }
}

void datagram_engine::give_up_start() noexcept {
    mark_stopping();
    detail::attempt_often([this] { close_sockets(); });
}

/// On a loop of ours its own socket, else the one that gets all sends to the peer: they keep their
/// order.
session::datagram_channel* datagram_engine::channel_for(const endpoint& to) const {
    const channels& all = sockets();
    if (all.size() <= 1) {
        return all.empty() ? nullptr : all.front().get();
    }
    for (const auto& each : all) {
        if (each->loop()->runs_here()) {
            return each.get();
        }
    }
    return all[std::hash<endpoint>{}(to) % all.size()].get();
}

VoidResult datagram_engine::send(const endpoint& to, std::span<const std::uint8_t> data,
                                 session::send_callback& done) {
    auto* const channel = channel_for(to);
    if (channel == nullptr || is_stopping()) {
        return detail::failure(not_running(), "there is no socket to send from", name());
    }
    return channel->send(to, data, done);
}

VoidResult datagram_engine::receive(session::datagram_channel::pull_handler&& handler,
                                    session::operation_id operation) {
    // There is one in pull mode.
    if (sockets().empty()) {
        return detail::failure(not_running(), "there is no socket to receive from", name());
    }
    return sockets().front()->receive(std::move(handler), operation);
}

bool datagram_engine::cancel(session::operation_id operation) {
    return !sockets().empty() && sockets().front()->cancel(operation);
}

datagram_metrics datagram_engine::metrics() const {
    datagram_metrics all;
    all.callback_exceptions = callback_exceptions();
    for (const auto& each : sockets()) {
        add(all, each->metrics());
    }
    return all;
}

endpoint datagram_engine::local() const {
    return sockets().empty() ? endpoint{} : sockets().front()->local();
}

void datagram_engine::on_datagram(std::span<const std::uint8_t> data, const endpoint& from) {
    callbacks_->received(data, from);
}

void datagram_engine::on_error(std::error_code error) {
    callbacks_->failed(error);
}

void datagram_engine::on_writable() {
    callbacks_->writable();
}

void datagram_engine::on_new_peer(const endpoint& peer) {
    detail::log(log_level::debug, writer().about(peer), "new peer");
    callbacks_->new_peer(peer);
}

void datagram_engine::on_peer_expired(const endpoint& peer) {
    detail::log(log_level::debug, writer().about(peer), "peer expired");
    callbacks_->peer_expired(peer);
}

void datagram_engine::on_callback_exception(std::string_view what) noexcept {
    record_callback_exception();
    detail::log_limited(detail::log_kind::thrown, writer(), "a callback threw: {}", what);
}

namespace {

using detail::range;

constexpr std::array datagram_ranges{
    range<&datagram_config::max_datagram_size>("max_datagram_size", 1, 65'527),
    range<&datagram_config::batch_size>("batch_size", 1, 64),
    range<&datagram_config::send_buffer_size>("send_buffer_size", 0),
    range<&datagram_config::receive_buffer_size>("receive_buffer_size", 0),
};

constexpr std::array peer_ranges{
    range<&peer_limits::idle_timeout>("idle_timeout", 0),
    range<&peer_limits::max_datagrams_per_second>("max_datagrams_per_second", 0, 1'000'000'000),
};

constexpr std::array multicast_ranges{range<&multicast_options::hops>("hops", 0, 255)};

}  // namespace

void check_datagrams(detail::option_checks& all, const datagram_config& config) {
    constexpr std::string_view where = "datagrams.";
    check_queues(all, config, where);
    all.ranges(config, datagram_ranges, where);
    all.must(config.policy != send_policy::close && config.policy != send_policy::conflate,
             "datagrams.policy must be reject, wait or drop_oldest");
}

void check_peers(detail::option_checks& all, const peer_limits& limits) {
    all.ranges(limits, peer_ranges, "peers.");
    all.must(limits.max_datagrams_per_second == 0 || limits.max_peers > 0,
             "peers.max_datagrams_per_second needs peers.max_peers");
}

namespace {

/// The index of the interface that a text names; 0 for an empty one.
Result<std::uint32_t> interface_of(const std::string& name, std::string_view source) {
    const std::uint32_t index = name.empty() ? 0 : runtime::sockets::find_interface(name);
    if (index == 0 && !name.empty()) {
        return detail::failure(errc::invalid_argument,
                               fmt::format("there is no interface '{}'", name), source);
    }
    return index;
}

/// Its interface is named apart, or by the zone of an IPv6 address.
Result<runtime::sockets::multicast_settings::group> to_runtime(const multicast_options::group& one,
                                                               std::string_view source) {
    const auto wrong = [&](std::string_view what) {
        return detail::failure(errc::invalid_argument,
                               fmt::format("the multicast group '{}' {}", one.address, what),
                               source);
    };
    const auto parsed = detail::host::parse(one.address, source, "multicast group");
    if (!parsed) {
        return parsed.error();
    }
    const endpoint& address = parsed.value().address();
    const std::uint8_t first = address.bytes()[0];
    const bool is_multicast =
        (address.kind() == endpoint::family::ipv4 && (first & 0xF0U) == 0xE0U) ||
        (address.kind() == endpoint::family::ipv6 && first == 0xFFU);
    if (!is_multicast) {
        return wrong("is no multicast address");
    }
    const auto named = interface_of(one.interface_name, source);
    const auto zoned = interface_of(parsed.value().zone(), source);
    if (!named || !zoned) {
        return named ? zoned.error() : named.error();
    }
    if (named.value() != 0 && zoned.value() != 0 && named.value() != zoned.value()) {
        return wrong("has another interface in its zone than in its interface_name");
    }
    runtime::sockets::multicast_settings::group group;
    group.address = address;
    group.interface_index = std::max(named.value(), zoned.value());
    return group;
}

}  // namespace

Result<runtime::sockets::multicast_settings> to_runtime(const multicast_options& options,
                                                        std::string_view source) {
    runtime::sockets::multicast_settings settings;
    detail::option_checks all(source);
    all.ranges(options, multicast_ranges, "multicast.");
    if (!all.hold()) {
        return std::move(all).result().error();
    }
    settings.hops = options.hops;
    settings.is_looped = options.is_looped;
    const auto outgoing = interface_of(options.outgoing_interface, source);
    if (!outgoing) {
        return outgoing.error();
    }
    settings.outgoing_interface = outgoing.value();
    for (const auto& each : options.groups) {
        auto group = to_runtime(each, source);
        if (!group) {
            return group.error();
        }
        settings.groups.push_back(std::move(group).value());
    }
    return settings;
}

}  // namespace network_system::core

#include "lifecycle/options.h"

#include "lifecycle/addresses.h"
#include "utils/failure.h"

#include <array>
#include <limits>
#include <system_error>

namespace network_system::inline v0_1::core {
namespace {

using detail::range;

constexpr std::int64_t most_per_second = 1'000'000'000;

constexpr std::array queue_ranges{
    range<&queue_limits::high_watermark>("high_watermark", 1),
    range<&queue_limits::send_wait_timeout>("send_wait_timeout", 0),
    range<&queue_limits::receive_queue_limit>("receive_queue_limit", 1),
};

constexpr std::array limit_ranges{
    range<&connection_limits::max_message_size>("max_message_size", 1,
                                                std::numeric_limits<std::int32_t>::max()),
    range<&connection_limits::max_messages_per_second>("max_messages_per_second", 0,
                                                       most_per_second),
    range<&connection_limits::idle_timeout>("idle_timeout", 0),
    range<&connection_limits::ping_interval>("ping_interval", 0),
    range<&connection_limits::pong_timeout>("pong_timeout", 0),
};

constexpr std::array session_ranges{
    range<&session_config::max_missed_pings>("max_missed_pings", 1),
};

constexpr std::array lifecycle_ranges{
    range<&lifecycle_options::drain_timeout>("drain_timeout", 0),
};

constexpr std::array stream_ranges{
    range<&stream_options::callback_queue_limit>("callback_queue_limit", 1),
};

constexpr std::array socket_ranges{
    range<&socket_options::send_buffer_size>("send_buffer_size", 0),
    range<&socket_options::receive_buffer_size>("receive_buffer_size", 0),
};

}  // namespace

void check_queues(detail::option_checks& all, const queue_limits& limits, std::string_view where) {
    all.ranges(limits, queue_ranges, where);
    all.ascending(where, "low_watermark", detail::number_of(limits.low_watermark), "high_watermark",
                  detail::number_of(limits.high_watermark));
}

void check_limits(detail::option_checks& all, const connection_limits& limits,
                  std::string_view where) {
    check_queues(all, limits, where);
    all.ranges(limits, limit_ranges, where);
}

void check_session(detail::option_checks& all, const session_config& config,
                   std::string_view where) {
    check_limits(all, config, where);
    all.ranges(config, session_ranges, where);
}

void check_lifecycle(detail::option_checks& all, const lifecycle_options& options) {
    all.ranges(options, lifecycle_ranges);
}

void check_stream(detail::option_checks& all, const stream_options& options, bool is_secure) {
    check_lifecycle(all, options);
    all.ranges(options, stream_ranges);
    all.ranges(options.socket, socket_ranges, "socket.");
    all.must(!options.callback_pool || options.callback_pool->is_running(),
             "callback_pool does not run");
    if (!options.environment) {
        return;
    }
    all.must(options.io_context == nullptr, "environment and io_context exclude each other");
    if (is_secure) {
        // OpenSSL draws its keys itself: nothing would follow from the seed.
        all.must(VoidResult(
            detail::failure(errc::not_supported, "TLS does not run in a simulation", {})));
    }
}

void check_bind(detail::option_checks& all, const bind_options& options) {
    const auto local = parse_bind_address(options.bind_address, options.bind_port, {});
    all.must(local);
    all.must(!local || local.value().kind() != endpoint::family::unix_domain,
             "a client's bind_address is a numeric address");
}

runtime::readiness_method to_runtime(readiness method) noexcept {
    return method == readiness::per_socket ? runtime::readiness_method::per_socket
                                           : runtime::readiness_method::automatic;
}

runtime::sockets::tcp_settings to_runtime(const socket_options& options) noexcept {
    return {options.no_delay, options.keep_alive, options.send_buffer_size,
            options.receive_buffer_size};
}

}  // namespace network_system::core

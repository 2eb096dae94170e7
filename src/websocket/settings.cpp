#include "websocket/settings.h"

#include "lifecycle/addresses.h"
#include "lifecycle/options.h"
#include "protocol/websocket/url.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace network_system::inline v0_1::core {

namespace {

using detail::range;

session_config session_of(const connection_limits& limits) {
    session_config session;
    static_cast<connection_limits&>(session) = limits;
    session.frames = framing::raw;  // WebSocket has its own
    session.max_missed_pings = 1;
    return session;
}

template <typename Options>
Options options_of(const ws_connection_config& config) {
    Options options;
    static_cast<stream_options&>(options) = static_cast<const stream_options&>(config);
    options.session = session_of(config);
    return options;
}

session::websocket_settings common_settings_of(const ws_connection_config& config) {
    session::websocket_settings settings;
    settings.limits.max_head_bytes = config.max_header_size;
    settings.limits.max_line_bytes = config.max_header_size;
    settings.limits.max_fields = config.max_headers;
    settings.auto_pong = config.auto_pong;
    settings.keep_request = config.keep_request;
    return settings;
}

websocket::client_handshake handshake_of(const ws_client_config& config) {
    websocket::client_handshake asks;
    asks.host = config.host_header.empty()
                    ? websocket::host_header(config.host, config.port, config.tls.has_value())
                    : config.host_header;
    asks.target = config.path;
    asks.subprotocols = config.subprotocols;
    asks.headers = config.headers;
    return asks;
}

bool is_path(std::string_view path) {
    return path.starts_with('/') && std::all_of(path.begin(), path.end(), [](char each) {
               return each > ' ' && each < '\x7f' && each != '?' && each != '#';
           });
}

constexpr std::array connection_ranges{
    range<&ws_connection_config::max_header_size>("max_header_size", 256, 65'535),
    range<&ws_connection_config::max_headers>("max_headers", 8, 10'000),
};
// The ping of WebSocket has no other deadline.
constexpr std::array pong_ranges{range<&connection_limits::pong_timeout>("pong_timeout", 1)};

constexpr std::array redirect_ranges{
    range<&ws_client_config::max_redirects>("max_redirects", 0, 5)};

constexpr std::array server_ranges{
    range<&ws_server_config::handshake_timeout>("handshake_timeout", 1),
};

constexpr std::array ws_reconnect_ranges{
    range<&ws_reconnect_config::restart_delay_least>("restart_delay_least", 0),
    range<&ws_reconnect_config::try_again_delay>("try_again_delay", 0),
    range<&ws_reconnect_config::max_retry_after>("max_retry_after", 0),
};

void check_common(detail::option_checks& all, const ws_connection_config& config) {
    const connection_limits& limits = config;
    check_limits(all, limits, {});
    all.ranges(limits, pong_ranges);
    all.ranges(config, connection_ranges);
}

void check_ws_reconnection(detail::option_checks& all, const ws_reconnect_config& again) {
    constexpr std::string_view where = "reconnect.";
    all.ranges(again, ws_reconnect_ranges, where);
    all.ascending(where, "restart_delay_least", again.restart_delay_least.count(),
                  "restart_delay_most", again.restart_delay_most.count(), " ms");
}

}  // namespace

server_options server_options_of(const ws_server_config& config) {
    auto options = options_of<server_options>(config);
    static_cast<listen_options&>(options) = static_cast<const listen_options&>(config);
    return options;
}

client_options client_options_of(const ws_client_config& config) {
    auto options = options_of<client_options>(config);
    static_cast<connect_options&>(options) = static_cast<const connect_options&>(config);
    options.reconnect = static_cast<const reconnect_options&>(config.reconnect);
    return options;
}

std::shared_ptr<const session::websocket_settings> session_settings_of(
    const ws_server_config& config) {
    return std::make_shared<const session::websocket_settings>(common_settings_of(config));
}

std::shared_ptr<const session::websocket_settings> session_settings_of(
    const ws_client_config& config) {
    auto settings = common_settings_of(config);
    settings.keep_response = config.keep_response;
    settings.asks = handshake_of(config);
    settings.at = {config.tls.has_value(), config.host, config.port, config.path};
    settings.redirects.most = config.max_redirects;
    return std::make_shared<const session::websocket_settings>(std::move(settings));
}

Result<ws_client_config> config_of(std::string_view url, const ws_client_config& base,
                                   std::string_view source) {
    auto parsed = websocket::parse_url(url, source);
    if (!parsed) {
        return parsed.error();
    }
    auto& named = parsed.value();
    if (!named.is_secure && base.tls) {
        return detail::failure(errc::invalid_argument,
                               "the URL begins with ws://, and the client is to speak TLS: wss://",
                               source);
    }
    ws_client_config config = base;
    config.host = std::move(named.host);
    config.port = named.port;
    config.path = std::move(named.target);
    if (named.is_secure && !config.tls) {
        config.tls.emplace();
    }
    return config;
}

VoidResult validate(const ws_server_config& config, std::string_view source) {
    detail::option_checks all(source);
    check_common(all, config);
    all.ranges(config, server_ranges);
    all.must(config.path.empty() || is_path(config.path),
             "path must begin with '/' and be visible ASCII without '?' and '#', or empty");
    all.must(std::all_of(config.more_paths.begin(), config.more_paths.end(), is_path),
             "more_paths must begin with '/' and be visible ASCII without '?' and '#'");
    // What a client may offer is what a server may speak.
    websocket::client_handshake offer;
    offer.host = "localhost";
    offer.subprotocols = config.subprotocols;
    all.must(websocket::encode_request(offer, {}));
    return std::move(all).result();
}

VoidResult validate(const ws_client_config& config, std::string_view source) {
    detail::option_checks all(source);
    check_common(all, config);
    all.ranges(config, redirect_ranges);
    check_ws_reconnection(all, config.reconnect);
    all.must(read_target(config.host, config.port, source));
    all.must(config.path.starts_with('/'), "the path must begin with '/'");
    all.must(websocket::encode_request(handshake_of(config), {}));
    return std::move(all).result();
}

}  // namespace network_system::core

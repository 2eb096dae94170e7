#include "websocket/settings.h"

#include "lifecycle/addresses.h"
#include "protocol/websocket/url.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace network_system::core {

using std::chrono::milliseconds;

namespace {

session_config session_of(const ws_connection_config& config) {
    session_config session;
    session.frames = framing::raw;  // WebSocket has its own
    session.max_message_size = config.max_message_size;
    session.high_watermark = config.high_watermark;
    session.low_watermark = config.low_watermark;
    session.policy = config.policy;
    session.send_wait_timeout = config.send_wait_timeout;
    session.receiving = config.receiving;
    session.receive_queue_limit = config.receive_queue_limit;
    session.max_messages_per_second = config.max_messages_per_second;
    session.idle_timeout = config.idle_timeout;
    session.ping_interval = config.ping_interval;
    session.pong_timeout = config.pong_timeout;
    session.max_missed_pings = 1;
    session.min_drain_rate = config.min_drain_rate;
    return session;
}

template <typename Options>
Options options_of(const ws_connection_config& config) {
    Options options;
    options.io_context = config.io_context;
    options.callback_pool = config.callback_pool;
    options.callback_queue_limit = config.callback_queue_limit;
    options.session = session_of(config);
    options.drain_timeout = config.drain_timeout;
    options.socket = config.socket;
    options.readiness_method = config.readiness_method;
    options.environment = config.environment;
    return options;
}

session::websocket_terms common_terms_of(const ws_connection_config& config) {
    session::websocket_terms terms;
    terms.limits.max_head_bytes = config.max_header_size;
    terms.limits.max_line_bytes = config.max_header_size;
    terms.limits.max_fields = config.max_headers;
    terms.auto_pong = config.auto_pong;
    terms.keep_request = config.keep_request;
    return terms;
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

class checks {
public:
    explicit checks(std::string_view source) : source_(source) {}

    void must(bool holds, std::string_view otherwise) {
        if (!holds && result_) {
            result_ = detail::failure(errc::invalid_argument, std::string(otherwise), source_);
        }
    }
    template <typename T>
    void must(const Result<T>& done) {
        if (!done && result_) {
            error_info wrong = done.error();
            wrong.source = source_;
            result_ = std::move(wrong);
        }
    }
    [[nodiscard]] VoidResult result() && { return std::move(result_); }

private:
    std::string_view source_;
    VoidResult result_ = ok();
};

void check_common(checks& all, const ws_connection_config& config) {
    all.must(config.max_header_size >= 256 && config.max_header_size <= 65'535,
             "max_header_size must be 256 to 65535");
    all.must(config.max_headers >= 8 && config.max_headers <= 10'000,
             "max_headers must be 8 to 10000");
    all.must(config.pong_timeout >= milliseconds{1}, "pong_timeout must be at least 1 ms");
}

}  // namespace

server_options server_options_of(const ws_server_config& config) {
    auto options = options_of<server_options>(config);
    options.bind_address = config.bind_address;
    options.unix_permissions = config.unix_permissions;
    options.io_threads = config.io_threads;
    options.max_connections = config.max_connections;
    options.max_connections_per_address = config.max_connections_per_address;
    options.address_prefix_v6 = config.address_prefix_v6;
    options.max_subscriptions_per_session = config.max_subscriptions_per_session;
    options.backlog = config.backlog;
    options.proxy_protocol = config.proxy_protocol;
    return options;
}

client_options client_options_of(const ws_client_config& config) {
    auto options = options_of<client_options>(config);
    options.connect_timeout = config.connect_timeout;
    options.bind_address = config.bind_address;
    options.bind_port = config.bind_port;
    return options;
}

std::shared_ptr<const session::websocket_terms> terms_of(const ws_server_config& config) {
    return std::make_shared<const session::websocket_terms>(common_terms_of(config));
}

std::shared_ptr<const session::websocket_terms> terms_of(const ws_client_config& config) {
    auto terms = common_terms_of(config);
    terms.asks = handshake_of(config);
    return std::make_shared<const session::websocket_terms>(std::move(terms));
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
    checks all(source);
    check_common(all, config);
    all.must(config.path.empty() || is_path(config.path),
             "path must begin with '/' and be visible ASCII without '?' and '#', or empty");
    all.must(std::all_of(config.more_paths.begin(), config.more_paths.end(), is_path),
             "more_paths must begin with '/' and be visible ASCII without '?' and '#'");
    all.must(config.handshake_timeout >= milliseconds{1},
             "handshake_timeout must be at least 1 ms");
    // What a client may offer is what a server may speak.
    websocket::client_handshake offer;
    offer.host = "localhost";
    offer.subprotocols = config.subprotocols;
    all.must(websocket::encode_request(offer, {}));
    return std::move(all).result();
}

VoidResult validate(const ws_client_config& config, std::string_view source) {
    checks all(source);
    check_common(all, config);
    const ws_reconnect_config& again = config.reconnect;
    all.must(again.initial_delay >= milliseconds{1},
             "reconnect.initial_delay must be at least 1 ms");
    all.must(again.max_delay >= again.initial_delay,
             "reconnect.max_delay must not be below reconnect.initial_delay");
    all.must(again.factor >= 1, "reconnect.factor must be at least 1");
    all.must(again.restart_delay_least >= milliseconds{0} &&
                 again.restart_delay_most >= again.restart_delay_least,
             "reconnect.restart_delay_least must be from 0 to reconnect.restart_delay_most");
    all.must(again.try_again_delay >= milliseconds{0},
             "reconnect.try_again_delay must not be negative");
    all.must(again.stable_after >= milliseconds{0}, "reconnect.stable_after must not be negative");
    all.must(again.max_retry_after >= milliseconds{0},
             "reconnect.max_retry_after must not be negative");
    all.must(read_target(config.host, config.port, source));
    all.must(config.path.starts_with('/'), "the path must begin with '/'");
    all.must(websocket::encode_request(handshake_of(config), {}));
    return std::move(all).result();
}

}  // namespace network_system::core

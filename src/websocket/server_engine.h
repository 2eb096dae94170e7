#pragma once

#include "server/engine.h"
#include "utils/counter.h"
#include "websocket/engine_of.h"

#include <network_system/core/messaging_ws_server.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// One run of a WebSocket server.
class ws_server_engine final : public ws_engine_of<server_engine, ws_server_callbacks> {
public:
    static constexpr std::string_view component_name = "messaging_ws_server";

    ws_server_engine(const std::string& name, const ws_server_config& config,
                     std::shared_ptr<runtime::io_pool> pool,
                     transport::transport_factory transports,
                     std::shared_ptr<const ws_server_callbacks> callbacks);

    [[nodiscard]] ws_server_metrics ws_metrics() const;

private:
    [[nodiscard]] std::string_view component() const noexcept override { return component_name; }

    struct counters {
        detail::shared_counter handshakes, http_answers;
        detail::shared_counter by_callback, path, unavailable, upgrade, size, timeout, request;
    };

    [[nodiscard]] std::shared_ptr<session::message_connection> new_session(
        std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
        session::session_setup& setup) override;
    [[nodiscard]] Result<encoded_message> encode(ws_message_type type,
                                                 std::span<const std::uint8_t> data) override;
    [[nodiscard]] const accept_callback& accept_filter() const noexcept override {
        return callbacks().accept;
    }
    void end_session(const session_ptr& who, runtime::steady_time deadline) override;
    [[nodiscard]] std::string_view protocol() const noexcept override { return "WebSocket"; }
    void notify_error(std::error_code error) override;

    [[nodiscard]] bool is_served(std::string_view path) const;
    [[nodiscard]] std::string_view choose_subprotocol(const ws_request& request) const;
    /// Whether a request is refused whatever it says, since there is no room or no time, or the
    /// accept callback does not want its client: how, or nothing.
    [[nodiscard]] std::optional<websocket::http_error> refusal_of(const session_ptr& who);
    void decide(const session_ptr& who, const ws_request& request, ws_handshake_answer& answer);

    void on_handshake(const session_ptr& who, const ws_request& request,
                      ws_handshake_answer& answer) override;
    void on_http_request(const session_ptr& who, const ws_request& request,
                         http_response& answer) override;
    void on_refused(const session_ptr& who, unsigned status) noexcept override;
    void on_open(const session_ptr& who) override;
    void on_closed(const session_ptr& who, std::error_code reason, bool was_open) override;
    void on_gone(const session_ptr& who, std::error_code reason,
                 const session::session_metrics& totals) noexcept override;

    const std::chrono::milliseconds handshake_timeout_;
    const std::vector<std::string> paths_;
    const std::vector<std::string> subprotocols_;
    counters counters_;
};

}  // namespace network_system::core

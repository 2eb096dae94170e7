#pragma once

#include "server/engine.h"
#include "websocket/host.h"
#include "websocket/session.h"

#include <network_system/core/messaging_ws_server.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace network_system::core {

/// One life of a WebSocket server. Connections are in the registry from their handshake on; before,
/// they are arrivals.
class ws_server_engine final : public server_engine, public session::websocket_host {
public:
    static constexpr std::string_view component_name = "messaging_ws_server";

    ws_server_engine(const std::string& name, const ws_server_config& config,
                     std::shared_ptr<runtime::io_pool> pool,
                     transport::transport_factory transports,
                     std::shared_ptr<const ws_server_callbacks> callbacks);

    [[nodiscard]] ws_server_metrics ws_metrics() const;

private:
    [[nodiscard]] std::string_view component() const noexcept override { return component_name; }
    using connection_ptr = messaging_ws_server::connection_ptr;

    /// What is to be refused may go through its handshake to be told; so many at a time.
    static constexpr std::size_t max_surplus = 64;

    struct arrival {
        session_ptr who;
        standing as;
    };
    struct counters {
        std::atomic<std::uint64_t> handshakes{0};
        std::atomic<std::uint64_t> http_answers{0};
        std::atomic<std::uint64_t> by_callback{0};
        std::atomic<std::uint64_t> path{0};
        std::atomic<std::uint64_t> unavailable{0};
        std::atomic<std::uint64_t> upgrade{0};
        std::atomic<std::uint64_t> size{0};
        std::atomic<std::uint64_t> timeout{0};
        std::atomic<std::uint64_t> request{0};
    };

    [[nodiscard]] std::shared_ptr<session::message_connection> new_session(
        std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
        session::session_setup& setup) override;
    [[nodiscard]] Result<encoded_message> encode(ws_message_type type,
                                                 std::span<const std::uint8_t> data) override;
    void refuse(runtime::unique_socket socket, const endpoint& peer, standing as) override;
    [[nodiscard]] const accept_callback& judge() const noexcept override {
        return callbacks_->accept;
    }
    void enter(const session_ptr& who, standing as) override;
    void give_back(const endpoint& peer, standing as) noexcept override;
    [[nodiscard]] standing leave(const session_ptr& who) noexcept override;
    void end_sessions(runtime::steady_time deadline) override;
    [[nodiscard]] std::string_view protocol() const noexcept override { return "WebSocket"; }
    void tell_error(std::error_code error) override;

    [[nodiscard]] bool is_served(std::string_view path) const;
    [[nodiscard]] std::string_view choose_subprotocol(const ws_request& request) const;
    /// Whether a request is refused whatever it says, since there is no room or no time, or the
    /// accept callback does not want its client: how, or nothing.
    [[nodiscard]] std::optional<websocket::http_error> refusal_of(const session_ptr& who);
    void decide(const session_ptr& who, const ws_request& request, ws_handshake_answer& answer);
    /// It is a connection from here on.
    void promote(const session_ptr& who);

    void on_handshake(const session_ptr& who, const ws_request& request,
                      ws_handshake_answer& answer) override;
    void on_http_request(const session_ptr& who, const ws_request& request,
                         http_response& answer) override;
    void on_refused(const session_ptr& who, unsigned status) noexcept override;
    void on_open(const session_ptr& who) override;
    void on_message(const session_ptr& who, session::message_kind kind,
                    std::span<const std::uint8_t> data) override;
    void on_ws_message(const session_ptr& who, const connection_ptr& from,
                       session::message_kind kind, std::span<const std::uint8_t> data) override;
    void on_event(const session_ptr& who, std::uint32_t what,
                  std::span<const std::uint8_t> data) override;
    void on_writable(const session_ptr& who) override;
    void on_closed(const session_ptr& who, std::error_code reason, bool was_open) override;
    void on_gone(const session_ptr& who, std::error_code reason,
                 const session::session_metrics& totals) noexcept override;

    const std::shared_ptr<const session::websocket_terms> terms_;
    const std::chrono::milliseconds handshake_timeout_;
    const std::vector<std::string> paths_;
    const std::vector<std::string> subprotocols_;
    // As they were when it started.
    const std::shared_ptr<const ws_server_callbacks> callbacks_;
    counters counters_;
    std::mutex arrivals_mutex_;
    std::unordered_map<const session::messaging_session*, arrival> arrivals_;
    std::size_t surplus_ = 0;
};

}  // namespace network_system::core

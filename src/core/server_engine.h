#pragma once

#include "core/engine.h"
#include "core/listening_socket.h"
#include "core/proxy_gateway.h"
#include "core/topic_registry.h"
#include "runtime/acceptor.h"

#include <network_system/core/messaging_server.h>
#include <network_system/core/session_manager.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace network_system::core {

/// The callbacks of a server as they were when it started; each connection keeps this snapshot.
struct server_callbacks {
    messaging_server::connection_callback connected;
    messaging_server::disconnection_callback disconnected;
    messaging_server::receive_callback received;
    messaging_server::request_callback requested;
    messaging_server::error_callback failed;
    messaging_server::writable_callback writable;
};

/// One life of a server, from start to the end of its last connection.
///
/// Thread-safety: the public members from any thread; the rest on the loops.
class server_engine final : public engine, public runtime::acceptor::handler {
public:
    server_engine(std::string name, const server_options& options,
                  std::shared_ptr<runtime::io_pool> pool, make_transport transports,
                  std::shared_ptr<const server_callbacks> callbacks);

    /// Before the start: what a client is told that is turned away for want of room, instead of the
    /// goodbye of `framing::message`.
    void refuse_with(std::vector<std::uint8_t> words) { refusal_ = std::move(words); }
    [[nodiscard]] VoidResult start(std::uint16_t port);
    [[nodiscard]] VoidResult start(listener&& taken);
    [[nodiscard]] Result<listener> share_listener();
    void begin_stop() override;
    [[nodiscard]] bool is_running() const noexcept { return !is_stopping_; }
    /// The next life may begin.
    [[nodiscard]] bool is_finished() const noexcept { return end().is_over(); }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return listening_.local().port(); }
    [[nodiscard]] session_manager& sessions() noexcept { return sessions_; }
    [[nodiscard]] server_metrics metrics() const;
    [[nodiscard]] Result<broadcast_result> broadcast(std::span<const std::uint8_t> data);
    [[nodiscard]] Result<broadcast_result> publish(std::string_view topic,
                                                   std::span<const std::uint8_t> data,
                                                   const session::messaging_session* except);
    [[nodiscard]] VoidResult subscribe(const session::session_ptr& who, std::string_view topic);
    [[nodiscard]] VoidResult unsubscribe(const session::session_ptr& who, std::string_view topic);
    [[nodiscard]] std::size_t subscriber_count(std::string_view topic) const {
        return topics_.subscribers(topic)->size();
    }

private:
    using session_ptr = session::session_ptr;

    void on_accept(runtime::unique_socket socket, const endpoint& peer) override;
    void on_accept_error(std::error_code error, std::chrono::milliseconds pause) override;
    void on_acceptor_closed() override;

    [[nodiscard]] VoidResult start(listening_socket listening);
    void on_proxy_header(proxy_outcome outcome);
    /// A connection that has its place: on to one of the loops.
    void hand_over(runtime::unique_socket socket, const endpoint& client);
    void serve(const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
               const endpoint& peer);
    [[nodiscard]] VoidResult check_message(std::span<const std::uint8_t> data) const;
    /// Whether the limit per address applies: not to the peers of a Unix domain socket, and not yet
    /// to a proxy's client while it is unspecified.
    [[nodiscard]] bool is_counted(const endpoint& peer) const noexcept;
    [[nodiscard]] bool take_place_of(const endpoint& peer);
    [[nodiscard]] bool admit(const endpoint& peer);
    void refuse(const runtime::unique_socket& socket);
    void forget(const endpoint& peer);
    void release_one(runtime::loop& where);
    [[nodiscard]] std::shared_ptr<server_engine> self() {
        return std::static_pointer_cast<server_engine>(shared_from_this());
    }

    void on_open(const session_ptr& who) override;
    void on_message(const session_ptr& who, std::span<const std::uint8_t> data) override;
    void on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                    detail::request_call& call) override;
    void on_writable(const session_ptr& who) override;
    void on_closed(const session_ptr& who, std::error_code reason, bool was_open) override;
    void on_gone(const session_ptr& who, std::error_code reason,
                 const session::session_metrics& totals) noexcept override;
    void report_accept_error(std::error_code error);
    void report_error(std::error_code error);

    const server_options options_;
    std::vector<std::uint8_t> refusal_;
    const std::shared_ptr<const server_callbacks> callbacks_;
    session_manager sessions_;
    topic_registry topics_;
    std::shared_ptr<runtime::acceptor> acceptor_;
    // From its sharing on any thread to its end in a stop.
    std::mutex listening_mutex_;
    listening_socket listening_;
    proxy_gateway proxies_;
    std::atomic<bool> is_stopping_{false};
    // The acceptor and each connection: the engine's life ends when none is left.
    std::atomic<std::size_t> alive_{1};
    std::atomic<std::uint64_t> accepted_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> accept_errors_{0};
    std::atomic<std::uint64_t> proxy_errors_{0};

    // On the acceptor's loop and, when a session ends, on its own.
    std::mutex admission_mutex_;
    std::size_t admitted_ = 0;
    std::unordered_map<std::string, std::size_t> per_address_;
};

}  // namespace network_system::core

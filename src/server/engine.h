#pragma once

#include "lifecycle/engine.h"
#include "runtime/acceptor.h"
#include "server/admission.h"
#include "server/connection_registry.h"
#include "server/fan_out.h"
#include "server/listening_socket.h"
#include "server/proxy_gateway.h"
#include "server/topics.h"

#include <network_system/core/accept_answer.h>
#include <network_system/core/metrics.h>
#include <network_system/core/session_manager.h>
#include <network_system/session/message.h>
#include <network_system/utils/typed_pointer.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

/// One run of a server, from start to the end of its last connection: it listens, lets connections
/// in, knows them and their topics. What they speak is derived from it.
///
/// Thread-safety: the public members from any thread; the rest on the loops.
class server_engine : public engine {
public:
    /// `told`: see admission_limits.
    server_engine(std::string name, const server_options& options,
                  std::shared_ptr<runtime::io_pool> pool, transport::transport_factory transports,
                  std::size_t told = 0);
    server_engine(const server_engine&) = delete;
    server_engine& operator=(const server_engine&) = delete;
    ~server_engine() override;

    /// Before the start: what a client hears that is refused for want of room, and by the accept
    /// callback, without being served.
    void refuse_with(std::vector<std::uint8_t> full, std::vector<std::uint8_t> rejected) {
        refusal_ = std::move(full);
        rejection_ = std::move(rejected);
    }
    /// Before the start: for the log.
    void set_secure() noexcept { speaks_tls_ = true; }
    [[nodiscard]] VoidResult start(std::uint16_t port);
    [[nodiscard]] VoidResult start(listener&& taken);
    [[nodiscard]] VoidResult start(std::vector<listener>&& taken);
    [[nodiscard]] Result<listener> share_listener();
    [[nodiscard]] Result<std::vector<listener>> share_listeners();
    /// Lets nobody in any more; connections go on until a stop.
    void stop_accepting();
    [[nodiscard]] bool is_running() const noexcept { return !is_stopping(); }
    /// The next run may begin.
    [[nodiscard]] bool is_finished() const { return end().is_over(); }
    [[nodiscard]] const server_options& options() const noexcept { return options_; }
    /// Of the first address.
    [[nodiscard]] std::uint16_t local_port() const noexcept;
    [[nodiscard]] std::vector<endpoint> local_endpoints() const;
    /// Those that are open.
    [[nodiscard]] const session_manager& sessions() const noexcept { return connections_.open(); }
    [[nodiscard]] server_metrics metrics() const;
    [[nodiscard]] Result<broadcast_result> broadcast(message_kind type,
                                                     std::span<const std::uint8_t> data);
    [[nodiscard]] Result<broadcast_result> publish(std::string_view topic, message_kind type,
                                                   std::span<const std::uint8_t> data,
                                                   const session::messaging_session* except);
    [[nodiscard]] VoidResult subscribe(const session::session_ptr& who, std::string_view topic);
    [[nodiscard]] VoidResult unsubscribe(const session::session_ptr& who, std::string_view topic);
    [[nodiscard]] std::size_t subscriber_count(std::string_view topic) const {
        return topics_.subscribers(topic)->size();
    }
    /// Before the start.
    void set_topics_listener(std::shared_ptr<topics_listener> listener) noexcept {
        topics_.set_listener(std::move(listener));
    }

protected:
    using session_ptr = session::session_ptr;

    /// How a connection has come in that is in its handshake.
    [[nodiscard]] verdict how_came(const session_ptr& who) const {
        return connections_.how_came(who);
    }
    /// Begins the end of an open connection, which comes at the latest at `deadline`.
    virtual void end_session(const session_ptr& who, runtime::steady_time deadline);
    /// What is sent for a message of the application's. Error: `invalid_argument`.
    [[nodiscard]] virtual Result<encoded_message> encode(message_kind type,
                                                         std::span<const std::uint8_t> data) = 0;
    /// Empty when every connection is accepted.
    [[nodiscard]] virtual const accept_callback& accept_filter() const noexcept = 0;
    /// What is spoken, in the words of the options.
    [[nodiscard]] virtual std::string_view protocol() const noexcept = 0;
    /// Runs the error callback for what concerns no connection.
    virtual void notify_error(std::error_code error) = 0;

    void on_established(const session_ptr& who) override { connections_.mark_open(who); }
    void on_gone(const session_ptr& who, std::error_code reason,
                 const session::session_metrics& totals) noexcept override;

private:
    /// One address: its socket, and who accepts from it.
    class bound_listener;

    void on_accept(runtime::unique_socket socket, const endpoint& peer);
    void on_accept_error(const endpoint& local, std::error_code error,
                         std::chrono::milliseconds pause);
    void on_acceptor_closed();

    [[nodiscard]] VoidResult start(Result<std::vector<listening_socket>> opened);
    void begin_accepting(bound_listener& on);
    [[nodiscard]] VoidResult check_listening() const;
    /// On the first loop: lets those in who wait in the queues, and closes the acceptors.
    void close_acceptors(runtime::steady_time deadline);
    void let_in(runtime::unique_socket socket, const endpoint& peer);
    void on_proxy_header(proxy_outcome outcome);
    void turn_away(proxy_outcome outcome);
    /// One that has its place: asks the accept callback.
    void filter_and_hand_over(runtime::unique_socket socket, const endpoint& client);
    void refuse_for_want_of_room(runtime::unique_socket socket, const endpoint& client);
    /// Serves a connection that has no place, only to be told so, or tells it at once and closes.
    void refuse(runtime::unique_socket socket, const endpoint& client, verdict how);
    /// What has been taken for a connection that is gone, or never came to be.
    void give_back(const endpoint& client, verdict how) noexcept;
    /// On to one of the loops.
    void hand_over(runtime::unique_socket socket, const endpoint& client, verdict how,
                   typed_pointer user_data);
    void serve(const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
               const endpoint& client, verdict how, typed_pointer user_data);
    [[nodiscard]] std::shared_ptr<session::message_connection> begin_session(
        const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
        const endpoint& client, verdict how, typed_pointer user_data);
    [[nodiscard]] Result<encoded_message> encode_checked(message_kind type,
                                                         std::span<const std::uint8_t> data);
    /// Whether it was open to them.
    bool close_to_newcomers();
    void end_parts(runtime::steady_time deadline) override;
    void end_sessions(runtime::steady_time deadline);
    void log_end() const noexcept override;
    /// With the lock held: removes the files of Unix domain sockets.
    void close_listeners() noexcept;
    [[nodiscard]] std::shared_ptr<server_engine> self() {
        return std::static_pointer_cast<server_engine>(shared_from_this());
    }
    void report_accept_error(std::error_code error);
    void report_error(std::error_code error);

    const server_options options_;
    std::vector<std::uint8_t> refusal_;
    std::vector<std::uint8_t> rejection_;
    admission admission_;
    connection_registry connections_;
    topics topics_;
    // One or more from the start on; which they are does not change any more.
    std::vector<std::unique_ptr<bound_listener>> listeners_;
    // A session that ends goes from the registry into the totals under it: whoever looks meanwhile
    // counts it once.
    mutable std::mutex books_mutex_;
    // Guards their sockets, from the sharing on any thread to the end in a stop.
    mutable std::mutex listening_mutex_;
    bool has_stopped_accepting_ = false;
    bool speaks_tls_ = false;
    proxy_gateway proxies_;
    detail::shared_counter accept_errors_;
    detail::shared_counter proxy_errors_;
};

/// What is wrong with the options, or ok.
[[nodiscard]] VoidResult validate(const server_options& options, bool is_secure,
                                  std::string_view source);

}  // namespace network_system::core

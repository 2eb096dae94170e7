#pragma once

#include "lifecycle/engine.h"
#include "runtime/acceptor.h"
#include "server/fan_out.h"
#include "server/listening_socket.h"
#include "server/proxy_gateway.h"
#include "server/topic_registry.h"
#include "utils/endpoint_hash.h"

#include <network_system/core/accept_answer.h>
#include <network_system/core/metrics.h>
#include <network_system/core/session_manager.h>
#include <network_system/session/message.h>
#include <network_system/utils/typed_pointer.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace network_system::core {

/// One life of a server, from start to the end of its last connection: it listens, lets connections
/// in, knows them and their topics. What they speak is derived from it.
///
/// Thread-safety: the public members from any thread; the rest on the loops.
class server_engine : public engine, public runtime::acceptor::handler {
public:
    server_engine(std::string name, const server_options& options,
                  std::shared_ptr<runtime::io_pool> pool, transport::transport_factory transports);

    /// Before the start: what a client is told that is turned away, for want of room and by the
    /// accept callback.
    void refuse_with(std::vector<std::uint8_t> full, std::vector<std::uint8_t> rejected) {
        refusal_ = std::move(full);
        rejection_ = std::move(rejected);
    }
    /// Before the start: for the log.
    void note_tls() noexcept { speaks_tls_ = true; }
    [[nodiscard]] VoidResult start(std::uint16_t port);
    [[nodiscard]] VoidResult start(listener&& taken);
    [[nodiscard]] Result<listener> share_listener();
    void begin_stop() override;
    /// Lets nobody in any more; connections go on until a stop.
    void stop_accepting();
    [[nodiscard]] bool is_running() const noexcept { return !is_stopping_; }
    /// The next life may begin.
    [[nodiscard]] bool is_finished() const { return end().is_over(); }
    [[nodiscard]] const server_options& options() const noexcept { return options_; }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return listening_.local().port(); }
    [[nodiscard]] session_manager& sessions() noexcept { return sessions_; }
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

protected:
    using session_ptr = session::session_ptr;

    /// Whether a connection has a place among `max_connections`, or is only there to be told that
    /// there is none, or that the accept callback does not want it.
    enum class standing : std::uint8_t { admitted, surplus, rejected };

    /// On to one of the loops.
    void hand_over(runtime::unique_socket socket, const endpoint& client, standing as,
                   typed_pointer user_data);
    /// A connection that is `surplus` or `rejected`. It is told, and closed.
    virtual void refuse(runtime::unique_socket socket, const endpoint& peer, standing as);
    /// A connection is there, and one of them is gone. `enter` throws std::bad_alloc with nothing
    /// done.
    virtual void enter(const session_ptr& who, standing as);
    /// To the registry.
    void register_session(const session_ptr& who);
    /// A connection that was never entered.
    virtual void give_back(const endpoint& peer, standing as) noexcept;
    virtual standing leave(const session_ptr& who) noexcept;
    /// Begins the end of every connection, which comes at the latest at `deadline`.
    virtual void end_sessions(runtime::steady_time deadline);
    /// What is sent for a message of the application's. Error: `invalid_argument`.
    [[nodiscard]] virtual Result<encoded_message> encode(message_kind type,
                                                         std::span<const std::uint8_t> data) = 0;
    /// Empty when every connection is accepted.
    [[nodiscard]] virtual const accept_callback& judge() const noexcept = 0;
    /// What is spoken, in the words of the options.
    [[nodiscard]] virtual std::string_view protocol() const noexcept = 0;
    /// Runs the error callback for what concerns no connection.
    virtual void tell_error(std::error_code error) = 0;

    void on_gone(const session_ptr& who, std::error_code reason,
                 const session::session_metrics& totals) noexcept override;
    [[nodiscard]] bool is_stopping() const noexcept { return is_stopping_; }

private:
    void on_accept(runtime::unique_socket socket, const endpoint& peer) override;
    void on_accept_error(std::error_code error, std::chrono::milliseconds pause) override;
    void on_acceptor_closed() override;

    [[nodiscard]] VoidResult start(listening_socket listening);
    void on_proxy_header(proxy_outcome outcome);
    /// One that has its place: asks the accept callback.
    void judge_and_hand_over(runtime::unique_socket socket, const endpoint& client);
    void serve(const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
               const endpoint& peer, standing as, typed_pointer user_data);
    [[nodiscard]] Result<encoded_message> encode_checked(message_kind type,
                                                         std::span<const std::uint8_t> data);
    /// Whether the limit per address applies: not to the peers of a Unix domain socket, and not yet
    /// to a proxy's client while it is unspecified.
    [[nodiscard]] bool is_counted(const endpoint& peer) const noexcept;
    [[nodiscard]] endpoint counted_as(const endpoint& peer) const noexcept;
    [[nodiscard]] bool take_place_of(const endpoint& peer);
    [[nodiscard]] bool admit(const endpoint& peer);
    void forget(const endpoint& peer) noexcept;
    void let_in(runtime::unique_socket socket, const endpoint& peer);
    void turn_away(proxy_outcome outcome);
    void refuse_for_want_of_room(runtime::unique_socket socket, const endpoint& client);
    /// Whether it was open to them.
    bool close_to_newcomers();
    [[nodiscard]] std::shared_ptr<session::message_connection> begin_session(
        const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
        const endpoint& peer, standing as, typed_pointer user_data);
    void release_one(runtime::loop& where);
    /// Closes the listener, with its lock held: how many may wait in its queue.
    [[nodiscard]] std::size_t close_listener();
    [[nodiscard]] std::shared_ptr<server_engine> self() {
        return std::static_pointer_cast<server_engine>(shared_from_this());
    }
    void report_accept_error(std::error_code error);
    void report_error(std::error_code error);

    const server_options options_;
    std::vector<std::uint8_t> refusal_;
    std::vector<std::uint8_t> rejection_;
    session_manager sessions_;
    topic_registry topics_;
    std::shared_ptr<runtime::acceptor> acceptor_;
    // From its sharing on any thread to its end in a stop.
    std::mutex listening_mutex_;
    listening_socket listening_;
    bool has_stopped_accepting_ = false;
    bool speaks_tls_ = false;
    proxy_gateway proxies_;
    std::atomic<bool> is_stopping_{false};
    // Set before `is_stopping_`.
    std::atomic<runtime::steady_time> ends_by_{runtime::steady_time{}};
    // The acceptor and each connection: the engine's life ends when none is left.
    std::atomic<std::size_t> alive_{1};
    std::atomic<std::uint64_t> accepted_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> rejected_{0};
    std::atomic<std::uint64_t> accept_errors_{0};
    std::atomic<std::uint64_t> proxy_errors_{0};

    // On the acceptor's loop and, when a session ends, on its own.
    std::mutex admission_mutex_;
    std::size_t admitted_ = 0;
    std::unordered_map<endpoint, std::size_t, detail::keyed_endpoint_hash> per_address_;
};

/// What is wrong with the options, or ok.
[[nodiscard]] VoidResult validate(const server_options& options, bool is_secure,
                                  std::string_view source);
/// The loops that a server of these options runs on. Error: `bind_failed`.
[[nodiscard]] Result<std::shared_ptr<runtime::io_pool>> make_pool(const server_options& options,
                                                                  std::string_view source);

}  // namespace network_system::core

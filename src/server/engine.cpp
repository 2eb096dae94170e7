#include "server/engine.h"

#include "utils/failure.h"
#include "utils/log.h"
#include "utils/on_exception.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

constexpr std::size_t max_topic_size = 1024;

/// The most connections that may wait to be accepted, one more than the backlog says.
std::size_t accept_queue_of(const server_options& options) noexcept {
    constexpr std::size_t of_the_system = 4096;
    return options.backlog > 0 ? static_cast<std::size_t>(options.backlog) + 1 : of_the_system + 1;
}

/// Nothing is drawn where nothing is counted: a simulation replays what is drawn.
std::uint64_t key_of_addresses(const runtime::io_pool& pool, const server_options& options) {
    return options.max_connections_per_address == 0 ? 0 : pool.loops().front()->random();
}

}  // namespace

server_engine::server_engine(std::string name, const server_options& options,
                             std::shared_ptr<runtime::io_pool> pool,
                             transport::transport_factory transports, std::size_t told)
    : engine(std::move(name), std::move(pool), std::move(transports), options.session, options),
      options_(options), admission_({options.max_connections, options.max_connections_per_address,
                                     options.address_prefix_v6, told},
                                    key_of_addresses(*pool_, options)),
      connections_(options.session), topics_(options.max_subscriptions_per_session),
      proxies_(options.proxy_protocol) {
    use_callback_pool(options_.callback_pool, options_.callback_queue_limit);
}

class server_engine::bound_listener final : public runtime::acceptor::handler {
public:
    bound_listener(server_engine& engine, listening_socket opened,
                   const std::shared_ptr<runtime::loop>& where)
        : socket(std::move(opened)), acceptor(std::make_shared<runtime::acceptor>(where)),
          engine_(engine) {}
    bound_listener(const bound_listener&) = delete;
    bound_listener& operator=(const bound_listener&) = delete;
    virtual ~bound_listener() = default;

    listening_socket socket;
    const std::shared_ptr<runtime::acceptor> acceptor;

private:
    void on_accept(runtime::unique_socket accepted, const endpoint& peer) override {
        engine_.on_accept(std::move(accepted), peer);
    }
    void on_accept_error(std::error_code error, std::chrono::milliseconds pause) override {
        engine_.on_accept_error(socket.local(), error, pause);
    }
    void on_acceptor_closed() override { engine_.on_acceptor_closed(); }

    server_engine& engine_;
};

server_engine::~server_engine() = default;

VoidResult server_engine::start(std::uint16_t port) {
    return start(listening_socket::open_all(net(), options_, port, name_));
}

VoidResult server_engine::start(listener&& taken) {
    return start(listening_socket::adopt_all(net(), options_, {&taken, 1}, name_));
}

VoidResult server_engine::start(std::vector<listener>&& taken) {
    return start(listening_socket::adopt_all(net(), options_, taken, name_));
}

VoidResult server_engine::start(Result<std::vector<listening_socket>> opened) {
    if (!opened) {
        return opened.error();
    }
    const auto& first = pool_->loops().front();
    for (listening_socket& each : opened.value()) {
        listeners_.push_back(std::make_unique<bound_listener>(*this, std::move(each), first));
    }
    // The first of them is the part that is the start.
    add_parts(listeners_.size() - 1);
    first->post([keep = self(), this] {
        for (const auto& each : listeners_) {
            begin_accepting(*each);
        }
    });
    return ok();
}

void server_engine::begin_accepting(bound_listener& on) {
    // It keeps the engine, which has it.
    const std::shared_ptr<runtime::acceptor::handler> handler(self(), &on);
    if (const auto refused = on.acceptor->start(on.socket.take(), handler)) {
        detail::log(log_level::error, writer().because(refused),
                    "the listener on {} cannot be watched", on.socket.local());
        report_accept_error(refused);
        on_acceptor_closed();
        return;
    }
    // Here, because the start holds a lock.
    detail::log(log_level::info, writer(), "listening on {}, {}{}", on.socket.local(), protocol(),
                speaks_tls_ ? " over TLS" : "");
}

VoidResult server_engine::check_listening() const {
    return is_stopping() || has_stopped_accepting_
               ? detail::failure(errc::server_not_started, "the server does not listen any more",
                                 name_)
               : ok();
}

Result<listener> server_engine::share_listener() {
    const std::lock_guard lock(listening_mutex_);
    return check_listening().and_then(
        [this](const auto&) { return listeners_.front()->socket.share(name_); });
}

Result<std::vector<listener>> server_engine::share_listeners() {
    const std::lock_guard lock(listening_mutex_);
    return check_listening().and_then([this](const auto&) -> Result<std::vector<listener>> {
        std::vector<listener> all;
        for (const auto& each : listeners_) {
            auto shared = each->socket.share(name_);
            if (!shared) {
                return shared.error();
            }
            all.push_back(std::move(shared).value());
        }
        return all;
    });
}

std::uint16_t server_engine::local_port() const noexcept {
    return listeners_.front()->socket.local().port();
}

std::vector<endpoint> server_engine::local_endpoints() const {
    std::vector<endpoint> all;
    all.reserve(listeners_.size());
    for (const auto& each : listeners_) {
        all.push_back(each->socket.local());
    }
    return all;
}

void server_engine::end_parts(runtime::steady_time deadline) {
    detail::log(log_level::info, writer(), "stop begun, of {} sessions",
                sessions().session_count());
    end_sessions(deadline);
    bool has_stopped_accepting = false;
    {
        const std::lock_guard lock(listening_mutex_);
        close_listeners();
        has_stopped_accepting = has_stopped_accepting_;
    }
    const auto& first = pool_->loops().front();
    first->post([keep = self(), this, &first, deadline, has_stopped_accepting] {
        close_acceptors(deadline);
        if (has_stopped_accepting) {
            proxies_.cancel_all();
            release_part(*first);
        }
    });
}

void server_engine::close_listeners() noexcept {
    for (const auto& each : listeners_) {
        each->socket.close();
    }
}

void server_engine::close_acceptors(runtime::steady_time deadline) {
    for (const auto& each : listeners_) {
        // Who waits in the queue knows nothing of the end: it is let in, where the end of the queue
        // would reset it. Where others listen as well, the queue is theirs. Nobody shares a socket
        // any more that is closed to newcomers.
        const std::size_t waiting = each->socket.may_be_shared() ? 0 : accept_queue_of(options_);
        each->acceptor->close_when_empty(waiting, deadline);
    }
}

void server_engine::stop_accepting() {
    if (close_to_newcomers()) {
        detail::log(log_level::info, writer(), "no more connections are accepted");
    }
}

bool server_engine::close_to_newcomers() {
    const std::lock_guard lock(listening_mutex_);
    if (is_stopping() || std::exchange(has_stopped_accepting_, true)) {
        return false;
    }
    // In place of the acceptor, until the stop: a server without connections lives on.
    add_parts();
    const detail::on_exception undo([this] {
        withdraw_part();
        has_stopped_accepting_ = false;
    });
    pool_->loops().front()->post(
        [keep = self(), this, deadline = stop_deadline()] { close_acceptors(deadline); });
    close_listeners();
    return true;
}

void server_engine::end_sessions(runtime::steady_time deadline) {
    for (const session_ptr& each : connections_.handshaking()) {
        session::message_connection::of(*each).end_by(deadline);
    }
    sessions().for_each([&](const session_ptr& each) { end_session(each, deadline); });
}

void server_engine::end_session(const session_ptr& who, runtime::steady_time deadline) {
    session::message_connection::of(*who).end_by(deadline);
}

void server_engine::on_acceptor_closed() {
    if (is_stopping()) {
        proxies_.cancel_all();
    }
    release_part(*pool_->loops().front());
}

void server_engine::log_end() const noexcept {
    detail::log(log_level::info, writer(), "stopped after {} connections", admission_.accepted());
}

void server_engine::on_gone(const session_ptr& who, std::error_code reason,
                            const session::session_metrics& totals) noexcept {
    topics_.remove(*who);
    give_back(who->remote_endpoint(), [&] {
        const std::lock_guard lock(books_mutex_);
        collect(totals, reason);
        return connections_.remove(who);
    }());
    release_part(*session::message_connection::of(*who).loop());
}

server_metrics server_engine::metrics() const {
    server_metrics all;
    admission_.add_to(all);
    all.accept_errors = accept_errors_;
    all.proxy_errors = proxy_errors_;
    all.session_errors = failed_sessions();
    all.callback_exceptions = callback_exceptions();
    all.topics = topics_.topic_count();
    const std::lock_guard lock(books_mutex_);
    all.totals = collected();
    for (const session_ptr& each : connections_.handshaking()) {
        add(all.totals, each->metrics());
    }
    sessions().for_each([&](const session_ptr& each) {
        add(all.totals, each->metrics());
        ++all.connections_active;
    });
    return all;
}

Result<encoded_message> server_engine::encode_checked(message_kind type,
                                                      std::span<const std::uint8_t> data) {
    if (data.size() > options_.session.max_message_size) {
        return detail::failure(errc::message_too_large,
                               fmt::format("message of {} bytes to many, over the limit of {}",
                                           data.size(), options_.session.max_message_size),
                               name_);
    }
    return encode(type, data);
}

Result<broadcast_result> server_engine::broadcast(message_kind type,
                                                  std::span<const std::uint8_t> data) {
    return encode_checked(type, data).map([&](const encoded_message& message) {
        return fan_out(*sessions().snapshot(), message);
    });
}

Result<broadcast_result> server_engine::publish(std::string_view topic, message_kind type,
                                                std::span<const std::uint8_t> data,
                                                const session::messaging_session* except) {
    return encode_checked(type, data).map([&](const encoded_message& message) {
        return fan_out(*topics_.publish(topic, type, data), message, topic, except);
    });
}

VoidResult server_engine::subscribe(const session_ptr& who, std::string_view topic) {
    if (!who || topic.empty() || topic.size() > max_topic_size) {
        return detail::failure(errc::invalid_argument,
                               fmt::format("a subscription needs a session and a topic of 1 to {} "
                                           "bytes",
                                           max_topic_size),
                               name_);
    }
    const auto* const own = who->implementation();
    if (own == nullptr || !sessions().find_session(who->id())) {
        return detail::failure(errc::session_not_found,
                               fmt::format("session {} is not connected here", who->id()), name_);
    }
    if (topics_.subscribe(who, topic) == topics::outcome::over_limit) {
        return detail::failure(errc::rate_limited,
                               fmt::format("session {} has {} subscriptions, the limit", who->id(),
                                           options_.max_subscriptions_per_session),
                               name_);
    }
    if (own->is_gone()) {
        // Its subscriptions may have been removed just before this one was there.
        topics_.remove(*who);
        return detail::failure(errc::session_not_found,
                               fmt::format("session {} is gone", who->id()), name_);
    }
    return ok();
}

VoidResult server_engine::unsubscribe(const session_ptr& who, std::string_view topic) {
    if (!who || topics_.unsubscribe(who, topic) == topics::outcome::unchanged) {
        return detail::failure(errc::session_not_found,
                               fmt::format("no subscription of the session to '{}'", topic), name_);
    }
    return ok();
}

}  // namespace network_system::core

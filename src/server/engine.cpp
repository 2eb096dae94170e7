#include "server/engine.h"

#include "utils/contain.h"
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/on_exception.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace network_system::core {
namespace {

constexpr std::size_t max_topic_size = 1024;

/// The most connections that may wait to be accepted, one more than the backlog says.
std::size_t accept_queue_of(const server_options& options) noexcept {
    constexpr std::size_t of_the_system = 4096;
    return options.backlog > 0 ? static_cast<std::size_t>(options.backlog) + 1 : of_the_system + 1;
}

/// Peers choose their addresses. Nothing is drawn where nothing is counted.
std::uint64_t key_of_addresses(const runtime::io_pool& pool, const server_options& options) {
    if (options.max_connections_per_address == 0) {
        return 0;
    }
    runtime::loop& source = *pool.loops().front();
    const std::uint64_t high = source.secret();
    return high << 32U | source.secret();
}

}  // namespace

server_engine::server_engine(std::string name, const server_options& options,
                             std::shared_ptr<runtime::io_pool> pool,
                             transport::transport_factory transports)
    : engine(std::move(name), std::move(pool), std::move(transports), options.session, options.log),
      options_(options), sessions_(0, options.session),
      topics_(options.max_subscriptions_per_session), proxies_(options.proxy_protocol),
      per_address_(0, detail::keyed_endpoint_hash(key_of_addresses(*pool_, options))) {
    use_callback_pool(options_.callback_pool, options_.callback_queue_limit);
}

VoidResult server_engine::start(std::uint16_t port) {
    auto opened = listening_socket::open(net(), options_, port, name_);
    return opened ? start(std::move(opened).value()) : VoidResult(opened.error());
}

VoidResult server_engine::start(listener&& taken) {
    auto adopted = listening_socket::adopt(net(), options_, std::move(taken), name_);
    return adopted ? start(std::move(adopted).value()) : VoidResult(adopted.error());
}

Result<listener> server_engine::share_listener() {
    const std::lock_guard lock(listening_mutex_);
    return is_stopping_ || has_stopped_accepting_
               ? detail::failure(errc::server_not_started, "the server does not listen any more",
                                 name_)
               : listening_.share(name_);
}

VoidResult server_engine::start(listening_socket listening) {
    listening_ = std::move(listening);
    const auto& first = pool_->loops().front();
    acceptor_ = std::make_shared<runtime::acceptor>(first);
    first->post(
        [keep = self(), this, accept_with = acceptor_, socket = listening_.take()]() mutable {
            if (const auto refused = accept_with->start(std::move(socket), self())) {
                detail::log(log_level::error, writer().because(refused),
                            "the listener on {} cannot be watched", listening_.local());
                report_accept_error(refused);
                on_acceptor_closed();
                return;
            }
            // Here, because the start holds a lock.
            detail::log(log_level::info, writer(), "listening on {}, {}{}", listening_.local(),
                        protocol(), speaks_tls_ ? " over TLS" : "");
        });
    return ok();
}

void server_engine::begin_stop() {
    auto not_stopping = runtime::steady_time{};
    const auto deadline = stop_deadline(options_.drain_timeout);
    if (!ends_by_.compare_exchange_strong(not_stopping, deadline)) {
        return;
    }
    is_stopping_ = true;
    // Not begun, for want of memory: it can be asked for again.
    const detail::on_exception undo([&] { ends_by_ = not_stopping; });
    detail::log(log_level::info, writer(), "stop begun, of {} sessions", sessions_.session_count());
    end_sessions(deadline);
    std::size_t waiting = 0;
    bool has_stopped_accepting = false;
    {
        const std::lock_guard lock(listening_mutex_);
        waiting = close_listener();
        has_stopped_accepting = has_stopped_accepting_;
    }
    const auto& first = pool_->loops().front();
    first->post([keep = self(), this, &first, waiting, deadline, has_stopped_accepting] {
        acceptor_->close_when_empty(waiting, deadline);
        if (has_stopped_accepting) {
            proxies_.cancel_all();
            release_one(*first);
        }
    });
}

std::size_t server_engine::close_listener() {
    listening_.close();
    // Who waits in the queue knows nothing of the end: it is let in, where the end of the queue
    // would reset it. Where others listen as well, the queue is theirs.
    return listening_.may_be_shared() ? 0 : accept_queue_of(options_);
}

void server_engine::stop_accepting() {
    if (close_to_newcomers()) {
        detail::log(log_level::info, writer(), "no more connections are accepted");
    }
}

bool server_engine::close_to_newcomers() {
    const std::lock_guard lock(listening_mutex_);
    if (is_stopping_ || std::exchange(has_stopped_accepting_, true)) {
        return false;
    }
    // In place of the acceptor, until the stop: a server without connections lives on.
    alive_.fetch_add(1);
    const detail::on_exception undo([this] {
        alive_.fetch_sub(1);
        has_stopped_accepting_ = false;
    });
    pool_->loops().front()->post([keep = self(), this, waiting = close_listener(),
                                  deadline = stop_deadline(options_.drain_timeout)] {
        acceptor_->close_when_empty(waiting, deadline);
    });
    return true;
}

void server_engine::end_sessions(runtime::steady_time deadline) {
    sessions_.for_each([&](const session_ptr& each) {
        if (auto* const own = each->implementation()) {
            own->end_by(deadline);
        }
    });
}

void server_engine::on_acceptor_closed() {
    if (is_stopping_) {
        proxies_.cancel_all();
    }
    release_one(*pool_->loops().front());
}

void server_engine::release_one(runtime::loop& where) {
    if (alive_.fetch_sub(1) == 1) {
        detail::log(log_level::info, writer(), "stopped after {} connections",
                    accepted_.load(std::memory_order_relaxed));
        finish(where);
    }
}

void server_engine::hand_over(runtime::unique_socket socket, const endpoint& client, standing as,
                              typed_pointer user_data) {
    alive_.fetch_add(1);
    const detail::on_exception undo([this] { alive_.fetch_sub(1); });
    const auto& where = pool_->next_loop();
    if (where->runs_here()) {
        serve(where, std::move(socket), client, as, std::move(user_data));
        return;
    }
    where->post([keep = self(), this, where, client, as, taken = std::move(socket),
                 data = std::move(user_data)]() mutable {
        serve(where, std::move(taken), client, as, std::move(data));
    });
}

void server_engine::serve(const std::shared_ptr<runtime::loop>& where,
                          runtime::unique_socket socket, const endpoint& peer, standing as,
                          typed_pointer user_data) {
    const bool is_served = detail::contain([&] {
        const auto created =
            begin_session(where, std::move(socket), peer, as, std::move(user_data));
        created->start();
        if (is_stopping_) {
            // The stop may have looked at the connections just before this one was among them.
            created->end_by(ends_by_);
        }
    });
    if (!is_served) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        give_back(peer, as);
        release_one(*where);
    }
}

/// Once it is entered, nothing fails any more: its end gives its place back.
std::shared_ptr<session::message_connection> server_engine::begin_session(
    const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
    const endpoint& peer, standing as, typed_pointer user_data) {
    session::session_setup setup;
    setup.role = session::session_role::server;
    setup.drain_timeout = options_.drain_timeout;
    setup.remote = peer;
    auto created = make_session(where, std::move(socket), setup);
    const session_ptr who = created->session();
    detail::log(log_level::debug, writer().about(who->id(), peer), "accepted on {}",
                who->local_endpoint());
    who->set_user_data(std::move(user_data));
    enter(who, as);
    return created;
}

void server_engine::give_back(const endpoint& peer, standing as) noexcept {
    if (as == standing::admitted) {
        forget(peer);
    }
}

void server_engine::enter(const session_ptr& who, standing) {
    register_session(who);
}

void server_engine::register_session(const session_ptr& who) {
    // Unlimited, and the id is new.
    if (!sessions_.add_session(who)) {
        throw std::bad_alloc();
    }
}

server_engine::standing server_engine::leave(const session_ptr& who) noexcept {
    (void)sessions_.remove_session(who->id());
    return standing::admitted;
}

void server_engine::on_gone(const session_ptr& who, std::error_code reason,
                            const session::session_metrics& totals) noexcept {
    collect(totals, reason);
    topics_.forget(*who);
    if (leave(who) == standing::admitted) {
        forget(who->remote_endpoint());
    }
    release_one(*session::message_connection::of(*who).where());
}

server_metrics server_engine::metrics() const {
    server_metrics all;
    all.connections_accepted = accepted_.load(std::memory_order_relaxed);
    all.connections_refused = refused_.load(std::memory_order_relaxed);
    all.connections_rejected = rejected_.load(std::memory_order_relaxed);
    all.accept_errors = accept_errors_.load(std::memory_order_relaxed);
    all.proxy_errors = proxy_errors_.load(std::memory_order_relaxed);
    all.session_errors = failed_sessions();
    all.callback_exceptions = callback_exceptions();
    all.topics = topics_.topic_count();
    all.totals = collected();
    sessions_.for_each([&](const session_ptr& each) {
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
        return fan_out(*sessions_.snapshot(), message);
    });
}

Result<broadcast_result> server_engine::publish(std::string_view topic, message_kind type,
                                                std::span<const std::uint8_t> data,
                                                const session::messaging_session* except) {
    return encode_checked(type, data).map([&](const encoded_message& message) {
        return fan_out(*topics_.subscribers(topic), message, topic, except);
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
    if (own == nullptr || !sessions_.find_session(who->id())) {
        return detail::failure(errc::session_not_found,
                               fmt::format("session {} is not connected here", who->id()), name_);
    }
    if (topics_.subscribe(who, topic) == topic_registry::outcome::over_limit) {
        return detail::failure(errc::rate_limited,
                               fmt::format("session {} has {} subscriptions, the limit", who->id(),
                                           options_.max_subscriptions_per_session),
                               name_);
    }
    if (own->is_gone()) {
        // It may have been forgotten just before it was entered.
        topics_.forget(*who);
        return detail::failure(errc::session_not_found,
                               fmt::format("session {} is gone", who->id()), name_);
    }
    return ok();
}

VoidResult server_engine::unsubscribe(const session_ptr& who, std::string_view topic) {
    if (!who || topics_.unsubscribe(who, topic) == topic_registry::outcome::unchanged) {
        return detail::failure(errc::session_not_found,
                               fmt::format("no subscription of the session to '{}'", topic), name_);
    }
    return ok();
}

}  // namespace network_system::core

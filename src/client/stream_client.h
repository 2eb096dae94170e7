#pragma once

#include "client/engine.h"
#include "client/proxy.h"
#include "client/restartable_client.h"
#include "lifecycle/addresses.h"
#include "transport/stream_security.h"
#include "utils/deadline.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::core {

/// The counters of a client's engines that are gone.
struct client_history {
    client_metrics counted;

    void add(const client_engine& engine) { network_system::add(counted, engine.metrics()); }
};

/// What the clients over streams have in common: a connected session. `Engine` is a
/// `client_engine`.
///
/// Thread-safety: every member may be called from any thread.
template <typename Engine, typename Callbacks>
class stream_client : public restartable_client<Engine, Callbacks, client_history> {
    using base = restartable_client<Engine, Callbacks, client_history>;

public:
    using engine_ptr = typename base::engine_ptr;
    using start_callback = typename base::start_callback;

    /// What a start is asked for.
    struct request {
        const client_options& options;
        /// Null for plain TCP.
        stream_security* security;
        std::string_view host;
        std::uint16_t port;
    };

    stream_client(std::string id, Callbacks&& callbacks)
        : base(std::move(id), std::move(callbacks), run::driven_by::others) {}

    /// The connected session in its own callbacks: what it sends there takes no lock. Else null.
    [[nodiscard]] session::messaging_session* own_session() const {
        return base::is_left_behind() ? nullptr : connected_->own();
    }
    [[nodiscard]] bool send_short(session::message_kind kind,
                                  std::span<const std::uint8_t> data) const {
        return !base::is_left_behind() && connected_->send_short(kind, data);
    }
    /// What `use(session)` answers, or that there is none.
    template <typename Use>
    [[nodiscard]] VoidResult with_session(const Use& use) const {
        if (auto* const own = own_session()) {
            return use(*own);
        }
        return session().and_then([&](const auto& current) { return use(*current); });
    }
    [[nodiscard]] Result<session::session_ptr> session() const {
        return answer_of(*this, [&]() -> Result<session::session_ptr> {
            if (auto current = connected_->get()) {
                return current;
            }
            return detail::failure(errc::connection_closed, "the client is not connected",
                                   base::id());
        });
    }

    /// Unspecified when not connected.
    [[nodiscard]] endpoint local_endpoint() const {
        const auto current = session();
        return current ? current.value()->local_endpoint() : endpoint{};
    }
    [[nodiscard]] endpoint remote_endpoint() const {
        const auto current = session();
        return current ? current.value()->remote_endpoint() : endpoint{};
    }

    /// Begins to connect with what `make(pool, loop, transports, slot, callbacks)` makes.
    template <typename Make>
    VoidResult start(const request& what, const Make& make, start_callback& handler,
                     session::operation_id operation) {
        return begin_start(what, make, handler, operation).map([](const auto&) {
            return std::monostate{};
        });
    }
    template <typename Make>
    VoidResult start_and_wait(const request& what, const Make& make) {
        return base::start_and_wait(what.options, patience_of(what.options), [&] {
            start_callback nobody;
            return begin_start(what, make, nobody, session::operation_id::none);
        });
    }

    Result<std::chrono::microseconds> ping_and_wait() {
        return ask_and_wait<std::chrono::microseconds>(
            "ping", nullptr, [](session::messaging_session& current, auto handler) {
                return current.ping(std::move(handler));
            });
    }
    /// Begins something with `ask(session, handler)` and waits for what the handler gets, at most
    /// for `limit` (null: the time that connecting may take).
    template <typename T, typename Ask>
    Result<T> ask_and_wait(const char* what, const std::chrono::milliseconds* limit,
                           const Ask& ask) {
        const auto current = session();
        const auto engine = base::engine();
        if (!current || !engine) {
            return current ? detail::failure(errc::connection_closed, "the client is not connected",
                                             base::id())
                           : current.error();
        }
        const client_options& options = engine->options();
        const typename base::time_limit patience =
            limit != nullptr
                ? typename base::time_limit{*limit, ""}
                : typename base::time_limit{options.connect_timeout, " (connect_timeout)"};
        return base::template begin_and_wait<T>(what, options, patience, [&](auto handler) {
            return ask(*current.value(), std::move(handler));
        });
    }

    [[nodiscard]] client_metrics metrics() const {
        return base::is_left_behind() ? client_metrics{} : base::whole_history().counted;
    }

private:
    /// How long a start may take.
    [[nodiscard]] static typename base::time_limit patience_of(const client_options& options) {
        const auto& retried = options.reconnect.retry_start_for;
        if (!options.auto_reconnect || retried == std::chrono::milliseconds{0}) {
            return {options.connect_timeout, " (connect_timeout)"};
        }
        return {detail::sum(retried, options.connect_timeout),
                " (connect_timeout and reconnect.retry_start_for)"};
    }
    template <typename Make>
    Result<engine_ptr> begin_start(const request& what, const Make& make, start_callback& handler,
                                   session::operation_id operation) {
        return answer_of(*this, [&]() -> Result<engine_ptr> {
            const auto target = read_target(what.host, what.port, base::id());
            if (!target) {
                return target.error();
            }
            if (const auto checked = validate(what.options, what.security != nullptr, base::id());
                checked.is_err()) {
                return checked.error();
            }
            auto proxy = proxy_for(what.options, target.value(), what.port,
                                   what.security != nullptr, base::id());
            if (!proxy) {
                return proxy.error();
            }
            // Before the lock of `begin` is taken: it may log.
            auto transports = make_transports_by(proxy.value(), what.options.log, what.security,
                                                 target.value(), what.port, base::id());
            if (!transports) {
                return transports.error();
            }
            // One that cannot start is destroyed after the lock.
            engine_ptr made;
            return base::begin(
                [this](const Engine&) { return base::already_started(); },
                [&](const auto& callbacks, const engine_ptr& former) -> Result<engine_ptr> {
                    const auto where = base::choose_loop(what.options);
                    if (!where) {
                        return where.error();
                    }
                    made = make(where.value().pool, where.value().loop,
                                std::move(transports).value(), connected_, callbacks);
                    made->connect_through(std::move(proxy).value());
                    const auto begun =
                        made->start(target.value(), what.port, handler, operation, former);
                    return begun ? Result<engine_ptr>(made) : begun.error();
                });
        });
    }

    const std::shared_ptr<session_slot> connected_ = std::make_shared<session_slot>();
};

}  // namespace network_system::core

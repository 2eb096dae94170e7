#include "core/server_engine.h"
#include "core/stream_security.h"
#include "core/text.h"
#include "utils/failure.h"

#include <network_system/core/messaging_server.h>

#include <utility>

namespace network_system::core {

namespace {

error_info not_started(const std::string& id) {
    return detail::failure(errc::server_not_started, "the server is not running", id);
}

}  // namespace

/// The server's current (or last) life, and the callbacks for the next.
class messaging_server::impl {
public:
    impl(std::string id, server_options options, std::shared_ptr<stream_security> security)
        : id_(std::move(id)), options_(std::move(options)), security_(std::move(security)) {
        runtime::io_threads::end_after_caller();
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    ~impl() {
        const auto current = engine();
        if (current && current->may_block()) {
            (void)stop();
        } else if (current) {
            current->abandon();
        }
    }

    [[nodiscard]] const std::string& id() const noexcept { return id_; }

    [[nodiscard]] std::shared_ptr<server_engine> engine() const {
        const std::lock_guard lock(mutex_);
        return engine_;
    }
    /// The engine while it accepts and serves.
    [[nodiscard]] std::shared_ptr<server_engine> running() const {
        auto current = engine();
        return current && current->is_running() ? current : nullptr;
    }

    /// What `use(engine)` answers, or that there is none running.
    template <typename Use>
    auto while_running(const Use& use) const -> std::invoke_result_t<Use, server_engine&> {
        const auto current = running();
        if (!current) {
            return not_started(id_);
        }
        return use(*current);
    }

    /// Starts the next life on a port or a listener.
    template <typename Where>
    VoidResult start(Where&& where) {
        if (auto checked = validate(options_); checked.is_err()) {
            return checked;
        }
        // Holds the engine that is let go, the former or one that cannot start: after the lock, for
        // its threads may still run user code, such as the destructors of user data.
        std::shared_ptr<server_engine> next;
        const std::lock_guard lock(mutex_);
        if (engine_ && !engine_->end().is_over()) {
            return detail::failure(errc::server_already_running,
                                   engine_->is_running() ? "the server is listening"
                                                         : "the server is still stopping",
                                   id_);
        }
        auto transports = make_transports(security_.get(), {}, id_);
        if (!transports) {
            return transports.error();
        }
        const auto method = to_runtime(options_.readiness_method);
        auto pool = make_pool(
            [&] {
                if (options_.environment) {
                    return options_.environment->make_pool(options_.io_threads);
                }
                return options_.io_context != nullptr
                           ? std::make_shared<runtime::io_pool>(*options_.io_context, method)
                           : std::make_shared<runtime::io_pool>(options_.io_threads, method);
            },
            errc::bind_failed, id_);
        if (!pool) {
            return pool.error();
        }
        next = std::make_shared<server_engine>(id_, options_, std::move(pool).value(),
                                               std::move(transports).value(), callbacks_);
        if (security_) {
            next->refuse_with(security_->refusal());
        }
        auto started = next->start(std::forward<Where>(where));
        if (started) {
            engine_.swap(next);
        }
        return started;
    }

    VoidResult stop() {
        const auto current = engine();
        if (!current) {
            return ok();
        }
        if (!current->may_block()) {
            current->begin_stop();
            return ok();
        }
        const bool is_over = current->stop(
            options_.drain_timeout, options_.io_context == nullptr ? engine::driven_by::own_threads
                                                                   : engine::driven_by::others);
        current->pool().stop();
        if (!is_over) {
            // Nobody runs the user's io_context: what is left goes with it, silently.
            const std::lock_guard lock(mutex_);
            if (engine_ == current) {
                engine_.reset();
            }
        }
        return ok();
    }

    VoidResult stop(session::stop_handler& handler) {
        const auto current = engine();
        if (!current || current->end().is_over()) {
            return not_started(id_);
        }
        current->stop_then(std::move(handler));
        return ok();
    }

    [[nodiscard]] server_metrics metrics() const {
        const auto current = engine();
        server_metrics all = current ? current->metrics() : server_metrics{};
        if (security_) {
            all.tls = security_->metrics();
        }
        return all;
    }

    /// Sets a callback unless they are in use. `callback` gets the one it replaces: the caller
    /// destroys that, without the lock.
    template <typename Callback>
    VoidResult set_callback(Callback server_callbacks::*which, Callback& callback) {
        const std::lock_guard lock(mutex_);
        if (engine_ && !engine_->end().is_over()) {
            return detail::failure(errc::invalid_argument, "callbacks are set before start_server",
                                   id_);
        }
        std::swap((*callbacks_).*which, callback);
        return ok();
    }

private:
    [[nodiscard]] VoidResult validate(const server_options& options) const {
        if (auto checked = validate_environment(options, security_ != nullptr, id_);
            checked.is_err()) {
            return checked;
        }
        if (options.io_context == nullptr &&
            (options.io_threads == 0 || options.io_threads > 256)) {
            return detail::failure(errc::invalid_argument, "io_threads must be 1 to 256", id_);
        }
        if (options.drain_timeout < std::chrono::milliseconds{0} || options.backlog < 0) {
            return detail::failure(errc::invalid_argument,
                                   "drain_timeout and backlog must not be negative", id_);
        }
        if (auto checked = validate_callback_pool(options.callback_pool.get(),
                                                  options.callback_queue_limit, id_);
            checked.is_err()) {
            return checked;
        }
        if (auto checked = proxy_gateway::check(options.proxy_protocol, id_); checked.is_err()) {
            return checked;
        }
        return core::validate(options.session, id_);
    }

    const std::string id_;
    const server_options options_;
    const std::shared_ptr<stream_security> security_;
    mutable std::mutex mutex_;
    std::shared_ptr<server_callbacks> callbacks_ = std::make_shared<server_callbacks>();
    std::shared_ptr<server_engine> engine_;
};

messaging_server::messaging_server(std::string server_id, server_options options)
    : messaging_server(std::move(server_id), std::move(options), nullptr) {}

messaging_server::messaging_server(std::string server_id, server_options&& options,
                                   std::shared_ptr<stream_security> security)
    : impl_(std::make_unique<impl>(std::move(server_id), std::move(options), std::move(security))) {
}

messaging_server::~messaging_server() = default;

VoidResult messaging_server::start_server(std::uint16_t port) {
    return impl_->start(port);
}

VoidResult messaging_server::start_server(listener&& taken) {
    return impl_->start(std::move(taken));
}

Result<listener> messaging_server::share_listener() {
    const auto current = impl_->running();
    if (!current) {
        return not_started(impl_->id());
    }
    return current->share_listener();
}

VoidResult messaging_server::stop_server() {
    return impl_->stop();
}

VoidResult messaging_server::stop_server(session::stop_handler&& handler) {
    return impl_->stop(handler);
}

VoidResult messaging_server::wait_for_stop() {
    const auto current = impl_->engine();
    if (!current) {
        return ok();
    }
    if (!current->may_block()) {
        return detail::failure(errc::would_block, "wait_for_stop on an I/O thread", impl_->id());
    }
    current->end().wait();
    return ok();
}

bool messaging_server::is_running() const noexcept {
    return impl_->running() != nullptr;
}

std::uint16_t messaging_server::local_port() const noexcept {
    const auto current = impl_->running();
    return current ? current->local_port() : std::uint16_t{0};
}

const std::string& messaging_server::server_id() const noexcept {
    return impl_->id();
}

VoidResult messaging_server::set_connection_callback(connection_callback callback) {
    return impl_->set_callback(&server_callbacks::connected, callback);
}

VoidResult messaging_server::set_disconnection_callback(disconnection_callback callback) {
    return impl_->set_callback(&server_callbacks::disconnected, callback);
}

VoidResult messaging_server::assign_receive_callback(receive_callback callback) {
    return impl_->set_callback(&server_callbacks::received, callback);
}

VoidResult messaging_server::assign_request_callback(request_callback callback) {
    return impl_->set_callback(&server_callbacks::requested, callback);
}

VoidResult messaging_server::set_error_callback(error_callback callback) {
    return impl_->set_callback(&server_callbacks::failed, callback);
}

VoidResult messaging_server::set_writable_callback(writable_callback callback) {
    return impl_->set_callback(&server_callbacks::writable, callback);
}

Result<broadcast_result> messaging_server::broadcast(std::span<const std::uint8_t> data) {
    return impl_->while_running([&](server_engine& engine) { return engine.broadcast(data); });
}

Result<broadcast_result> messaging_server::broadcast(std::string_view text) {
    return broadcast(bytes_of(text));
}

Result<broadcast_result> messaging_server::broadcast(std::initializer_list<std::uint8_t> data) {
    return broadcast(std::span<const std::uint8_t>(data.begin(), data.size()));
}

VoidResult messaging_server::subscribe(const session_ptr& session, std::string_view topic) {
    return impl_->while_running(
        [&](server_engine& engine) { return engine.subscribe(session, topic); });
}

VoidResult messaging_server::unsubscribe(const session_ptr& session, std::string_view topic) {
    return impl_->while_running(
        [&](server_engine& engine) { return engine.unsubscribe(session, topic); });
}

Result<broadcast_result> messaging_server::publish(std::string_view topic,
                                                   std::span<const std::uint8_t> data,
                                                   const session_ptr& except) {
    return impl_->while_running(
        [&](server_engine& engine) { return engine.publish(topic, data, except.get()); });
}

Result<broadcast_result> messaging_server::publish(std::string_view topic, std::string_view text,
                                                   const session_ptr& except) {
    return publish(topic, bytes_of(text), except);
}

std::size_t messaging_server::subscriber_count(std::string_view topic) const {
    const auto current = impl_->running();
    return current ? current->subscriber_count(topic) : 0;
}

Result<messaging_server::session_ptr> messaging_server::get_session(
    std::string_view session_id) const {
    return impl_->while_running(
        [&](server_engine& engine) { return engine.sessions().find_session(session_id); });
}

std::vector<messaging_server::session_ptr> messaging_server::get_sessions() const {
    const auto current = impl_->running();
    return current ? current->sessions().all_sessions() : std::vector<session_ptr>{};
}

std::size_t messaging_server::connection_count() const {
    const auto current = impl_->engine();
    return current ? current->sessions().session_count() : 0;
}

server_metrics messaging_server::metrics() const {
    return impl_->metrics();
}

session_manager_stats messaging_server::session_stats() const {
    const auto current = impl_->running();
    return current ? current->sessions().get_stats() : session_manager_stats{};
}

}  // namespace network_system::core

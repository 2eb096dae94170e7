#pragma once

#include "core/engine.h"
#include "session/framed_session.h"
#include "utils/failure.h"
#include "utils/log.h"

#include <network_system/internal/tcp_socket.h>

#include <atomic>
#include <memory>
#include <utility>

namespace network_system::internal {

struct tcp_socket::stream_kind {
    core::engine::make_transport make_transport;
};

/// The host of the one session that does the work: framing::raw is a stream of bytes.
class tcp_socket::impl final : public session::session_host {
public:
    static constexpr const char* source = "tcp_socket";

    impl(std::shared_ptr<runtime::loop> where, runtime::unique_socket socket,
         const tcp_socket_options& options)
        : loop_(std::move(where)), socket_(std::move(socket)), options_(options) {
        options_.limits.frames = framing::raw;
    }

    /// Apart from the constructor, because the session refers to its host.
    void make_session(const stream_kind& kind) {
        session::session_setup setup;
        setup.config = std::make_shared<const session_config>(options_.limits);
        setup.drain_timeout = options_.drain_timeout;
        setup.remote = runtime::sockets::remote_endpoint(socket_.get());
        setup.local = runtime::sockets::local_endpoint(socket_.get());
        session_ = std::make_shared<session::framed_session>(
            kind.make_transport(loop_, std::move(socket_)), shared_from_this(), setup);
    }

    [[nodiscard]] session::framed_session& session() const noexcept { return *session_; }
    [[nodiscard]] bool is_started() const noexcept {
        return state_.load(std::memory_order_acquire) == state::started;
    }
    [[nodiscard]] VoidResult not_started() const {
        return detail::failure(errc::connection_closed, "start_read was not called", source);
    }

    VoidResult start() {
        auto expected = state::idle;
        if (!state_.compare_exchange_strong(expected, state::started, std::memory_order_acq_rel)) {
            return expected == state::started
                       ? detail::failure(errc::already_exists, "start_read was called before",
                                         source)
                       : detail::failure(errc::connection_closed, "the socket was closed", source);
        }
        loop_->post([keep = session_] { keep->start(); });
        return ok();
    }

    void close() {
        auto expected = state::idle;
        if (!state_.compare_exchange_strong(expected, state::closed, std::memory_order_acq_rel) &&
            expected == state::started) {
            (void)session_->stop_session();
        }
    }

    /// No callback after it, if the calling thread may wait.
    void abandon() {
        close();
        gate()->close();
        if (!runtime::loop::is_on_io_thread() && !loop_->context_runs_here()) {
            gate()->wait_until_idle();
        }
        session_.reset();  // refers to this, also when it never came to run
    }

    template <typename Callback>
    VoidResult set(Callback& to, Callback callback) {
        if (is_started()) {
            return detail::failure(errc::invalid_argument, "callbacks are set before start_read",
                                   source);
        }
        to = std::move(callback);
        return ok();
    }

    receive_callback received;
    closed_callback closed;
    writable_callback writable;

private:
    enum class state : std::uint8_t { idle, started, closed };

    void on_open(const session::session_ptr&) override {}
    void on_message(const session::session_ptr&, session::message_kind,
                    std::span<const std::uint8_t> data) override {
        if (received) {
            received(data);
        }
    }
    void on_writable(const session::session_ptr&) override {
        if (writable) {
            writable();
        }
    }
    void on_gone(const session::session_ptr&, std::error_code,
                 const session::session_metrics&) noexcept override {}
    void on_closed(const session::session_ptr&, std::error_code reason, bool) override {
        if (closed) {
            closed(reason);
        }
    }
    void on_callback_exception(const session::messaging_session& who,
                               std::string_view what) noexcept override {
        detail::log(log_level::error,
                    "{}: a callback of the connection to {} threw, closing it: {}", source,
                    who.remote_endpoint().to_string(), what);
    }

    const std::shared_ptr<runtime::loop> loop_;
    runtime::unique_socket socket_;
    tcp_socket_options options_;
    std::atomic<state> state_{state::idle};
    std::shared_ptr<session::framed_session> session_;
};

}  // namespace network_system::internal

#pragma once

#include "os/native_socket.h"
#include "session/message_connection.h"
#include "session/message_host.h"
#include "session/receiving/unread_notice.h"
#include "transport/transport.h"
#include "utils/failure.h"
#include "utils/late_callback.h"
#include "utils/log.h"
#include "utils/process.h"

#include <network_system/internal/adopted_socket.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::internal {

struct stream_kind {
    transport::transport_factory make_transport;
};

[[nodiscard]] inline Result<stream_kind_ptr> kind_of(
    const Result<transport::transport_factory>& transports) {
    return transports.map([](const auto& each) -> stream_kind_ptr {
        return std::make_shared<const stream_kind>(stream_kind{each});
    });
}

/// The host of the one session of a socket that came from the application: what those that speak
/// differently have in common.
///
/// Thread-safety: every member from any thread, `set` before the start.
class adopted_session : public session::message_host {
public:
    using closed_callback = unique_function<void(std::error_code)>;
    using writable_callback = unique_function<void()>;

    [[nodiscard]] session::messaging_session& session() const noexcept { return *session_; }
    [[nodiscard]] bool is_started() const noexcept {
        return state_.load(std::memory_order_acquire) == state::started;
    }
    [[nodiscard]] VoidResult not_started() const {
        return detail::failure(errc::connection_closed, "it was not started", source_);
    }

    VoidResult start() {
        return detail::within_memory([&]() -> VoidResult {
            auto expected = state::idle;
            if (!state_.compare_exchange_strong(expected, state::started,
                                                std::memory_order_acq_rel)) {
                return expected == state::started
                           ? detail::failure(errc::already_exists, "it was started before", source_)
                           : detail::failure(errc::connection_closed, "the socket was closed",
                                             source_);
            }
            loop()->post([keep = session_] { session::message_connection::of(*keep).start(); });
            return ok();
        });
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
        if (!loop()->belongs_here()) {
            // Of a forked child's parent: it goes with the io_context.
            detail::keep_for_ever(std::move(session_));
            return;
        }
        close();
        gate()->close();
        if (!runtime::loop::is_on_io_thread() && !loop()->context_runs_here()) {
            gate()->wait_until_idle();
        }
        session_.reset();  // refers to this, also when it never came to run
    }

    template <typename Callback>
    VoidResult set(Callback& to, Callback callback) {
        return detail::within_memory([&]() -> VoidResult {
            if (is_started()) {
                return detail::late_callback(source_, {}, "callbacks are set before the start");
            }
            to = std::move(callback);
            return ok();
        });
    }

    closed_callback closed;
    writable_callback writable;

protected:
    adopted_session(std::string_view source, std::shared_ptr<log_output> log) noexcept
        : source_(source), log_(std::move(log)) {}

    /// A message for which there is no callback.
    void record_unread(const session::session_ptr& who) {
        session::message_connection::of(*who).count_unread(1);
        unread_notice_.tell(writer(), "receive");
    }
    /// Apart from the constructor, because the session refers to its host.
    void own(session::session_ptr made) { session_ = std::move(made); }

private:
    enum class state : std::uint8_t { idle, started, closed };

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
    void on_callback_exception(const session::connection& who,
                               std::string_view what) noexcept override {
        detail::log_limited(detail::log_kind::thrown,
                            writer().about(who.id(), who.remote_endpoint()),
                            "a callback threw, closing the connection: {}", what);
    }
    [[nodiscard]] detail::log_source writer() const noexcept override {
        return {source_, {}, nullptr, log_.get()};
    }

    const std::string_view source_;
    const std::shared_ptr<log_output> log_;
    session::unread_notice unread_notice_;
    std::atomic<state> state_{state::idle};
    [[nodiscard]] const std::shared_ptr<runtime::loop>& loop() const noexcept {
        return session::message_connection::of(*session_).loop();
    }
    session::session_ptr session_;
};

/// Where the two ends of a socket are, and what it lives by.
[[nodiscard]] inline session::session_setup setup_of(const runtime::unique_socket& socket,
                                                     const session_config& limits,
                                                     std::chrono::milliseconds drain_timeout) {
    session::session_setup setup;
    setup.settings = std::make_shared<const session::connection_settings>(
        session::connection_settings{limits, drain_timeout});
    setup.remote = runtime::sockets::remote_endpoint(socket.get());
    setup.local = runtime::sockets::local_endpoint(socket.get());
    return setup;
}

}  // namespace network_system::internal

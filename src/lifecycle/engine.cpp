#include "lifecycle/engine.h"

#include "utils/failure.h"
#include "utils/log.h"

#include <limits>
#include <utility>

namespace network_system::core {

using std::chrono::milliseconds;

bool engine::may_block() const noexcept {
    return run::may_block() && !(callback_pool_ && callback_pool_->dispatcher->pool().runs_here());
}

void engine::wait_for_end() const {
    if (!callback_pool_) {
        run::wait_for_end();
    }
    // A pool that is stopped meanwhile does not say so.
    while (has_running_callbacks() && !end().wait_until(give_up_after(milliseconds{0}))) {}
}

std::shared_ptr<session::stream_session> engine::make_session(
    const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
    session::session_setup setup) {
    setup.config = config_;
    setup.local = net().local_endpoint(socket.get());
    std::shared_ptr<session::session_host> host = shared_from_this();
    if (callback_pool_) {
        host = std::make_shared<pooled_callbacks>(std::move(host), callback_pool_, where);
    }
    return new_session(transports_(where, std::move(socket)), std::move(host), setup);
}

void engine::use_callback_pool(std::shared_ptr<thread_pool_interface> workers,
                               std::size_t queue_limit) {
    if (workers) {
        callback_pool_ = std::make_shared<callback_pool>();
        callback_pool_->dispatcher = std::make_shared<callback_dispatcher>(std::move(workers));
        callback_pool_->queue_limit = queue_limit;
    }
}

void engine::collect(const session::session_metrics& gone, std::error_code reason) {
    if (reason) {
        failed_sessions_.add();
    }
    const std::lock_guard lock(totals_mutex_);
    add(totals_, gone);
}

session::session_metrics engine::collected() const {
    const std::lock_guard lock(totals_mutex_);
    return totals_;
}

void engine::on_callback_exception(const session::messaging_session& who,
                                   std::string_view what) noexcept {
    record_callback_exception();
    detail::log_limited(detail::log_kind::thrown, writer().about(who.id(), who.remote_endpoint()),
                        "a callback threw, closing the connection: {}", what);
}

void engine::record_unread(const session::session_ptr& who, std::string_view missing) {
    session::stream_session::of(*who).count_unread(1);
    unread_notice_.tell(writer().about(who->id(), who->remote_endpoint()), missing);
}

void add(session::session_metrics& sum, const session::session_metrics& more) noexcept {
    sum.messages_sent += more.messages_sent;
    sum.messages_received += more.messages_received;
    sum.bytes_sent += more.bytes_sent;
    sum.bytes_received += more.bytes_received;
    sum.messages_dropped += more.messages_dropped;
    sum.sends_rejected += more.sends_rejected;
    sum.bytes_discarded += more.bytes_discarded;
    sum.requests_sent += more.requests_sent;
    sum.requests_received += more.requests_received;
    sum.request_timeouts += more.request_timeouts;
    sum.late_responses += more.late_responses;
    sum.requests_pending += more.requests_pending;
    sum.requests_unanswered += more.requests_unanswered;
    sum.rate_pauses += more.rate_pauses;
    sum.messages_unread += more.messages_unread;
    sum.queued_bytes += more.queued_bytes;
}

Result<std::shared_ptr<runtime::io_pool>> make_pool(
    const std::function<std::shared_ptr<runtime::io_pool>()>& make, errc code,
    std::string_view source) {
    try {
        return make();
    } catch (const std::system_error& failure) {
        return detail::failure(code, "cannot start an I/O thread", source, failure.code());
    }
}

VoidResult validate(const session_config& config, std::string_view source) {
    const auto wrong = [source](const char* what) -> VoidResult {
        return detail::failure(errc::invalid_argument, what, source);
    };
    constexpr std::size_t largest = std::numeric_limits<std::int32_t>::max();
    if (config.max_message_size == 0 || config.max_message_size > largest) {
        return wrong("session.max_message_size must be 1 to 2147483647");
    }
    if (config.high_watermark == 0) {
        return wrong("session.high_watermark must be at least 1");
    }
    if (config.max_messages_per_second > 1'000'000'000) {
        return wrong("session.max_messages_per_second must be at most 1000000000");
    }
    if (config.receive_queue_limit == 0) {
        return wrong("session.receive_queue_limit must be at least 1");
    }
    if (config.low_watermark > config.high_watermark) {
        return wrong("session.low_watermark must not be above session.high_watermark");
    }
    if (config.max_missed_pings == 0) {
        return wrong("session.max_missed_pings must be at least 1");
    }
    if (config.idle_timeout < milliseconds{0}) {
        return wrong("session.idle_timeout must not be negative");
    }
    if (config.ping_interval < milliseconds{0}) {
        return wrong("session.ping_interval must not be negative");
    }
    if (config.pong_timeout < milliseconds{0}) {
        return wrong("session.pong_timeout must not be negative");
    }
    if (config.send_wait_timeout < milliseconds{0}) {
        return wrong("session.send_wait_timeout must not be negative");
    }
    return ok();
}

VoidResult validate_callback_pool(const thread_pool_interface* workers, std::size_t queue_limit,
                                  std::string_view source) {
    if (queue_limit == 0) {
        return detail::failure(errc::invalid_argument, "callback_queue_limit must be at least 1",
                               source);
    }
    if (workers != nullptr && !workers->is_running()) {
        return detail::failure(errc::invalid_argument, "callback_pool does not run", source);
    }
    return ok();
}

runtime::readiness_method to_runtime(readiness method) noexcept {
    return method == readiness::per_socket ? runtime::readiness_method::per_socket
                                           : runtime::readiness_method::automatic;
}

runtime::sockets::tcp_settings to_runtime(const socket_options& options) noexcept {
    return {options.no_delay, options.keep_alive, options.send_buffer_size,
            options.receive_buffer_size};
}

}  // namespace network_system::core

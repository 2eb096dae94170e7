#include "lifecycle/engine.h"

#include "utils/failure.h"
#include "utils/log.h"

#include <utility>

namespace network_system::inline v0_1::core {

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

std::shared_ptr<session::message_connection> engine::make_session(
    const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
    session::session_setup setup) {
    setup.settings = settings_;
    setup.local = net().local_endpoint(socket.get());
    std::shared_ptr<session::message_host> host = shared_from_this();
    if (callback_pool_) {
        host = std::make_shared<pooled_callbacks>(std::move(host), callback_pool_, where);
    }
    return new_session(transports()(where, std::move(socket)), std::move(host), setup);
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

void engine::on_callback_exception(const session::connection& who, std::string_view what) noexcept {
    record_callback_exception();
    detail::log_limited(detail::log_kind::thrown, writer().about(who.id(), who.remote_endpoint()),
                        "a callback threw, closing the connection: {}", what);
}

void engine::record_unread(const session::session_ptr& who, std::string_view missing) {
    session::message_connection::of(*who).count_unread(1);
    unread_notice_.tell(writer().about(who->id(), who->remote_endpoint()), missing);
}

}  // namespace network_system::core

#include "framed/client_engine.h"

#include "framed/session.h"

#include <utility>

namespace network_system::inline v0_1::core {

std::shared_ptr<session::message_connection> framed_client_engine::new_session(
    std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
    session::session_setup& setup) {
    return std::make_shared<session::framed_session>(std::move(over), std::move(host), setup);
}

void framed_client_engine::notify_connected(const session_ptr& who) {
    callbacks_->connected(who);
}

void framed_client_engine::notify_error(const session_ptr& who, std::error_code reason) {
    callbacks_->failed(who, reason);
}

void framed_client_engine::notify_disconnected(const session_ptr& who, std::error_code reason) {
    callbacks_->disconnected(who, reason);
}

void framed_client_engine::on_message(const session_ptr& who, session::message_kind,
                                      std::span<const std::uint8_t> data) {
    if (callbacks_->received) {
        callbacks_->received(who, data);
    } else {
        record_unread(who, "receive");
    }
}

void framed_client_engine::on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                                      detail::request_call& call) {
    if (callbacks_->requested) {
        callbacks_->requested(who, data, call);
    } else {
        record_unread(who, "request");
        message_host::on_request(who, data, call);
    }
}

void framed_client_engine::on_writable(const session_ptr& who) {
    callbacks_->writable(who);
}

}  // namespace network_system::core

#include "framed/server_engine.h"

#include "framed/session.h"
#include "protocol/framing/control_frames.h"
#include "utils/failure.h"

#include <utility>

namespace network_system::inline v0_1::core {

framed_server_engine::framed_server_engine(std::string name, const server_options& options,
                                           std::shared_ptr<runtime::io_pool> pool,
                                           transport::transport_factory transports,
                                           std::shared_ptr<const server_callbacks> callbacks)
    : server_engine(std::move(name), options, std::move(pool), std::move(transports)),
      callbacks_(std::move(callbacks)) {
    if (options.session.frames == framing::message) {
        const auto full = protocol::encode_goodbye(static_cast<int>(errc::server_full));
        const auto rejected = protocol::encode_goodbye(static_cast<int>(errc::connection_refused));
        refuse_with({full.begin(), full.end()}, {rejected.begin(), rejected.end()});
    }
}

std::shared_ptr<session::message_connection> framed_server_engine::new_session(
    std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
    session::session_setup& setup) {
    return std::make_shared<session::framed_session>(std::move(over), std::move(host), setup);
}

Result<encoded_message> framed_server_engine::encode(message_kind type,
                                                     std::span<const std::uint8_t> data) {
    if (data.empty()) {
        return detail::failure(errc::invalid_argument, "an empty message cannot be sent to many",
                               name_);
    }
    return encode_with(session::message_encoder(options().session.frames), type, data);
}

std::string_view framed_server_engine::protocol() const noexcept {
    switch (options().session.frames) {
        case framing::message: return "framing::message";
        case framing::length_prefixed: return "framing::length_prefixed";
        case framing::raw: return "framing::raw";
    }
    return {};
}

void framed_server_engine::notify_error(std::error_code error) {
    callbacks_->failed(nullptr, error);
}

void framed_server_engine::on_open(const session_ptr& who) {
    if (callbacks_->connected) {
        callbacks_->connected(who);
    }
}

void framed_server_engine::on_message(const session_ptr& who, session::message_kind,
                                      std::span<const std::uint8_t> data) {
    if (callbacks_->received) {
        callbacks_->received(who, data);
    } else {
        record_unread(who, "receive");
    }
}

void framed_server_engine::on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                                      detail::request_call& call) {
    if (callbacks_->requested) {
        callbacks_->requested(who, data, call);
    } else {
        record_unread(who, "request");
        message_host::on_request(who, data, call);
    }
}

void framed_server_engine::on_writable(const session_ptr& who) {
    if (callbacks_->writable) {
        callbacks_->writable(who);
    }
}

void framed_server_engine::on_closed(const session_ptr& who, std::error_code reason,
                                     bool was_open) {
    if (reason && callbacks_->failed) {
        callbacks_->failed(who, reason);
    }
    // The error callback may have destroyed the server.
    if (was_open && callbacks_->disconnected && gate()->is_open()) {
        callbacks_->disconnected(who, reason);
    }
}

}  // namespace network_system::core

#pragma once

#include "framed/session.h"
#include "lifecycle/engine.h"
#include "session/adopted_session.h"

#include <network_system/internal/tcp_socket.h>

#include <memory>
#include <utility>

namespace network_system::inline v0_1::internal {

/// The host of the one session that does the work: framing::raw is a stream of bytes.
class tcp_socket::impl final : public adopted_session {
public:
    static constexpr const char* source = "tcp_socket";

    explicit impl(std::shared_ptr<log_output> log) : adopted_session(source, std::move(log)) {}

    void make_session(const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
                      const tcp_socket_options& options, const stream_kind& kind) {
        session_config limits = options.limits;
        limits.frames = framing::raw;
        const auto setup = setup_of(socket, limits, options.drain_timeout);
        own(std::make_shared<session::framed_session>(kind.make_transport(where, std::move(socket)),
                                                      shared_from_this(), setup));
    }

    receive_callback received;

private:
    void on_open(const session::session_ptr&) override {}
    void on_message(const session::session_ptr& who, session::message_kind,
                    std::span<const std::uint8_t> data) override {
        if (received) {
            received(data);
        } else {
            record_unread(who);
        }
    }
};

}  // namespace network_system::internal

#pragma once

#include "framed/session.h"
#include "session/message_host.h"
#include "transport/transport.h"
#include "utils/on_exception.h"

#include <network_system/session/request.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace network_system::inline v0_1::core {

/// What the engines of servers and clients do alike when connections speak one of the framings:
/// their sessions are framed, and the callbacks for what arrives run. `Engine` is server_engine or
/// client_engine, `Callbacks` the application's callbacks of it.
template <typename Engine, typename Callbacks>
class framed_engine_of : public Engine {
protected:
    using session_ptr = session::session_ptr;

    /// `arguments` are those of `Engine`.
    template <typename... Arguments>
    explicit framed_engine_of(std::shared_ptr<const Callbacks> callbacks, Arguments&&... arguments)
        : Engine(std::forward<Arguments>(arguments)...), callbacks_(std::move(callbacks)) {}

    /// Before the start: what its sessions do with messages that have ids.
    void use_delivery(session::delivery_parts parts) noexcept { delivery_ = std::move(parts); }
    /// As they were when it started.
    [[nodiscard]] const Callbacks& callbacks() const noexcept { return *callbacks_; }

private:
    [[nodiscard]] std::shared_ptr<session::message_connection> new_session(
        std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
        session::session_setup& setup) final {
        return std::make_shared<session::framed_session>(std::move(over), std::move(host), setup,
                                                         &delivery_);
    }
    void on_message(const session_ptr& who, session::message_kind,
                    std::span<const std::uint8_t> data) final {
        if (callbacks_->received) {
            callbacks_->received(who, data);
        } else {
            this->record_unread(who, "receive");
        }
    }
    void on_numbered_message(const session_ptr& who, std::span<const std::uint8_t> data,
                             std::uint64_t id) final {
        auto& over = session::message_connection::of(*who);
        if (!callbacks_->received) {
            this->record_unread(who, "receive");  // nobody has taken it: no acknowledgement
        } else if (over.begin_delivery(id)) {
            const detail::on_exception undo([&] { over.end_delivery(id, false); });
            callbacks_->received(who, data);
            over.end_delivery(id, true);
        }
    }
    void on_event(const session_ptr& who, std::uint32_t, std::span<const std::uint8_t> data) final {
        if constexpr (requires { callbacks_->acknowledged; }) {
            const auto answer = session::delivery_answer::read(data);
            // Each callback may end the client.
            for (std::uint32_t i = 0; i < answer.count && this->gate()->is_open(); ++i) {
                callbacks_->acknowledged(who, answer.first + i, answer.error());
            }
        }
    }
    void on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                    detail::request_call& call) final {
        if (callbacks_->requested) {
            callbacks_->requested(who, data, call);
        } else {
            this->record_unread(who, "request");
            session::message_host::on_request(who, data, call);
        }
    }
    void on_writable(const session_ptr& who) final { callbacks_->writable(who); }

    const std::shared_ptr<const Callbacks> callbacks_;
    session::delivery_parts delivery_;
};

}  // namespace network_system::core

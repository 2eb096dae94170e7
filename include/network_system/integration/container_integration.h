#pragma once

#include <network_system/config.h>
#include <network_system/export.h>
#if NETWORK_SYSTEM_WITH_MSGPACK
#include <network_system/integration/basic_container.h>
#endif
#include <network_system/integration/container_interface.h>
#include <network_system/integration/value.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/request.h>
#include <network_system/session/ws_connection.h>
#include <network_system/utils/result_types.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::integration {

using container_ptr = std::shared_ptr<const container_interface>;

/// The containers of the process, by their names, and the one that is used where none is named: a
/// `basic_container`, until another one is set. (Without MessagePack in the library: null.)
///
/// Thread-safety: every member may be called from any thread.
class NETWORK_SYSTEM_EXPORT container_manager {
public:
    [[nodiscard]] static container_manager& instance();

    container_manager(const container_manager&) = delete;
    container_manager& operator=(const container_manager&) = delete;

    /// Errors: `invalid_argument` (null, or an empty name), `already_exists`.
    [[nodiscard]] VoidResult register_container(std::string_view name,
                                                const container_ptr& container);
    /// Error: `session_not_found` when there is none of the name.
    discardable_result unregister_container(std::string_view name);
    /// Null when there is none of the name.
    [[nodiscard]] container_ptr get_container(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> list_containers() const;

    /// Null = the one that was there at first.
    void set_default_container(container_ptr container);
    [[nodiscard]] container_ptr get_default_container() const;

private:
    container_manager() = default;
    ~container_manager() = default;
};

namespace detail {

/// The container to use: `named`, or the process's. Error: `not_initialized` when there is none.
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<container_ptr> container_for(const container_ptr& named);

[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<std::vector<std::uint8_t>> serialize(
    const value& what, const container_ptr& named);

/// The bytes of a value, in memory of this thread's that is used again.
class NETWORK_SYSTEM_EXPORT serialized {
public:
    serialized(const value& what, const container_ptr& named);
    serialized(const serialized&) = delete;
    serialized& operator=(const serialized&) = delete;
    ~serialized();

    [[nodiscard]] const VoidResult& result() const noexcept { return result_; }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }

private:
    std::vector<std::uint8_t> bytes_;
    VoidResult result_;
};

/// What a message or an answer says. What a container throws is an `internal_error` that names it.
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<value> deserialize(std::span<const std::uint8_t> data,
                                                              const container_ptr& named);
/// Writes a line at `debug`: what the peer of the session has sent, and why it is wrong.
NETWORK_SYSTEM_EXPORT void log_wrong_value(const session::messaging_session& session,
                                           const error_info& why) noexcept;

template <readable_value T>
[[nodiscard]] Result<T> read_value(std::span<const std::uint8_t> data, const container_ptr& named) {
    auto read = deserialize(data, named);
    return read.is_ok() ? read.value().template get<T>() : Result<T>(std::move(read).error());
}

/// What the callbacks of a server or client get as the session.
template <typename Peer>
struct session_of_peer {
    using type = typename Peer::session_ptr;
};
template <typename Peer>
    requires requires { typename Peer::connection_ptr; }
struct session_of_peer<Peer> {
    using type = typename Peer::connection_ptr;
};
template <typename Peer>
using session_of = typename session_of_peer<Peer>::type;

/// `callback(session, what)` or `callback(what)`.
template <typename Callback, typename Session, typename T>
decltype(auto) call_with(Callback& callback, const Session& session, T&& what) {
    if constexpr (std::invocable<Callback&, const Session&, T>) {
        return std::invoke(callback, session, std::forward<T>(what));
    } else {
        return std::invoke(callback, std::forward<T>(what));
    }
}

/// Ends a session whose peer has sent something else than what was agreed on.
template <typename Session>
void end_for(const std::shared_ptr<Session>& session, const error_info& why) {
    log_wrong_value(*session, why);
    using closes = network_system::websocket::close_code;
    if constexpr (requires { session->close(closes::invalid_payload); }) {
        session->close(closes::invalid_payload, "not the value that was expected");
    } else {
        session->abort_session(make_error_code(errc::protocol_error));
    }
}

/// What `on_value_request` answers with.
template <typename Answer>
[[nodiscard]] Result<std::vector<std::uint8_t>> serialize_answer(const Answer& answer,
                                                                 const container_ptr& named) {
    if constexpr (network_system::detail::is_result<Answer>::value) {
        return answer.is_ok() ? serialize_answer(answer.value(), named)
                              : Result<std::vector<std::uint8_t>>(answer.error());
    } else {
        return serialize(answer, named);
    }
}

/// The answer of a peer, who has to keep to what was agreed on.
template <readable_value T>
[[nodiscard]] Result<T> read_answer(std::span<const std::uint8_t> data,
                                    const container_ptr& named) {
    auto read = read_value<T>(data, named);
    if (read.is_err()) {
        auto why = std::move(read).error();
        why.code = static_cast<int>(errc::protocol_error);
        return why;
    }
    return read;
}

}  // namespace detail

/// Sends a value as one message: `to` is a session, a client, or a shared_ptr to one. Errors: those
/// of `send_packet`, `invalid_argument` (the container cannot carry it), `not_initialized` (there
/// is no container).
template <typename To>
[[nodiscard]] VoidResult send_value(const std::shared_ptr<To>& to, const value& what,
                                    const container_ptr& container = {}) {
    return send_value(*to, what, container);
}
template <typename To>
    requires requires(To& to, std::span<const std::uint8_t> bytes) { to.send_packet(bytes); }
[[nodiscard]] VoidResult send_value(To& to, const value& what,
                                    const container_ptr& container = {}) {
    const detail::serialized message(what, container);
    return message.result().is_ok() ? to.send_packet(message.bytes()) : message.result();
}

/// Sets the receive callback of a server or client of connections: `callback(session, T)` or
/// `callback(T)` gets every message as a `T` (see `value::get`). A peer whose message is no value,
/// or no `T`, is at fault: its session ends with `protocol_error`, over WebSocket with
/// `invalid_payload` (1007). Error: that of `set_receive_callback`.
template <readable_value T, typename Peer, typename Callback>
discardable_result on_value(Peer& peer, Callback callback, container_ptr container = {}) {
    return peer.set_receive_callback(
        [callback = std::move(callback), container = std::move(container)](
            const detail::session_of<Peer>& session, std::span<const std::uint8_t> data) mutable {
            auto read = detail::read_value<T>(data, container);
            if (read.is_err()) {
                detail::end_for(session, read.error());
            } else {
                static_cast<void>(detail::call_with(callback, session, std::move(read).value()));
            }
        });
}

/// Sets the request callback: `callback(session, T)` or `callback(T)` answers with a value, or with
/// a Result of what a value is made of. Who asks with something that is no `T` gets
/// `invalid_argument` and why. Error: that of `set_request_callback`.
template <readable_value T, typename Peer, typename Callback>
discardable_result on_value_request(Peer& peer, Callback callback, container_ptr container = {}) {
    return peer.set_request_callback(
        [callback = std::move(callback), container = std::move(container)](
            const detail::session_of<Peer>& session,
            std::span<const std::uint8_t> data) mutable -> Result<std::vector<std::uint8_t>> {
            auto read = detail::read_value<T>(data, container);
            if (read.is_err()) {
                return error_info{static_cast<int>(errc::invalid_argument), read.error().message};
            }
            return detail::serialize_answer(
                detail::call_with(callback, session, std::move(read).value()), container);
        });
}

/// Asks a peer with a value, and gets a `T`: see messaging_session::request. `handler` takes
/// `Result<T>`; an answer that is no `T` is a `protocol_error`. Errors: those of `request` and of
/// `send_value`.
template <readable_value T, typename To, typename Handler>
    requires requires(To& to, std::span<const std::uint8_t> bytes) { to.send_packet(bytes); }
[[nodiscard]] VoidResult request_value(To& to, const value& what, std::chrono::milliseconds timeout,
                                       Handler handler, container_ptr container = {}) {
    const detail::serialized message(what, container);
    if (message.result().is_err()) {
        return message.result();
    }
    return to.request(message.bytes(), timeout,
                      [handler = std::move(handler), container = std::move(container)](
                          Result<std::span<const std::uint8_t>> answer) mutable {
                          handler(answer.is_ok() ? detail::read_answer<T>(answer.value(), container)
                                                 : Result<T>(std::move(answer).error()));
                      });
}
template <readable_value T, typename To, typename Handler>
[[nodiscard]] VoidResult request_value(const std::shared_ptr<To>& to, const value& what,
                                       std::chrono::milliseconds timeout, Handler handler,
                                       container_ptr container = {}) {
    return request_value<T>(*to, what, timeout, std::move(handler), std::move(container));
}

}  // namespace network_system::integration

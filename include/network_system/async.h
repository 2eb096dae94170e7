#pragma once

#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>
#include <network_system/internal/async_operation.h>
#include <network_system/internal/async_peer.h>
#include <network_system/internal/session_coroutine.h>
#include <network_system/internal/session_executor.h>
#include <network_system/resilience/connection_pool.h>
#include <network_system/resilience/resilient_client.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/operation.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// The operations of clients and sessions with Asio completion tokens: `asio::use_awaitable`,
/// `asio::use_future`, callbacks (move-only ones too).
///
/// **Completion.** The signature is `void(Result<T>)` everywhere, with `std::monostate` for T where
/// there is nothing to give: an error is a result, never an exception, and `co_await` gives the
/// Result. A handler runs once, on its associated executor: at once when that is the session's I/O
/// thread (`session_executor`, or the user's io_context that the server or client runs on), else
/// posted there. A handler without an executor of its own runs on the I/O thread, like a callback.
/// Memory comes from its associated allocator. An operation that fails at once completes as if by
/// post. With use_future or a plain callback, handlers of objects that are gone (an io_context that
/// was destroyed) are destroyed without being called.
///
/// **Receiving** needs `receive_mode::pull` in the configuration of the server or client, because
/// messages have to be kept from the first one on for somebody who asks later. Without it every
/// receive completes with `not_supported`, and messages go to the receive callback. With it that
/// callback is never called; who does not receive lets the peer wait, since reading stops at
/// `receive_queue_limit`.
///
/// **Cancellation.** The cancellation slot of a handler gives up a start, acquire, receive, request
/// or ping, which then completes with `cancelled`; any type of cancellation does. A send cannot be
/// taken back and a stop not be undone: they ignore it. A coroutine that is cancelled by Asio's own
/// means
/// (`awaitable_operators`) throws at its next `co_await` unless `throw_if_cancelled(false)`.
///
/// **Coroutines** run on the thread of their session when they are spawned by `co_spawn(session,
/// ...)`; as a `session_awaitable` they cost least:
///
///     session_awaitable<void> echo(std::shared_ptr<session::messaging_session> session) {
///         received_messages messages;
///         for (;;) {
///             auto received = co_await async_receive_all(session, std::move(messages),
///                                                        use_session_awaitable);
///             if (received.is_err()) {
///                 co_return;  // the connection has ended
///             }
///             messages = std::move(received).value();
///             for (const message_view& message : messages) {
///                 (void)session->send_packet(message.data);
///             }
///         }
///     }
///     server.set_connection_callback(
///         [](const auto& session) { co_spawn(session, echo(session), asio::detached); });
namespace network_system::inline v0_1 {

/// Sends one message; completes when it was handed to the operating system. To keep many messages
/// on their way without waiting for each, use `send_packet`.
template <typename Token>
auto async_send(std::shared_ptr<session::messaging_session> session, std::vector<std::uint8_t> data,
                Token&& token) {
    return detail::initiate<std::monostate, session::send_callback>(
        std::forward<Token>(token),
        [session = std::move(session), data = std::move(data)](auto& callback, auto) mutable {
            return detail::unless_begun(session->send_packet(std::move(data), std::move(callback)));
        });
}
template <detail::stream_client Client, typename Token>
auto async_send(Client& client, std::vector<std::uint8_t> data, Token&& token) {
    return detail::initiate<std::monostate, session::send_callback>(
        std::forward<Token>(token),
        [&client, data = std::move(data)](auto& callback, auto) mutable {
            return detail::unless_begun(
                detail::send_bytes(client, std::move(data), std::move(callback)));
        });
}
template <typename Token>
auto async_send(core::messaging_udp_client& client, std::vector<std::uint8_t> data, Token&& token) {
    return detail::initiate<std::monostate, session::send_callback>(
        std::forward<Token>(token), [&client, data = std::move(data)](auto& callback, auto) {
            return detail::unless_begun(client.send_packet(data, std::move(callback)));
        });
}
template <typename Peer, typename Token>
auto async_send(Peer&& peer, std::string_view text, Token&& token) {
    return async_send(std::forward<Peer>(peer), std::vector<std::uint8_t>(text.begin(), text.end()),
                      std::forward<Token>(token));
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
/// WebSockets know texts: these are sent as such.
template <typename Token>
auto async_send(std::shared_ptr<session::ws_connection> connection, std::string_view text,
                Token&& token) {
    return detail::initiate<std::monostate, session::send_callback>(
        std::forward<Token>(token),
        [connection = std::move(connection), text = std::string(text)](auto& callback, auto) {
            return detail::unless_begun(connection->send_text(text, std::move(callback)));
        });
}
template <typename Token>
auto async_send(core::messaging_ws_client& client, std::string_view text, Token&& token) {
    return detail::initiate<std::monostate, session::send_callback>(
        std::forward<Token>(token), [&client, text = std::string(text)](auto& callback, auto) {
            return detail::unless_begun(client.send_text(text, std::move(callback)));
        });
}
#endif

/// The next message; needs `receive_mode::pull`. See messaging_session::receive_packet.
template <typename Token>
auto async_receive(std::shared_ptr<session::messaging_session> session, Token&& token) {
    return detail::initiate<std::vector<std::uint8_t>, session::receive_handler>(
        std::forward<Token>(token), [session = std::move(session)](auto& callback, auto slot) {
            return detail::unless_begun(
                session->receive_packet(std::move(callback), detail::cancel_through(slot)));
        });
}
template <detail::stream_client Client, typename Token>
auto async_receive(Client& client, Token&& token) {
    return detail::initiate<std::vector<std::uint8_t>, session::receive_handler>(
        std::forward<Token>(token), [&client](auto& callback, auto slot) {
            return detail::with_session(detail::session_of(client),
                                        [&](const detail::session_ptr& current) {
                                            return current->receive_packet(
                                                std::move(callback), detail::cancel_through(slot));
                                        });
        });
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
/// WebSockets know texts: what they receive is a `received_ws_message`. See
/// ws_connection::receive_message.
template <typename Token>
auto async_receive(std::shared_ptr<session::ws_connection> connection, Token&& token) {
    return detail::initiate<received_ws_message, session::ws_receive_handler>(
        std::forward<Token>(token),
        [connection = std::move(connection)](auto& callback, auto slot) {
            return detail::unless_begun(
                connection->receive_message(std::move(callback), detail::cancel_through(slot)));
        });
}
template <typename Token>
auto async_receive(core::messaging_ws_client& client, Token&& token) {
    return detail::initiate<received_ws_message, session::ws_receive_handler>(
        std::forward<Token>(token), [&client](auto& callback, auto slot) {
            return detail::with_session(detail::session_of(client), [&](const auto& current) {
                return current->receive_message(std::move(callback), detail::cancel_through(slot));
            });
        });
}
#endif

/// Every message that waits, or else those of the next read: one suspension for all of them. Give
/// the container of the last ones as `reuse`, and a short message costs no allocation. Needs
/// `receive_mode::pull`. See messaging_session::receive_all.
template <typename Token>
auto async_receive_all(std::shared_ptr<session::messaging_session> session, received_messages reuse,
                       Token&& token) {
    return detail::initiate<received_messages, session::receive_all_handler>(
        std::forward<Token>(token), [session = std::move(session),
                                     reuse = std::move(reuse)](auto& callback, auto slot) mutable {
            return detail::unless_begun(session->receive_all(std::move(callback), std::move(reuse),
                                                             detail::cancel_through(slot)));
        });
}
template <detail::stream_client Client, typename Token>
auto async_receive_all(Client& client, received_messages reuse, Token&& token) {
    return detail::initiate<received_messages, session::receive_all_handler>(
        std::forward<Token>(token),
        [&client, reuse = std::move(reuse)](auto& callback, auto slot) mutable {
            return detail::with_session(
                detail::session_of(client), [&](const detail::session_ptr& current) {
                    return current->receive_all(std::move(callback), std::move(reuse),
                                                detail::cancel_through(slot));
                });
        });
}
template <typename Peer, typename Token>
auto async_receive_all(Peer&& peer, Token&& token) {
    return async_receive_all(std::forward<Peer>(peer), received_messages(),
                             std::forward<Token>(token));
}

/// Sends one datagram to anybody; completes when it was handed to the operating system.
template <typename Token>
auto async_send_to(core::messaging_udp_server& server, std::vector<std::uint8_t> data,
                   const endpoint& to, Token&& token) {
    return detail::initiate<std::monostate, session::send_callback>(
        std::forward<Token>(token), [&server, data = std::move(data), to](auto& callback, auto) {
            return detail::unless_begun(server.send_to(data, to, std::move(callback)));
        });
}

/// The next datagram and its sender, a `received_datagram`; needs `receive_mode::pull`.
template <typename Token>
auto async_receive(core::messaging_udp_client& client, Token&& token) {
    using handler = core::messaging_udp_client::receive_handler;
    return detail::initiate<received_datagram, handler>(
        std::forward<Token>(token), [&client](auto& callback, auto slot) {
            return detail::unless_begun(
                client.receive_packet(std::move(callback), detail::cancel_through(slot)));
        });
}
template <typename Token>
auto async_receive_from(core::messaging_udp_server& server, Token&& token) {
    using handler = core::messaging_udp_server::receive_handler;
    return detail::initiate<received_datagram, handler>(
        std::forward<Token>(token), [&server](auto& callback, auto slot) {
            return detail::unless_begun(
                server.receive_from(std::move(callback), detail::cancel_through(slot)));
        });
}

/// Asks the peer; see messaging_session::request.
template <typename Token>
auto async_request(std::shared_ptr<session::messaging_session> session,
                   std::vector<std::uint8_t> data, std::chrono::milliseconds timeout,
                   Token&& token) {
    return detail::initiate<std::vector<std::uint8_t>, session::response_handler>(
        std::forward<Token>(token),
        [session = std::move(session), data = std::move(data), timeout](auto& callback, auto slot) {
            return detail::unless_begun(
                session->request(data, timeout, std::move(callback), detail::cancel_through(slot)));
        });
}
template <typename Token>
auto async_request(core::messaging_client& client, std::vector<std::uint8_t> data,
                   std::chrono::milliseconds timeout, Token&& token) {
    return detail::initiate<std::vector<std::uint8_t>, session::response_handler>(
        std::forward<Token>(token),
        [&client, data = std::move(data), timeout](auto& callback, auto slot) {
            return detail::with_session(
                detail::session_of(client), [&](const detail::session_ptr& current) {
                    return current->request(data, timeout, std::move(callback),
                                            detail::cancel_through(slot));
                });
        });
}
template <typename Peer, typename Token>
auto async_request(Peer&& peer, std::string_view text, std::chrono::milliseconds timeout,
                   Token&& token) {
    return async_request(std::forward<Peer>(peer),
                         std::vector<std::uint8_t>(text.begin(), text.end()), timeout,
                         std::forward<Token>(token));
}

/// The round-trip time; see messaging_session::ping.
template <typename Token>
auto async_ping(std::shared_ptr<session::messaging_session> session, Token&& token) {
    return detail::initiate<std::chrono::microseconds, session::ping_handler>(
        std::forward<Token>(token), [session = std::move(session)](auto& callback, auto slot) {
            return detail::unless_begun(
                session->ping(std::move(callback), detail::cancel_through(slot)));
        });
}
template <detail::stream_client Client, typename Token>
auto async_ping(Client& client, Token&& token) {
    return detail::initiate<std::chrono::microseconds, session::ping_handler>(
        std::forward<Token>(token), [&client](auto& callback, auto slot) {
            return detail::with_session(
                detail::session_of(client), [&](const detail::session_ptr& current) {
                    return current->ping(std::move(callback), detail::cancel_through(slot));
                });
        });
}

namespace detail {

/// `begin(client, handler, operation)`.
template <typename Client, typename Token, typename Begin>
auto start_client(Client& client, Token&& token, Begin begin) {
    return initiate<std::monostate, typename Client::start_callback>(
        std::forward<Token>(token), [&client, begin = std::move(begin)](auto& callback, auto slot) {
            const auto operation = cancel_through(slot);
            return unless_begun(begin(client, std::move(callback), operation));
        });
}
template <typename Client, typename Token>
auto start_client_to(Client& client, std::string host, std::uint16_t port, Token&& token) {
    return start_client(client, std::forward<Token>(token),
                        [host = std::move(host), port](Client& starting, auto&&... rest) {
                            return starting.start_client(host, port,
                                                         std::forward<decltype(rest)>(rest)...);
                        });
}
template <typename Client, typename Token>
auto stop_client(Client& client, Token&& token) {
    return initiate<std::monostate, session::stop_handler>(
        std::forward<Token>(token), [&client](auto& callback, auto) {
            return unless_stopping(client.stop_client(std::move(callback)));
        });
}
template <typename Server, typename Token>
auto stop_server(Server& server, Token&& token) {
    return initiate<std::monostate, session::stop_handler>(
        std::forward<Token>(token), [&server](auto& callback, auto) {
            return unless_stopping(server.stop_server(std::move(callback)));
        });
}

}  // namespace detail

/// Connects; see start_client of the class.
template <typename Token>
auto async_start(core::messaging_client& client, std::string host, std::uint16_t port,
                 Token&& token) {
    return detail::start_client_to(client, std::move(host), port, std::forward<Token>(token));
}
template <typename Token>
auto async_start(core::messaging_udp_client& client, std::string host, std::uint16_t port,
                 Token&& token) {
    return detail::start_client_to(client, std::move(host), port, std::forward<Token>(token));
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
template <typename Token>
auto async_start(core::messaging_ws_client& client, const core::ws_client_config& config,
                 Token&& token) {
    // Not by value: it would lie in the frame of the coroutine that starts the client, and is
    // large.
    return detail::start_client(client, std::forward<Token>(token),
                                [kept = std::make_unique<const core::ws_client_config>(config)](
                                    core::messaging_ws_client& starting, auto&&... rest) {
                                    return starting.start_client(
                                        *kept, std::forward<decltype(rest)>(rest)...);
                                });
}
template <typename Token>
auto async_start(core::messaging_ws_client& client, std::string host, std::uint16_t port,
                 Token&& token) {
    return detail::start_client_to(client, std::move(host), port, std::forward<Token>(token));
}
/// To a URL: "wss://host:port/path?query".
template <std::convertible_to<std::string_view> Url, typename Token>
auto async_start(core::messaging_ws_client& client, const Url& url, Token&& token) {
    return detail::start_client(
        client, std::forward<Token>(token),
        [kept = std::string(std::string_view(url))](core::messaging_ws_client& starting,
                                                    auto&&... rest) {
            return starting.start_client(kept, std::forward<decltype(rest)>(rest)...);
        });
}
#endif

/// Stops and completes when it is over: no other callback of the object runs or will run.
/// Completes with ok when it was stopped before.
template <typename Token>
auto async_stop(core::messaging_client& client, Token&& token) {
    return detail::stop_client(client, std::forward<Token>(token));
}
template <typename Token>
auto async_stop(core::messaging_server& server, Token&& token) {
    return detail::stop_server(server, std::forward<Token>(token));
}
template <typename Token>
auto async_stop(core::messaging_udp_client& client, Token&& token) {
    return detail::stop_client(client, std::forward<Token>(token));
}
template <typename Token>
auto async_stop(core::messaging_udp_server& server, Token&& token) {
    return detail::stop_server(server, std::forward<Token>(token));
}
#if NETWORK_SYSTEM_WITH_WEBSOCKET
template <typename Token>
auto async_stop(core::messaging_ws_client& client, Token&& token) {
    return detail::stop_client(client, std::forward<Token>(token));
}
template <typename Token>
auto async_stop(core::messaging_ws_server& server, Token&& token) {
    return detail::stop_server(server, std::forward<Token>(token));
}
#endif
/// Closes the connection gracefully and completes when it is closed.
template <typename Token>
auto async_stop(std::shared_ptr<session::messaging_session> session, Token&& token) {
    return detail::initiate<std::monostate, session::stop_handler>(
        std::forward<Token>(token), [session = std::move(session)](auto& callback, auto) {
            return detail::unless_stopping(session->stop_session(std::move(callback)));
        });
}

/// Connects a resilient client; see resilient_client::connect.
template <typename Token>
auto async_connect(resilience::resilient_client& client, Token&& token) {
    return detail::initiate<std::monostate, resilience::resilient_client::connect_callback>(
        std::forward<Token>(token), [&client](auto& callback, auto slot) {
            return detail::unless_begun(
                client.connect(std::move(callback), detail::cancel_through(slot)));
        });
}
/// Ends its connections; see resilient_client::disconnect.
template <typename Token>
auto async_disconnect(resilience::resilient_client& client, Token&& token) {
    return detail::initiate<std::monostate, session::stop_handler>(
        std::forward<Token>(token), [&client](auto& callback, auto) {
            return detail::unless_stopping(client.disconnect(std::move(callback)));
        });
}
/// Completes when a connection has taken the message and handed it to the operating system, or it
/// was dropped; see resilient_client::send_with_retry.
template <typename Token>
auto async_send_with_retry(resilience::resilient_client& client, std::vector<std::uint8_t> data,
                           Token&& token) {
    return detail::initiate<std::monostate, session::send_callback>(
        std::forward<Token>(token),
        [&client, data = std::move(data)](auto& callback, auto) mutable {
            return detail::unless_begun(
                client.send_with_retry(std::move(data), std::move(callback)));
        });
}
template <typename Token>
auto async_send_with_retry(resilience::resilient_client& client, std::string_view text,
                           Token&& token) {
    return async_send_with_retry(client, std::vector<std::uint8_t>(text.begin(), text.end()),
                                 std::forward<Token>(token));
}

/// A lease of a connection of the pool, as `connection_pool::acquire` gives it: waits for at most
/// `acquire_timeout`.
template <typename Token>
auto async_acquire(resilience::connection_pool& pool, Token&& token) {
    return detail::initiate<resilience::lease, resilience::connection_pool::acquire_handler>(
        std::forward<Token>(token), [&pool](auto& callback, auto slot) {
            return detail::unless_begun(
                pool.acquire(std::move(callback), detail::cancel_through(slot)));
        });
}
/// Completes when the pool has the connections that it is to keep: see
/// `connection_pool::initialize`.
template <typename Token>
auto async_initialize(resilience::connection_pool& pool, Token&& token) {
    return detail::initiate<std::monostate, resilience::connection_pool::initialize_handler>(
        std::forward<Token>(token), [&pool](auto& callback, auto slot) {
            return detail::unless_begun(
                pool.initialize(std::move(callback), detail::cancel_through(slot)));
        });
}

}  // namespace network_system

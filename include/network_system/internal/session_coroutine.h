#pragma once

#include <network_system/internal/session_executor.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#if defined(ASIO_HAS_CO_AWAIT)

namespace network_system::inline v0_1 {

/// A coroutine on a session's I/O thread, whose executor is known by its type: cheaper than the
/// plain `asio::awaitable<T>`, whose executor may be any. It awaits with `use_session_awaitable`.
template <typename T>
using session_awaitable = asio::awaitable<T, session_executor>;

/// `asio::use_awaitable` inside a `session_awaitable`.
inline constexpr asio::use_awaitable_t<session_executor> use_session_awaitable;

namespace detail {

template <typename T>
struct spawn_signature {
    using type = void(std::exception_ptr, T);
};
template <>
struct spawn_signature<void> {
    using type = void(std::exception_ptr);
};

}  // namespace detail

/// Runs a coroutine on the I/O thread of a session, as `asio::co_spawn(session_executor(session),
/// ...)` does, and keeps the session's object until the coroutine ends. The coroutine's own
/// executor (`asio::this_coro::executor`) counts no references, and must not be kept longer than
/// that: make a `session_executor(session)` for it.
///
/// `Executor` is `session_executor` (a `session_awaitable`) or `asio::any_io_executor` (a plain
/// `asio::awaitable`). The signature is that of `asio::co_spawn`: `void(std::exception_ptr, T)`,
/// or `void(std::exception_ptr)`.
template <typename T, typename Executor, typename Token>
auto co_spawn(std::shared_ptr<session::messaging_session> session,
              asio::awaitable<T, Executor> coroutine, Token&& token) {
    return asio::async_initiate<Token, typename detail::spawn_signature<T>::type>(
        [session = std::move(session)](auto&& handler, asio::awaitable<T, Executor> spawned) {
            asio::co_spawn(session_executor::untracked(*session), std::move(spawned),
                           std::forward<decltype(handler)>(handler));
        },
        token, std::move(coroutine));
}

}  // namespace network_system

#endif

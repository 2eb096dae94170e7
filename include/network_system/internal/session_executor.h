#pragma once

#include <network_system/session/messaging_session.h>

#include <asio/any_io_executor.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>

#include <memory>
#include <new>
#include <utility>

namespace network_system {

/// An Asio executor that runs work on the I/O thread of a session, never together with a callback
/// of that session: `asio::co_spawn(session_executor(session), ...)` runs a coroutine there, where
/// its sends and receives need no hop to another thread. Work that is left when the server or
/// client has stopped is destroyed without being run.
///
/// Thread-safety: as a value type; `execute` from any thread.
///
/// Object lifetimes: keeps the session's object, not its connection.
template <bool NeverInline>
class basic_session_executor {
public:
    explicit basic_session_executor(std::shared_ptr<session::messaging_session> on) noexcept
        : session_(std::move(on)) {}

    template <typename Work>
    void execute(Work&& work) const {
        if (!NeverInline && runs_in_this_thread()) {
            std::decay_t<Work> here(std::forward<Work>(work));
            here();
        } else {
            const auto posted = session_->post(std::forward<Work>(work));
            if (!posted && posted.error().code == static_cast<int>(errc::out_of_memory)) {
                throw std::bad_alloc();  // as executors say it
            }
        }
    }

    /// Whether the calling thread is where the work would run.
    [[nodiscard]] bool runs_in_this_thread() const noexcept { return session_->runs_here(); }

    /// A context of its own, for services such as timers; it does not run the session.
    [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const {
        // Never destroyed: executors may outlive every static.
        static auto* const context = new asio::execution_context;
        return *context;
    }
    [[nodiscard]] static constexpr asio::execution::blocking_t query(
        asio::execution::blocking_t) noexcept {
        return NeverInline ? asio::execution::blocking_t(asio::execution::blocking.never)
                           : asio::execution::blocking_t(asio::execution::blocking.possibly);
    }
    [[nodiscard]] basic_session_executor<true> require(asio::execution::blocking_t::never_t) const {
        return basic_session_executor<true>(session_);
    }
    [[nodiscard]] basic_session_executor<false> require(
        asio::execution::blocking_t::possibly_t) const {
        return basic_session_executor<false>(session_);
    }

    friend bool operator==(const basic_session_executor& one,
                           const basic_session_executor& other) noexcept {
        return one.session_ == other.session_;
    }
    friend bool operator!=(const basic_session_executor& one,
                           const basic_session_executor& other) noexcept {
        return !(one == other);
    }

private:
    std::shared_ptr<session::messaging_session> session_;
};

using session_executor = basic_session_executor<false>;

}  // namespace network_system

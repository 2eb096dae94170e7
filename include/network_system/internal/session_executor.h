#pragma once

#include <network_system/session/messaging_session.h>

#include <asio/any_io_executor.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace network_system::inline v0_1 {

/// An Asio executor that runs work on the I/O thread of a session, never together with a callback
/// of that session: a coroutine that is spawned on it needs no hop to another thread for its sends
/// and receives. Work that is left when the server or client has stopped is destroyed without being
/// run.
///
/// Thread-safety: as a value type; `execute` from any thread.
///
/// Object lifetimes: one made from a session keeps the session's object, not its connection. One
/// that is `untracked` keeps nothing, so that its copies count no references: the session has to
/// outlive it. Whatever asks Asio for `outstanding_work.tracked` (`co_spawn`, pending operations)
/// gets one that keeps the session.
template <bool NeverInline>
class basic_session_executor {
    using outstanding_work_t = asio::execution::outstanding_work_t;
    using session_ptr = std::shared_ptr<session::messaging_session>;

public:
    explicit basic_session_executor(session_ptr on) noexcept : session_(std::move(on)) {}

    [[nodiscard]] static basic_session_executor untracked(session::messaging_session& on) noexcept {
        // Without an owner a copy is two pointers.
        return basic_session_executor(session_ptr(std::shared_ptr<void>(), &on));
    }

    template <typename Work>
    void execute(Work&& work) const {
        if (!NeverInline && runs_in_this_thread()) {
            std::decay_t<Work> here(std::forward<Work>(work));
            here();
            return;
        }
        // The work may be all that keeps the session, and be dropped.
        const session_ptr kept = session_->weak_from_this().lock();
        if (!kept) {
            return;
        }
        const auto posted = kept->post(std::forward<Work>(work));
        if (!posted && posted.error().code == static_cast<int>(errc::out_of_memory)) {
            throw std::bad_alloc();  // as executors say it
        }
    }

    /// Whether the calling thread is where the work would run.
    [[nodiscard]] bool runs_in_this_thread() const noexcept { return session_->runs_here(); }
    [[nodiscard]] session::messaging_session& target() const noexcept { return *session_; }

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
    [[nodiscard]] outstanding_work_t query(outstanding_work_t) const noexcept {
        return session_.use_count() > 0
                   ? outstanding_work_t(asio::execution::outstanding_work.tracked)
                   : outstanding_work_t(asio::execution::outstanding_work.untracked);
    }
    [[nodiscard]] basic_session_executor require(outstanding_work_t::tracked_t) const {
        return session_.use_count() > 0 ? *this
                                        : basic_session_executor(session_->shared_from_this());
    }
    [[nodiscard]] basic_session_executor require(outstanding_work_t::untracked_t) const noexcept {
        return untracked(*session_);
    }

    /// The same session, whether it is kept or not.
    friend bool operator==(const basic_session_executor& one,
                           const basic_session_executor& other) noexcept {
        return one.session_ == other.session_;
    }
    friend bool operator!=(const basic_session_executor& one,
                           const basic_session_executor& other) noexcept {
        return !(one == other);
    }

private:
    session_ptr session_;
};

using session_executor = basic_session_executor<false>;

}  // namespace network_system

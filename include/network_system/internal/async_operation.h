#pragma once

#include <network_system/internal/session_executor.h>
#include <network_system/utils/result_types.h>

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/system_executor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::detail {

/// A completion handler together with what it is called with: the form in which it travels to its
/// executor.
template <typename Handler, typename T>
class bound_completion {
public:
    using allocator_type = asio::associated_allocator_t<Handler>;

    bound_completion(Handler&& handler, Result<T>&& result)
        : handler_(std::move(handler)), result_(std::move(result)) {}

    [[nodiscard]] allocator_type get_allocator() const noexcept {
        return asio::get_associated_allocator(handler_);
    }

    void operator()() {
        // Here, on the handler's executor: nobody may be emitting the signal at the same time.
        asio::get_associated_cancellation_slot(handler_).clear();
        std::move(handler_)(std::move(result_));
    }

private:
    Handler handler_;
    Result<T> result_;
};

/// The session on whose I/O thread the executor runs its work; null if it is another's. The type is
/// looked at, since a dispatch through a type-erased executor takes several steps.
template <typename Executor>
[[nodiscard]] const session::messaging_session* session_behind(const Executor& where) noexcept {
    if constexpr (std::is_same_v<Executor, session_executor>) {
        return &where.target();
    }
#ifndef ASIO_NO_TYPEID
    if constexpr (std::is_same_v<Executor, asio::any_io_executor>) {
        // Asio 1.22 does not compare the type in target().
        if (where.target_type() == typeid(session_executor)) {
            return &where.template target<session_executor>()->target();
        }
    }
#endif
    return nullptr;
}

/// Keeps a handler's executor from running out of work while its operation is pending. That of a
/// session needs none, and is all that most handlers have: any other is kept apart.
template <typename Executor>
class pending_work {
    using tracked = std::decay_t<decltype(asio::prefer(std::declval<const Executor&>(),
                                                       asio::execution::outstanding_work.tracked))>;

public:
    explicit pending_work(const Executor& where)
        : session_(session_behind(where)),
          other_(session_ == nullptr ? std::make_unique<tracked>(asio::prefer(
                                           where, asio::execution::outstanding_work.tracked))
                                     : nullptr) {}

    /// Whether the handler may be called as it is.
    [[nodiscard]] bool runs_here() const noexcept {
        return session_ != nullptr && session_->runs_here();
    }

private:
    // Kept by the handler.
    const session::messaging_session* session_;
    std::unique_ptr<tracked> other_;
};

/// The system executor never runs out of work, and runs everything at once.
template <>
class pending_work<asio::system_executor> {
public:
    explicit pending_work(const asio::system_executor&) noexcept {}
    [[nodiscard]] bool runs_here() const noexcept { return true; }
};

/// What the library calls when the operation is over, once; dropping it uncalled destroys the
/// handler, as an io_context that is destroyed does.
template <typename Handler, typename T>
class completion {
public:
    explicit completion(Handler&& handler)
        : work_(asio::get_associated_executor(handler)), handler_(std::move(handler)) {}

    /// The operation ends as it begins: the handler must not run inside the initiation.
    void is_over_at_once() noexcept { has_begun_ = false; }

    void operator()(Result<T>&& result) {
        // Out of this first: the handler may begin the next operation in its place.
        const auto work = std::move(work_);
        Handler handler = std::move(handler_);
        if (has_begun_ && work.runs_here()) {
            // Here nobody may be emitting the signal at the same time.
            asio::get_associated_cancellation_slot(handler).clear();
            std::move(handler)(std::move(result));
            return;
        }
        const auto where = asio::get_associated_executor(handler);
        const bool has_begun = has_begun_;
        bound_completion<Handler, T> bound(std::move(handler), std::move(result));
        if (has_begun) {
            asio::dispatch(where, std::move(bound));
        } else {
            asio::post(where, std::move(bound));
        }
    }
    /// Bytes that live during the call only, for a handler that may run later.
    void operator()(Result<std::span<const std::uint8_t>>&& result)
        requires std::is_same_v<T, std::vector<std::uint8_t>>
    {
        (*this)(std::move(result).map([](std::span<const std::uint8_t> data) {
            return std::vector<std::uint8_t>(data.begin(), data.end());
        }));
    }

private:
    pending_work<asio::associated_executor_t<Handler>> work_;
    Handler handler_;
    bool has_begun_ = true;
};

/// The same in memory of the handler's own allocator.
template <typename Handler, typename T>
class allocated_completion {
    using stored = completion<Handler, T>;
    using allocator = typename std::allocator_traits<
        asio::associated_allocator_t<Handler>>::template rebind_alloc<stored>;
    using traits = std::allocator_traits<allocator>;

public:
    explicit allocated_completion(Handler&& handler)
        : memory_(asio::get_associated_allocator(handler)) {
        stored first(std::move(handler));
        stored_ = ::new (static_cast<void*>(traits::allocate(memory_, 1))) stored(std::move(first));
    }
    allocated_completion(allocated_completion&& other) noexcept
        : memory_(other.memory_), stored_(std::exchange(other.stored_, nullptr)) {}
    allocated_completion(const allocated_completion&) = delete;
    allocated_completion& operator=(const allocated_completion&) = delete;
    allocated_completion& operator=(allocated_completion&&) = delete;
    ~allocated_completion() { destroy(); }

    void is_over_at_once() noexcept { stored_->is_over_at_once(); }

    template <typename Outcome>
    void operator()(Outcome&& outcome) {
        stored last = std::move(*stored_);
        // Freed first: the handler may begin the next operation, in the same memory.
        destroy();
        last(std::forward<Outcome>(outcome));
    }

private:
    void destroy() noexcept {
        if (stored* const last = std::exchange(stored_, nullptr)) {
            last->~stored();
            traits::deallocate(memory_, last, 1);
        }
    }

    allocator memory_;
    stored* stored_ = nullptr;
};

/// A handler that wants no memory of its own lies in the library's callback, most of them without
/// an allocation.
template <typename Handler, typename T>
using completion_for = std::conditional_t<
    std::is_same_v<std::decay_t<asio::associated_allocator_t<Handler>>, std::allocator<void>>,
    completion<Handler, T>, allocated_completion<Handler, T>>;

/// What there is to say at once of an operation that did not begin; nothing of one that did.
[[nodiscard]] inline std::optional<error_info> unless_begun(const VoidResult& begun) {
    return begun ? std::nullopt : std::optional(begun.error());
}

/// Begins an operation with a completion token. `begin(callback, slot)` takes a callback of type
/// `Callback` and the handler's cancellation slot; it returns nothing, or leaves the callback
/// intact and returns what it is to be called with at once.
template <typename T, typename Callback, typename Token, typename Begin>
auto initiate(Token&& token, Begin&& begin) {
    return asio::async_initiate<Token, void(Result<T>)>(
        [](auto&& handler, auto starting) {
            using handler_type = std::decay_t<decltype(handler)>;
            using ending = completion_for<handler_type, T>;
            const auto slot = asio::get_associated_cancellation_slot(handler);
            Callback callback{ending(std::forward<decltype(handler)>(handler))};
            if (auto at_once = starting(callback, slot)) {
                callback.template target<ending>()->is_over_at_once();
                callback(*std::move(at_once));
            }
        },
        token, std::forward<Begin>(begin));
}

}  // namespace network_system::detail

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

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace network_system::detail {

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

/// Whether a dispatch to the executor would run the work at once, where that can be told without
/// the several steps a dispatch through a type-erased executor takes.
template <typename Executor>
[[nodiscard]] bool runs_in_this_thread(const Executor& where) noexcept {
#ifndef ASIO_NO_TYPEID
    if constexpr (std::is_same_v<Executor, asio::any_io_executor>) {
        // Asio 1.22 does not compare the type in target().
        return where.target_type() == typeid(session_executor) &&
               where.template target<session_executor>()->runs_in_this_thread();
    }
#endif
    return false;
}

/// A pending operation's completion handler, in memory of the handler's allocator. Keeps the
/// handler's executor from running out of work meanwhile.
template <typename Handler, typename T>
class async_operation {
    using executor = asio::associated_executor_t<Handler>;
    using tracked_executor = std::decay_t<decltype(asio::prefer(
        std::declval<const executor&>(), asio::execution::outstanding_work.tracked))>;
    using allocator = typename std::allocator_traits<
        asio::associated_allocator_t<Handler>>::template rebind_alloc<async_operation>;
    using traits = std::allocator_traits<allocator>;

public:
    [[nodiscard]] static async_operation* make(Handler&& handler) {
        allocator memory(asio::get_associated_allocator(handler));
        auto* const place = traits::allocate(memory, 1);
        return ::new (static_cast<void*>(place)) async_operation(std::move(handler));
    }
    static void destroy(async_operation* operation) noexcept {
        allocator memory(asio::get_associated_allocator(operation->handler_));
        operation->~async_operation();
        traits::deallocate(memory, operation, 1);
    }

    /// The operation ends as it begins: the handler must not run inside the initiation.
    void is_over_at_once() noexcept { has_begun_ = false; }

    static void complete(async_operation* operation, Result<T>&& result) {
        const tracked_executor where = std::move(operation->executor_);
        const bool has_begun = operation->has_begun_;
        bound_completion<Handler, T> bound(std::move(operation->handler_), std::move(result));
        // Freed first: the handler may begin the next operation, in the same memory.
        destroy(operation);
        if (!has_begun) {
            asio::post(where, std::move(bound));
        } else if (runs_in_this_thread(where)) {
            bound();
        } else {
            asio::dispatch(where, std::move(bound));
        }
    }

    [[nodiscard]] Handler& handler() noexcept { return handler_; }

private:
    explicit async_operation(Handler&& handler)
        : executor_(asio::prefer(asio::get_associated_executor(handler),
                                 asio::execution::outstanding_work.tracked)),
          handler_(std::move(handler)) {}

    tracked_executor executor_;
    Handler handler_;
    bool has_begun_ = true;
};

/// What the library calls when the operation is over, once; dropping it uncalled destroys the
/// handler, as an io_context that is destroyed does.
template <typename Handler, typename T>
class completion {
    using operation = async_operation<Handler, T>;

public:
    explicit completion(operation* pending) noexcept : pending_(pending) {}
    completion(completion&& other) noexcept : pending_(std::exchange(other.pending_, nullptr)) {}
    completion(const completion&) = delete;
    completion& operator=(const completion&) = delete;
    completion& operator=(completion&&) = delete;
    ~completion() {
        if (pending_ != nullptr) {
            operation::destroy(pending_);
        }
    }

    void operator()(Result<T> result) {
        operation::complete(std::exchange(pending_, nullptr), std::move(result));
    }
    /// Bytes that live during the call only, for a handler that may run later.
    void operator()(Result<std::span<const std::uint8_t>> result)
        requires std::is_same_v<T, std::vector<std::uint8_t>>
    {
        (*this)(std::move(result).map([](std::span<const std::uint8_t> data) {
            return std::vector<std::uint8_t>(data.begin(), data.end());
        }));
    }

private:
    operation* pending_;
};

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
            using operation = async_operation<handler_type, T>;
            auto* const pending = operation::make(std::forward<decltype(handler)>(handler));
            Callback callback{completion<handler_type, T>(pending)};
            auto at_once =
                starting(callback, asio::get_associated_cancellation_slot(pending->handler()));
            if (at_once) {
                pending->is_over_at_once();
                callback(*std::move(at_once));
            }
        },
        token, std::forward<Begin>(begin));
}

}  // namespace network_system::detail

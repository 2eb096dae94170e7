#pragma once

#include <network_system/internal/build_checks.h>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace network_system::inline v0_1 {

template <typename Signature>
class unique_function;

/// A callable that is moved, never copied, so that handlers may own move-only state
/// (`std::move_only_function` of C++23 for C++20). Callables up to four pointers that move
/// without throwing are stored in place; larger ones are allocated once.
///
/// Calling an empty one is undefined; test with `operator bool` first.
template <typename R, typename... Args>
class unique_function<R(Args...)> {
    static constexpr std::size_t inline_size = 4 * sizeof(void*);

    struct operations {
        R (*call)(void*, Args&&...);
        void (*relocate)(void* to, void* from) noexcept;
        void (*destroy)(void*) noexcept;
    };

    template <typename F>
    static constexpr bool fits_inline =
        sizeof(F) <= inline_size && alignof(F) <= alignof(std::max_align_t) &&
        std::is_nothrow_move_constructible_v<F>;

    template <typename F>
    struct in_place {
        static F& get(void* storage) { return *std::launder(static_cast<F*>(storage)); }
        static R call(void* storage, Args&&... args) {
            if constexpr (std::is_void_v<R>) {
                static_cast<void>(get(storage)(std::forward<Args>(args)...));  // nobody asks
            } else {
                return get(storage)(std::forward<Args>(args)...);
            }
        }
        static void relocate(void* to, void* from) noexcept {
            ::new (to) F(std::move(get(from)));
            get(from).~F();
        }
        static void destroy(void* storage) noexcept { get(storage).~F(); }
        static constexpr operations table{&call, &relocate, &destroy};
    };

    template <typename F>
    struct on_heap {
        static F*& get(void* storage) { return *std::launder(static_cast<F**>(storage)); }
        static R call(void* storage, Args&&... args) {
            return in_place<F>::call(get(storage), std::forward<Args>(args)...);
        }
        static void relocate(void* to, void* from) noexcept { ::new (to) F*(get(from)); }
        static void destroy(void* storage) noexcept { delete get(storage); }
        static constexpr operations table{&call, &relocate, &destroy};
    };

public:
    unique_function() noexcept = default;
    unique_function(std::nullptr_t) noexcept {}

    template <typename F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, unique_function> &&
                 std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
    unique_function(F&& callable) {
        using stored = std::decay_t<F>;
        if (is_empty<stored>(callable)) {
            return;
        }
        if constexpr (fits_inline<stored>) {
            ::new (static_cast<void*>(storage_)) stored(std::forward<F>(callable));
            operations_ = &in_place<stored>::table;
        } else {
            ::new (static_cast<void*>(storage_)) stored*(new stored(std::forward<F>(callable)));
            operations_ = &on_heap<stored>::table;
        }
    }

    unique_function(unique_function&& other) noexcept { take(other); }
    unique_function& operator=(unique_function&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    unique_function(const unique_function&) = delete;
    unique_function& operator=(const unique_function&) = delete;
    ~unique_function() { reset(); }

    explicit operator bool() const noexcept { return operations_ != nullptr; }

    /// The callable, if it is an `F`; else null. Like `std::function::target`.
    template <typename F>
    [[nodiscard]] F* target() noexcept {
        if constexpr (fits_inline<F>) {
            return operations_ == &in_place<F>::table ? &in_place<F>::get(storage_) : nullptr;
        } else {
            return operations_ == &on_heap<F>::table ? on_heap<F>::get(storage_) : nullptr;
        }
    }

    /// Const like `std::function`: the constness of the wrapper says nothing of the callable. An
    /// empty one that returns nothing does nothing: a handler that is not given wants no answer.
    R operator()(Args... args) const {
        if constexpr (std::is_void_v<R>) {
            if (operations_ == nullptr) {
                return;
            }
        }
        return operations_->call(storage_, std::forward<Args>(args)...);
    }

private:
    /// Null pointers and an empty `std::function` stay empty instead of becoming a callable that
    /// crashes or throws.
    template <typename F>
    [[nodiscard]] static bool is_empty(const F& callable) {
        if constexpr (std::is_pointer_v<F> || std::is_member_pointer_v<F>) {
            return callable == nullptr;
        } else if constexpr (std::is_constructible_v<bool, const F&> &&
                             !std::is_convertible_v<F, R (*)(Args...)>) {
            return !static_cast<bool>(callable);
        } else {
            return false;  // a lambda, which converts to bool through a function pointer only
        }
    }

    void take(unique_function& other) noexcept {
        if (other.operations_ != nullptr) {
            other.operations_->relocate(storage_, other.storage_);
            operations_ = std::exchange(other.operations_, nullptr);
        }
    }
    void reset() noexcept {
        if (operations_ != nullptr) {
            std::exchange(operations_, nullptr)->destroy(storage_);
        }
    }

    alignas(std::max_align_t) mutable std::byte storage_[inline_size];
    const operations* operations_ = nullptr;
};

}  // namespace network_system

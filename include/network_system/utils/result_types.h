#pragma once

#include <network_system/internal/build_checks.h>
#include <network_system/utils/error_codes.h>

#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace network_system::inline v0_1 {

/// What went wrong, for the program (`code`) and for the person reading it (`message`).
///
///     if (result.is_err() && result.error() == errc::send_buffer_full) { ... }
struct error_info {
    /// A value of `network_system::errc` (see error_codes.h), or any number of yours; never 0.
    int code = 0;
    /// One sentence naming the operation, the peer and the cause.
    std::string message = {};
    /// The component that reports the error, such as "messaging_client"; may be empty.
    std::string source = {};
    /// What the operating system or the peer said; may be empty.
    std::string details = {};

    /// As an error code of the library's category: what error callbacks get.
    [[nodiscard]] std::error_code to_code() const noexcept { return {code, error_category()}; }

    [[nodiscard]] bool is(errc which) const noexcept { return code == static_cast<int>(which); }
    /// The same code of the same category.
    [[nodiscard]] bool is(const std::error_code& which) const noexcept {
        return to_code() == which;
    }
    /// A portable condition: `is(std::errc::connection_refused)`.
    [[nodiscard]] bool is(const std::error_condition& which) const noexcept {
        return to_code() == which;
    }

    friend bool operator==(const error_info& error, errc which) noexcept { return error.is(which); }
    friend bool operator==(const error_info& error, const std::error_code& which) noexcept {
        return error.is(which);
    }
    friend bool operator==(const error_info& error, const std::error_condition& which) noexcept {
        return error.is(which);
    }
};

template <typename T>
class Result;

/// The result of an operation that has no value.
using VoidResult = Result<std::monostate>;

namespace detail {

[[noreturn]] inline void bad_result_access(const char* what, const char* message) {
    std::fprintf(stderr, "network_system: %s%s\n", what, message);
    std::abort();
}

template <typename R>
struct is_result : std::false_type {};
template <typename T>
struct is_result<Result<T>> : std::true_type {};

/// A pointer, and so a string literal, that would silently become the value `true`.
template <typename T, typename From>
concept pointer_to_bool = std::same_as<T, bool> && std::is_pointer_v<std::decay_t<From>>;

/// Whether the value of a VoidResult, which is none, may be left out.
template <typename F, typename Value>
inline constexpr bool takes_no_value =
    std::is_same_v<std::remove_cvref_t<Value>, std::monostate> && std::is_invocable_v<F>;

template <typename F, typename Value>
using answer_to_value =
    std::remove_cvref_t<typename std::conditional_t<takes_no_value<F, Value>, std::invoke_result<F>,
                                                    std::invoke_result<F, Value>>::type>;

template <typename F, typename Value>
answer_to_value<F, Value> call_with_value(F&& function, Value&& value) {
    if constexpr (takes_no_value<F, Value>) {
        return std::invoke(std::forward<F>(function));
    } else {
        return std::invoke(std::forward<F>(function), std::forward<Value>(value));
    }
}

}  // namespace detail

/// Either a value or an error. The library's functions return it instead of throwing. It is
/// [[nodiscard]]: who does not want to know says so with `static_cast<void>(...)`.
///
/// `Result<void>` does not exist; operations without a value return `VoidResult`.
///
/// Thread-safety: as a value type; distinct objects are independent.
template <typename T>
class [[nodiscard("it may hold an error")]] Result {
    static_assert(!std::is_void_v<T>, "Result<void> does not exist: use VoidResult");
    static_assert(std::is_object_v<T>, "Result holds a value: use a pointer or a "
                                       "std::reference_wrapper for a reference");
    static_assert(!std::is_same_v<std::remove_cv_t<T>, error_info>,
                  "Result<error_info> could not tell its value from its error");

public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(error_info error) : state_(std::in_place_index<1>, std::move(error)) {}
    template <typename From>
        requires detail::pointer_to_bool<T, From>
    Result(From&& value) = delete;  // a pointer or a string is no bool

    Result(const Result&) = default;
    // Results pass through many hands: a branch here, where std::variant calls through a table.
    Result(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
        : state_(other.is_ok()
                     ? state(std::in_place_index<0>, std::move(*std::get_if<0>(&other.state_)))
                     : state(std::in_place_index<1>, std::move(*std::get_if<1>(&other.state_)))) {}
    Result& operator=(const Result&) = default;
    Result& operator=(Result&&) noexcept(std::is_nothrow_move_assignable_v<state>) = default;
    ~Result() = default;

    [[nodiscard]] bool is_ok() const noexcept { return state_.index() == 0; }
    [[nodiscard]] bool is_err() const noexcept { return state_.index() != 0; }
    /// Whether it is a success. Not of a `Result<bool>`: that would look like its value.
    explicit operator bool() const noexcept
        requires(!std::same_as<T, bool>)
    {
        return is_ok();
    }
    explicit operator bool() const noexcept  // ask is_ok(), or value()
        requires std::same_as<T, bool>
    = delete;

    /// The value. Calling it on an error is a programming mistake: the process aborts and prints
    /// the error (the library does not throw).
    [[nodiscard]] T& value() & {
        require_value();
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] const T& value() const& {
        require_value();
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] T&& value() && {
        require_value();
        return std::move(*std::get_if<0>(&state_));
    }

    /// The error. Calling it on a success aborts the process.
    [[nodiscard]] const error_info& error() const& {
        require_error();
        return *std::get_if<1>(&state_);
    }
    [[nodiscard]] error_info&& error() && {
        require_error();
        return std::move(*std::get_if<1>(&state_));
    }

    template <typename U>
    [[nodiscard]] T value_or(U&& fallback) const& {
        return is_ok() ? value() : static_cast<T>(std::forward<U>(fallback));
    }
    template <typename U>
    [[nodiscard]] T value_or(U&& fallback) && {
        return is_ok() ? std::move(*this).value() : static_cast<T>(std::forward<U>(fallback));
    }

    /// Applies `function` to the value; an error passes through. `function` returns any non-void
    /// type U; the answer is `Result<U>`. Of a VoidResult it may take no argument.
    template <typename F>
    [[nodiscard]] auto map(F&& function) const& -> Result<detail::answer_to_value<F, const T&>> {
        if (is_err()) {
            return error();
        }
        return detail::call_with_value(std::forward<F>(function), value());
    }
    template <typename F>
    [[nodiscard]] auto map(F&& function) && -> Result<detail::answer_to_value<F, T&&>> {
        if (is_err()) {
            return std::move(*this).error();
        }
        return detail::call_with_value(std::forward<F>(function), std::move(*this).value());
    }

    /// Applies `function`, which itself returns a Result, to the value; an error passes through.
    template <typename F>
    [[nodiscard]] auto and_then(F&& function) const& -> detail::answer_to_value<F, const T&> {
        static_assert(detail::is_result<detail::answer_to_value<F, const T&>>::value,
                      "and_then takes a function that returns a Result; use map for others");
        if (is_err()) {
            return error();
        }
        return detail::call_with_value(std::forward<F>(function), value());
    }
    template <typename F>
    [[nodiscard]] auto and_then(F&& function) && -> detail::answer_to_value<F, T&&> {
        static_assert(detail::is_result<detail::answer_to_value<F, T&&>>::value,
                      "and_then takes a function that returns a Result; use map for others");
        if (is_err()) {
            return std::move(*this).error();
        }
        return detail::call_with_value(std::forward<F>(function), std::move(*this).value());
    }

    /// Applies `function`, which returns a `Result<T>`, to the error; a value passes through.
    template <typename F>
    [[nodiscard]] Result or_else(F&& function) const& {
        require_recovery<F, const error_info&>();
        if (is_ok()) {
            return *this;
        }
        return std::invoke(std::forward<F>(function), error());
    }
    template <typename F>
    [[nodiscard]] Result or_else(F&& function) && {
        require_recovery<F, error_info&&>();
        if (is_ok()) {
            return std::move(*this);
        }
        return std::invoke(std::forward<F>(function), std::move(*this).error());
    }

    /// Applies `function`, which returns an `error_info`, to the error; a value passes through.
    template <typename F>
    [[nodiscard]] Result transform_error(F&& function) const& {
        require_error_info<F, const error_info&>();
        if (is_ok()) {
            return *this;
        }
        return error_info(std::invoke(std::forward<F>(function), error()));
    }
    template <typename F>
    [[nodiscard]] Result transform_error(F&& function) && {
        require_error_info<F, error_info&&>();
        if (is_ok()) {
            return std::move(*this);
        }
        return error_info(std::invoke(std::forward<F>(function), std::move(*this).error()));
    }

private:
    using state = std::variant<T, error_info>;

    template <typename F, typename Error>
    static constexpr void require_recovery() {
        using answer = std::remove_cvref_t<std::invoke_result_t<F, Error>>;
        static_assert(detail::is_result<answer>::value && std::is_convertible_v<answer, Result>,
                      "or_else takes a function that returns a Result of the same type");
    }
    template <typename F, typename Error>
    static constexpr void require_error_info() {
        static_assert(std::is_convertible_v<std::invoke_result_t<F, Error>, error_info>,
                      "transform_error takes a function that returns an error_info; use or_else "
                      "for others");
    }
    void require_value() const {
        if (is_err()) {
            detail::bad_result_access("Result::value() called on an error: ",
                                      std::get_if<1>(&state_)->message.c_str());
        }
    }
    void require_error() const {
        if (is_ok()) {
            detail::bad_result_access("Result::error() called on a success", "");
        }
    }

    state state_;
};

/// A VoidResult that may be left unchecked, of operations whose failure leaves nothing to do:
/// a stop of what has stopped, or a callback that is set too late, which is a mistake in the
/// program. It is a VoidResult in every other way.
class discardable_result : public VoidResult {
public:
    using VoidResult::VoidResult;
    discardable_result(VoidResult result) : VoidResult(std::move(result)) {}
};

namespace detail {
template <>
struct is_result<discardable_result> : std::true_type {};
}  // namespace detail

/// A successful result without a value.
[[nodiscard]] inline VoidResult ok() {
    return std::monostate{};
}

/// A successful result.
template <typename T>
[[nodiscard]] Result<std::decay_t<T>> ok(T&& value) {
    return std::decay_t<T>(std::forward<T>(value));
}

/// A failed result of type `Result<T>`. `code` is a value of `errc` (or any int of yours).
template <typename T>
[[nodiscard]] Result<T> error(int code, std::string_view message, std::string_view source = {},
                              std::string_view details = {}) {
    return error_info{code, std::string(message), std::string(source), std::string(details)};
}
template <typename T>
[[nodiscard]] Result<T> error(errc code, std::string_view message, std::string_view source = {},
                              std::string_view details = {}) {
    return error<T>(static_cast<int>(code), message, source, details);
}

/// A failed result without a value.
[[nodiscard]] inline VoidResult error_void(int code, std::string_view message,
                                           std::string_view source = {},
                                           std::string_view details = {}) {
    return error<std::monostate>(code, message, source, details);
}
[[nodiscard]] inline VoidResult error_void(errc code, std::string_view message,
                                           std::string_view source = {},
                                           std::string_view details = {}) {
    return error<std::monostate>(code, message, source, details);
}

}  // namespace network_system

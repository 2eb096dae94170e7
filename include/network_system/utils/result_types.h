#pragma once

#include <network_system/internal/build_checks.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace network_system {

/// What went wrong, for the program (`code`) and for the person reading it (`message`).
struct error_info {
    /// A value of `network_system::errc` (see error_codes.h); never 0.
    int code = 0;
    /// One sentence naming the operation, the peer and the cause.
    std::string message = {};
    /// The component that reports the error, such as "messaging_client"; may be empty.
    std::string source = {};
    /// What the operating system or the peer said; may be empty.
    std::string details = {};
};

namespace detail {

[[noreturn]] inline void bad_result_access(const char* what, const char* message) {
    std::fprintf(stderr, "network_system: %s%s\n", what, message);
    std::abort();
}

template <typename R>
struct is_result : std::false_type {};

}  // namespace detail

/// Either a value or an error. The library's functions return it instead of throwing.
///
/// `Result<void>` does not exist; operations without a value return `VoidResult`.
///
/// Thread-safety: as a value type; distinct objects are independent.
template <typename T>
class Result {
public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(error_info error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool is_ok() const noexcept { return state_.index() == 0; }
    [[nodiscard]] bool is_err() const noexcept { return state_.index() != 0; }
    explicit operator bool() const noexcept { return is_ok(); }

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
    /// type U; the answer is `Result<U>`.
    template <typename F>
    [[nodiscard]] auto map(F&& function) const& -> Result<std::invoke_result_t<F, const T&>> {
        if (is_err()) {
            return error();
        }
        return std::forward<F>(function)(value());
    }
    template <typename F>
    [[nodiscard]] auto map(F&& function) && -> Result<std::invoke_result_t<F, T&&>> {
        if (is_err()) {
            return std::move(*this).error();
        }
        return std::forward<F>(function)(std::move(*this).value());
    }

    /// Applies `function`, which itself returns a Result, to the value; an error passes through.
    template <typename F>
    [[nodiscard]] auto and_then(F&& function) const& -> std::invoke_result_t<F, const T&> {
        static_assert(detail::is_result<std::invoke_result_t<F, const T&>>::value,
                      "and_then takes a function that returns a Result; use map for others");
        if (is_err()) {
            return error();
        }
        return std::forward<F>(function)(value());
    }
    template <typename F>
    [[nodiscard]] auto and_then(F&& function) && -> std::invoke_result_t<F, T&&> {
        static_assert(detail::is_result<std::invoke_result_t<F, T&&>>::value,
                      "and_then takes a function that returns a Result; use map for others");
        if (is_err()) {
            return std::move(*this).error();
        }
        return std::forward<F>(function)(std::move(*this).value());
    }

private:
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

    std::variant<T, error_info> state_;
};

namespace detail {
template <typename T>
struct is_result<Result<T>> : std::true_type {};
}  // namespace detail

/// The result of an operation that has no value.
using VoidResult = Result<std::monostate>;

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

/// A failed result without a value.
[[nodiscard]] inline VoidResult error_void(int code, std::string_view message,
                                           std::string_view source = {},
                                           std::string_view details = {}) {
    return error<std::monostate>(code, message, source, details);
}

}  // namespace network_system

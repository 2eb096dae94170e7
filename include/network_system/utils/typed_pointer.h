#pragma once

#include <network_system/internal/build_checks.h>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace network_system::inline v0_1 {

namespace detail {

/// Its address stands for the type: this needs no RTTI. It is not constant, because linkers may
/// merge constants that are equal.
template <typename T>
inline char type_mark = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

}  // namespace detail

/// A shared pointer to anything, which remembers the type that it was made with: the user data of
/// a connection. It is made from a `std::shared_ptr` or a `std::unique_ptr`; null by default.
///
/// Types are told apart by an address, without RTTI. Shared libraries that hide their symbols have
/// addresses of their own, and do not know each other's types; across them use `get` and
/// `std::static_pointer_cast`.
///
/// Thread-safety: as a value type.
class typed_pointer {
public:
    typed_pointer() noexcept = default;
    typed_pointer(std::nullptr_t) noexcept {}
    template <typename T>
        requires(!std::is_const_v<T>)
    typed_pointer(std::shared_ptr<T> pointer) noexcept
        : pointer_(std::move(pointer)), type_(&detail::type_mark<T>) {}
    template <typename T, typename Deleter>
        requires(!std::is_const_v<T>)
    typed_pointer(std::unique_ptr<T, Deleter> pointer)
        : typed_pointer(std::shared_ptr<T>(std::move(pointer))) {}

    [[nodiscard]] const std::shared_ptr<void>& get() const noexcept { return pointer_; }

    /// Null unless it was made from a pointer to exactly `T`, not to a class that derives from it.
    template <typename T>
    [[nodiscard]] std::shared_ptr<T> as() const noexcept {
        return type_ == &detail::type_mark<std::remove_const_t<T>>
                   ? std::static_pointer_cast<T>(pointer_)
                   : nullptr;
    }

private:
    std::shared_ptr<void> pointer_;
    const void* type_ = nullptr;
};

}  // namespace network_system

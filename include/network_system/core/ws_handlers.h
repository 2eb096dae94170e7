#pragma once

#include <network_system/internal/build_checks.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace network_system::detail {

/// Adapts a user's callback whose last argument is a text to the form with a view. A callable that
/// takes `std::string_view` gets the text where it lies; one that takes `const std::string&` a
/// copy.
template <typename... Prefix, typename F>
auto make_text_handler(F&& callback) {
    if constexpr (std::is_invocable_v<F&, Prefix..., std::string_view>) {
        return std::forward<F>(callback);
    } else {
        static_assert(std::is_invocable_v<F&, Prefix..., const std::string&>,
                      "the text of a callback is a std::string_view or a const std::string&");
        return [callback = std::forward<F>(callback)](Prefix... prefix,
                                                      std::string_view text) mutable {
            static_cast<void>(callback(prefix..., std::string(text)));
        };
    }
}

}  // namespace network_system::detail

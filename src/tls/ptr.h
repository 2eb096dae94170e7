#pragma once

#include <memory>

namespace network_system::inline v0_1::core {

template <auto Free>
struct openssl_deleter {
    template <typename Object>
    void operator()(Object* gone) const noexcept {
        Free(gone);
    }
};

/// An object of OpenSSL's with the function that frees it.
template <typename Object, auto Free>
using openssl_ptr = std::unique_ptr<Object, openssl_deleter<Free>>;

}  // namespace network_system::core

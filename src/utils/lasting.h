#pragma once

namespace network_system::inline v0_1::detail {

/// A `T` that is there before anybody's code runs, and is never destroyed: declare it constinit.
template <typename T>
union lasting {
    constexpr lasting() noexcept : value() {}
    lasting(const lasting&) = delete;
    lasting& operator=(const lasting&) = delete;
    ~lasting() {}

    T value;
};

}  // namespace network_system::detail

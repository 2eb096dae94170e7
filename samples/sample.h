#pragma once

#include <network_system/utils/result_types.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

/// What the larger samples share: they check what they claim, and end with 1 when it is not so.
namespace sample {

/// Ends the sample unless `holds`.
inline void expect(bool holds, std::string_view what) {
    if (!holds) {
        throw std::runtime_error("not as expected: " + std::string(what));
    }
}

/// The value of a result that has to be a success here.
template <typename T>
T require(network_system::Result<T> result, std::string_view what) {
    if (result.is_err()) {
        throw std::runtime_error(std::string(what) + ": " + result.error().message);
    }
    return std::move(result).value();
}

/// Waits for something a callback announces. A sample must not hang when it does not come.
template <typename T>
T await(std::future<T> announced, std::string_view what) {
    if (announced.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
        throw std::runtime_error("waited too long for " + std::string(what));
    }
    return announced.get();
}

inline std::string text_of(std::span<const std::uint8_t> message) {
    return {message.begin(), message.end()};
}

/// Runs the sample; its exit code.
template <typename Body>
int run(const Body& body) {
    try {
        body();
        return 0;
    } catch (const std::exception& failure) {
        std::cerr << "FAILED: " << failure.what() << '\n';
        return 1;
    }
}

}  // namespace sample

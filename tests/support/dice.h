#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>

namespace loopback {

/// Random choices of one thread or one callback.
class dice {
public:
    explicit dice(std::uint32_t seed) : generator_(seed) {}
    [[nodiscard]] std::uint32_t any() { return static_cast<std::uint32_t>(generator_()); }
    [[nodiscard]] std::size_t below(std::size_t limit) { return any() % limit; }
    [[nodiscard]] bool one_in(std::size_t chances) { return below(chances) == 0; }

private:
    std::mt19937 generator_;
};

/// What the environment says, such as the seed of a run that is to be repeated.
[[nodiscard]] inline std::uint32_t number_from(const char* variable, std::uint32_t otherwise) {
    const char* const text = std::getenv(variable);
    return text != nullptr ? static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10))
                           : otherwise;
}

}  // namespace loopback

#include "runtime/time_source.h"

#include "utils/random.h"

#include <array>
#include <random>
#include <type_traits>

namespace network_system::runtime {
namespace {

class system_source final : public time_source {
public:
    steady_time now() noexcept override { return std::chrono::steady_clock::now(); }

    wall_time wall() noexcept override { return std::chrono::system_clock::now(); }

    std::uint64_t random() noexcept override {
        thread_local std::mt19937_64 generator = [] {
            std::uint64_t seed = 0;
            detail::fill_random({reinterpret_cast<std::uint8_t*>(&seed), sizeof seed});
            return std::mt19937_64(seed);
        }();
        return generator();
    }

    std::uint32_t secret() noexcept override {
        // By the page: a system call for each would cost more than what it is for.
        thread_local std::array<std::uint32_t, 256> batch;
        thread_local std::size_t used = batch.size();
        if (used == batch.size()) {
            detail::fill_random({reinterpret_cast<std::uint8_t*>(batch.data()), sizeof batch});
            used = 0;
        }
        return batch[used++];
    }
};

}  // namespace

time_source& system_time_source() noexcept {
    // Loops may still run while the process exits.
    static_assert(std::is_trivially_destructible_v<system_source>);
    static system_source source;
    return source;
}

}  // namespace network_system::runtime

#include "runtime/time_source.h"

#include "utils/process.h"
#include "utils/random.h"

#include <array>
#include <type_traits>

namespace network_system::inline v0_1::runtime {
namespace {

class system_source final : public time_source {
public:
    steady_time now() noexcept override { return std::chrono::steady_clock::now(); }

    wall_time wall() noexcept override { return std::chrono::system_clock::now(); }

    std::uint64_t random() noexcept override {
        const std::uint64_t high = random_word();
        return high << 32U | random_word();
    }

    std::uint32_t random_word() noexcept override {
        // By the page: a system call for each would cost more than what it is for.
        thread_local std::array<std::uint32_t, 256> batch;
        thread_local std::size_t used = batch.size();
        // A forked child must not use what its parent does.
        thread_local detail::origin drawn_in;
        if (used == batch.size() || !drawn_in.is_here()) {
            detail::fill_random({reinterpret_cast<std::uint8_t*>(batch.data()), sizeof batch});
            used = 0;
            drawn_in.renew();
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

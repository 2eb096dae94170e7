#include "utils/log_limit.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace network_system::inline v0_1::detail {
namespace {

struct kind_of_line {
    log_level level;
    std::string_view name;
};

constexpr std::array<kind_of_line, log_kinds> kinds{{
    {log_level::warning, "failed connections"},
    {log_level::warning, "violations of the protocol"},
    {log_level::warning, "errors that peers report"},
    {log_level::warning, "missing PROXY headers"},
    {log_level::warning, "connections for which there is no room"},
    {log_level::warning, "socket options that were refused"},
    {log_level::warning, "failures to accept"},
    {log_level::error, "callbacks that threw"},
    {log_level::error, "answers that cannot be sent"},
    {log_level::error, "callbacks that the pool did not take"},
    {log_level::error, "things left undone for want of memory"},
    {log_level::info, "attempts to connect"},
    {log_level::info, "attempts that failed"},
    {log_level::info, "connections"},
    {log_level::info, "ends of connections"},
    {log_level::info, "reconnections"},
}};

constexpr unsigned half = 32;

std::uint32_t second_of(std::uint64_t state) noexcept {
    return static_cast<std::uint32_t>(state >> half);
}
std::uint32_t count_of(std::uint64_t state) noexcept {
    return static_cast<std::uint32_t>(state);
}
std::uint64_t state_of(std::uint32_t second, std::uint32_t count) noexcept {
    return (std::uint64_t{second} << half) | count;
}
std::uint32_t second_of(steady_time now) noexcept {
    using std::chrono::seconds;
    return static_cast<std::uint32_t>(std::chrono::floor<seconds>(now.time_since_epoch()).count());
}
/// Whether `now` is a later second. A thread may have looked at the clock before another, and come
/// here after it.
bool is_later(std::uint32_t now, std::uint32_t begun) noexcept {
    return static_cast<std::int32_t>(now - begun) > 0;
}
std::uint32_t held_back_in(std::uint64_t state) noexcept {
    return count_of(state) - std::min(count_of(state), log_limit::most_per_second);
}

}  // namespace

log_level level_of(log_kind kind) noexcept {
    return kinds[static_cast<std::size_t>(kind)].level;
}

std::string_view name_of(log_kind kind) noexcept {
    return kinds[static_cast<std::size_t>(kind)].name;
}

log_limit::verdict log_limit::ask(steady_time now) noexcept {
    const std::uint32_t second = second_of(now);
    std::uint64_t old = state_.load(std::memory_order_relaxed);
    while (true) {
        const std::uint32_t count = count_of(old);
        const bool is_new = is_later(second, second_of(old));
        const std::uint64_t next =
            is_new ? state_of(second, 1)
                   : old + (count < std::numeric_limits<std::uint32_t>::max() ? 1 : 0);
        if (state_.compare_exchange_weak(old, next, std::memory_order_relaxed)) {
            return is_new ? verdict{true, held_back_in(old), second - second_of(old)}
                          : verdict{count < most_per_second, 0, 0};
        }
    }
}

log_limit::verdict log_limit::settle(steady_time now) noexcept {
    const std::uint32_t second = second_of(now);
    std::uint64_t old = state_.load(std::memory_order_relaxed);
    while (held_back_in(old) > 0) {
        const std::uint64_t next = state_of(second_of(old), most_per_second);
        if (state_.compare_exchange_weak(old, next, std::memory_order_relaxed)) {
            const bool is_new = is_later(second, second_of(old));
            return {false, held_back_in(old), is_new ? second - second_of(old) : 1};
        }
    }
    return {};
}

}  // namespace network_system::detail

#include "websocket/reconnection.h"

#include "utils/deadline.h"

#include <chrono>

namespace network_system::inline v0_1::core {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr unsigned request_timeout = 408;
constexpr unsigned too_early = 425;
constexpr unsigned too_many_requests = 429;
constexpr unsigned service_unavailable = 503;

/// Whether the same request may be answered otherwise later, without anybody changing anything.
bool is_temporary(unsigned status) noexcept {
    return status >= 500 || status == request_timeout || status == too_early ||
           status == too_many_requests;
}

/// What the server asks for, at most the limit.
milliseconds bounded(seconds asked, milliseconds limit) noexcept {
    // Compared in the coarser unit: not all of it can be said in milliseconds.
    return asked < std::chrono::floor<seconds>(limit) ? milliseconds(asked) : limit;
}

}  // namespace

requested_pause ws_reconnection::try_again() const noexcept {
    return {config_.try_again_delay, detail::sum(config_.try_again_delay, config_.try_again_delay)};
}

std::optional<requested_pause> ws_reconnection::pause_after(
    const ws_rejection& answer) const noexcept {
    if (answer.retry_after && config_.max_retry_after > milliseconds{0}) {
        return requested_pause{bounded(*answer.retry_after, config_.max_retry_after), {}};
    }
    if (answer.status == service_unavailable || answer.status == too_many_requests) {
        return try_again();
    }
    return std::nullopt;
}

reconnect_advice ws_reconnection::after_close(ws_close_code code) const noexcept {
    switch (code) {
        case ws_close_code::normal: return {true};
        case ws_close_code::service_restart:
            return {false,
                    requested_pause{config_.restart_delay_least, config_.restart_delay_most}};
        case ws_close_code::try_again_later: return {false, try_again()};
        default: return {};
    }
}

reconnect_advice ws_reconnection::after_failure(const ws_rejection* answer) const noexcept {
    if (answer == nullptr) {
        return {};
    }
    const bool is_wanted = config_.after_rejection && answer->status / 100 == 4;
    return {!is_temporary(answer->status) && !is_wanted, pause_after(*answer)};
}

}  // namespace network_system::core

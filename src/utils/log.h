#pragma once

#include "utils/log_limit.h"

#include <network_system/utils/log.h>

#include <fmt/format.h>

#include <atomic>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

/// Made into a text only when the line is written.
template <>
struct fmt::formatter<network_system::endpoint> : fmt::formatter<std::string_view> {
    template <typename Context>
    auto format(const network_system::endpoint& value, Context& context) const {
        return fmt::formatter<std::string_view>::format(value.to_string(), context);
    }
};

namespace network_system::inline v0_1::detail {

extern std::atomic<int> log_threshold;

/// Who writes a line, and about what. It refers to its parts, and costs nothing to make.
struct log_source {
    std::string_view component{};
    std::string_view object_id{};
    /// Null: those of the process.
    log_limits* limits = nullptr;
    /// Null: the sink and the level of the process.
    const log_output* output = nullptr;
    std::string_view session_id{};
    const endpoint* peer = nullptr;
    std::error_code error{};

    [[nodiscard]] log_source about(const endpoint& whom) const noexcept {
        log_source all = *this;
        all.peer = &whom;
        return all;
    }
    [[nodiscard]] log_source about(std::string_view session, const endpoint& whom) const noexcept {
        log_source all = about(whom);
        all.session_id = session;
        return all;
    }
    [[nodiscard]] log_source because(std::error_code reason) const noexcept {
        log_source all = *this;
        all.error = reason;
        return all;
    }
};

/// Whether a line of the level is written: one relaxed load.
[[nodiscard]] inline bool is_logged(log_level level, const log_source& who) noexcept {
    return static_cast<int>(level) >= (who.output != nullptr
                                           ? static_cast<int>(who.output->level())
                                           : log_threshold.load(std::memory_order_relaxed));
}

void write_log(log_level level, const log_source& who, std::string_view text) noexcept;

/// Whether a line of the kind may be written now. Tells before it what was held back.
[[nodiscard]] bool may_log(log_kind kind, const log_source& who) noexcept;
/// The end of a server or client: what was held back and not told yet.
void tell_held_back(const log_source& who) noexcept;

/// Formats and writes one line when the level is on; otherwise one relaxed load. Without memory for
/// it, the line says only that. Not under a lock.
template <typename... Args>
void log(log_level level, const log_source& who, fmt::format_string<Args...> format,
         Args&&... args) noexcept {
    if (!is_logged(level, who)) {
        return;
    }
    try {
        fmt::memory_buffer text;
        fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
        write_log(level, who, {text.data(), text.size()});
    } catch (...) {
        write_log(level, who, "a line for which there was no memory");
    }
}

/// The same of what a peer can cause; of the level of its kind.
template <typename... Args>
void log_limited(log_kind kind, const log_source& who, fmt::format_string<Args...> format,
                 Args&&... args) noexcept {
    if (is_logged(level_of(kind), who) && may_log(kind, who)) {
        log(level_of(kind), who, format, std::forward<Args>(args)...);
    }
}

}  // namespace network_system::detail

#include "utils/log.h"

#include <array>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#ifndef _WIN32
#include <pthread.h>
#endif

namespace network_system {
namespace {

struct sink_slot {
    std::mutex mutex;
    std::shared_ptr<const log_sink> sink;
};

// Never destroyed: threads may still log while the process exits.
sink_slot& slot() {
    static auto* const instance = [] {
        auto* const made = new sink_slot;
#ifndef _WIN32
        // Held while the process forks: the child goes on with the sink, and finds the lock free.
        (void)::pthread_atfork([] { slot().mutex.lock(); }, [] { slot().mutex.unlock(); },
                               [] { slot().mutex.unlock(); });
#endif
        return made;
    }();
    return *instance;
}

void write_to_stderr(log_level level, std::string_view message) {
    const std::string_view name = to_string(level);
    std::fprintf(stderr, "network_system [%.*s] %.*s\n", static_cast<int>(name.size()), name.data(),
                 static_cast<int>(message.size()), message.data());
}

}  // namespace

namespace detail {

std::atomic<int> log_threshold{static_cast<int>(log_level::warning)};

void write_log(log_level level, std::string_view message) noexcept {
    try {
        std::shared_ptr<const log_sink> sink;
        {
            const std::lock_guard lock(slot().mutex);
            sink = slot().sink;
        }
        if (sink) {
            (*sink)(level, message);
        } else {
            write_to_stderr(level, message);
        }
    } catch (const std::exception& failure) {
        // The sink failed: the one place left to say so is standard error.
        std::fprintf(stderr, "network_system: the log sink threw: %s\n", failure.what());
    } catch (...) {
        std::fprintf(stderr, "network_system: the log sink threw\n");
    }
}

}  // namespace detail

void set_log_sink(log_sink sink) {
    std::shared_ptr<const log_sink> next;
    if (sink) {
        next = std::make_shared<const log_sink>(std::move(sink));
    }
    // The old sink is destroyed outside the lock: its destructor is user code.
    {
        const std::lock_guard lock(slot().mutex);
        slot().sink.swap(next);
    }
}

void set_log_level(log_level level) noexcept {
    detail::log_threshold.store(static_cast<int>(level), std::memory_order_relaxed);
}

log_level get_log_level() noexcept {
    return static_cast<log_level>(detail::log_threshold.load(std::memory_order_relaxed));
}

std::string_view to_string(log_level level) noexcept {
    static constexpr std::array<std::string_view, 6> names{"trace",   "debug", "info",
                                                           "warning", "error", "off"};
    const auto index = static_cast<std::size_t>(level);
    return index < names.size() ? names[index] : "unknown";
}

}  // namespace network_system

#include "utils/log.h"

#include "utils/lasting.h"
#include "utils/process.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace network_system::inline v0_1 {
namespace {

struct sink_slot {
    std::mutex mutex;
    std::shared_ptr<const log_sink> sink;
};

// Threads may still log while the process exits.
constinit detail::lasting<sink_slot> only_slot;

sink_slot& slot() noexcept {
    return only_slot.value;
}

/// Held while the process forks: the child goes on with the sink, and finds the lock free.
[[maybe_unused]] const bool holds_slot_in_forks = detail::call_around_forks(
    [] { slot().mutex.lock(); }, [] { slot().mutex.unlock(); }, [] { slot().mutex.unlock(); });

/// What a peer has said may hold anything: a line stays one line.
void append_printable(fmt::memory_buffer& line, std::string_view text) {
    constexpr unsigned char first_printable = 0x20;
    constexpr unsigned char del = 0x7F;
    for (const char each : text) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte < first_printable || byte == del) {
            fmt::format_to(std::back_inserter(line), "\\x{:02X}", byte);
        } else {
            line.push_back(each);
        }
    }
}

/// Who, about whom: "messaging_server(chat) s-7 192.0.2.1:4000".
void append_subject(fmt::memory_buffer& line, const log_record& record) {
    const auto append = [&line](std::string_view text) { append_printable(line, text); };
    const std::size_t begin = line.size();
    append(record.component);
    if (!record.object_id.empty()) {
        append("(");
        append(record.object_id);
        append(")");
    }
    const auto append_word = [&](std::string_view text) {
        append(line.size() > begin ? " " : "");
        append(text);
    };
    if (!record.session_id.empty()) {
        append_word(record.session_id);
    }
    if (record.peer != nullptr) {
        append_word(record.peer->to_string());
    }
    append(line.size() > begin ? ": " : "");
}

void append_description(fmt::memory_buffer& line, const log_record& record) {
    append_subject(line, record);
    append_printable(line, record.text);
    if (record.error) {
        append_printable(line, " (");
        append_printable(line, record.error.message());
        append_printable(line, ")");
    }
}

fmt::memory_buffer line_of(const log_record& record) {
    fmt::memory_buffer line;
    fmt::format_to(std::back_inserter(line), "network_system [{}] ", to_string(record.level));
    append_description(line, record);
    return line;
}

void write_to_stderr(const log_record& record) {
    fmt::memory_buffer line = line_of(record);
    line.push_back('\n');
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

namespace detail {

std::atomic<int> log_threshold{static_cast<int>(log_level::warning)};

namespace {

void write_record(const log_sink& sink, const log_record& record) {
    if (sink) {
        sink(record);
    } else {
        write_to_stderr(record);
    }
}

void write_to_process(const log_record& record) {
    std::shared_ptr<const log_sink> sink;
    {
        const std::lock_guard lock(slot().mutex);
        sink = slot().sink;
    }
    write_record(sink ? *sink : log_sink(), record);
}

/// The one place left to say that the sink failed is standard error.
template <typename Write>
void write_safely(const Write& write) noexcept {
    try {
        write();
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "network_system: the log sink threw: %s\n", failure.what());
    } catch (...) {
        std::fprintf(stderr, "network_system: the log sink threw\n");
    }
}

}  // namespace

void write_log(log_level level, const log_source& who, std::string_view text) noexcept {
    write_safely([&] {
        const log_record record{level,    who.component, who.object_id, who.session_id,
                                who.peer, text,          who.error,     {}};
        if (who.output != nullptr) {
            write_record(who.output->sink(), record);
        } else {
            write_to_process(record);
        }
    });
}

namespace {

// Of what belongs to no server or client.
constinit log_limits limits_of_process;

log_limits& limits_of(const log_source& who) noexcept {
    return who.limits != nullptr ? *who.limits : limits_of_process;
}

void tell_of(log_kind kind, const log_source& who, const log_limit::verdict& told) noexcept {
    if (told.held_back > 0) {
        log(level_of(kind), {who.component, who.object_id, who.limits, who.output},
            "{}: and {} more in the last {} s", name_of(kind), told.held_back, told.seconds);
    }
}

}  // namespace

bool may_log(log_kind kind, const log_source& who) noexcept {
    const auto asked = limits_of(who).of(kind).ask(std::chrono::steady_clock::now());
    tell_of(kind, who, asked);
    return asked.may_pass;
}

void tell_held_back(const log_source& who) noexcept {
    for (std::size_t i = 0; i < log_kinds; ++i) {
        const auto kind = static_cast<log_kind>(i);
        tell_of(kind, who, limits_of(who).of(kind).settle(std::chrono::steady_clock::now()));
    }
}

}  // namespace detail

log_output::log_output(log_sink sink, log_level level) : sink_(std::move(sink)), level_(level) {}

log_output::~log_output() = default;

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

std::string to_string(const log_record& record) {
    return fmt::to_string(line_of(record));
}

std::string describe(const log_record& record) {
    fmt::memory_buffer text;
    append_description(text, record);
    return fmt::to_string(text);
}

void write_log(const log_record& record) noexcept {
    if (record.level < log_level::off && record.level >= get_log_level()) {
        detail::write_safely([&] { detail::write_to_process(record); });
    }
}

}  // namespace network_system

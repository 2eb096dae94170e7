#include "integration/log_file.h"
#include "utils/deadline.h"
#include "utils/failure.h"
#include "utils/option_checks.h"
#include "utils/user_code.h"

#include <network_system/integration/basic_logger.h>
#include <network_system/utils/thread_pool.h>

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <iterator>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::integration {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::string_view logger_source = "basic_logger";
constexpr std::chrono::seconds pause_after_failure{1};

VoidResult check_logger(const basic_logger_options& options) {
    static constexpr std::array ranges{
        network_system::detail::range<&basic_logger_options::queue_limit>("queue_limit", 1)};
    static constexpr std::array file_ranges{
        network_system::detail::range<&log_file_options::max_files>("max_files", 0, 1'000)};
    network_system::detail::option_checks all(logger_source);
    all.ranges(options, ranges);
    all.ranges(options.file, file_ranges, "file.");
    return std::move(all).result();
}

void append_utc(fmt::memory_buffer& line, system_clock::time_point now) {
    using namespace std::chrono;
    const auto day = floor<days>(now);
    const year_month_day date(day);
    const hh_mm_ss time(floor<milliseconds>(now - day));
    fmt::format_to(std::back_inserter(line), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                   static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                   static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(),
                   time.seconds().count(), time.subseconds().count());
}

void append_log_line(fmt::memory_buffer& lines, log_level level, std::string_view text) {
    append_utc(lines, system_clock::now());
    fmt::format_to(std::back_inserter(lines), " [{}] {}\n", to_string(level), text);
}

std::FILE* console_stream(log_console console) noexcept {
    switch (console) {
        case log_console::none: break;
        case log_console::standard_output: return stdout;
        case log_console::standard_error: return stderr;
    }
    return nullptr;
}

}  // namespace

/// Lines go to `pending_` under the mutex, and from there in one piece to the outputs, on the one
/// thread of the pool.
class basic_logger::impl {
public:
    explicit impl(basic_logger_options options)
        : options_(std::move(options)), level_(options_.level), status_(check_logger(options_)) {
        if (status_.is_err()) {
            return;
        }
        if (!options_.file.path.empty()) {
            file_.emplace(options_.file);
            open_file();
        }
        writer_.emplace(1);
        if (!writer_->is_running()) {
            status_ = network_system::detail::failure_in_words(
                errc::internal_error, "there is no thread to write lines on", logger_source);
        }
    }

    [[nodiscard]] bool is_enabled(log_level level) const noexcept {
        return level < log_level::off && level >= this->level();
    }
    void set_level(log_level level) noexcept { level_.store(level, std::memory_order_relaxed); }
    [[nodiscard]] log_level level() const noexcept {
        return level_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t dropped() const noexcept {
        return dropped_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] VoidResult status() const {
        const std::lock_guard lock(mutex_);
        return status_;
    }

    void log(const log_record& record) {
        if (!writer_ || !writer_->is_running()) {
            dropped_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        fmt::memory_buffer line;
        append_log_line(line, record.level, describe(record));
        const std::lock_guard lock(mutex_);
        if (pending_.size() + line.size() > options_.queue_limit) {
            record_lost(1);
            return;
        }
        tell_lost();
        pending_.append(line);
        ++queued_;
        schedule();
    }

    void flush() {
        // In a forked child the lock may be held for ever.
        if (!writer_ || !writer_->is_running()) {
            return;
        }
        std::unique_lock lock(mutex_);
        const auto last = queued_;
        schedule();
        if (is_scheduled_) {
            written_changed_.wait(lock, [&] { return written_ >= last; });
        } else if (pending_.size() > 0) {
            // There was no memory for a task.
            is_scheduled_ = true;
            lock.unlock();
            write_pending();
        }
    }

private:
    void record_lost(std::uint64_t lines) noexcept {
        dropped_.fetch_add(lines, std::memory_order_relaxed);
        untold_ += lines;
    }
    void tell_lost() {
        if (untold_ > 0) {
            append_own_line(log_level::warning,
                            fmt::format("basic_logger: {} lines were lost", untold_));
            untold_ = 0;
        }
    }
    /// Whole, or not at all where there is no memory for it.
    void append_own_line(log_level level, std::string_view text) {
        fmt::memory_buffer line;
        append_log_line(line, level, text);
        pending_.append(line);
    }

    /// Without memory for it the next line or flush tries again.
    void schedule() {
        if (!is_scheduled_ && pending_.size() > 0) {
            is_scheduled_ = writer_->submit([this] { write_pending(); }).is_ok();
        }
    }

    void write_pending() {
        std::unique_lock lock(mutex_);
        while (pending_.size() > 0) {
            writing_.clear();
            std::swap(pending_, writing_);
            const auto last = queued_;
            lock.unlock();
            // What it throws is the want of memory for words about a failure.
            const auto thrown = network_system::detail::run_user_code([&] {
                write({writing_.data(), writing_.size()});
            });
            lock.lock();
            if (thrown) {
                record_lost(last - written_);
            }
            written_ = last;
            written_changed_.notify_all();
        }
        is_scheduled_ = false;
        written_changed_.notify_all();
    }

    void write(std::string_view lines) {
        std::FILE* console = console_stream(options_.console);
        if (file_ && !write_to_file(lines) && console == nullptr) {
            console = stderr;
        }
        if (console != nullptr) {
            (void)std::fwrite(lines.data(), 1, lines.size(), console);
            (void)std::fflush(console);
        }
    }

    [[nodiscard]] bool write_to_file(std::string_view lines) {
        if (!file_->is_open()) {
            if (steady_clock::now() < next_try_) {
                return false;
            }
            open_file();
        }
        if (file_->is_open()) {
            if (const auto failed = file_->write(lines)) {
                record_failure("write to", failed);
            }
        }
        return file_->is_open();
    }

    void open_file() {
        if (const auto failed = file_->open()) {
            record_failure("open", failed);
        } else {
            const std::lock_guard lock(mutex_);
            status_ = ok();
        }
    }

    void record_failure(std::string_view what, std::error_code why) {
        next_try_ = network_system::detail::after(steady_clock::now(), pause_after_failure);
        auto failed = network_system::detail::failure(
            errc::internal_error, fmt::format("cannot {} {}", what, options_.file.path),
            logger_source, why);
        const std::lock_guard lock(mutex_);
        append_own_line(log_level::error, failed.message);
        status_ = std::move(failed);
    }

    const basic_logger_options options_;
    std::atomic<log_level> level_;
    std::atomic<std::uint64_t> dropped_{0};

    mutable std::mutex mutex_;
    std::condition_variable written_changed_;
    VoidResult status_;
    fmt::memory_buffer pending_;
    std::uint64_t queued_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t untold_ = 0;
    bool is_scheduled_ = false;

    // The writer's.
    fmt::memory_buffer writing_;
    std::optional<log_file> file_;
    steady_clock::time_point next_try_;

    // Last: its task uses all of the above.
    std::optional<thread_pool> writer_;
};

basic_logger::basic_logger(basic_logger_options options)
    : impl_(std::make_shared<impl>(std::move(options))) {}

basic_logger::~basic_logger() {
    impl_->flush();
}

void basic_logger::log(const log_record& record) {
    impl_->log(record);
}

bool basic_logger::is_enabled(log_level level) const noexcept {
    return impl_->is_enabled(level);
}

void basic_logger::flush() {
    impl_->flush();
}

void basic_logger::set_level(log_level level) noexcept {
    impl_->set_level(level);
}

log_level basic_logger::level() const noexcept {
    return impl_->level();
}

std::uint64_t basic_logger::dropped() const noexcept {
    return impl_->dropped();
}

VoidResult basic_logger::status() const {
    return impl_->status();
}

}  // namespace network_system::integration

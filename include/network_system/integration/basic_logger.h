#pragma once

#include <network_system/export.h>
#include <network_system/integration/logger_interface.h>
#include <network_system/utils/result_types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace network_system::inline v0_1::integration {

/// A file of log lines, and those that it was before.
struct log_file_options {
    /// Appended to; made if it is not there. Empty = no file (default).
    std::string path = {};
    /// Bytes. A file that lines would make larger is renamed to path.1, and what was that to
    /// path.2, and so on. 0 = never. Default 10 MiB.
    std::uint64_t max_size = std::uint64_t{10} * 1024 * 1024;
    /// How many renamed files are kept, 0 … 1,000. 0 = the file begins anew instead. Default 5.
    unsigned max_files = 5;
};

enum class log_console : std::uint8_t { none, standard_output, standard_error };

struct basic_logger_options {
    /// The lowest level that is written. Default `info`.
    log_level level = log_level::info;
    log_console console = log_console::standard_error;
    log_file_options file = {};
    /// Bytes of lines that wait to be written. A line for which there is no room is lost and
    /// counted. At least 1. Default 1 MiB.
    std::size_t queue_limit = std::size_t{1024} * 1024;
};

/// Writes lines to the console and to a file, on a thread of its own: `log` never waits for either.
///
///     2026-11-30T17:46:07.123Z [info] messaging_server(chat): listening on [::]:4000
///
/// Times are UTC. Lines that were lost because the queue was full, or the file could not be
/// written, are told in a line of their own as soon as there is room, and counted.
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: the destructor writes what waits. A child of fork() has to make its own: there
/// every line is lost and counted.
class NETWORK_SYSTEM_EXPORT basic_logger final : public logger_interface {
public:
    /// Options that make no sense, or a file that cannot be opened: see `status`.
    explicit basic_logger(basic_logger_options options = {});
    basic_logger(const basic_logger&) = delete;
    basic_logger& operator=(const basic_logger&) = delete;
    ~basic_logger() override;

    void log(const log_record& record) override;
    [[nodiscard]] bool is_enabled(log_level level) const noexcept override;
    /// Waits until the lines before it are with the operating system. Not on the I/O thread: it may
    /// wait for a disk.
    void flush() override;

    /// Lines already logged are written in any case.
    void set_level(log_level level) noexcept;
    [[nodiscard]] log_level level() const noexcept;

    /// Lines that were lost.
    [[nodiscard]] std::uint64_t dropped() const noexcept;

    /// Ok, or why lines are not written where they should be. Errors: `invalid_argument` (the
    /// options; nothing is written then), `internal_error` (the file: its lines go to the console,
    /// to standard error if there is none, and it is tried again once a second; or no thread).
    [[nodiscard]] VoidResult status() const;

private:
    class impl;

    std::shared_ptr<impl> impl_;
};

}  // namespace network_system::integration

#ifndef _WIN32

#include "os/signal_inbox.h"
#include "utils/failure.h"
#include "utils/process.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>

namespace network_system::inline v0_1::runtime {
namespace {

constexpr std::string_view inbox_source = "signals";
constexpr std::array signals_to_take{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
constexpr std::size_t most_inboxes = 32;
constexpr int no_descriptor = -1;

/// What the handler sees of an inbox.
struct inbox_slot {
    /// One bit for each of `signals_to_take`; 0 for a slot that is free.
    std::atomic<unsigned> signals{0};
    std::atomic<int> pipe{no_descriptor};
    std::atomic<bool> has_received{false};
};

static_assert(std::atomic<unsigned>::is_always_lock_free && std::atomic<int>::is_always_lock_free &&
                  std::atomic<bool>::is_always_lock_free,
              "a handler of signals takes no lock");

constinit std::array<inbox_slot, most_inboxes> inbox_slots;
constinit std::atomic<unsigned> running_handlers{0};

/// 0 for a signal that is not to be had.
unsigned bit_of(int number) noexcept {
    const auto* const found = std::find(signals_to_take.begin(), signals_to_take.end(), number);
    return found != signals_to_take.end() ? 1U << (found - signals_to_take.begin()) : 0U;
}

/// The signal is blocked while its handler runs: what is raised comes right after.
void end_process_with(int number) noexcept {
    struct ::sigaction standard {};
    standard.sa_handler = SIG_DFL;
    (void)::sigaction(number, &standard, nullptr);
    (void)::raise(number);
}

extern "C" void take_signal(int number) {
    const int saved = errno;
    running_handlers.fetch_add(1);
    bool is_second = false;
    for (inbox_slot& each : inbox_slots) {
        if ((each.signals.load() & bit_of(number)) != 0) {
            is_second |= each.has_received.exchange(true);
            const auto byte = static_cast<std::uint8_t>(number);
            // It holds one byte of a signal at most, and so has room.
            (void)!::write(each.pipe.load(), &byte, 1);
        }
    }
    running_handlers.fetch_sub(1);
    if (is_second) {
        end_process_with(number);
    }
    errno = saved;
}

/// Who handles the signals: ours, or what was there.
class signal_handlers {
public:
    static signal_handlers& instance() {
        // Never destroyed, and its lock is held while the process forks.
        static auto* const all = [] {
            auto* const made = new signal_handlers;
            (void)detail::call_around_forks([] { instance().mutex_.lock(); },
                                            [] { instance().mutex_.unlock(); },
                                            [] { instance().begin_child(); });
            return made;
        }();
        return *all;
    }

    /// Null when all are taken.
    inbox_slot* add(unsigned signals, int pipe) {
        const std::lock_guard lock(mutex_);
        auto* const free = std::find_if(inbox_slots.begin(), inbox_slots.end(),
                                        [](const inbox_slot& each) { return each.signals == 0; });
        if (free == inbox_slots.end()) {
            return nullptr;
        }
        free->has_received = false;
        free->pipe = pipe;
        free->signals = signals;
        for_each_of(signals, [](taken& each, int number) {
            if (each.inboxes++ == 0) {
                struct ::sigaction ours {};
                ours.sa_handler = take_signal;
                ours.sa_flags = SA_RESTART;
                (void)::sigaction(number, &ours, &each.before);
            }
        });
        return free;
    }

    /// Afterwards no handler writes to its pipe.
    void remove(inbox_slot& which) noexcept {
        {
            const std::lock_guard lock(mutex_);
            for_each_of(which.signals.exchange(0), [](taken& each, int number) {
                if (--each.inboxes == 0) {
                    put_back(each, number);
                }
            });
        }
        // One that runs may have seen the slot before. Handlers are short, and none of this
        // thread is half done here.
        while (running_handlers.load() != 0) {
            std::this_thread::yield();
        }
        which.pipe = no_descriptor;
    }

private:
    struct taken {
        std::size_t inboxes = 0;
        struct ::sigaction before {};
    };

    template <typename Each>
    void for_each_of(unsigned signals, const Each& each) {
        for (std::size_t i = 0; i < signals_to_take.size(); ++i) {
            if ((signals & (1U << i)) != 0) {
                each(taken_[i], signals_to_take[i]);
            }
        }
    }
    static void put_back(const taken& which, int number) noexcept {
        struct ::sigaction now {};
        if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler == take_signal) {
            (void)::sigaction(number, &which.before, nullptr);
        }
    }
    void begin_child() noexcept {
        for (inbox_slot& each : inbox_slots) {
            each.signals = 0;
        }
        for (std::size_t i = 0; i < signals_to_take.size(); ++i) {
            if (std::exchange(taken_[i].inboxes, 0) > 0) {
                put_back(taken_[i], signals_to_take[i]);
            }
        }
        running_handlers = 0;
        mutex_.unlock();
    }

    std::mutex mutex_;
    std::array<taken, signals_to_take.size()> taken_{};
};

[[maybe_unused]] const signal_handlers& handlers_at_load = signal_handlers::instance();

/// What `close` writes: no signal has this number.
constexpr std::uint8_t end_mark = 0;

class pipe_inbox final : public signal_inbox {
public:
    pipe_inbox() = default;
    pipe_inbox(const pipe_inbox&) = delete;
    pipe_inbox& operator=(const pipe_inbox&) = delete;
    ~pipe_inbox() override {
        if (slot_ != nullptr && made_in_.is_here()) {
            signal_handlers::instance().remove(*slot_);
        }
        for (const int each : ends_) {
            if (each != no_descriptor) {
                (void)::close(each);
            }
        }
    }

    [[nodiscard]] VoidResult take(unsigned signals) {
        if (::pipe(ends_.data()) != 0) {
            return detail::failure(errc::internal_error, "cannot wait for signals", inbox_source,
                                   {errno, std::system_category()});
        }
        for (const int each : ends_) {
            (void)::fcntl(each, F_SETFD, FD_CLOEXEC);
        }
        slot_ = signal_handlers::instance().add(signals, ends_[1]);
        if (slot_ == nullptr) {
            return detail::failure_in_words(
                errc::already_exists,
                fmt::format("cannot wait for signals: {} others do already", most_inboxes),
                inbox_source);
        }
        return ok();
    }

    [[nodiscard]] int wait() override {
        std::uint8_t byte = end_mark;
        while (::read(ends_[0], &byte, 1) < 0 && errno == EINTR) {}
        if (byte == end_mark) {
            close();
        }
        return byte;
    }

    void close() noexcept override { (void)!::write(ends_[1], &end_mark, 1); }

private:
    std::array<int, 2> ends_{no_descriptor, no_descriptor};
    inbox_slot* slot_ = nullptr;
    const detail::origin made_in_;
};

}  // namespace

Result<std::unique_ptr<signal_inbox>> signal_inbox::open(std::span<const int> signals) {
    unsigned bits = 0;
    for (const int each : signals) {
        if (bit_of(each) == 0) {
            return detail::failure_in_words(
                errc::invalid_argument,
                fmt::format(
                    "signal {} cannot be waited for: only SIGINT, SIGTERM, SIGHUP, SIGQUIT, "
                    "SIGUSR1 and SIGUSR2",
                    each),
                inbox_source);
        }
        bits |= bit_of(each);
    }
    if (bits == 0) {
        return detail::failure_in_words(errc::invalid_argument, "no signals to wait for",
                                        inbox_source);
    }
    auto made = std::make_unique<pipe_inbox>();
    if (auto taken = made->take(bits); taken.is_err()) {
        return taken.error();
    }
    return std::unique_ptr<signal_inbox>(std::move(made));
}

}  // namespace network_system::runtime

#endif

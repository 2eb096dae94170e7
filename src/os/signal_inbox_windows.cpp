#ifdef _WIN32

#include "os/signal_inbox.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <windows.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::runtime {
namespace {

constexpr std::string_view inbox_source = "signals";
constexpr std::size_t most_inboxes = 32;

class console_inbox;

/// Never destroyed: the console's thread may come at any time.
struct console {
    std::mutex mutex;
    std::vector<console_inbox*> inboxes;

    static console& instance() {
        static auto* const only = new console;
        return *only;
    }
};

class console_inbox final : public signal_inbox {
public:
    explicit console_inbox(std::span<const int> signals)
        : signals_(signals.begin(), signals.end()) {}
    ~console_inbox() override {
        console& all = console::instance();
        const std::lock_guard lock(all.mutex);
        if (std::erase(all.inboxes, this) > 0 && all.inboxes.empty()) {
            (void)::SetConsoleCtrlHandler(&take_event, FALSE);
        }
    }

    [[nodiscard]] VoidResult take() {
        console& all = console::instance();
        const std::lock_guard lock(all.mutex);
        if (all.inboxes.size() == most_inboxes) {
            return detail::failure_in_words(
                errc::already_exists,
                fmt::format("cannot wait for signals: {} others do already", most_inboxes),
                inbox_source);
        }
        if (all.inboxes.empty() && ::SetConsoleCtrlHandler(&take_event, TRUE) == 0) {
            return detail::failure_in_words(errc::internal_error,
                                            "cannot wait for signals: there is no console handler",
                                            inbox_source);
        }
        all.inboxes.push_back(this);
        return ok();
    }

    [[nodiscard]] int wait() override {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_closed_ || !received_.empty(); });
        if (received_.empty()) {
            return 0;
        }
        const int number = received_.front();
        received_.pop_front();
        return number;
    }
    void close() noexcept override {
        const std::lock_guard lock(mutex_);
        is_closed_ = true;
        changed_.notify_all();
    }

private:
    enum class taking : std::uint8_t { no, first, second };

    /// Runs on a thread of the system's.
    static BOOL WINAPI take_event(DWORD event) {
        const int number = event == CTRL_C_EVENT       ? SIGINT
                           : event == CTRL_BREAK_EVENT ? SIGBREAK
                                                       : SIGTERM;
        bool is_taken = false;
        console& all = console::instance();
        const std::lock_guard lock(all.mutex);
        for (console_inbox* const each : all.inboxes) {
            switch (each->take(number)) {
                case taking::no: break;
                case taking::first: is_taken = true; break;
                case taking::second: return FALSE;  // what the system does then ends the process
            }
        }
        return is_taken ? TRUE : FALSE;
    }

    [[nodiscard]] taking take(int number) {
        const std::lock_guard lock(mutex_);
        if (std::find(signals_.begin(), signals_.end(), number) == signals_.end()) {
            return taking::no;
        }
        if (std::exchange(has_received_, true)) {
            return taking::second;
        }
        received_.push_back(number);
        changed_.notify_all();
        return taking::first;
    }

    const std::vector<int> signals_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<int> received_;
    bool has_received_ = false;
    bool is_closed_ = false;
};

}  // namespace

Result<std::unique_ptr<signal_inbox>> signal_inbox::open(std::span<const int> signals) {
    for (const int each : signals) {
        if (each != SIGINT && each != SIGTERM && each != SIGBREAK) {
            return detail::failure_in_words(
                errc::invalid_argument,
                fmt::format("signal {} cannot be waited for: only SIGINT, SIGTERM and SIGBREAK",
                            each),
                inbox_source);
        }
    }
    if (signals.empty()) {
        return detail::failure_in_words(errc::invalid_argument, "no signals to wait for",
                                        inbox_source);
    }
    auto made = std::make_unique<console_inbox>(signals);
    if (auto taken = made->take(); taken.is_err()) {
        return taken.error();
    }
    return std::unique_ptr<signal_inbox>(std::move(made));
}

}  // namespace network_system::runtime

#endif

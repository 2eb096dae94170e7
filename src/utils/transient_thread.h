#pragma once

#include "utils/process.h"
#include "utils/threads.h"

#include <cstdlib>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::detail {

/// A thread that is there while there is something to do.
///
/// Thread-safety: none; its user calls every member under one lock, which `work` takes too.
class transient_thread {
public:
    /// Lets a thread do `work` unless one does; false after `finish`. Throws std::system_error when
    /// there is no thread to have.
    template <typename Work>
    bool ensure(std::string_view name, Work work) {
        if (is_finished_) {
            return false;
        }
        if (!is_running_) {
            if (thread_.joinable()) {
                thread_.join();  // it has nothing left to do but to end
            }
            thread_ = make_thread(name, std::move(work));
            is_running_ = true;
        }
        return true;
    }
    /// The last thing that `work` does under the lock.
    void end() noexcept { is_running_ = false; }
    /// `work` has to end soon, and nobody begins it again. Join what is returned without the lock.
    [[nodiscard]] thread finish() noexcept {
        is_finished_ = true;
        return std::exchange(thread_, {});
    }
    [[nodiscard]] bool is_finished() const noexcept { return is_finished_; }

private:
    thread thread_;
    bool is_running_ = false;
    bool is_finished_ = false;
};

/// The one `T` of this process, which outlives everybody's use of it, but whose `finish` runs when
/// the process exits, before statics are destroyed: then its thread has ended.
template <typename T>
[[nodiscard]] T& finished_at_exit() {
    call_at_exit([] {
        if (T* const left = per_process<T>::find()) {
            left->finish();
        }
    });
    return per_process<T>::get();
}

}  // namespace network_system::detail

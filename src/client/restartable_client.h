#pragma once

#include "client/client_loop.h"
#include "lifecycle/awaited.h"
#include "lifecycle/restartable.h"
#include "utils/failure.h"

#include <network_system/session/operation.h>
#include <network_system/utils/unique_function.h>

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::core {

/// What the clients of all protocols have in common: a start takes its time, and blocks or tells a
/// handler. `Engine` has `wait_for_start`.
///
/// Thread-safety: every member may be called from any thread.
template <typename Engine, typename Callbacks, typename History = no_history>
class restartable_client : public restartable<Engine, Callbacks, History> {
    using base = restartable<Engine, Callbacks, History>;

public:
    using engine_ptr = typename base::engine_ptr;
    using start_callback = unique_function<void(VoidResult)>;

    /// `threads`: who drives the loops unless they are on an io_context of the application's.
    restartable_client(std::string id, Callbacks&& callbacks, run::driven_by threads)
        : base(std::move(id), std::move(callbacks),
               {errc::connection_closed, /*owns_pool=*/false, threads}) {}

    bool cancel(session::operation_id operation) const {
        const auto current = base::engine();
        return current && current->cancel(operation);
    }

    /// Whether a start would be refused.
    [[nodiscard]] bool is_started() const noexcept {
        if (base::is_left_behind()) {
            return false;
        }
        const auto current = base::engine();
        return current && !current->is_finished();
    }

protected:
    /// A time that the application has set, and the option it has set it with, as texts show it:
    /// " (connect_timeout)", or nothing.
    struct time_limit {
        std::chrono::milliseconds time;
        const char* option;
    };

    [[nodiscard]] error_info already_started() const {
        return detail::failure(errc::already_exists, "the client is already started", base::id());
    }
    template <typename Options>
    [[nodiscard]] Result<client_loop::place> choose_loop(const Options& options) {
        return loop_.choose(options, base::id());
    }

    /// Waits for what `begin()` has begun, a start.
    template <typename Options, typename Begin>
    VoidResult start_and_wait(const Options& options, const time_limit& limit, const Begin& begin) {
        return answer_of(*this, [&]() -> VoidResult {
            if (loop_.is_needed_from(options, base::id())) {
                return would_block("start_client");
            }
            const Result<engine_ptr> begun = begin();
            if (!begun) {
                return begun.error();
            }
            const engine_ptr& current = begun.value();
            if (auto result = current->wait_for_start(run::give_up_after(limit.time))) {
                return *std::move(result);
            }
            current->abandon();
            // While a callback runs, the destructor has something to wait for.
            if (current->gate()->is_idle()) {
                base::forget(current);
            }
            return detail::failure(
                errc::connection_timeout,
                fmt::format("start_client had no answer in time{}; is the io_context running, and "
                            "no callback blocking it",
                            limit.option),
                base::id());
        });
    }

    /// Waits for what `begin(handler)` gives to its handler. The handler knows the limit better: it
    /// counts here for loops that do not run.
    template <typename T, typename Options, typename Begin>
    Result<T> begin_and_wait(const char* what, const Options& options, const time_limit& limit,
                             const Begin& begin) {
        return answer_of(*this, [&]() -> Result<T> {
            if (loop_.is_needed_from(options, base::id())) {
                return would_block(what);
            }
            const auto answer = std::make_shared<awaited<T>>();
            const VoidResult begun =
                begin([answer](Result<T> result) { answer->give(std::move(result)); });
            if (!begun) {
                return begun.error();
            }
            if (auto result = answer->wait_until(run::give_up_after(limit.time))) {
                return *std::move(result);
            }
            return detail::failure_in_words(errc::connection_timeout,
                                            fmt::format("no answer to the {} within {} ms{}", what,
                                                        limit.time.count(), limit.option),
                                            base::id());
        });
    }

private:
    [[nodiscard]] error_info would_block(const char* what) const {
        return detail::failure(errc::would_block,
                               fmt::format("{} blocks; on an I/O thread pass a handler", what),
                               base::id());
    }

    client_loop loop_;
};

}  // namespace network_system::core
